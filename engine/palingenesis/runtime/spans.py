"""Spans of time as people like to read them; core.facts has the form that a policy writes."""

from datetime import timedelta


def say_span(span: timedelta) -> str:
    """The two leading units of a span: `45 s`, `2 min 5 s`, `3 h 10 min`, `2 d 1 h`."""
    left = max(0, round(span.total_seconds()))
    words = []
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60), ("s", 1)):
        count, left = divmod(left, size)
        if count:
            words.append(f"{count} {unit}")
        elif words:
            break
    return " ".join(words[:2]) or "0 s"
