"""Is a step of a workflow.

A step reads its input artifacts and writes its output artifacts in pieces, by the names that the template gives them:

    with Artifact.open("orders") as orders, ArtifactWriter.create("report") as report:
        for path in orders.paths():
            report.write(path, orders.read(path, 0, orders.size(path)))
        report.finish()
"""

from __future__ import annotations

from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

from . import host
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


class Artifact:
    """An input artifact: a file, or a folder."""

    def __init__(self, lent: host.ArtifactReader) -> None:
        self._lent = lent

    @classmethod
    def open(cls, name: str) -> Artifact:
        """Opens an input artifact of the template; `not-found` is the error's class when it has none of that name."""
        return cls(host.current().artifact_open(name))

    def paths(self) -> list[str]:
        """Files in it, by path; the empty path is the artifact itself when it is a file."""
        return self._lent.paths()

    def size(self, path: str = "") -> int:
        """A file's size in bytes."""
        return self._lent.size(path)

    def read(self, path: str, offset: int, length: int) -> bytes:
        """Up to `length` bytes of a file from `offset` on; fewer at the end."""
        return self._lent.read(path, offset, length)

    def close(self) -> None:
        """Gives it back. Asked twice, it does no harm."""
        self._lent.close()

    def __enter__(self) -> Artifact:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


class ArtifactWriter:
    """An output artifact that is being written. Closed before `finish`, it never was."""

    def __init__(self, lent: host.ArtifactWriter) -> None:
        self._lent = lent

    @classmethod
    def create(cls, name: str) -> ArtifactWriter:
        """Begins an output artifact of the template."""
        return cls(host.current().artifact_create(name))

    def write(self, path: str, data: bytes) -> None:
        """Adds bytes to a file; the empty path is the artifact itself."""
        self._lent.write(path, data)

    def finish(self) -> None:
        """It is complete."""
        self._lent.finish()

    def close(self) -> None:
        """Gives it back; without `finish`, nothing was written. Asked twice, it does no harm."""
        self._lent.close()

    def __enter__(self) -> ArtifactWriter:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


def output(text: str | bytes) -> None:
    """Adds to the step's log."""
    host.current().output(text.encode() if isinstance(text, str) else text)


def component(about: About, plugin: Step) -> tuple[type, type]:
    """The exports `Description` and `Step`."""
    # What is imported here is in the component; later, there is no file to import from.
    from wit_world.exports import description, step

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
