"""One limit of the ledger in one line, for `status`."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from palingenesis.runtime.door import LimitStatus
from palingenesis.runtime.foreign_text import plain
from palingenesis.runtime.spans import say_span
from palingenesis.surfaces.cli.wording import read_time, say_time

_NEWS = timedelta(hours=1)
"""So long an open limit is worth a line after its last answer."""


def say_limit(limit: LimitStatus, short: Mapping[str, str], now: datetime) -> str:
    """What is known of the limit; "" for one that is open and no news.

    Args:
        limit: the limit.
        short: what sessions are called, by their ids.
        now: the daemon's time.
    """
    answered = read_time(limit["answered"])
    parts = [_state(limit, short, now, answered)]
    if limit["waiting"]:
        parts.append(f"{limit['waiting']} waiting")
    elif limit["state"] == "open" and (answered is None or now - answered > _NEWS):
        return ""
    if limit["drift_s"]:
        late = say_span(timedelta(seconds=limit["drift_s"]))
        parts.append(f"comes {late} later than displayed")
    return f"limit {plain(limit['name'], 120)}: {' · '.join(parts)}"


def _state(
    limit: LimitStatus, short: Mapping[str, str], now: datetime, answered: datetime | None
) -> str:
    if limit["state"] == "open":
        since = f", answered at {say_time(answered, now)}" if answered is not None else ""
        return f"open{since}"
    canary = limit["canary"]
    if canary is not None:
        return f"the canary {plain(short.get(canary, canary))} is asked"
    until, shown = read_time(limit["until"]), read_time(limit["shown"])
    if until is None:
        return "used up; whoever is due next is asked first"
    displayed = f", displayed: {say_time(shown, now)}" if shown not in (None, until) else ""
    left = say_span(until - now) if until > now else "0s"
    return f"used up until {say_time(until, now)} (in {left}{displayed})"
