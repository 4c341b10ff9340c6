"""A value in the JSON that an address answers: plain Python, tested without WebAssembly."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

from colchis import About, Finding, Need, PluginError, http
from colchis.host import log
from colchis.metric_provider import Measurement, MetricProvider, Request

ABOUT = About(
    "greet-python",
    "1.0.0",
    "Measures a value in the JSON that an address answers, brings in lines of a server, copies artifacts",
    [
        Need.http("*", "asks the address that a metric names"),
        Need("endpoint", "reads lines of the server that an event source names", "*", optional=True),
        Need("blobs", "remembers how much was copied", optional=True),
    ],
)


@dataclass
class Config:
    """What users write below the provider's name."""

    url: Annotated[str, "The address that answers with JSON.", {"minLength": 1}]
    path: Annotated[str, "The value's place, for example data.items.0.", {"minLength": 1}]


class Greet(MetricProvider):
    """The provider."""

    Config = Config

    def check(self, config: Config) -> list[Finding]:
        if "" in config.path.split("."):
            return [Finding("path", "expected names with a `.` between them, such as data.items.0")]
        return []

    def run(self, config: Config, request: Request) -> Measurement:
        value = pick(http.get(config.url, headers={"accept": "application/json"}).ok().json(), config.path)
        log("info", "measured", metric=request.metric)
        return Measurement(value)

    def metadata(self, config: Config) -> dict[str, str]:
        return {"path": config.path}


def pick(value: Any, path: str) -> Any:
    """The value at a path such as `data.items.0`."""
    for name in path.split("."):
        if isinstance(value, dict) and name in value:
            value = value[name]
        elif isinstance(value, list) and name.isdecimal() and int(name) < len(value):
            value = value[int(name)]
        else:
            raise PluginError("not-found", "no-value", f"the answer has no `{path}`: nothing at `{name}`", "path")
    return value
