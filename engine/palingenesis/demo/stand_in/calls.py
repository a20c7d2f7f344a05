"""One call to a model over real HTTP: the conversation goes out, the answer comes in pieces."""

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from palingenesis.demo import http11
from palingenesis.demo.stand_in import failures
from palingenesis.demo.stand_in.settings import Model

Json = dict[str, Any]

CONNECT_S_MAX = 10.0
OK = 200
TOOLS = ("bash", "edit", "question", "read", "task", "todowrite", "write")

_REFUSED = "Cannot connect to API: Unable to connect. Is the computer able to access the url?"
_CLOSED = "Cannot connect to API: The socket connection was closed unexpectedly."
_RESET = "Connection reset by server"


@dataclass(frozen=True, slots=True)
class Words:
    """Some more text of the answer."""

    text: str


@dataclass(frozen=True, slots=True)
class Call:
    """The model asks for a tool."""

    id: str
    tool: str
    arguments: Json


@dataclass(frozen=True, slots=True)
class End:
    """The answer is over; a reason of `unknown` means that the body ended without one."""

    reason: str
    tokens: Json


Heard = Words | Call | End


async def ask(model: Model, messages: list[Json], session: str) -> AsyncGenerator[Heard, None]:
    """Ask the model; yields what it says, `End` last.

    Raises:
        CallError: the call failed, before or in the middle of the answer.
    """
    url = f"{model.url}/{'messages' if model.is_anthropic else 'chat/completions'}"
    address = urlsplit(url)
    try:
        async with asyncio.timeout(CONNECT_S_MAX):
            reader, writer = await asyncio.open_connection(
                address.hostname, address.port or 80, limit=http11.LINE_BYTES_MAX
            )
    except (OSError, TimeoutError) as error:
        raise failures.broken(_REFUSED, url) from error
    try:
        writer.write(_request(model, address.path, address.netloc, messages, session))
        await writer.drain()
        await _accepted(reader, model, url)
        listener = _Anthropic() if model.is_anthropic else _OpenAi()
        async for frame in _frames(reader, model, url):
            for heard in listener.hear(frame):
                yield heard
        yield listener.end()
    except (OSError, asyncio.IncompleteReadError) as error:
        raise failures.broken(_RESET, url) from error
    except (http11.BadRequestError, json.JSONDecodeError) as error:
        raise failures.garbled(str(error), url) from error
    finally:
        writer.close()


async def _accepted(reader: asyncio.StreamReader, model: Model, url: str) -> None:
    """Read the response's head; anything but a 200 is an error."""
    try:
        async with asyncio.timeout(model.header_timeout_ms / 1000):
            status, reason, headers = await http11.read_response_head(reader)
            is_stream = headers.get("transfer-encoding", "").lower() == "chunked"
            if status == OK and is_stream:
                return
            length = int(headers.get("content-length", "0"))
            body = (await reader.readexactly(length)).decode("utf-8", "replace")
    except TimeoutError as error:
        message = f"Provider response headers timed out after {model.header_timeout_ms:.0f}ms"
        raise failures.broken(message, url) from error
    except (OSError, asyncio.IncompleteReadError) as error:
        raise failures.broken(_CLOSED, url) from error
    if status == OK:
        raise failures.garbled("The answer is no stream", url)
    raise failures.refused(status, reason, headers, body, url)


async def _frames(reader: asyncio.StreamReader, model: Model, url: str) -> AsyncIterator[Json]:
    """The objects of the stream's `data:` lines."""
    buffer = b""
    while True:
        try:
            async with asyncio.timeout(model.chunk_timeout_ms / 1000):
                data = await http11.read_chunk(reader)
        except TimeoutError as error:
            raise failures.broken("SSE read timed out", url) from error
        if not data:
            return
        *blocks, buffer = (buffer + data).split(b"\n\n")
        for block in blocks:
            for line in block.split(b"\n"):
                text = line.removeprefix(b"data:").strip()
                if line.startswith(b"data:") and text != b"[DONE]":
                    yield json.loads(text)


class _OpenAi:
    """Hears OpenAI's chunks."""

    def __init__(self) -> None:
        self._reason = "unknown"
        self._usage: Json = {}

    def hear(self, frame: Json) -> list[Heard]:
        if "error" in frame:
            raise failures.spoilt(frame["error"])
        self._usage = frame.get("usage") or self._usage
        heard: list[Heard] = []
        for choice in frame.get("choices", []):
            delta = choice.get("delta", {})
            if delta.get("content"):
                heard.append(Words(delta["content"]))
            for call in delta.get("tool_calls", []):
                function = call["function"]
                heard.append(Call(call["id"], function["name"], json.loads(function["arguments"])))
            if finish := choice.get("finish_reason"):
                self._reason = {
                    "tool_calls": "tool-calls",
                    "content_filter": "content-filter",
                }.get(finish, finish)
        return heard

    def end(self) -> End:
        cached = self._usage.get("prompt_tokens_details", {}).get("cached_tokens", 0)
        thought = self._usage.get("completion_tokens_details", {}).get("reasoning_tokens", 0)
        return End(self._reason, _tokens(
            self._usage.get("prompt_tokens", 0) - cached,
            self._usage.get("completion_tokens", 0) - thought, thought, cached, 0,
        ))  # fmt: skip


class _Anthropic:
    """Hears Anthropic's events."""

    def __init__(self) -> None:
        self._reason = "unknown"
        self._usage: Json = {}
        self._call: Json = {}

    def hear(self, frame: Json) -> list[Heard]:
        match frame.get("type"):
            case "error":
                raise failures.spoilt(frame["error"])
            case "message_start":
                self._usage = dict(frame["message"].get("usage", {}))
            case "content_block_start" if frame["content_block"]["type"] == "tool_use":
                self._call = frame["content_block"]
            case "content_block_delta" if frame["delta"]["type"] == "text_delta":
                return [Words(frame["delta"]["text"])]
            case "content_block_delta":
                arguments = json.loads(frame["delta"]["partial_json"])
                return [Call(self._call["id"], self._call["name"], arguments)]
            case "message_delta":
                self._usage |= frame.get("usage", {})
                self._reason = {
                    "end_turn": "stop", "tool_use": "tool-calls",
                    "max_tokens": "length", "refusal": "content-filter",
                }.get(frame["delta"]["stop_reason"], "unknown")  # fmt: skip
            case _:
                pass  # pings, and the ends of blocks
        return []

    def end(self) -> End:
        return End(self._reason, _tokens(
            self._usage.get("input_tokens", 0), self._usage.get("output_tokens", 0), 0,
            self._usage.get("cache_read_input_tokens", 0),
            self._usage.get("cache_creation_input_tokens", 0),
        ))  # fmt: skip


def _tokens(input_: int, output: int, reasoning: int, read: int, write: int) -> Json:
    return {
        "total": input_ + output + reasoning + read + write,
        "input": input_,
        "output": output,
        "reasoning": reasoning,
        "cache": {"read": read, "write": write},
    }


def _request(model: Model, path: str, host: str, messages: list[Json], session: str) -> bytes:
    system = "You are asked by the stand-in for OpenCode."
    body: Json = {"model": model.name, "stream": True, "max_tokens": model.output or 8192}
    headers = {"host": host, "content-type": "application/json", "x-session-id": session}
    if model.is_anthropic:
        headers |= {"x-api-key": model.key, "anthropic-version": "2023-06-01"}
        body |= {"system": system, "messages": [_for_anthropic(one) for one in messages]}
        body["tools"] = [{"name": name, "input_schema": {"type": "object"}} for name in TOOLS]
    else:
        headers["authorization"] = f"Bearer {model.key}"
        body |= {"messages": [{"role": "system", "content": system}, *messages]}
        body["tools"] = [{"type": "function", "function": {"name": name}} for name in TOOLS]
        body["stream_options"] = {"include_usage": True}
    data = json.dumps(body).encode()
    headers["content-length"] = str(len(data))
    lines = [f"POST {path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + data


def _for_anthropic(message: Json) -> Json:
    """A message in Anthropic's words; what tools did is told as text."""
    role = "user" if message["role"] == "tool" else message["role"]
    return {"role": role, "content": message.get("content") or "(tool)"}
