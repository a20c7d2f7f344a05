"""Handing messages over to a collector: over HTTP by the house's own door, or by gRPC.

What a collector answers is one of three things: it has them, it will never take them, or not now.
OTLP names the answers that mean "not now"; any other error means that asking again is useless.
"""

from collections.abc import Callable, Mapping
from datetime import timedelta
from importlib import import_module
from importlib.util import find_spec
from typing import Any, Final, Protocol
from urllib.parse import unquote, urlsplit

from palingenesis.core.errors import InvalidConfigError, WireError
from palingenesis.wire.http import Wire
from palingenesis.wire.redaction import remember

GRPC_PORT: Final = 4317
HEADERS_VARIABLE: Final = "OTEL_EXPORTER_OTLP_HEADERS"
SIGNALS: Final = ("traces", "logs", "metrics")

_ANSWER_S: Final = 10.0
_ANSWER_BYTES_MAX: Final = 64 * 1024
_NOT_NOW: Final = frozenset({408, 429, 502, 503, 504})
_OK: Final = range(200, 300)
_AFTER_MAX: Final = timedelta(minutes=10)
_SERVICES: Final = {
    "traces": ("trace", "TraceServiceStub"),
    "logs": ("logs", "LogsServiceStub"),
    "metrics": ("metrics", "MetricsServiceStub"),
}
_GRPC_NOT_NOW: Final = frozenset(
    {"CANCELLED", "DEADLINE_EXCEEDED", "ABORTED", "OUT_OF_RANGE", "UNAVAILABLE", "DATA_LOSS",
     "RESOURCE_EXHAUSTED"}
)  # fmt: skip


class LaterError(Exception):
    """The collector cannot take it now; `after` is what it asked for, if it did."""

    def __init__(self, why: str, after: timedelta | None = None) -> None:
        super().__init__(why)
        self.after = after


class NeverError(Exception):
    """The collector will never take it, so it is dropped."""


class Sender(Protocol):
    """The way to a collector."""

    async def send(self, signal: str, message: bytes) -> bytes:
        """Hand one message over; returns what was answered.

        Raises:
            LaterError: it was not taken, and may be tried again.
            NeverError: it will never be taken.
        """
        ...

    async def aclose(self) -> None:
        """Let the connection go."""
        ...


def is_installed(name: str) -> bool:
    """Whether a library is there; it is not imported."""
    home, found, _ = name.rpartition(".")
    return (not found or is_installed(home)) and find_spec(name) is not None


def why_impossible(endpoint: str, has: Callable[[str], bool] = is_installed) -> str:
    """Why nothing can be sent there with what is installed; empty: it can."""
    if not has("opentelemetry.proto"):
        return "OpenTelemetry needs an extra: pip install 'palingenesis[otlp]'"
    if _is_grpc(endpoint) and not has("grpc"):
        return (
            f"port {GRPC_PORT} speaks gRPC, which needs an extra: use port 4318 (HTTP), or"
            " pip install 'palingenesis[otlp-grpc]'"
        )
    return ""


def make_sender(endpoint: str, environ: Mapping[str, str]) -> Sender:
    """The way to a collector: by gRPC where the port is 4317, else over HTTP.

    Raises:
        InvalidConfigError: an extra is missing, or the headers make no sense.
    """
    if why := why_impossible(endpoint):
        raise InvalidConfigError(why)
    headers = read_headers(environ.get(HEADERS_VARIABLE, ""))
    for value in headers.values():
        remember(value)
    return GrpcSender(endpoint, headers) if _is_grpc(endpoint) else HttpSender(endpoint, headers)


def read_headers(text: str) -> dict[str, str]:
    """What OTEL_EXPORTER_OTLP_HEADERS holds: `name=value,other=value`, escaped as in a URL.

    Raises:
        InvalidConfigError: it makes no sense; it is not repeated, because it may be a secret.
    """
    headers = {}
    for part in filter(None, (one.strip() for one in text.split(","))):
        name, found, value = part.partition("=")
        name, value = unquote(name).strip().lower(), unquote(value).strip()
        is_name = name.isascii() and name.replace("-", "").replace("_", "").isalnum()
        if not found or not is_name or not (value.isascii() and value.isprintable()):
            raise InvalidConfigError(
                f"{HEADERS_VARIABLE} makes no sense", "write it as name=value,other=value"
            )
        headers[name] = value
    return headers


class HttpSender:
    """Speaks OTLP over HTTP with binary messages."""

    def __init__(self, endpoint: str, headers: Mapping[str, str]) -> None:
        self._wire = Wire(
            endpoint.rstrip("/"),
            headers={"content-type": "application/x-protobuf", **headers},
            bytes_max=_ANSWER_BYTES_MAX,
        )

    async def send(self, signal: str, message: bytes) -> bytes:
        """See `Sender`."""
        try:
            answer = await self._wire.request(
                "POST", f"/v1/{signal}", content=message, timeout_s=_ANSWER_S
            )
        except WireError as error:
            raise LaterError(error.message) from error
        if answer.status in _OK:
            return answer.body if answer.content_type == "application/x-protobuf" else b""
        said = f"{self._wire.origin} answered {answer.status}"
        if answer.status in _NOT_NOW:
            raise LaterError(said, _after(answer.headers.get("retry-after", "")))
        raise NeverError(said)

    async def aclose(self) -> None:
        """See `Sender`."""
        await self._wire.aclose()


class GrpcSender:
    """Speaks OTLP by gRPC; needs the extra `otlp-grpc`."""

    def __init__(self, endpoint: str, headers: Mapping[str, str]) -> None:
        parts = urlsplit(endpoint)
        self._target = f"{parts.hostname}:{parts.port or GRPC_PORT}"
        self._tls = parts.scheme == "https"
        self._headers = tuple(headers.items())
        self._channel: Any = None

    async def send(self, signal: str, message: bytes) -> bytes:
        """See `Sender`."""
        grpc: Any = import_module("grpc")
        package, stub = _SERVICES[signal]
        home = f"opentelemetry.proto.collector.{package}.v1.{package}_service_pb2"
        service = getattr(import_module(f"{home}_grpc"), stub)(self._open())
        kind = getattr(import_module(home), f"Export{package.title()}ServiceRequest")
        try:
            answer = await service.Export(
                kind.FromString(message), timeout=_ANSWER_S, metadata=self._headers
            )
        except grpc.aio.AioRpcError as error:
            name = error.code().name
            said = f"{self._target} answered {name.lower().replace('_', ' ')}"
            raise (LaterError if name in _GRPC_NOT_NOW else NeverError)(said) from error
        return bytes(answer.SerializeToString())

    async def aclose(self) -> None:
        """See `Sender`."""
        if self._channel is not None:
            await self._channel.close(grace=None)
            self._channel = None

    def _open(self) -> Any:
        if self._channel is None:
            grpc: Any = import_module("grpc")
            # No proxy from the environment: what is meant for this machine stays here.
            options = (("grpc.enable_http_proxy", 0),)
            self._channel = (
                grpc.aio.secure_channel(self._target, grpc.ssl_channel_credentials(), options)
                if self._tls
                else grpc.aio.insecure_channel(self._target, options)
            )
        return self._channel


def _is_grpc(endpoint: str) -> bool:
    try:
        return urlsplit(endpoint).port == GRPC_PORT
    except ValueError:
        return False


def _after(text: str) -> timedelta | None:
    """What `Retry-After` asks for, in seconds; a date is left to our own patience."""
    if not (text.isascii() and text.isdigit() and len(text) <= 6):  # noqa: PLR2004
        return None
    return min(timedelta(seconds=int(text)), _AFTER_MAX)
