"""Brings in the entries of a feed: asks for those behind the last that it has seen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from colchis import About, Finding, Need, PluginError, http
from colchis.event_subscriber import Batch, Event, EventSubscriber, Subscription

ABOUT = About(
    "my-plugin",
    "0.1.0",
    "Brings in the entries of a feed",
    [Need.http("*", "asks the feed that the event names")],
)


@dataclass
class Config:
    """What users write for one event of the source."""

    url: Annotated[str, 'Where the feed is: it answers {"entries": [{"id": "7", …}]}, those behind `after` alone.']


class MyPlugin(EventSubscriber):
    """The source."""

    Config = Config

    def check(self, config: Config) -> list[Finding]:
        if not config.url.startswith(("http://", "https://")):
            return [Finding("url", "expected a URL that begins with http:// or https://")]
        return []

    def open(self, config: Config, name: str, cursor: str | None) -> Subscription:
        return Reading(config.url, cursor or "")


class Reading(Subscription):
    """Where a subscription stands."""

    def __init__(self, url: str, cursor: str) -> None:
        self.url, self.cursor = url, cursor

    def poll(self, max: int, wait_ms: int) -> Batch:
        query = {"after": self.cursor, "max": str(max)}
        feed = http.request("GET", self.url, query=query, timeout_ms=1000 if wait_ms < 1000 else wait_ms).ok().json()
        entries = feed.get("entries") if isinstance(feed, dict) else None
        if not isinstance(entries, list):
            raise PluginError.permanent("the feed has no list `entries`")
        # An entry without an id could come twice and nobody would know.
        events = [Event.json(entry["id"], entry) for entry in entries[:max] if isinstance(entry, dict) and isinstance(entry.get("id"), str)]
        if events:
            self.cursor = events[-1].id
        return Batch(events, self.cursor)
