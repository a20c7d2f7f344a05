"""The kinds of events by the names that people type: `session-stopped` is a `SessionStopped`."""

from collections.abc import Iterable
from typing import Final, get_args

from palingenesis.core.events import Event


def kind_of(event: type[Event] | Event) -> str:
    """The name of an event's class in kebab-case."""
    name = event.__name__ if isinstance(event, type) else type(event).__name__
    return "".join(f"-{c.lower()}" if c.isupper() else c for c in name).lstrip("-")


KINDS: Final[tuple[str, ...]] = tuple(kind_of(one) for one in get_args(Event))
"""All there are, in the order of `core/events.py`."""


def classes_of(kinds: Iterable[str]) -> list[str] | None:
    """The names of the classes that kinds mean; None, where there are no kinds: all."""
    return [kind.title().replace("-", "") for kind in kinds] or None
