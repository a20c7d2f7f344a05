"""What a classifier is given, and what it answers."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from palingenesis.core.values import StopReason


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """Structured traces of one stop. Never an assistant's prose, never a tool's output."""

    at: datetime
    """When it stopped: spans and times of day are read relative to this."""
    error_name: str = ""
    """The assistant's own name for the error."""
    message: str = ""
    """The error's message, as the provider or the assistant worded it."""
    status: int | None = None
    """HTTP status of the provider's answer."""
    response_body: str = ""
    response_headers: Mapping[str, str] = field(default_factory=dict)
    """Names in lower case."""
    limit: str = ""
    """The assistant's own word for a limit that it knows (`free_tier_limit`)."""
    provider: str | None = None
    model: str | None = None
    finish: str = ""
    """Why the last answer ended, in the assistant's or the provider's word."""
    exit_code: int | None = None
    signal: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """A reason, how sure we are, and when trying makes sense again."""

    reason: StopReason
    confidence: float
    """0 to 1."""
    message: str = ""
    """For people; one paragraph of at most 500 characters, secrets masked."""
    retry_at: datetime | None = None
    """The instant before which the server says that trying is useless."""
    evidence: Mapping[str, str | int | float | bool] = field(default_factory=dict)
    """What it was read from: `signature`, `scope`, `reset_source`, `implausible`, …"""
