"""What can go wrong with a call to a model, in OpenCode's own terms, and when to try again."""

import json
import re
from collections.abc import Mapping
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any

Json = dict[str, Any]

RETRIES_MAX = 5
WITHOUT_HEADERS_S_MAX = 30.0
JITTER = 0.25

_OVERFLOW = re.compile(
    r"context_length_exceeded|prompt is too long|maximum context length"
    r"|exceeds the context window|input is too long|exceeds.*context limit",
    re.IGNORECASE,
)
_TRANSIENT = re.compile(
    r"rate.?limit|overloaded|server.?error|too many requests|try again later|timed? ?out",
    re.IGNORECASE,
)
_RETRYABLE = frozenset({408, 409, 429})
_SERVER_ERROR = 500
_TOO_LARGE = 413


class CallError(Exception):
    """A call that failed: the error as a payload, and what its answer says about trying again."""

    def __init__(
        self,
        name: str,
        data: Json,
        *,
        is_retryable: bool = False,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(str(data.get("message", name)))
        self.payload: Json = {"name": name, "data": data}
        self.is_retryable = is_retryable
        self.headers = headers
        """Those of the response; None when there was none."""

    @property
    def is_overflow(self) -> bool:
        """Whether the conversation no longer fits."""
        return bool(self.payload["name"] == "ContextOverflowError")

    @property
    def status_message(self) -> str:
        """How a retry names its cause."""
        message = str(self)
        return "Provider is overloaded" if "overloaded" in message.lower() else message

    def delay_s(self, attempt: int, at: datetime, chance: float) -> float:
        """How long OpenCode waits before attempt number `attempt` (from 1); `chance` in [0, 1)."""
        headers = self.headers or {}
        asked_ms = headers.get("retry-after-ms", "")
        if _is_number(asked_ms):
            return float(asked_ms) / 1000
        asked = headers.get("retry-after", "")
        if _is_number(asked):
            return float(asked)
        if asked:
            try:
                return max(0.0, (parsedate_to_datetime(asked) - at).total_seconds())
            except ValueError:
                pass  # not a date either: as if nothing had been asked
        delay = float(2**attempt) * (1 + JITTER * chance)
        return min(delay, WITHOUT_HEADERS_S_MAX) if self.headers is None else delay


def refused(status: int, reason: str, headers: Mapping[str, str], body: str, url: str) -> CallError:
    """A response that is no answer."""
    message = _message(body) or reason
    if status == _TOO_LARGE or _OVERFLOW.search(body):
        return CallError("ContextOverflowError", {"message": message, "responseBody": body})
    is_retryable = (
        status in _RETRYABLE or status >= _SERVER_ERROR or bool(_TRANSIENT.search(message))
    )
    data = {
        "message": message,
        "statusCode": status,
        "isRetryable": is_retryable,
        "responseHeaders": dict(headers),
        "responseBody": body,
        "metadata": {"url": url},
    }
    return CallError("APIError", data, is_retryable=is_retryable, headers=headers)


def broken(message: str, url: str) -> CallError:
    """A connection that could not be made, or ended too early: there is no response."""
    data = {"message": message, "isRetryable": True, "metadata": {"url": url}}
    return CallError("APIError", data, is_retryable=True)


def garbled(message: str, url: str) -> CallError:
    """An answer that cannot be read; asking again would not help."""
    data = {"message": message, "metadata": {"url": url}}
    return CallError("UnknownError", data)


def spoilt(error: object) -> CallError:
    """An error object in the middle of a stream."""
    text = json.dumps(error, separators=(",", ":"))
    if _OVERFLOW.search(text):
        return CallError("ContextOverflowError", {"message": text, "responseBody": text})
    is_retryable = bool(_TRANSIENT.search(text))
    data = {"message": text, "isRetryable": is_retryable}
    return CallError("APIError" if is_retryable else "UnknownError", data,
                     is_retryable=is_retryable)  # fmt: skip


def aborted() -> Json:
    """The error of a turn that somebody ended."""
    return {"name": "MessageAbortedError", "data": {"message": "Aborted"}}


def unknown_model(provider: str, model: str) -> Json:
    """The error of a model that is not configured."""
    return {"name": "UnknownError", "data": {"message": f"Model not found: {provider}/{model}."}}


def _message(body: str) -> str:
    try:
        value = json.loads(body)
    except ValueError:
        return ""
    error = value.get("error", value) if isinstance(value, dict) else value
    return str(error.get("message", "")) if isinstance(error, dict) else str(error)


def _is_number(text: str) -> bool:
    return bool(re.fullmatch(r"\d+(\.\d+)?", text))
