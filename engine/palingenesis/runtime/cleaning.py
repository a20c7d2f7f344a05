"""The text of others on its way into the world and the journal: without secrets, and real text.

Everything that we remember comes through here once, as an event; so what a surface, a notice or a
later version shows of it is clean. What names a thing (an id, a directory, a model) is kept as it
is, because it is how the thing is found again.
"""

from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass, replace
from typing import Any, Final, Protocol, TypeVar

from palingenesis.core.events import Event, PolicyAdopted, ShadowStarted

_E = TypeVar("_E", bound=Event)
_T = TypeVar("_T")


class Clean(Protocol):
    """Makes an event fit to be remembered."""

    def __call__(self, event: _E, /) -> _E:
        """The same event without what must not be remembered."""
        ...


KEPT: Final = frozenset(
    {
        "agent",
        "digest",
        "directory",
        "effect",
        "id",
        "key",
        "model",
        "name",
        "parent",
        "path",
        "provider",
        "session",
    }
)
"""Fields and keys that name things."""


def as_it_is(event: _E, /) -> _E:
    """The `Clean` that changes nothing."""
    return event


def cleaned(event: _E, redact: Callable[[str], str]) -> _E:
    """The same event with every text in it redacted, except what names a thing.

    A policy is the person's own document, and its digest says what is in it: it stays whole.
    """
    if isinstance(event, PolicyAdopted | ShadowStarted):
        return event
    return _cleaned(event, redact)


def _cleaned(value: _T, redact: Callable[[str], str]) -> _T:
    found: Any = value  # whatever it is made into has the same type
    if isinstance(value, str) and type(value) is str:
        found = redact(real(value))
    elif isinstance(value, tuple):
        found = tuple(_cleaned(item, redact) for item in value)
    elif isinstance(value, Mapping):
        found = {name: _part(name, item, redact) for name, item in value.items()}
    elif is_dataclass(value) and not isinstance(value, type):
        changed = {}
        for field in fields(value):
            before = getattr(value, field.name)
            after = _part(field.name, before, redact)
            if after != before:
                changed[field.name] = after
        found = replace(value, **changed) if changed else value
    return found if found != value else value


def _part(name: object, value: Any, redact: Callable[[str], str]) -> Any:
    if isinstance(name, str) and name.rpartition(".")[2] in KEPT:
        return real(value) if isinstance(value, str) and type(value) is str else value
    return _cleaned(value, redact)


def real(text: str) -> str:
    """The text without NUL and without halves of surrogate pairs.

    No file can hold these in its name, and whoever asks for such a file gets no error of a system.
    """
    text = text.replace("\0", "\N{REPLACEMENT CHARACTER}")
    if text.isascii():
        return text
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
