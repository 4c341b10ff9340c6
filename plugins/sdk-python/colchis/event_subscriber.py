"""Goes and gets events. The host keeps the cursor, and writes it down after the events: a crash repeats events and loses none."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from .about import About, Finding
from .events import Event

__all__ = ["BATCH_BYTES", "Batch", "Event", "EventSubscriber", "Subscription", "component"]

# How much data a batch has before it is given: what comes behind waits for the next poll, as so many events as are asked for may be more than the memory holds.
BATCH_BYTES = 4 << 20


@dataclass(frozen=True)
class Batch:
    """What a poll gave: events, where to go on after them (at most 64 KiB; empty where the other side remembers by itself), and what `ack` is given when they are durable."""

    events: list[Event] = field(default_factory=list)
    cursor: str = ""
    delivery: int = 0


class Subscription:
    """A running subscription, with an instance of its own: what it keeps is there in the next call. When it is over, its connections are closed."""

    def poll(self, max: int, wait_ms: int) -> Batch:
        """Waits for events, at most `max` of them and at most that long."""
        raise NotImplementedError

    def ack(self, delivery: int) -> None:
        """The events of a batch are durable. Asked twice, it does no harm."""

    def drain(self) -> None:
        """Stops taking new events; those that were polled may still be acknowledged."""


class EventSubscriber:
    """What a subscriber does. `Config` is what users write for one event of the source, a dataclass."""

    Config: type

    def check(self, config: Any) -> list[Finding]:
        """What is wrong with a configuration beyond its types."""
        return []

    def open(self, config: Any, name: str, cursor: str | None) -> Subscription:
        """Opens a subscription, at a cursor or, without one, where the configuration says."""
        raise NotImplementedError


def component(about: About, plugin: EventSubscriber) -> tuple[type, type]:
    """The exports `Description` and `Subscriber`."""
    from wit_world.exports import description, subscriber

    from .component import answer, describe, parse

    class Held(subscriber.Subscription):
        """A subscription as the host holds it."""

        def __init__(self, of: Subscription) -> None:
            self.of = of

        def poll(self, max: int, wait: int) -> Any:
            batch = answer(lambda: self.of.poll(max, wait))
            return subscriber.Batch([event.wit() for event in batch.events], batch.cursor, batch.delivery)

        def ack(self, delivery: int) -> None:
            answer(lambda: self.of.ack(delivery))

        def drain(self) -> None:
            answer(lambda: self.of.drain())

    class Subscriber:
        def open(self, config: str, name: str, cursor: str | None) -> Any:
            return answer(lambda: Held(plugin.open(parse(plugin.Config, config), name, cursor)))

    return describe(about, plugin, description.Kind_EventSource), Subscriber
