"""The component's functions: what `wit/world.wit` exports, made of `words.py`."""

import json
from typing import List

from componentize_py_types import Err
from wit_world import exports
from wit_world.exports import description, step
from wit_world.imports.types import ErrorClass_InvalidConfig, ErrorClass_NotFound, PluginError

import words


def invalid(field: str, message: str) -> Err:
    """An error at a field of the configuration: not tried again until the object changes."""
    return Err(PluginError(ErrorClass_InvalidConfig(), "invalid-config", message, field, []))


def read(config: str) -> dict:
    """A configuration, or the first thing that is wrong with it."""
    values = json.loads(config)
    if not isinstance(values, dict):
        raise invalid("", "expected an object")
    for field, message in words.check(values):
        raise invalid(field, message)
    return values


class Description(exports.Description):
    def describe(self) -> description.Info:
        kind = description.KindInfo(description.Kind_Step(), json.dumps(words.SCHEMA))
        summary = "Counts the words of a text, as a step of a workflow"
        return description.Info("my-plugin", "0.1.0", summary, [kind], [], [])

    def check_config(self, kind: description.Kind, config: str) -> List[description.Finding]:
        if not isinstance(kind, description.Kind_Step):
            raise Err(PluginError(ErrorClass_NotFound(), "no-such-kind", "this plugin is a step", None, []))
        values = json.loads(config)
        if not isinstance(values, dict):
            raise invalid("", "expected an object")
        error = description.Severity_Error()
        return [description.Finding(error, field, message) for field, message in words.check(values)]


class Step(exports.Step):
    def start(self, request: step.StepRequest) -> step.Progress:
        config = read(request.config)
        try:
            enough, found = words.count(config, dict(request.parameters))
        except KeyError:
            raise invalid("text", "expected a text: here, or as the input parameter `text`") from None
        phase = step.Phase_Succeeded() if enough else step.Phase_Failed()
        message = "" if enough else f"{found} words, and {config['least']} are expected"
        return step.Progress(phase, message, [("words", str(found))], str(found), 0, 0, None, None, [])

    def poll(self, request: step.StepRequest, token: str) -> step.Progress:
        # It is over at once: a step that takes long answers Phase_Running with a token in `start`, and is asked here.
        return self.start(request)

    def stop(self, request: step.StepRequest, token: str) -> step.Progress:
        return step.Progress(step.Phase_Failed(), "ended before it was over", [], None, 0, 0, None, None, [])
