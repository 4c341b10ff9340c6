"""Errors that say what the caller does about them."""
from typing import Optional

CLASSES = ("invalid-config", "denied", "unavailable", "not-found", "permanent")


class PluginError(Exception):
    """Why a call gave no result.

    `kind` is one of `CLASSES`; `code` a stable word for programs; `message` a sentence for people; `field` a path in the configuration.
    """

    def __init__(self, kind: str, code: str, message: str, field: Optional[str] = None) -> None:
        if kind not in CLASSES:
            raise ValueError(f"`{kind}` is no class of errors; there are: {', '.join(CLASSES)}")
        super().__init__(message)
        self.kind, self.code, self.message, self.field = kind, code, message, field
