"""A **misfit** is a value that is not what its type hint says, with the path to it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Codec:
    """How one type hint is written and read; both raise MisfitError."""

    encode: Callable[[Any], Any]
    decode: Callable[[Any], Any]


_LONGEST = 40
"""Characters of a value that a message shows."""

Compile = Callable[[Any], Codec]
"""Type hint to codec; handed down so that the containers need not know the compiler."""


class MisfitError(Exception):
    """Something does not fit; `below` adds where, from the inside out."""

    def __init__(self, what: str, path: tuple[str, ...] = ()) -> None:
        super().__init__(what)
        self.what = what
        self.path = path

    def below(self, key: str) -> "MisfitError":
        """The same misfit, seen from one level up."""
        return MisfitError(self.what, (key, *self.path))

    def told(self) -> str:
        """For people: the path and what is wrong there."""
        where = ".".join(self.path)
        return f"{where}: {self.what}" if where else self.what


def found(value: object) -> str:
    """A short description of a value that was not expected; never the whole of it."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    text = repr(value)
    if len(text) > _LONGEST:
        text = text[: _LONGEST - 1] + "…"
    return f"{type(value).__name__} {text}"
