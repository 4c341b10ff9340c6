"""Takes in deliveries of a service: documents with an `id`, sent by POST."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from colchis import About, Finding
from colchis.event_receiver import Endpoint, Event, EventReceiver, Incoming, Outcome

ABOUT = About("my-plugin", "0.1.0", "Takes in deliveries with an id")


@dataclass
class Config:
    """What users write for one event of the source."""

    path: Annotated[str, "The path at which deliveries come in."]


class MyPlugin(EventReceiver):
    """The source."""

    Config = Config

    def check(self, config: Config) -> list[Finding]:
        if not config.path.startswith("/"):
            return [Finding("path", "expected a path that begins with /, such as /orders")]
        return []

    def endpoints(self, config: Config, name: str) -> list[Endpoint]:
        return [Endpoint(config.path, ["POST"])]

    def on_request(self, config: Config, name: str, request: Incoming) -> Outcome:
        try:
            document = request.json()
        except ValueError:
            return Outcome.answer(400, "expected a document in JSON")
        # The sender's id: a delivery that is sent again is the same event.
        if not isinstance(document, dict) or not isinstance(document.get("id"), str) or not document["id"]:
            return Outcome.answer(422, "expected a field `id` with a text")
        return Outcome([Event.json(document["id"], document)])
