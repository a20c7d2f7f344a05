"""As much of HTTP/1.1 as the scripted provider and the stand-in OpenCode speak, on asyncio streams.

Raw on purpose: the demo must be able to break a response in the middle, which no server library
lets anyone do.
"""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

Json = dict[str, Any]
"""A JSON object of somebody else's shape."""

BODY_BYTES_MAX = 64 * 1024 * 1024
LINE_BYTES_MAX = 1024 * 1024
LAST_CHUNK = b"0\r\n\r\n"


class BadRequestError(Exception):
    """The peer's bytes are no request (or no response) that we understand."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One request as it arrived; header names are lower-case, the path is unquoted."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes

    def data(self) -> Json:
        """The body as a JSON object; an empty body is an empty object.

        Raises:
            BadRequestError: the body is something else.
        """
        if not self.body.strip():
            return {}
        try:
            value = json.loads(self.body)
        except ValueError as error:
            raise BadRequestError(f"the body is not JSON: {error}") from error
        if not isinstance(value, dict):
            raise BadRequestError("the body is not a JSON object")
        return value


async def read_request(reader: asyncio.StreamReader) -> Request | None:
    """The next request on this connection; None when the peer has closed it.

    Raises:
        BadRequestError: what arrived is not HTTP/1.1, or too large.
    """
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return None
    except asyncio.LimitOverrunError as error:
        raise BadRequestError("the head is too large") from error
    first, headers = _head(head)
    try:
        method, address, _version = first.split(" ")
    except ValueError as error:
        raise BadRequestError(f"no request line: {first[:80]!r}") from error
    target = urlsplit(address)
    return Request(
        method=method,
        path=unquote(target.path),
        query=dict(parse_qsl(target.query, keep_blank_values=True)),
        headers=headers,
        body=await _body(reader, headers),
    )


async def read_response_head(reader: asyncio.StreamReader) -> tuple[int, str, dict[str, str]]:
    """Status, reason and headers of the response on this connection.

    Raises:
        BadRequestError: the answer is not HTTP/1.1.
        asyncio.IncompleteReadError: the peer closed the connection first.
    """
    first, headers = _head(await reader.readuntil(b"\r\n\r\n"))
    _version, _, rest = first.partition(" ")
    status, _, reason = rest.partition(" ")
    if not status.isdigit():
        raise BadRequestError(f"no status line: {first[:80]!r}")
    return int(status), reason, headers


async def read_chunk(reader: asyncio.StreamReader) -> bytes:
    """The next chunk of a chunked body; empty at its proper end.

    Raises:
        BadRequestError: the framing is broken.
        asyncio.IncompleteReadError: the peer closed the connection in the middle.
    """
    line = await reader.readuntil(b"\r\n")
    try:
        size = int(line.split(b";")[0].strip(), 16)
    except ValueError as error:
        raise BadRequestError(f"no chunk size: {line[:20]!r}") from error
    data = await reader.readexactly(size)
    await reader.readexactly(2)
    return data


def head(status: int, headers: Mapping[str, str]) -> bytes:
    """A status line and headers, closed by the empty line."""
    try:
        reason = HTTPStatus(status).phrase
    except ValueError:
        reason = "Unknown"
    lines = [f"HTTP/1.1 {status} {reason}", *(f"{name}: {text}" for name, text in headers.items())]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def response(status: int, body: object = None, headers: Mapping[str, str] | None = None) -> bytes:
    """A whole response: bytes and text as they are, anything else as JSON, None as no body."""
    given = {name.lower(): text for name, text in (headers or {}).items()}
    match body:
        case None:
            payload = b""
        case bytes():
            payload = body
        case str():
            payload = body.encode()
        case _:
            payload = json.dumps(body).encode()
            given.setdefault("content-type", "application/json")
    if status != HTTPStatus.NO_CONTENT:
        given["content-length"] = str(len(payload))
    return head(status, given) + payload


def chunk(text: str) -> bytes:
    """One chunk of a chunked body."""
    data = text.encode()
    return f"{len(data):x}\r\n".encode() + data + b"\r\n"


def _head(raw: bytes) -> tuple[str, dict[str, str]]:
    first, *lines = raw.decode("latin-1").split("\r\n")
    headers: dict[str, str] = {}
    for line in lines:
        name, colon, text = line.partition(":")
        if colon:
            headers[name.strip().lower()] = text.strip()
    return first, headers


async def _body(reader: asyncio.StreamReader, headers: Mapping[str, str]) -> bytes:
    if headers.get("transfer-encoding", "").lower() == "chunked":
        body = bytearray()
        while data := await read_chunk(reader):
            body += data
            if len(body) > BODY_BYTES_MAX:
                raise BadRequestError("the body is too large")
        return bytes(body)
    length = headers.get("content-length", "0")
    if not length.isdigit() or int(length) > BODY_BYTES_MAX:
        raise BadRequestError(f"no length that we accept: {length[:20]!r}")
    return await reader.readexactly(int(length))
