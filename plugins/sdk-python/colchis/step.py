"""Is a step of a workflow."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from .about import About, Finding
from .errors import PluginError


@dataclass(frozen=True)
class Request:
    """What a step is given. The workflow's uid with `node` is the same for the same step, always: a key for what must not be done twice."""

    parameters: dict[str, str] = field(default_factory=dict)
    artifacts: list[str] = field(default_factory=list)
    namespace: str = ""
    workflow: str = ""
    workflow_uid: str = ""
    node: str = ""
    template: str = ""


@dataclass(frozen=True)
class Progress:
    """`phase` is running, succeeded, failed or error. While it is running, `token` says what `poll` asks for, after `poll_after_ms`."""

    phase: str = "succeeded"
    message: str = ""
    parameters: dict[str, str] = field(default_factory=dict)
    result: str | None = None
    done: int = 0
    total: int = 0
    token: str | None = None
    poll_after_ms: int | None = None


class Step:
    """What a step does. `Config` is its configuration, a dataclass."""

    Config: type

    def check(self, config: Any) -> list[Finding]:
        """What is wrong with a configuration beyond its types."""
        return []

    def start(self, config: Any, request: Request) -> Progress:
        """Begins, and ends where it can. Called again for the same node after the server was restarted: what is done is not done twice."""
        raise NotImplementedError

    def poll(self, config: Any, request: Request, token: str) -> Progress:
        """Asks for one that was begun."""
        raise PluginError.permanent("this step is over at once: there is nothing to poll", "bad-token")

    def stop(self, config: Any, request: Request, token: str) -> Progress:
        """Ends one before its time. Asked twice, it does no harm."""
        return Progress("failed", "ended before it was over")


def output(text: bytes) -> None:
    """Adds to the step's log. In components alone."""
    from wit_world.imports import files

    files.output(text)


def component(about: About, plugin: Step) -> tuple[type, type]:
    """The exports `Description` and `Step`."""
    # What is imported here is in the component; later, there is no file to import from.
    from wit_world.exports import description, step
    from wit_world.imports import files  # noqa: F401

    from .component import answer, describe, parse

    phases = {"running": step.Phase_Running, "succeeded": step.Phase_Succeeded, "failed": step.Phase_Failed, "error": step.Phase_Error}

    def read(asked: Any) -> tuple[Any, Request]:
        config = parse(plugin.Config, asked.config)
        parameters = dict(asked.parameters)
        return config, Request(parameters, asked.artifacts, asked.namespace, asked.workflow, asked.workflow_uid, asked.node, asked.template)

    def told(made: Progress) -> Any:
        parameters = list(made.parameters.items())
        phase = phases[made.phase]()
        return step.Progress(phase, made.message, parameters, made.result, made.done, made.total, made.poll_after_ms, made.token, [])

    class Exported:
        def start(self, request: Any) -> Any:
            return answer(lambda: told(plugin.start(*read(request))))

        def poll(self, request: Any, token: str) -> Any:
            return answer(lambda: told(plugin.poll(*read(request), token)))

        def stop(self, request: Any, token: str) -> Any:
            return answer(lambda: told(plugin.stop(*read(request), token)))

    return describe(about, plugin, description.Kind_Step), Exported
