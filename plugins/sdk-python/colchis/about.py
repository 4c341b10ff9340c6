"""What a plugin says about itself and about configurations."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Need:
    """Something that an operator is asked to grant: `capability` is http, endpoint, secret, reveal, state, blobs or lookup; `name` the host, endpoint or secret."""

    capability: str
    why: str
    name: str = ""
    optional: bool = False

    @classmethod
    def http(cls, host: str, why: str) -> Need:
        """Requests to a host, as `https://*.example.com`; `*` says that the configuration names it."""
        return cls("http", why, host)

    @classmethod
    def endpoint(cls, address: str, why: str) -> Need:
        """Connections to a host and port, as `tcp://mqtt.example.com:8883`; `*` says that the configuration names it."""
        return cls("endpoint", why, address)

    @classmethod
    def blobs(cls, why: str) -> Need:
        """Large values that last from call to call."""
        return cls("blobs", why)

    @classmethod
    def state(cls, why: str) -> Need:
        """Values that last from call to call."""
        return cls("state", why)


@dataclass(frozen=True)
class About:
    """Name, version (semver.org), one sentence for lists, and what is needed."""

    name: str
    version: str
    summary: str
    needs: list[Need] = field(default_factory=list)


@dataclass(frozen=True)
class Finding:
    """Something about a configuration: its field, a sentence, and `error` (refused) or `warning`."""

    field: str
    message: str
    severity: str = "error"
