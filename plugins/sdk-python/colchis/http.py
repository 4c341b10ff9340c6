"""GET by the host's `wasi:http/outgoing-handler`. The host looks at each request and refuses those without a grant."""
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from .errors import PluginError

BODY_BYTES_MAX = 4 << 20
PIECE_BYTES = 64 << 10


@dataclass
class Response:
    """A status and a body of at most `BODY_BYTES_MAX` bytes."""

    status: int
    body: bytes


def get(url: str, field: str) -> Response:
    """Asks, and waits for the whole answer. `field` is where the address is in the configuration."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise PluginError("invalid-config", "bad-url", f"`{field}` must be an address with http:// or https://", field)
    from componentize_py_types import Err
    from wit_world.imports import outgoing_handler, wasi_http_types as types

    request = types.OutgoingRequest(types.Fields.from_list([("accept", b"application/json")]))
    request.set_scheme(types.Scheme_Https() if parts.scheme == "https" else types.Scheme_Http())
    request.set_authority(parts.netloc)
    request.set_path_with_query((parts.path or "/") + (f"?{parts.query}" if parts.query else ""))
    try:
        future = outgoing_handler.handle(request, None)
        future.subscribe().block()
        outer = future.get()
        answer = _inner(outer)
    except Err as error:
        raise _refused(error.value, field) from None
    return Response(answer.status(), _body(answer))


def _inner(value: Any) -> Any:
    """The response in the results that a future gives."""
    from componentize_py_types import Err, Ok

    while isinstance(value, (Ok, Err)):
        if isinstance(value, Err):
            raise value
        value = value.value
    return value


def _refused(code: Any, field: str) -> PluginError:
    word = type(code).__name__.removeprefix("ErrorCode_")
    detail = getattr(code, "value", None)
    text = f"{word}: {detail}" if detail else word
    if word == "HttpRequestDenied":
        return PluginError("denied", "not-granted", f"the host refused the request: it needs a grant for the host of `{field}`", field)
    return PluginError("unavailable", "no-answer", f"the host of `{field}` gave no answer ({text})", field)


def _body(answer: Any) -> bytes:
    from componentize_py_types import Err
    from wit_world.imports import streams

    body = answer.consume()
    stream = body.stream()
    found = bytearray()
    try:
        while len(found) <= BODY_BYTES_MAX:
            found += stream.blocking_read(PIECE_BYTES)
    except Err as error:
        if not isinstance(error.value, streams.StreamError_Closed):
            raise PluginError("unavailable", "cut-off", "the answer was cut off") from None
        return bytes(found)
    raise PluginError("permanent", "too-large", f"the answer is longer than {BODY_BYTES_MAX} bytes")
