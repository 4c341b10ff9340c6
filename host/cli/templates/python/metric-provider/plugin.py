"""Measures how far a queue is behind: asks the queue's own numbers, and answers one of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from colchis import About, Finding, Need, PluginError, http
from colchis.metric_provider import Measurement, MetricProvider, Request

ABOUT = About(
    "my-plugin",
    "0.1.0",
    "Measures how far a queue is behind",
    [Need.http("*", "asks the service that a metric names")],
)


@dataclass
class Config:
    """What users write below the provider's name."""

    url: Annotated[str, "Where the numbers are."]
    queue: Annotated[str, "Which queue."]


class MyPlugin(MetricProvider):
    """The provider."""

    Config = Config

    def check(self, config: Config) -> list[Finding]:
        if not config.queue.strip():
            return [Finding("queue", "expected the name of a queue, such as orders")]
        return []

    def run(self, config: Config, request: Request) -> Measurement:
        numbers = http.get(config.url, query={"queue": config.queue}).ok().json()
        if not isinstance(numbers, dict) or "lag" not in numbers:
            raise PluginError.permanent("the answer has no field `lag`")
        return Measurement(numbers["lag"])

    def metadata(self, config: Config) -> dict[str, str]:
        return {"queue": config.queue}
