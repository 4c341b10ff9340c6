"""A step that counts the words of a text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from colchis import About, Finding, PluginError
from colchis.step import Progress, Request, Step

ABOUT = About("my-plugin", "0.1.0", "Counts the words of a text, as a step of a workflow")
# The most that can be asked for.
LEAST_MAX = 1_000_000


@dataclass
class Config:
    """What a template says below `plugin.my-plugin`."""

    text: Annotated[str | None, "The text; the input parameter `text` by default."] = None
    least: Annotated[int, "The fewest words that are good; 0 by default.", {"minimum": 0}] = 0


class MyPlugin(Step):
    """The step."""

    Config = Config

    def check(self, config: Config) -> list[Finding]:
        if config.least > LEAST_MAX:
            return [Finding("least", f"expected at most {LEAST_MAX}")]
        return []

    def start(self, config: Config, request: Request) -> Progress:
        text = request.parameters.get("text") if config.text is None else config.text
        if text is None:
            raise PluginError.invalid("text", "expected a text: here, or as the input parameter `text`")
        words = len(text.split())
        if words < config.least:
            return Progress("failed", f"{words} words, and {config.least} are expected")
        return Progress(parameters={"words": str(words)}, result=str(words))
