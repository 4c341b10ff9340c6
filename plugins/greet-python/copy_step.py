"""Copies an artifact, and remembers in a large value how much the last copy had."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from colchis import PluginError, blob
from colchis.step import Artifact, ArtifactWriter, Progress, Request, Step, output

PIECE_BYTES = 64 << 10
LAST = "last"


@dataclass
class Config:
    """What a template says below `plugin.greet-python`."""

    source: Annotated[str, "The input artifact."]
    target: Annotated[str, "The output artifact."]


class Copy(Step):
    """The step."""

    Config = Config

    def start(self, config: Config, request: Request) -> Progress:
        size = 0
        with Artifact.open(config.source) as source, ArtifactWriter.create(config.target) as target:
            for path in source.paths():
                for offset in range(0, source.size(path) or 1, PIECE_BYTES):
                    piece = source.read(path, offset, PIECE_BYTES)
                    target.write(path, piece)
                    size += len(piece)
            target.finish()
        before = last()
        with blob.Writer.create(LAST) as writer:
            writer.write(str(size).encode())
            writer.finish()
        output(f"{size} bytes\n")
        return Progress(result=str(size), parameters={"before": before})


def last() -> str:
    """What the copy before this one had; nothing before the first."""
    try:
        with blob.Reader.open(LAST) as reader:
            return reader.read(0, reader.size).decode()
    except PluginError as error:
        if error.kind != "not-found":
            raise
        return ""
