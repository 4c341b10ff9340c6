"""What the host gives to a plugin: its log, the call that is under way, state, secrets. In tests, `colchis.testing` is the host.

Large values are in `colchis.blob`, connections in `colchis.endpoint`, the artifacts of a step in `colchis.step`.
"""

from __future__ import annotations

from typing import Protocol

from .errors import PluginError

LEVELS = ("error", "warn", "info", "debug", "trace")


class BlobReader(Protocol):
    """A large value that is lent for reading."""

    def size(self) -> int: ...
    def read(self, offset: int, length: int) -> bytes: ...
    def close(self) -> None: ...


class BlobWriter(Protocol):
    """A large value that is lent for writing."""

    def write(self, data: bytes) -> None: ...
    def finish(self) -> str: ...
    def close(self) -> None: ...


class Wire(Protocol):
    """A connection that is lent."""

    def read(self, max: int, wait_ms: int) -> bytes | None: ...
    def write(self, data: bytes) -> None: ...
    def write_secret(self, text: str) -> None: ...
    def start_tls(self, server_name: str | None) -> None: ...
    def close(self) -> None: ...


class ArtifactReader(Protocol):
    """An input artifact that is lent."""

    def paths(self) -> list[str]: ...
    def size(self, path: str) -> int: ...
    def read(self, path: str, offset: int, length: int) -> bytes: ...
    def close(self) -> None: ...


class ArtifactWriter(Protocol):
    """An output artifact that is lent."""

    def write(self, path: str, data: bytes) -> None: ...
    def finish(self) -> None: ...
    def close(self) -> None: ...


class Host(Protocol):
    """Whoever answers: the bindings in a component, a test natively."""

    def log(self, level: str, message: str, fields: dict[str, str]) -> None: ...
    def is_cancelled(self) -> bool: ...
    def remaining_ms(self) -> int: ...
    def send(self, method: str, url: str, headers: list[tuple[str, str]], body: bytes, timeout_ms: int) -> tuple[int, list[tuple[str, str]], bytes]: ...
    def state_get(self, key: str) -> tuple[bytes, int] | None: ...
    def state_set(self, key: str, value: bytes, version: int | None) -> int: ...
    def state_delete(self, key: str) -> None: ...
    def state_keys(self, prefix: str, after: str | None, limit: int) -> list[str]: ...
    def secret(self, name: str) -> str: ...
    def base64(self, text: str) -> str: ...
    def sign(self, key: str, algorithm: str, message: bytes) -> bytes: ...
    def verify_mac(self, key: str, algorithm: str, message: bytes, mac: bytes) -> bool: ...
    def reveal(self, name: str) -> bytes: ...
    def blob_open(self, name: str) -> BlobReader: ...
    def blob_create(self, name: str) -> BlobWriter: ...
    def blob_delete(self, name: str) -> None: ...
    def connect(self, address: str) -> Wire: ...
    def artifact_open(self, name: str) -> ArtifactReader: ...
    def artifact_create(self, name: str) -> ArtifactWriter: ...
    def output(self, text: bytes) -> None: ...


_current: Host | None = None


def use(host: Host | None) -> None:
    """From now on, this one answers."""
    global _current
    _current = host


def answering() -> Host | None:
    """Who answers, if anybody does."""
    return _current


def current() -> Host:
    """Who answers."""
    if _current is None:
        raise RuntimeError("there is no host: in a test, call `colchis.testing.serve` first")
    return _current


def log(level: str, message: str, **fields: object) -> None:
    """Writes a line to the plugin's log (`colchis plugin logs`), with fields. Values of secrets are taken out. Without a host, as in most tests, it goes nowhere."""
    if level not in LEVELS:
        raise ValueError(f"`{level}` is no level; there are: {', '.join(LEVELS)}")
    if _current is not None:
        _current.log(level, message, {name: str(value) for name, value in fields.items()})


def check() -> None:
    """Raises when it is time to stop, because nobody waits for the call any more: for loops that take long."""
    if current().is_cancelled():
        raise PluginError.unavailable("the call was cancelled", "cancelled")


def remaining_ms() -> int:
    """How long the call may still take, in milliseconds. The host ends one that goes on past that."""
    return current().remaining_ms()


class State:
    """Values that last from call to call: needs the grant `state`."""

    @staticmethod
    def get(key: str) -> tuple[bytes, int] | None:
        """A value and its version."""
        return current().state_get(key)

    @staticmethod
    def set(key: str, value: bytes, version: int | None = None) -> int:
        """Writes durably and answers the new version. With a version (0: nothing is there), only if that is the present one: `conflict` is the error's code otherwise."""
        return current().state_set(key, value, version)

    @staticmethod
    def delete(key: str) -> None:
        """Removes; what is not there is no error."""
        current().state_delete(key)

    @staticmethod
    def keys(prefix: str = "", after: str | None = None, limit: int = 1000) -> list[str]:
        """Keys that begin with a prefix, in order, after `after`, at most `limit`."""
        return current().state_keys(prefix, after, limit)


class Secrets:
    """Secrets by the names of their grants, without their values."""

    @staticmethod
    def stand_in(name: str) -> str:
        """A text that the host replaces by the value in a request."""
        return current().secret(name)

    @staticmethod
    def base64(text: str) -> str:
        """A stand-in for the base64 text of a text with stand-ins in it: for basic authentication."""
        return current().base64(text)

    @staticmethod
    def sign(key: str, algorithm: str, message: bytes) -> bytes:
        """Signs with a secret (its stand-in says which): hmac-sha1, hmac-sha256, hmac-sha512, rsa-sha256 or ed25519."""
        return current().sign(key, algorithm, message)

    @staticmethod
    def verify_mac(key: str, algorithm: str, message: bytes, mac: bytes) -> bool:
        """Whether a message was signed with a secret (HMACs only)."""
        return current().verify_mac(key, algorithm, message, mac)

    @staticmethod
    def reveal(name: str) -> bytes:
        """The value itself: needs the grant `reveal`. Almost nobody needs it."""
        return current().reveal(name)
