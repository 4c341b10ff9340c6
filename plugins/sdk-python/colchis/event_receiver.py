"""Takes events in as HTTP requests. The answer is sent when the events are durable."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from .about import About, Finding
from .events import Event

__all__ = ["Endpoint", "Event", "EventReceiver", "Incoming", "Outcome", "component"]


@dataclass(frozen=True)
class Endpoint:
    """Where requests are expected: a path, as `/push`, and methods (all when empty)."""

    path: str
    methods: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Incoming:
    """A request that came in; `path` is what is behind the endpoint's own, with the query."""

    method: str = "POST"
    path: str = ""
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytes = b""
    remote_address: str = ""

    def header(self, name: str) -> str | None:
        """A header's first value."""
        return next((value for other, value in self.headers if other.lower() == name.lower()), None)

    def json(self) -> Any:
        """The body as JSON; raises ValueError when it is none."""
        return json.loads(self.body)


@dataclass(frozen=True)
class Outcome:
    """The events in a request (none of a ping), and what is answered when they are durable."""

    events: list[Event] = field(default_factory=list)
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""

    @classmethod
    def answer(cls, status: int, text: str) -> Outcome:
        """An answer without events."""
        return cls([], status, {"content-type": "text/plain; charset=utf-8"}, text.encode())


class EventReceiver:
    """What a receiver does. `Config` is what users write for one event of the source, a dataclass."""

    Config: type

    def check(self, config: Any) -> list[Finding]:
        """What is wrong with a configuration beyond its types."""
        return []

    def endpoints(self, config: Any, name: str) -> list[Endpoint]:
        """Where the source of this configuration expects its requests."""
        raise NotImplementedError

    def on_request(self, config: Any, name: str, request: Incoming) -> Outcome:
        """Takes a request in. One that is not genuine is answered with 401 or 403 and has no events."""
        raise NotImplementedError


def component(about: About, plugin: EventReceiver) -> tuple[type, type]:
    """The exports `Description` and `Receiver`."""
    from wit_world.exports import description, receiver

    from .component import answer, describe, parse

    def endpoints(config: str, name: str) -> Any:
        found = plugin.endpoints(parse(plugin.Config, config), name)
        return [receiver.Endpoint(endpoint.path, endpoint.methods) for endpoint in found]

    def outcome(config: str, name: str, request: Any) -> Any:
        asked = Incoming(request.method, request.path, request.headers, request.body, request.remote_address)
        made = plugin.on_request(parse(plugin.Config, config), name, asked)
        told = receiver.Outgoing(made.status, list(made.headers.items()), made.body)
        return receiver.Outcome([event.wit() for event in made.events], told)

    class Receiver:
        def endpoints(self, config: str, name: str) -> Any:
            return answer(lambda: endpoints(config, name))

        def on_request(self, config: str, name: str, request: Any) -> Any:
            return answer(lambda: outcome(config, name, request))

    return describe(about, plugin, description.Kind_EventSource), Receiver
