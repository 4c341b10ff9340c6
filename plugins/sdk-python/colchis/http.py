"""Requests, by the host: it looks at each, refuses those without a grant, and puts secrets in."""

from __future__ import annotations

import json as _json
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode, urlsplit

from . import host
from .errors import PluginError

TIMEOUT_MS = 30_000
# What is left of the call for what comes behind a request.
RESERVE_MS = 50
EXCERPT_CHARS_MAX = 300


@dataclass(frozen=True)
class Response:
    """An answer, read to its end. Names of headers are in lower case."""

    status: int
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)

    def ok(self) -> Response:
        """The answer when its status is 2xx; raises an error of the class that fits otherwise, with the beginning of what was said."""
        if 200 <= self.status < 300:
            return self
        said = " ".join(self.body[: EXCERPT_CHARS_MAX * 4].decode(errors="replace").split())[:EXCERPT_CHARS_MAX]
        raise self.error(f"the answer is {self.status}: {said}" if said else f"the answer is {self.status}")

    def error(self, message: str) -> PluginError:
        """An error of the class that fits the status."""
        wait = self.headers.get("retry-after", "").strip()
        # Dates are not read: a clock that differs would turn them into anything.
        wait_ms = int(wait) * 1000 if wait.isdecimal() else None
        code = f"status-{self.status}"
        if self.status == 429 or (self.status == 503 and wait_ms is not None):
            return PluginError("throttled", code, message, retry_after_ms=wait_ms)
        kinds = {401: "denied", 403: "denied", 407: "denied", 404: "not-found", 410: "not-found", 408: "unavailable", 425: "unavailable"}
        return PluginError("unavailable" if self.status >= 500 else kinds.get(self.status, "permanent"), code, message)

    def json(self) -> Any:
        """The body as JSON."""
        try:
            return _json.loads(self.body)
        except ValueError as error:
            raise PluginError.permanent(f"the answer is not the JSON that was expected: {error}", "bad-answer") from None


def get(url: str, query: dict[str, str] | None = None, headers: dict[str, str] | None = None) -> Response:
    """Asks by GET."""
    return request("GET", url, query=query, headers=headers)


def post(url: str, json: Any, headers: dict[str, str] | None = None) -> Response:
    """Posts a document."""
    return request("POST", url, headers={"content-type": "application/json", **(headers or {})}, body=_json.dumps(json).encode())


def request(
    method: str,
    url: str,
    *,
    query: dict[str, str] | None = None,
    headers: dict[str, str] | None = None,
    body: bytes = b"",
    timeout_ms: int = TIMEOUT_MS,
) -> Response:
    """Sends a request and reads the whole answer, in a time that ends before the call does."""
    try:
        parts = urlsplit(url)
        authority = parts.hostname
    except ValueError:
        parts, authority = None, None
    if parts is None or parts.scheme not in ("http", "https") or not authority:
        raise PluginError("invalid-config", "bad-url", "expected an address with http:// or https://")
    if parts.username is not None:
        raise PluginError("invalid-config", "bad-url", "an address has no user or password in it: they go into a header")
    target = url.partition("#")[0]
    if query:
        target += ("&" if "?" in target else "?") + urlencode(query)
    host.check()
    timeout_ms = min(timeout_ms, host.remaining_ms() - RESERVE_MS)
    if timeout_ms <= 0:
        raise PluginError.unavailable(f"no time is left to ask {authority}", "timeout")
    status, fields, answer = host.current().send(method, target, list((headers or {}).items()), body, timeout_ms)
    found: dict[str, str] = {}
    for name, value in fields:
        found.setdefault(name.lower(), value)
    return Response(status, answer, found)
