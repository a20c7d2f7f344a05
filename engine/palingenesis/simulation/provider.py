"""Providers: limits that fill while sessions work, and refuse until their window is over."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from fnmatch import fnmatchcase
from typing import Final

from palingenesis.core.policy.calendars import Calendar
from palingenesis.core.values import StopReason
from palingenesis.simulation.setting import LimitPart, Resets

_MESSAGES: Final = {
    StopReason.QUOTA: "You have reached your usage limit.",
    StopReason.RATE_LIMIT: "Number of requests has exceeded your rate limit.",
    StopReason.OVERLOADED: "Server is temporarily limiting requests (not your usage limit).",
}
_STATUS: Final = {StopReason.OVERLOADED: 529}


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Why a turn does not go on, as the assistant is told."""

    reason: StopReason
    message: str = ""
    http_status: int | None = None
    retry_in: timedelta | None = None
    """How long the server asks to wait."""


@dataclass(slots=True)
class _Window:
    """One limit in the course of the night."""

    part: LimitPart
    closes: datetime | None = None
    used: float = 0.0

    @property
    def capacity(self) -> float:
        return self.part.tokens or self.part.requests or 0.0

    def look(self, at: datetime) -> None:
        """A window that is over is empty again."""
        if self.closes is not None and at >= self.closes + self.part.late:
            self.closes, self.used = None, 0.0

    def use(self, amount: float, at: datetime) -> None:
        self.look(at)
        if self.closes is None:
            self.closes = _closing(self.part, at)
        self.used += amount


@dataclass(slots=True)
class Provider:
    """All limits of a night."""

    parts: tuple[LimitPart, ...]
    start: datetime
    _windows: list[_Window] = field(default_factory=list)

    def __post_init__(self) -> None:
        for part in self.parts:
            window = _Window(part)
            if part.used > 0:
                window.closes = _closing(part, self.start - (part.used_for or timedelta(0)))
                window.used = part.used * window.capacity
            self._windows.append(window)

    def ask(self, model: str, at: datetime) -> Refusal | None:
        """Ask for a turn; it is counted, unless it is refused."""
        mine = [window for window in self._windows if fnmatchcase(model, window.part.models)]
        for window in mine:
            window.look(at)
            if window.used >= window.capacity:
                return _refusal(window, at)
        for window in mine:
            if window.part.requests is not None:
                window.use(1, at)
        return None

    def spend(self, model: str, tokens: float, at: datetime) -> None:
        """Count what a turn has used."""
        for window in self._windows:
            if window.part.tokens is not None and fnmatchcase(model, window.part.models):
                window.use(tokens, at)


def _refusal(window: _Window, at: datetime) -> Refusal:
    part = window.part
    told = None
    if part.tells and window.closes is not None:
        told = window.closes + part.lies - at
        told = told if told > timedelta(0) else None  # a time that has passed tells nothing
    return Refusal(
        reason=part.reason,
        message=part.message or _MESSAGES.get(part.reason, ""),
        http_status=_STATUS.get(part.reason, 429),
        retry_in=told,
    )


def _closing(part: LimitPart, opened: datetime) -> datetime:
    """When a window that opens now will close."""
    if part.resets is None:
        return opened + part.per
    return next_reset(part.resets, opened)


def next_reset(resets: Resets, after: datetime) -> datetime:
    """The first reset of the calendar that comes after an instant."""
    calendar = Calendar(name="", days=resets.days, start=resets.at, end=resets.at, zone=resets.zone)
    found = calendar.opens(after + timedelta(microseconds=1))
    return found if found is not None else after + timedelta(days=7)
