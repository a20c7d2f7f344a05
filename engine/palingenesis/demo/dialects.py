"""The two languages that models are spoken to in, as server-sent events and as one object."""

import json
from collections.abc import Mapping
from typing import Any, Protocol

from palingenesis.demo.replies import Usage


class Dialect(Protocol):
    """How one API writes an answer; every method returns ready frames of the stream."""

    def start(self) -> list[str]:
        """The answer begins."""
        ...

    def delta(self, text: str) -> str:
        """Some more text."""
        ...

    def tool(self, name: str, arguments: Mapping[str, Any]) -> list[str]:
        """A call of a tool, whole."""
        ...

    def error(self, body: Mapping[str, Any]) -> str:
        """An error object inside the stream."""
        ...

    def finish(self, reason: str) -> list[str]:
        """The answer ends: `stop`, `length`, `content-filter` or `tool`."""
        ...

    def whole(self, text: str) -> Mapping[str, Any]:
        """The answer as one object, for a client that does not stream."""
        ...


class OpenAiChat:
    """`/v1/chat/completions`."""

    def __init__(self, *, model: str, usage: Usage, call: str, epoch_s: int) -> None:
        self._frame = {
            "id": f"chatcmpl-{call}",
            "object": "chat.completion.chunk",
            "created": epoch_s,
            "model": model,
        }
        self._usage = usage
        self._call = call

    def start(self) -> list[str]:
        """The role, and no text yet."""
        return [self._choice({"role": "assistant", "content": ""})]

    def delta(self, text: str) -> str:
        """One delta of content."""
        return self._choice({"content": text})

    def tool(self, name: str, arguments: Mapping[str, Any]) -> list[str]:
        """One delta with the whole call."""
        function = {"name": name, "arguments": json.dumps(arguments)}
        call = {"index": 0, "id": f"call_{self._call}", "type": "function", "function": function}
        return [self._choice({"tool_calls": [call]})]

    def error(self, body: Mapping[str, Any]) -> str:
        """The object as it is."""
        return _data(body)

    def finish(self, reason: str) -> list[str]:
        """The finish reason, then the usage, then the end mark."""
        named = {"tool": "tool_calls", "content-filter": "content_filter"}.get(reason, reason)
        usage = {**self._frame, "choices": [], "usage": self._tokens()}
        return [self._choice({}, named), _data(usage), "data: [DONE]\n\n"]

    def whole(self, text: str) -> Mapping[str, Any]:
        """A `chat.completion`."""
        message = {"role": "assistant", "content": text}
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        return {
            **self._frame,
            "object": "chat.completion",
            "choices": [choice],
            "usage": self._tokens(),
        }

    def _choice(self, delta: Mapping[str, Any], finish: str | None = None) -> str:
        choice = {"index": 0, "delta": delta, "finish_reason": finish}
        return _data({**self._frame, "choices": [choice]})

    def _tokens(self) -> Mapping[str, Any]:
        usage = self._usage
        prompt = usage.input + usage.cache_read + usage.cache_write
        return {
            "prompt_tokens": prompt,
            "completion_tokens": usage.output,
            "total_tokens": prompt + usage.output,
            "prompt_tokens_details": {"cached_tokens": usage.cache_read},
            "completion_tokens_details": {"reasoning_tokens": usage.reasoning},
        }


class AnthropicMessages:
    """`/v1/messages`."""

    def __init__(self, *, model: str, usage: Usage, call: str) -> None:
        self._model = model
        self._usage = usage
        self._call = call
        self._text_is_open = False

    def start(self) -> list[str]:
        """The message, and its first block of text."""
        self._text_is_open = True
        message = {**self._message(), "content": [], "stop_reason": None}
        message["usage"] = {**self._tokens(), "output_tokens": 1}
        block = {"type": "text", "text": ""}
        return [
            _event("message_start", message=message),
            _event("content_block_start", index=0, content_block=block),
            _event("ping"),
        ]

    def delta(self, text: str) -> str:
        """One delta of the text block."""
        delta = {"type": "text_delta", "text": text}
        return _event("content_block_delta", index=0, delta=delta)

    def tool(self, name: str, arguments: Mapping[str, Any]) -> list[str]:
        """The text block ends; a block with the whole call follows."""
        self._text_is_open = False
        block = {"type": "tool_use", "id": f"toolu_{self._call}", "name": name, "input": {}}
        delta = {"type": "input_json_delta", "partial_json": json.dumps(arguments)}
        return [
            _event("content_block_stop", index=0),
            _event("content_block_start", index=1, content_block=block),
            _event("content_block_delta", index=1, delta=delta),
            _event("content_block_stop", index=1),
        ]

    def error(self, body: Mapping[str, Any]) -> str:
        """An `error` event."""
        return f"event: error\n{_data(body)}"

    def finish(self, reason: str) -> list[str]:
        """The open block ends, then the stop reason and the usage, then the message."""
        named = {
            "stop": "end_turn",
            "tool": "tool_use",
            "length": "max_tokens",
            "content-filter": "refusal",
        }[reason]
        delta = {"stop_reason": named, "stop_sequence": None}
        usage = {"output_tokens": self._usage.output}
        frames = [_event("content_block_stop", index=0)] if self._text_is_open else []
        return [
            *frames,
            _event("message_delta", delta=delta, usage=usage),
            _event("message_stop"),
        ]

    def whole(self, text: str) -> Mapping[str, Any]:
        """A `message`."""
        content = [{"type": "text", "text": text}]
        usage = {**self._tokens(), "output_tokens": self._usage.output}
        return {**self._message(), "content": content, "stop_reason": "end_turn", "usage": usage}

    def _message(self) -> dict[str, Any]:
        return {
            "id": f"msg_{self._call}",
            "type": "message",
            "role": "assistant",
            "model": self._model,
            "stop_sequence": None,
        }

    def _tokens(self) -> dict[str, int]:
        usage = self._usage
        return {
            "input_tokens": usage.input,
            "cache_read_input_tokens": usage.cache_read,
            "cache_creation_input_tokens": usage.cache_write,
        }


def _data(value: Mapping[str, Any]) -> str:
    return f"data: {json.dumps(value)}\n\n"


def _event(kind: str, **fields: object) -> str:
    return f"event: {kind}\n{_data({'type': kind, **fields})}"
