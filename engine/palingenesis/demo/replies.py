"""What the scripted provider can answer, and the answers that real providers are known by.

A *reply* says how one request for a model's answer goes: well, refused, broken or stalled.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

Payload = Mapping[str, Any] | str
"""A body: an object that is sent as JSON, or text as it stands."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What the answer is said to have cost, in tokens; `input` excludes what came from a cache."""

    input: int = 100
    output: int = 20
    cache_read: int = 0
    cache_write: int = 0
    reasoning: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """A streamed answer, word by word."""

    text: str = "ok"
    finish: Literal["stop", "length", "content-filter"] = "stop"
    usage: Usage = field(default_factory=Usage)
    chunk_delay_s: float = 0.0
    header_delay_s: float = 0.0
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tool:
    """An answer that calls one tool, after some text if there is any."""

    name: str
    arguments: Mapping[str, Any]
    text: str = ""
    usage: Usage = field(default_factory=Usage)
    chunk_delay_s: float = 0.0
    header_delay_s: float = 0.0
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """A refusal before any answer.

    A header's `{http_date+N}` becomes the HTTP date N seconds after the request.
    """

    status: int
    body: Payload = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    header_delay_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamError:
    """An error object inside a stream that had begun well."""

    body: Mapping[str, Any]
    text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """A broken connection.

    `reset`: TCP reset before the first byte; `reset_mid`: after the text; `close_mid`: closed
    after the text without an end; `eof_mid`: a proper end of the body, but no end of the answer.
    """

    how: Literal["reset", "reset_mid", "close_mid", "eof_mid"]
    text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stall:
    """Silence after the text (before any byte when `text` is None).

    Ends when the client goes away, or well when the provider is released.
    """

    text: str | None = ""


Reply = Text | Tool | Status | StreamError | Cut | Stall


def rate_limited(retry_after_s: int | str | None = None) -> Status:
    """OpenAI's 429; `retry_after_s` may be a number, `{http_date+N}`, or None for no header."""
    headers = {} if retry_after_s is None else {"retry-after": str(retry_after_s)}
    return Status(status=429, headers=headers, body=_openai(
        "Rate limit reached for requests per min (RPM): Limit 60, Used 60, Requested 1.",
        kind="requests", code="rate_limit_exceeded",
    ))  # fmt: skip


def out_of_quota(retry_after_s: int | None = 1) -> Status:
    """OpenAI's 429 for an account without credit."""
    return replace(rate_limited(retry_after_s), body=_openai(
        "You exceeded your current quota, please check your plan and billing details.",
        kind="insufficient_quota", code="insufficient_quota",
    ))  # fmt: skip


def anthropic_rate_limited(retry_after_s: int, headers: Mapping[str, str] | None = None) -> Status:
    """Anthropic's 429, with any `anthropic-ratelimit-*` headers."""
    message = "This request would exceed your organization's rate limit."
    return Status(
        status=429,
        headers={"retry-after": str(retry_after_s), **(headers or {})},
        body=_anthropic("rate_limit_error", message),
    )


def overloaded() -> Status:
    """Anthropic's 529."""
    return Status(status=529, body=_anthropic("overloaded_error", "Overloaded"))


def unauthorized() -> Status:
    """OpenAI's 401 for a key that is not valid."""
    return Status(status=401, body=_openai(
        "Incorrect API key provided.", kind="invalid_request_error", code="invalid_api_key",
    ))  # fmt: skip


def server_error(status: int = 500) -> Status:
    """OpenAI's 5xx."""
    return Status(status=status, body=_openai(
        "The server had an error while processing your request.", kind="server_error", code=None,
    ))  # fmt: skip


def context_overflow() -> Status:
    """OpenAI's 400 for a conversation that no longer fits into the model's window."""
    return Status(status=400, body=_openai(
        "This model's maximum context length is 128000 tokens. However, your messages resulted in"
        " 130532 tokens. Please reduce the length of the messages.",
        kind="invalid_request_error", code="context_length_exceeded",
    ))  # fmt: skip


def anthropic_context_overflow() -> Status:
    """Anthropic's 400 for a conversation that no longer fits into the model's window."""
    message = "prompt is too long: 215123 tokens > 200000 maximum"
    return Status(status=400, body=_anthropic("invalid_request_error", message))


def reply(data: Mapping[str, Any]) -> Reply:
    """A reply from its plain form, as a script file writes it: `{"kind": "text", "text": "hi"}`.

    Raises:
        ValueError: no such kind; or a field that this kind does not have.
    """
    fields = {name: value for name, value in data.items() if name != "kind"}
    if "usage" in fields:
        fields["usage"] = Usage(**fields["usage"])
    kind = data.get("kind")
    try:
        match kind:
            case "text":
                return Text(**fields)
            case "tool":
                return Tool(**fields)
            case "status":
                return Status(**fields)
            case "sse_error":
                return StreamError(**fields)
            case "reset" | "reset_mid" | "close_mid" | "eof_mid":
                return Cut(how=kind, **fields)
            case "stall":
                return Stall(**fields)
            case "stall_headers":
                return Stall(text=None, **fields)
            case _:
                raise ValueError(f"no reply of kind {kind!r}")
    except TypeError as error:
        raise ValueError(f"a reply of kind {kind!r}: {error}") from error


def _openai(message: str, *, kind: str, code: str | None) -> Mapping[str, Any]:
    return {"error": {"message": message, "type": kind, "param": None, "code": code}}


def _anthropic(kind: str, message: str) -> Mapping[str, Any]:
    return {"type": "error", "error": {"type": kind, "message": message}}
