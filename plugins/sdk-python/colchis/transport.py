"""`wasi:http`, with a deadline. Imported in components alone."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from componentize_py_types import Err, Ok
from wit_world.imports import cancellation, monotonic_clock, outgoing_handler, poll, streams
from wit_world.imports import wasi_http_types as types

from .errors import PluginError

BODY_BYTES_MAX = 8 << 20
PIECE_BYTES = 64 << 10
# How long is waited before the call is asked whether it was cancelled.
SLICE_NS = 250_000_000
METHODS = {
    "GET": types.Method_Get,
    "HEAD": types.Method_Head,
    "POST": types.Method_Post,
    "PUT": types.Method_Put,
    "DELETE": types.Method_Delete,
    "OPTIONS": types.Method_Options,
    "PATCH": types.Method_Patch,
}
TIMEOUTS = (
    types.ErrorCode_ConnectionTimeout,
    types.ErrorCode_ConnectionReadTimeout,
    types.ErrorCode_ConnectionWriteTimeout,
    types.ErrorCode_HttpResponseTimeout,
)
NAMES = (types.ErrorCode_DnsTimeout, types.ErrorCode_DnsError, types.ErrorCode_DestinationNotFound)
BAD_URLS = (types.ErrorCode_HttpRequestMethodInvalid, types.ErrorCode_HttpRequestUriInvalid, types.ErrorCode_HttpRequestUriTooLong)


class Deadline:
    """A moment at which a request must be over."""

    def __init__(self, authority: str, timeout_ms: int) -> None:
        self.authority, self.at = authority, monotonic_clock.now() + timeout_ms * 1_000_000

    def wait(self, ready: Any) -> None:
        """Waits until something is ready; raises when the time is over or the call was cancelled."""
        while True:
            now = monotonic_clock.now()
            if now >= self.at:
                raise PluginError.unavailable(f"{self.authority} did not answer in time", "timeout")
            with monotonic_clock.subscribe_instant(min(self.at, now + SLICE_NS)) as timer:
                if 0 in poll.poll([ready, timer]):
                    return
            if cancellation.is_cancelled():
                raise PluginError.unavailable("the call was cancelled", "cancelled")


def send(method: str, url: str, headers: list[tuple[str, str]], body: bytes, timeout_ms: int) -> tuple[int, list[tuple[str, str]], bytes]:
    """Sends a request and reads the whole answer: status, headers, body."""
    parts = urlsplit(url)
    deadline = Deadline(parts.netloc, timeout_ms)
    request = _request(method, parts, headers, body)
    outgoing = request.body()
    options = types.RequestOptions()
    for limit in (options.set_connect_timeout, options.set_first_byte_timeout, options.set_between_bytes_timeout):
        try:
            limit(timeout_ms * 1_000_000)
        except Err:
            # A host may not know them; the deadline holds all the same.
            pass
    try:
        pending = outgoing_handler.handle(request, options)
        unwritten = _write(outgoing, body, deadline)
        answer = _answer(pending, deadline)
    except Err as error:
        raise _error(error.value, parts.scheme, parts.netloc) from None
    if answer is None:
        raise unwritten or PluginError.unavailable(f"{parts.netloc} gave no answer", "http")
    with answer.headers() as fields:
        found = [(name, value.decode(errors="replace")) for name, value in fields.entries()]
    return answer.status(), found, _read(answer, deadline)


def _request(method: str, parts: Any, headers: list[tuple[str, str]], body: bytes) -> Any:
    fields = types.Fields()
    for name, value in headers:
        try:
            fields.append(name, value.encode())
        except Err:
            # Its value may be a secret.
            raise PluginError("invalid-config", "bad-header", f"the header `{name}` cannot be sent") from None
    if body:
        fields.set("content-length", [str(len(body)).encode()])
    request = types.OutgoingRequest(fields)
    try:
        request.set_method(METHODS[method]() if method in METHODS else types.Method_Other(method))
        request.set_scheme(types.Scheme_Https() if parts.scheme == "https" else types.Scheme_Http())
        request.set_authority(parts.netloc)
        request.set_path_with_query((parts.path or "/") + (f"?{parts.query}" if parts.query else ""))
    except Err:
        raise PluginError("invalid-config", "bad-url", f"the request to {parts.netloc} cannot be sent: its method or address is none") from None
    return request


def _write(outgoing: Any, body: bytes, deadline: Deadline) -> PluginError | None:
    """Writes the body. A server may answer before it has read everything: that it stopped reading matters only when it says nothing else."""
    try:
        with outgoing.write() as stream:
            left = memoryview(body)
            with stream.subscribe() as ready:
                while left:
                    free = min(stream.check_write(), PIECE_BYTES)
                    if not free:
                        deadline.wait(ready)
                        continue
                    stream.write(bytes(left[:free]))
                    left = left[free:]
            stream.flush()
        types.OutgoingBody.finish(outgoing, None)
    except Err:
        return PluginError.unavailable(f"{deadline.authority} stopped reading the request", "http")
    return None


def _answer(pending: Any, deadline: Deadline) -> Any:
    with pending.subscribe() as ready:
        while (found := pending.get()) is None:
            deadline.wait(ready)
    while isinstance(found, (Ok, Err)):
        if isinstance(found, Err):
            raise found
        found = found.value
    return found


def _read(answer: Any, deadline: Deadline) -> bytes:
    found = bytearray()
    with answer.consume() as body, body.stream() as stream, stream.subscribe() as ready:
        while True:
            try:
                piece = stream.read(PIECE_BYTES)
            except Err as error:
                if isinstance(error.value, streams.StreamError_Closed):
                    return bytes(found)
                raise PluginError.unavailable(f"{deadline.authority}: the answer broke off", "http") from None
            if not piece:
                deadline.wait(ready)
            found += piece
            if len(found) > BODY_BYTES_MAX:
                raise PluginError.permanent(f"the answer of {deadline.authority} is longer than {BODY_BYTES_MAX} bytes", "body-too-large")


def _error(code: Any, scheme: str, authority: str) -> PluginError:
    """The class, the word and the sentence of an error of `wasi:http`."""
    grant = f"{scheme}://{authority}"
    word = type(code).__name__.removeprefix("ErrorCode_")
    if isinstance(code, types.ErrorCode_HttpRequestDenied):
        return PluginError.denied(f"requests to {authority} are not granted: add `{grant}` to the plugin's HTTP grants", "not-granted")
    if isinstance(code, types.ErrorCode_DestinationIpProhibited):
        return PluginError.denied(f"{authority} is at an address that requests may not go to: `{grant}` has to be granted by address", "address-prohibited")
    if isinstance(code, types.ErrorCode_TlsCertificateError):
        return PluginError.denied(f"the certificate of {authority} is not trusted: its authority has to be made known to the server", "certificate")
    if isinstance(code, NAMES):
        return PluginError.unavailable(f"the name of {authority} cannot be resolved", "name-unknown")
    if isinstance(code, types.ErrorCode_ConnectionRefused):
        return PluginError.unavailable(f"{authority} refuses the connection", "refused")
    if isinstance(code, TIMEOUTS):
        return PluginError.unavailable(f"{authority} did not answer in time", "timeout")
    if isinstance(code, BAD_URLS):
        return PluginError("invalid-config", "bad-url", f"the request to {authority} cannot be sent: {word}")
    detail = getattr(code, "value", None)
    return PluginError.unavailable(f"{authority} cannot be asked: {detail or word}", "http")
