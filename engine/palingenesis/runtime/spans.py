"""Spans of time as people write them (`1m30s`) and as they like to read them (`2 h 5 min`)."""

import re
from datetime import timedelta

_UNITS_S = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_PART = re.compile(r"(\d{1,9}(?:\.\d{1,6})?)(ms|[smhd])")
_WHOLE = re.compile(rf"(?:{_PART.pattern})+", re.ASCII)


def parse_span(text: str) -> timedelta:
    """The span that `text` names: numbers with the units ms, s, m, h, d, largest first.

    Raises:
        ValueError: it is not a span; a unit is always needed.
    """
    if _WHOLE.fullmatch(text) is None:
        raise ValueError(f"not a span of time: {text[:40]!r}")
    parts = _PART.findall(text)
    sizes = [_UNITS_S[unit] for _, unit in parts]
    if sorted(set(sizes), reverse=True) != sizes:
        raise ValueError(f"units must fall from large to small: {text[:40]!r}")
    return timedelta(seconds=sum(float(n) * _UNITS_S[unit] for n, unit in parts))


def say_span(span: timedelta) -> str:
    """The two leading units of a span, for people: `45 s`, `2 min 5 s`, `3 h 10 min`, `2 d 1 h`."""
    left = max(0, round(span.total_seconds()))
    words = []
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60), ("s", 1)):
        count, left = divmod(left, size)
        if count:
            words.append(f"{count} {unit}")
        elif words:
            break
    return " ".join(words[:2]) or "0 s"
