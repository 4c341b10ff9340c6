"""A host for tests: requests are answered by a function, connections by a script or by a real server over plain TCP; all that is kept is in dictionaries.

    native = testing.serve()
    testing.connect(lambda address: lambda written: [b"+PONG\\r\\n"] if written else [])
    native.artifacts["orders"] = {"": b"7,8"}
"""

from __future__ import annotations

import hashlib
import hmac
import json
from base64 import b64encode
from dataclasses import dataclass, field
from typing import Any, Callable
from urllib.parse import parse_qsl, urlsplit

from . import host, stand_ins
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
    """The host of a test.

    `lines` is what was logged, `values` the state, `secrets` values by their stand-ins (`stand-in-of-NAME`), `blobs` the large values, `artifacts` those of a step: what
    it reads and what it wrote, each as files by path (`""` is the artifact itself); `said` what a step added to its log.
    """

    answer: Callable[[Request], Response] | None = None
    time_ms: int = 60_000
    cancelled: bool = False
    lines: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)
    values: dict[str, tuple[bytes, int]] = field(default_factory=dict)
    secrets: dict[str, bytes] = field(default_factory=dict)
    peer: Callable[[str], stand_ins.Peer] | None = None
    blobs: dict[str, bytes] = field(default_factory=dict)
    artifacts: dict[str, dict[str, bytes]] = field(default_factory=dict)
    said: bytearray = field(default_factory=bytearray)

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

    def state_keys(self, prefix: str, after: str | None, limit: int) -> list[str]:
        return [key for key in sorted(self.values) if key.startswith(prefix) and (after is None or key > after)][:limit]

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

    def reveal(self, name: str) -> bytes:
        value = self.secrets.get(self.secret(name))
        if value is None:
            raise PluginError.denied(f"the value of the secret `{name}` is not granted", "not-granted")
        return value

    def filled(self, text: str) -> str:
        """A text with the values of secrets in the places of their stand-ins."""
        # The longest first: one name may begin with another.
        for stand_in in sorted(self.secrets, key=len, reverse=True):
            text = text.replace(stand_in, self.secrets[stand_in].decode())
        return text

    def blob_open(self, name: str) -> stand_ins.Kept:
        if name not in self.blobs:
            raise PluginError.not_found(f"there is no blob `{name}`", "no-blob")
        return stand_ins.Kept(self.blobs[name])

    def blob_create(self, name: str) -> stand_ins.Written:
        return stand_ins.Written(self.blobs, name)

    def blob_delete(self, name: str) -> None:
        self.blobs.pop(name, None)

    def connect(self, address: str) -> host.Wire:
        if self.peer is not None:
            return stand_ins.Scripted(self.peer(address), self.filled)
        return stand_ins.Tcp(address, self.filled)

    def artifact_open(self, name: str) -> stand_ins.Files:
        if name not in self.artifacts:
            raise PluginError.not_found(f"the template has no input artifact `{name}`", "no-artifact")
        return stand_ins.Files(name, self.artifacts[name])

    def artifact_create(self, name: str) -> stand_ins.Writing:
        return stand_ins.Writing(self.artifacts, name)

    def output(self, text: bytes) -> None:
        self.said += text


def serve(answer: Callable[[Request], Response] | None = None) -> Native:
    """From now on, this function answers requests; without one, they are refused as not granted."""
    native = Native(answer)
    host.use(native)
    return native


def connect(peer: Callable[[str], stand_ins.Peer]) -> Native:
    """From now on, connections are answered by scripts: by address, a function that is given what is written and says what comes back for it. It is called once
    with `b""` when the connection opens, for what a server says first; an empty answer in its list ends the connection. What refuses an address raises a PluginError.
    Without this, connections go to real servers, over plain TCP."""
    present = host.answering()
    native = present if isinstance(present, Native) else serve()
    native.peer = peer
    return native
