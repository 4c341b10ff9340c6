"""A host for tests: requests are answered by a function, state is a dictionary."""

from __future__ import annotations

import hashlib
import hmac
import json
from base64 import b64encode
from dataclasses import dataclass, field
from typing import Any, Callable
from urllib.parse import parse_qsl, urlsplit

from . import host
from .errors import PluginError
from .http import Response


@dataclass(frozen=True)
class Request:
    """What was asked."""

    method: str
    url: str
    headers: dict[str, str]
    body: bytes

    @property
    def query(self) -> dict[str, str]:
        """The query's names and values."""
        return dict(parse_qsl(urlsplit(self.url).query))

    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


@dataclass
class Native:
    """The host of a test. `lines` is what was logged."""

    answer: Callable[[Request], Response] | None = None
    time_ms: int = 60_000
    cancelled: bool = False
    lines: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)
    values: dict[str, tuple[bytes, int]] = field(default_factory=dict)
    secrets: dict[str, bytes] = field(default_factory=dict)

    def log(self, level: str, message: str, fields: dict[str, str]) -> None:
        self.lines.append((level, message, fields))

    def is_cancelled(self) -> bool:
        return self.cancelled

    def remaining_ms(self) -> int:
        return self.time_ms

    def send(self, method: str, url: str, headers: list[tuple[str, str]], body: bytes, timeout_ms: int) -> tuple[int, list[tuple[str, str]], bytes]:
        if self.answer is None:
            raise PluginError.denied(f"requests to {url} are not granted", "not-granted")
        response = self.answer(Request(method, url, {name.lower(): value for name, value in headers}, body))
        return response.status, list(response.headers.items()), response.body

    def state_get(self, key: str) -> tuple[bytes, int] | None:
        return self.values.get(key)

    def state_set(self, key: str, value: bytes, version: int | None) -> int:
        present = self.values.get(key, (b"", 0))[1]
        if version is not None and version != present:
            raise PluginError.permanent(f"`{key}` has another version", "conflict")
        self.values[key] = (value, present + 1)
        return present + 1

    def state_delete(self, key: str) -> None:
        self.values.pop(key, None)

    def secret(self, name: str) -> str:
        return f"stand-in-of-{name}"

    def base64(self, text: str) -> str:
        return b64encode(text.encode()).decode()

    def sign(self, key: str, algorithm: str, message: bytes) -> bytes:
        if not algorithm.startswith("hmac-"):
            raise PluginError.permanent(f"a test's host signs with HMACs alone, not with {algorithm}", "unknown-algorithm")
        return hmac.new(self.secrets.get(key, key.encode()), message, getattr(hashlib, algorithm.removeprefix("hmac-"))).digest()

    def verify_mac(self, key: str, algorithm: str, message: bytes, mac: bytes) -> bool:
        return hmac.compare_digest(self.sign(key, algorithm, message), mac)


def serve(answer: Callable[[Request], Response] | None = None) -> Native:
    """From now on, this function answers requests; without one, they are refused as not granted."""
    native = Native(answer)
    host.use(native)
    return native
