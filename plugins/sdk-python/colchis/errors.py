"""Errors that say what the caller does about them."""

from __future__ import annotations

CLASSES = ("invalid-config", "denied", "unavailable", "throttled", "not-found", "permanent")


class PluginError(Exception):
    """Why a call gave no result.

    `kind` is one of `CLASSES`; `code` a stable word for programs; `message` a sentence for people; `field` a path in the configuration;
    `retry_after_ms` the time that a throttling server named.
    """

    def __init__(self, kind: str, code: str, message: str, field: str | None = None, retry_after_ms: int | None = None) -> None:
        if kind not in CLASSES:
            raise ValueError(f"`{kind}` is no class of errors; there are: {', '.join(CLASSES)}")
        super().__init__(message)
        self.kind, self.code, self.message, self.field, self.retry_after_ms = kind, code, message, field, retry_after_ms

    @classmethod
    def invalid(cls, field: str, message: str) -> PluginError:
        """The configuration cannot work: not tried again until the object changes."""
        return cls("invalid-config", "invalid-config", message, field)

    @classmethod
    def denied(cls, message: str, code: str = "denied") -> PluginError:
        """The other side refuses: trying again does not help."""
        return cls("denied", code, message)

    @classmethod
    def unavailable(cls, message: str, code: str = "unavailable") -> PluginError:
        """The other side is not there: tried again with back-off."""
        return cls("unavailable", code, message)

    @classmethod
    def not_found(cls, message: str, code: str = "not-found") -> PluginError:
        """What was asked for is not there."""
        return cls("not-found", code, message)

    @classmethod
    def permanent(cls, message: str, code: str = "permanent") -> PluginError:
        """It failed and would fail again."""
        return cls("permanent", code, message)
