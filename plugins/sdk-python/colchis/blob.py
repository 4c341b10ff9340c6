"""Large values: needs the grant `blobs` (`Need.blobs`). They are read and written in pieces, and never copied whole.

    with blob.Writer.create("index") as writer:
        writer.write(b"…")
        writer.finish()
    with blob.Reader.open("index") as reader:
        begin = reader.read(0, 1024)

A reader or writer that is not used in a `with` is given back by `close`, or when the call's instance goes.
"""

from __future__ import annotations

from types import TracebackType
from typing import Iterator

from . import host

# How much `Reader.pieces` reads at once.
PIECE_BYTES = 256 << 10


class Reader:
    """A value that is being read."""

    def __init__(self, lent: host.BlobReader) -> None:
        self._lent = lent

    @classmethod
    def open(cls, name: str) -> Reader:
        """Opens a value of this plugin; `not-found` is the error's class when there is none of that name."""
        return cls(host.current().blob_open(name))

    @property
    def size(self) -> int:
        """Its size in bytes."""
        return self._lent.size()

    def read(self, offset: int, length: int) -> bytes:
        """Up to `length` bytes from `offset` on; fewer at the end."""
        return self._lent.read(offset, length)

    def pieces(self) -> Iterator[bytes]:
        """All of it, piece by piece: for what is larger than the plugin's memory."""
        offset = 0
        while piece := self.read(offset, PIECE_BYTES):
            yield piece
            offset += len(piece)

    def close(self) -> None:
        """Gives it back. Asked twice, it does no harm."""
        self._lent.close()

    def __enter__(self) -> Reader:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


class Writer:
    """A value that is being written. Closed before `finish`, it never was."""

    def __init__(self, lent: host.BlobWriter) -> None:
        self._lent = lent

    @classmethod
    def create(cls, name: str) -> Writer:
        """Begins to write one; an earlier value of that name stays until it is finished."""
        return cls(host.current().blob_create(name))

    def write(self, data: bytes) -> None:
        """Adds bytes at the end."""
        self._lent.write(data)

    def finish(self) -> str:
        """Makes it durable and answers its digest (`sha256:…`)."""
        return self._lent.finish()

    def close(self) -> None:
        """Gives it back; without `finish`, nothing was written. Asked twice, it does no harm."""
        self._lent.close()

    def __enter__(self) -> Writer:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


def delete(name: str) -> None:
    """Removes one. Removing what is not there is no error."""
    host.current().blob_delete(name)
