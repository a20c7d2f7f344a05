"""Which window a limit belongs to, from a second to a month."""

import re
from collections.abc import Mapping

_CLAIMS = {"five_hour": "five_hours", "seven_day": "week", "5h": "five_hours", "7d": "week"}
_SCOPES: tuple[tuple[str, re.Pattern[str]], ...] = tuple(
    (scope, re.compile(pattern, re.IGNORECASE))
    for scope, pattern in (
        ("month", r"\bmonthly\b|\bper month\b|permonth"),
        ("week", r"\bweekly\b|\bper week\b|\bseven_day\b|\b7-day\b|perweek"),
        ("day", r"\bdaily\b|\bper day\b|perday|per-day|\((?:tpd|rpd)\)"),
        ("five_hours", r"\b5-hour\b|\bfive_hour\b|\bsession limit\b"),
        ("hour", r"\bhourly\b|\bper hour\b|perhour"),
        ("minute", r"\bper min(?:ute)?\b|perminute|\((?:tpm|rpm)\)"),
        ("second", r"\bper second\b|persecond"),
    )
)


def scope_of(text: str, codes: frozenset[str], headers: Mapping[str, str]) -> str:
    """The longest window that is named; "" when none is."""
    claim = headers.get("anthropic-ratelimit-unified-representative-claim", "")
    if claim in _CLAIMS and headers.get("anthropic-ratelimit-unified-status") == "rejected":
        return _CLAIMS[claim]
    named = " ".join((text, *sorted(codes)))
    return next((scope for scope, pattern in _SCOPES if pattern.search(named)), "")
