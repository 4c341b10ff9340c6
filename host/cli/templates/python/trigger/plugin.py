"""Posts what came in to a service, with a key that keeps it from being done twice."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

from colchis import About, Finding, Need, http
from colchis.trigger import Executed, Request, Trigger

ABOUT = About(
    "my-plugin",
    "0.1.0",
    "Posts what came in to a service",
    [Need.http("*", "posts to the service that the trigger names")],
)


@dataclass
class Config:
    """What users write below the trigger's name."""

    url: Annotated[str, "Where it is posted to."]


class MyPlugin(Trigger):
    """The trigger."""

    Config = Config

    def check(self, config: Config) -> list[Finding]:
        if not config.url.startswith(("http://", "https://")):
            return [Finding("url", "expected a URL that begins with http:// or https://")]
        return []

    def execute(self, config: Config, request: Request, payload: Any, idempotency_key: str) -> Executed:
        # The service does a thing of the same key once.
        answer = http.post(config.url, payload, headers={"Idempotency-Key": idempotency_key}).ok()
        return Executed(f"posted to {config.url}", {"status": answer.status})
