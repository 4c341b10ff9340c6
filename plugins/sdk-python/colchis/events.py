"""Events, in the terms of CloudEvents 1.0. The host adds `source` and `subject`."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Event:
    """Of the same event, always the same id: one whose id was seen is not taken again.

    `type` is the event source's when empty; `time_ms` milliseconds since 1970; `content_type` `application/json` when empty; `attributes` those of CloudEvents beside these.
    """

    id: str
    data: bytes = b"null"
    type: str = ""
    time_ms: int | None = None
    content_type: str = ""
    attributes: dict[str, str] = field(default_factory=dict)

    @classmethod
    def json(cls, id: str, data: Any, **more: Any) -> Event:
        """With a document as its data."""
        return cls(id, json.dumps(data).encode(), **more)

    def wit(self) -> Any:
        """As the bindings have it. In components alone."""
        from wit_world.imports import events

        return events.Event(self.id, self.type, self.time_ms, self.content_type, self.data, list(self.attributes.items()))


def id_of(*parts: bytes) -> str:
    """An id for what has none, made of contents: the same for the same parts in the same order."""
    made = hashlib.sha256()
    for part in parts:
        made.update(len(part).to_bytes(8, "little"))
        made.update(part)
    return made.hexdigest()[:32]
