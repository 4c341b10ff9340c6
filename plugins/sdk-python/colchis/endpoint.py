"""Connections to granted endpoints, for protocols other than HTTP: needs a grant (`Need.endpoint`). The host resolves, connects and does TLS; the protocol is the
plugin's.

    with endpoint.Stream.open("tcp://queue.example.com:6379", 1 << 20) as stream:
        stream.write(b"PING\\r\\n")
        while b"\\n" not in stream.bytes:
            stream.fill(1000)
        stream.take(stream.bytes.index(b"\\n") + 1)

A subscription keeps its connection from call to call. An address that is not granted is `denied`, and the error names the grant to add.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import TracebackType
from typing import Sequence

from . import host
from .errors import PluginError

# Within `Stream`, `bytes` is what came.
Data = bytes
# How much a stream reads at once.
READ_BYTES = 64 << 10


class Connection:
    """An open connection. `Stream` is the same with a buffer, and what most protocols are read from."""

    def __init__(self, lent: host.Wire) -> None:
        self._lent = lent

    @classmethod
    def open(cls, address: str) -> Connection:
        """Connects to `tcp://host:port` or `tls://host:port`, as granted."""
        return cls(host.current().connect(address))

    def read(self, max: int, wait_ms: int) -> bytes | None:
        """Waits for bytes, at most `max` of them and at most that long; not at all for 0. None when nothing came, `b""` when the other side has ended the connection."""
        return self._lent.read(max, wait_ms)

    def write(self, data: bytes) -> None:
        """Writes all of them."""
        self._lent.write(data)

    def write_secret(self, text: str) -> None:
        """Writes a text with stand-ins of secrets in it, which are granted for this endpoint."""
        self._lent.write_secret(text)

    def start_tls(self, server_name: str | None = None) -> None:
        """Goes on with TLS, for protocols that begin without. The name is the endpoint's unless another is given."""
        self._lent.start_tls(server_name)

    def close(self) -> None:
        """Closes it. Asked twice, it does no harm."""
        self._lent.close()

    def __enter__(self) -> Connection:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


class Stream:
    """A connection with what came and was not taken yet (`bytes`): what a protocol is read from. `address` is where it goes to."""

    def __init__(self, connection: Connection, address: str, bytes_max: int) -> None:
        self._connection, self.address, self._bytes_max = connection, address, bytes_max
        self._bytes = bytearray()

    @classmethod
    def open(cls, address: str, bytes_max: int) -> Stream:
        """Connects. At most `bytes_max` bytes are kept before they are taken: a longer message of the other side is an error."""
        return cls(Connection.open(address), address, bytes_max)

    @property
    def bytes(self) -> bytearray:
        """What came and was not taken. Taken by `take` alone."""
        return self._bytes

    def take(self, count: int) -> Data:
        """Takes so many bytes, or all when there are fewer."""
        taken = Data(self._bytes[:count])
        del self._bytes[:count]
        return taken

    def fill(self, wait_ms: int) -> bool:
        """Waits for more bytes, at most that long; whether some came. A connection that was ended is `unavailable`, with the code `disconnected`."""
        room = self._bytes_max - len(self._bytes)
        if room <= 0:
            raise PluginError.permanent(f"{self.address} sent a message of more than {self._bytes_max} bytes", "message-too-large")
        came = self._connection.read(min(room, READ_BYTES), wait_ms)
        if came == b"":
            raise PluginError.unavailable(f"{self.address} has ended the connection", "disconnected")
        self._bytes += came or b""
        return came is not None

    def write(self, data: Data) -> None:
        """Writes all of them."""
        self._connection.write(data)

    def write_secret(self, text: str) -> None:
        """Writes a text with stand-ins of secrets in it, which are granted for this endpoint."""
        self._connection.write_secret(text)

    def start_tls(self) -> None:
        """Goes on with TLS. What came before is forgotten: it was not said in the encrypted connection."""
        self._bytes.clear()
        self._connection.start_tls()

    def close(self) -> None:
        """Closes the connection. Asked twice, it does no harm."""
        self._connection.close()

    def __enter__(self) -> Stream:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


@dataclass
class Tls:
    """`tls: {}` of a configuration: the connection is encrypted. Certificates are for the operator to grant, so it has no fields."""


def address(text: str, tls: Tls | None, plain: Sequence[str], secure: Sequence[str], port: int, port_tls: int) -> str:
    """The address of an endpoint as a configuration has it: `host:port`, or with one of the schemes, of which `secure` ones mean TLS, as does `tls`. A port that is
    missing is the usual one. What cannot be an address is a ValueError, whose message is for the field that has it."""
    scheme, found, place = text.strip().rstrip("/").partition("://")
    if not found:
        scheme, place = "", scheme
    if scheme and scheme not in plain and scheme not in secure:
        raise ValueError(f"`{scheme}://` is not known here: {', '.join([*plain, *secure])} are")
    if "@" in place:
        raise ValueError("credentials do not belong into an address: every log would have them; use `auth`")
    if not place or any(letter in place for letter in "/ ,?#"):
        raise ValueError("the name of a host and a port are expected, as `broker.example.com:1234`")
    encrypted = tls is not None or scheme in secure
    name, colon, given = place.rpartition(":")
    # The colons of an address of IPv6 are within brackets.
    if colon and name.startswith("[") == name.endswith("]"):
        if not name:
            raise ValueError("the name of a host is missing")
        if not (given.isascii() and given.isdecimal()) or int(given) > 65535:
            raise ValueError(f"`{given}` is no port")
    else:
        place = f"{place}:{port_tls if encrypted else port}"
    return f"{'tls' if encrypted else 'tcp'}://{place}"
