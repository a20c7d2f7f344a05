"""A **span** is a stretch of time with a name; spans that belong together are a **trace**.

Their ids are worked out from what they are about, so telling the same part of the journal twice
tells the same spans.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256

Attributes = Mapping[str, str | int | float | bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """Something that happened within a span."""

    at: datetime
    name: str
    attributes: Attributes = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where in which trace something is: 32 and 16 hexadecimal digits."""

    trace: str
    span: str

    def child(self, key: str) -> "Place":
        """The place of a span within this one."""
        return Place(trace=self.trace, span=_digits(f"{self.trace}:{key}", 16))


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """One span, complete."""

    place: Place
    parent: str = ""
    """The id of the span that it is part of; empty: the trace's own."""
    name: str
    began: datetime
    ended: datetime
    attributes: Attributes
    notes: tuple[Note, ...] = ()
    calls: bool = False
    """Whether it asks another program for something."""
    failure: str = ""
    """What went wrong; empty: nothing."""


def beginning(key: str) -> Place:
    """The place of a trace's own span."""
    return Place(trace=_digits(f"trace:{key}", 32), span=_digits(f"root:{key}", 16))


def _digits(text: str, count: int) -> str:
    return sha256(text.encode("utf-8", "backslashreplace")).hexdigest()[:count]
