"""Measures something for an analysis."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from .about import About, Finding
from .errors import PluginError


@dataclass(frozen=True)
class Request:
    """What is measured and for whom; `started_ms` is milliseconds since 1970."""

    metric: str = ""
    namespace: str = ""
    analysis_run: str = ""
    started_ms: int = 0


@dataclass(frozen=True)
class Measurement:
    """`phase` is running, measured, successful, failed or inconclusive. While it is running, `token` says what `resume` asks for, after `resume_after_ms`."""

    value: Any = None
    phase: str = "measured"
    message: str = ""
    token: str | None = None
    resume_after_ms: int | None = None
    metadata: dict[str, str] = field(default_factory=dict)


class MetricProvider:
    """What a provider does. `Config` is its configuration, a dataclass."""

    Config: type

    def check(self, config: Any) -> list[Finding]:
        """What is wrong with a configuration beyond its types."""
        return []

    def run(self, config: Any, request: Request) -> Measurement:
        """Begins a measurement, and ends it where it can."""
        raise NotImplementedError

    def resume(self, config: Any, request: Request, token: str) -> Measurement:
        """Asks for one that was begun."""
        raise PluginError.permanent("this provider ends each measurement at once: there is nothing to resume", "bad-token")

    def terminate(self, config: Any, request: Request, token: str) -> Measurement:
        """Ends one that nobody needs any more. Asked twice, it does no harm."""
        return Measurement(phase="inconclusive", message="ended before it was over")

    def metadata(self, config: Any) -> dict[str, str]:
        """What is kept with the run, once."""
        return {}


def component(about: About, plugin: MetricProvider) -> tuple[type, type]:
    """The exports `Description` and `Provider`."""
    from wit_world.exports import description, provider

    from .component import answer, describe, parse

    phases = {
        "running": provider.Phase_Running,
        "measured": provider.Phase_Measured,
        "successful": provider.Phase_Successful,
        "failed": provider.Phase_Failed,
        "inconclusive": provider.Phase_Inconclusive,
    }

    def read(asked: Any) -> tuple[Any, Request]:
        return parse(plugin.Config, asked.config), Request(asked.metric, asked.namespace, asked.analysis_run, asked.started)

    def told(made: Measurement) -> Any:
        phase, value = phases[made.phase](), json.dumps(made.value)
        return provider.Measurement(phase, value, made.message, made.resume_after_ms, made.token, list(made.metadata.items()), [])

    class Provider:
        def run(self, request: Any) -> Any:
            return answer(lambda: told(plugin.run(*read(request))))

        def resume(self, request: Any, token: str) -> Any:
            return answer(lambda: told(plugin.resume(*read(request), token)))

        def terminate(self, request: Any, token: str) -> Any:
            return answer(lambda: told(plugin.terminate(*read(request), token)))

        def metadata(self, config: str) -> Any:
            return answer(lambda: list(plugin.metadata(parse(plugin.Config, config)).items()))

    return describe(about, plugin, description.Kind_MetricProvider), Provider
