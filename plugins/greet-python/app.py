"""The metric provider `greet-python`: a value in the JSON that an address answers."""
import json

from componentize_py_types import Err
from wit_world.exports import Description as DescriptionWorld
from wit_world.exports import Provider as ProviderWorld
from wit_world.exports import description, provider
from wit_world.imports import colchis_plugin_types as types
from wit_world.imports import log

import colchis
import colchis.http  # taken into the component while it is made
import measure

SCHEMA = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "additionalProperties": False,
    "required": ["url", "path"],
    "properties": {
        "url": {"type": "string", "minLength": 1, "description": "The address that answers with JSON."},
        "path": {"type": "string", "minLength": 1, "description": "The value's place, for example data.items.0."},
    },
}
CLASSES = {
    "invalid-config": types.ErrorClass_InvalidConfig,
    "denied": types.ErrorClass_Denied,
    "unavailable": types.ErrorClass_Unavailable,
    "not-found": types.ErrorClass_NotFound,
    "permanent": types.ErrorClass_Permanent,
}


def told(error: colchis.PluginError) -> Err:
    return Err(types.PluginError(CLASSES[error.kind](), error.code, error.message, error.field, []))


def value(text: str) -> object:
    config, url, path = measure.read(text)
    config.refuse()
    answer = colchis.get(url, "url")
    if answer.status >= 500 or answer.status == 429:
        raise colchis.PluginError("unavailable", "bad-status", f"the host of `url` answered with status {answer.status}", "url")
    if not 200 <= answer.status < 300:
        raise colchis.PluginError("permanent", "bad-status", f"the host of `url` answered with status {answer.status}", "url")
    return measure.pick(answer.body, path)


class Description(DescriptionWorld):
    def describe(self) -> description.Info:
        kind = description.KindInfo(description.Kind_MetricProvider(), json.dumps(SCHEMA))
        need = description.Need(description.Capability_Http("*"), "asks the address that a metric names", False)
        return description.Info("greet-python", "1.0.0", "Measures a value in the JSON that an address answers", [kind], [need], [])

    def check_config(self, kind: description.Kind, config: str) -> list[description.Finding]:
        found = measure.read(config)[0].end()
        return [description.Finding(description.Severity_Error(), field, message) for field, message in found]


class Provider(ProviderWorld):
    def run(self, request: provider.MeasurementRequest) -> provider.Measurement:
        try:
            found = value(request.config)
        except colchis.PluginError as error:
            raise told(error) from None
        log.write(log.Level.INFO, "measured", [("metric", request.metric)])
        return provider.Measurement(provider.Phase_Measured(), json.dumps(found), "", None, None, [], [])

    def resume(self, request: provider.MeasurementRequest, token: str) -> provider.Measurement:
        raise told(colchis.PluginError("permanent", "bad-token", "this provider ends each measurement at once: there is nothing to resume"))

    def terminate(self, request: provider.MeasurementRequest, token: str) -> provider.Measurement:
        return self.resume(request, token)

    def metadata(self, config: str) -> list[tuple[str, str]]:
        return [("path", measure.read(config)[2])]
