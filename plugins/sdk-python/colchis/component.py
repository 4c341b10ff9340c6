"""The border between a plugin and the generated bindings: errors, the description, the host's interfaces. Imported in components alone, while they are made."""

from __future__ import annotations

import json
from typing import Any, Callable, TypeVar

from componentize_py_types import Err
from wit_world.exports import description
from wit_world.imports import blobs, cancellation, endpoints, log, secrets, state

from . import config, host
from .about import About
from .errors import PluginError

try:
    # A world with `wasi:http` has two interfaces `types`.
    from wit_world.imports import colchis_plugin_types as types
except ImportError:
    from wit_world.imports import types  # type: ignore[no-redef]
try:
    from .transport import send
except ImportError:
    send = None  # type: ignore[assignment]
try:
    # Steps have it.
    from wit_world.imports import files
except ImportError:
    files = None  # type: ignore[assignment]

T = TypeVar("T")
CLASSES = {
    "invalid-config": types.ErrorClass_InvalidConfig,
    "denied": types.ErrorClass_Denied,
    "unavailable": types.ErrorClass_Unavailable,
    "not-found": types.ErrorClass_NotFound,
    "permanent": types.ErrorClass_Permanent,
}


def answer(call: Callable[[], T]) -> T:
    """What a call gives; its error as the interface has it. Any other exception ends the instance, and its traceback is in the error."""
    try:
        return call()
    except PluginError as error:
        if error.kind == "throttled":
            kind: Any = types.ErrorClass_Throttled(error.retry_after_ms)
        else:
            kind = CLASSES[error.kind]()
        raise Err(types.PluginError(kind, error.code, error.message, error.field, [])) from None


def asked(call: Callable[[], T]) -> T:
    """What the host gives; its error as a plugin knows it."""
    try:
        return call()
    except Err as error:
        told = error.value
        kinds = {made: kind for kind, made in CLASSES.items()}
        kind = "throttled" if isinstance(told.class_, types.ErrorClass_Throttled) else kinds.get(type(told.class_), "permanent")
        wait = told.class_.value if kind == "throttled" else None
        raise PluginError(kind, told.code, told.message, told.field, wait) from None


def parse(of: type[T], text: str) -> T:
    """A configuration in a call, for which it has to be right."""
    return config.parse(of, text)


def describe(about: About, plugin: Any, kind: type) -> type:
    """The export `description` of a plugin of one kind."""
    capabilities = {
        "http": description.Capability_Http,
        "endpoint": description.Capability_Endpoint,
        "secret": description.Capability_Secret,
        "reveal": description.Capability_Reveal,
    }
    plain = {"state": description.Capability_State, "blobs": description.Capability_Blobs, "lookup": description.Capability_Lookup}
    severities = {"error": description.Severity_Error, "warning": description.Severity_Warning}

    def need(of: Any) -> Any:
        made = plain[of.capability]() if of.capability in plain else capabilities[of.capability](of.name)
        return description.Need(made, of.why, of.optional)

    info = description.Info(
        about.name,
        about.version,
        about.summary,
        [description.KindInfo(kind(), json.dumps(config.schema(plugin.Config)))],
        [need(of) for of in about.needs],
        [],
    )

    class Description:
        def describe(self) -> Any:
            return info

        def check_config(self, of: Any, text: str) -> Any:
            if not isinstance(of, kind):
                return answer(lambda: _other_kind(about))
            value, findings = config.check(plugin.Config, text)
            if value is not None:
                findings = answer(lambda: plugin.check(value))
            return [description.Finding(severities[found.severity](), found.field, found.message) for found in findings]

    return Description


def _other_kind(about: About) -> Any:
    raise PluginError.not_found(f"{about.name} is not of this kind", "no-such-kind")


def several(about: About, *exports: tuple[type, type]) -> tuple[type, ...]:
    """The exports of a component of several kinds: `Description`, and what each kind's `component` made behind it, in their order."""
    descriptions = [one() for one, _ in exports]
    kinds = [kind for one in descriptions for kind in one.describe().kinds]

    class Description:
        def describe(self) -> Any:
            first = descriptions[0].describe()
            return description.Info(first.name, first.version, first.summary, kinds, first.needs, [])

        def check_config(self, of: Any, text: str) -> Any:
            for one in descriptions:
                if isinstance(of, type(one.describe().kinds[0].kind)):
                    return one.check_config(of, text)
            return answer(lambda: _other_kind(about))

    return Description, *(exported for _, exported in exports)


class Lent:
    """A resource of the host, given back at most once. What it does raises errors as a plugin knows them."""

    def __init__(self, of: Any) -> None:
        self._of, self._open = of, True

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method = getattr(self._of, name)
        return lambda *args: asked(lambda: method(*args))

    def close(self) -> None:
        if self._open:
            self._open = False
            self._of.__exit__(None, None, None)


class Wire(Lent):
    """A connection of the host."""

    def read(self, max: int, wait_ms: int) -> bytes | None:
        came = asked(lambda: self._of.read(max, wait_ms))
        if isinstance(came, endpoints.Input_Bytes):
            return came.value
        return b"" if isinstance(came, endpoints.Input_Closed) else None


class Component:
    """The host of a component."""

    def log(self, level: str, message: str, fields: dict[str, str]) -> None:
        log.write(log.Level[level.upper()], message, list(fields.items()))

    def is_cancelled(self) -> bool:
        return cancellation.is_cancelled()

    def remaining_ms(self) -> int:
        return cancellation.remaining()

    def send(self, method: str, url: str, headers: list[tuple[str, str]], body: bytes, timeout_ms: int) -> tuple[int, list[tuple[str, str]], bytes]:
        if send is None:
            raise PluginError.denied("this kind of plugin asks nobody", "no-http")
        return send(method, url, headers, body, timeout_ms)

    def state_get(self, key: str) -> tuple[bytes, int] | None:
        entry = asked(lambda: state.get(key))
        return None if entry is None else (entry.value, entry.version)

    def state_set(self, key: str, value: bytes, version: int | None) -> int:
        expected: Any = state.Expected_Any()
        if version is not None:
            expected = state.Expected_Version(version) if version else state.Expected_Absent()
        return asked(lambda: state.set(key, value, expected))

    def state_delete(self, key: str) -> None:
        asked(lambda: state.delete(key))

    def state_keys(self, prefix: str, after: str | None, limit: int) -> list[str]:
        return asked(lambda: state.keys(prefix, after, limit))

    def secret(self, name: str) -> str:
        return asked(lambda: secrets.stand_in(name))

    def base64(self, text: str) -> str:
        return asked(lambda: secrets.base64(text))

    def sign(self, key: str, algorithm: str, message: bytes) -> bytes:
        return asked(lambda: secrets.sign(key, _algorithm(algorithm), message))

    def verify_mac(self, key: str, algorithm: str, message: bytes, mac: bytes) -> bool:
        return asked(lambda: secrets.verify_mac(key, _algorithm(algorithm), message, mac))

    def reveal(self, name: str) -> bytes:
        return asked(lambda: secrets.reveal(name))

    def blob_open(self, name: str) -> Any:
        return Lent(asked(lambda: blobs.open(name)))

    def blob_create(self, name: str) -> Any:
        return Lent(asked(lambda: blobs.create(name)))

    def blob_delete(self, name: str) -> None:
        asked(lambda: blobs.delete(name))

    def connect(self, address: str) -> Wire:
        return Wire(asked(lambda: endpoints.open(address)))

    def artifact_open(self, name: str) -> Any:
        return Lent(asked(lambda: _files().open(name)))

    def artifact_create(self, name: str) -> Any:
        return Lent(asked(lambda: _files().create(name)))

    def output(self, text: bytes) -> None:
        _files().output(text)


def _files() -> Any:
    if files is None:
        raise PluginError.denied("a plugin of this kind has no artifacts: steps have them", "no-artifacts")
    return files


def _algorithm(name: str) -> Any:
    known = {
        "hmac-sha1": secrets.Algorithm_HmacSha1,
        "hmac-sha256": secrets.Algorithm_HmacSha256,
        "hmac-sha512": secrets.Algorithm_HmacSha512,
        "rsa-sha256": secrets.Algorithm_RsaSha256,
        "ed25519": secrets.Algorithm_Ed25519,
    }
    return known[name]() if name in known else secrets.Algorithm_Other(name)


host.use(Component())
