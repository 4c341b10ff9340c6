"""Brings in the lines of a server: `FROM 6` is answered with `7 some text` and what comes behind, `ACK 7` tells it what is durable."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from colchis import Finding, PluginError, endpoint
from colchis.event_subscriber import Batch, Event, EventSubscriber, Subscription

LINE_BYTES_MAX = 64 << 10


@dataclass
class Config:
    """What users write for one event of the source."""

    address: Annotated[str, "The server, as host:7000, or tls://host:7001."]
    tls: Annotated[endpoint.Tls | None, "The connection is encrypted."] = None


def address(config: Config) -> str:
    """Where to connect to."""
    return endpoint.address(config.address, config.tls, ["tcp"], ["tls"], 7000, 7001)


class Lines(EventSubscriber):
    """The source."""

    Config = Config

    def check(self, config: Config) -> list[Finding]:
        try:
            address(config)
        except ValueError as error:
            return [Finding("address", str(error))]
        return []

    def open(self, config: Config, name: str, cursor: str | None) -> Subscription:
        stream = endpoint.Stream.open(address(config), LINE_BYTES_MAX)
        stream.write(f"FROM {cursor or 0}\n".encode())
        return Reading(stream, cursor or "")


class Reading(Subscription):
    """A connection, and where it stands."""

    def __init__(self, stream: endpoint.Stream, cursor: str) -> None:
        self.stream, self.cursor, self.drained = stream, cursor, False

    def poll(self, max: int, wait_ms: int) -> Batch:
        if self.drained:
            return Batch([], self.cursor)
        if b"\n" not in self.stream.bytes:
            self.stream.fill(wait_ms)
        events: list[Event] = []
        while len(events) < max and (end := self.stream.bytes.find(b"\n")) >= 0:
            number, _, text = self.stream.take(end + 1).decode().rstrip("\n").partition(" ")
            if not number.isdecimal():
                raise PluginError.permanent("expected lines that begin with a number", "bad-line")
            events.append(Event.json(number, {"text": text}))
            self.cursor = number
        return Batch(events, self.cursor, int(self.cursor or 0))

    def ack(self, delivery: int) -> None:
        self.stream.write(f"ACK {delivery}\n".encode())

    def drain(self) -> None:
        self.drained = True
