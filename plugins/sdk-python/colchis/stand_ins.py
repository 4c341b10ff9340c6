"""Connections, large values and artifacts in tests: plain TCP or a script, and memory. `colchis.testing` sets them up."""

from __future__ import annotations

import socket
from typing import Callable

from .errors import PluginError

# Says what comes back for what is written; it is asked once with `b""` when the connection opens. An empty answer in the list ends the connection.
Peer = Callable[[bytes], list[bytes]]
# A text with the values of secrets in the places of their stand-ins.
Filled = Callable[[str], str]


class Scripted:
    """A connection that a test scripts."""

    def __init__(self, peer: Peer, filled: Filled) -> None:
        self._peer, self._filled, self._said = peer, filled, list(peer(b""))

    def read(self, max: int, wait_ms: int) -> bytes | None:
        if not self._said:
            return None
        came, rest = self._said[0][:max], self._said[0][max:]
        # What ended stays so.
        if came and not rest:
            self._said.pop(0)
        elif rest:
            self._said[0] = rest
        return came

    def write(self, data: bytes) -> None:
        if self._said and self._said[-1] == b"":
            raise PluginError.unavailable("the other side has ended the connection", "disconnected")
        self._said += self._peer(data)

    def write_secret(self, text: str) -> None:
        self.write(self._filled(text).encode())

    def start_tls(self, server_name: str | None) -> None:
        raise PluginError.unavailable("TLS needs a host")

    def close(self) -> None:
        self._said = [b""]


class Tcp:
    """A connection to a real server."""

    def __init__(self, address: str, filled: Filled) -> None:
        place = address.removeprefix("tcp://")
        if place == address:
            raise PluginError.unavailable("TLS needs a host")
        name, _, port = place.rpartition(":")
        self._filled = filled
        try:
            self._socket = socket.create_connection((name.strip("[]"), int(port)))
        except OSError as error:
            raise PluginError.unavailable(f"{address}: {error}", "unreachable") from None

    def read(self, max: int, wait_ms: int) -> bytes | None:
        self._socket.settimeout((wait_ms or 1) / 1000)
        try:
            return self._socket.recv(max)
        except TimeoutError:
            return None
        except OSError as error:
            raise PluginError.unavailable(str(error), "disconnected") from None

    def write(self, data: bytes) -> None:
        try:
            self._socket.settimeout(None)
            self._socket.sendall(data)
        except OSError as error:
            raise PluginError.unavailable(str(error), "disconnected") from None

    def write_secret(self, text: str) -> None:
        self.write(self._filled(text).encode())

    def start_tls(self, server_name: str | None) -> None:
        raise PluginError.unavailable("TLS needs a host")

    def close(self) -> None:
        self._socket.close()


class Kept:
    """A large value that is read."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def size(self) -> int:
        return len(self._data)

    def read(self, offset: int, length: int) -> bytes:
        return self._data[offset : offset + length]

    def close(self) -> None:
        pass


class Written:
    """A large value that is written."""

    def __init__(self, values: dict[str, bytes], name: str) -> None:
        self._values, self._name, self._data = values, name, bytearray()

    def write(self, data: bytes) -> None:
        self._data += data

    def finish(self) -> str:
        self._values[self._name] = bytes(self._data)
        return f"bytes:{len(self._data)}"

    def close(self) -> None:
        pass


class Files:
    """An input artifact."""

    def __init__(self, name: str, files: dict[str, bytes]) -> None:
        self._name, self._files = name, files

    def paths(self) -> list[str]:
        return sorted(self._files)

    def size(self, path: str) -> int:
        return len(self._file(path))

    def read(self, path: str, offset: int, length: int) -> bytes:
        return self._file(path)[offset : offset + length]

    def close(self) -> None:
        pass

    def _file(self, path: str) -> bytes:
        if path not in self._files:
            raise PluginError.not_found(f"the artifact `{self._name}` has no file `{path}`", "no-file")
        return self._files[path]


class Writing:
    """An output artifact."""

    def __init__(self, artifacts: dict[str, dict[str, bytes]], name: str) -> None:
        self._artifacts, self._name, self._files = artifacts, name, dict[str, bytes]()

    def write(self, path: str, data: bytes) -> None:
        self._files[path] = self._files.get(path, b"") + data

    def finish(self) -> None:
        self._artifacts[self._name] = self._files

    def close(self) -> None:
        pass
