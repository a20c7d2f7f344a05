"""Outside: what a policy may refer to and the core cannot look at itself, so it is handed in."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from palingenesis.core.policy.calendars import Zones, only_utc

PROJECT_FILE: Final = ".palingenesis/policy.yaml"
"""Where a project keeps its policy, seen from its directory."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """A policy that another one extends: its text, or why it cannot be had.

    `name` is the same for every way of naming the same file, and what people are told.
    """

    name: str
    text: str | bytes | None = None
    problem: str = ""
    help: str = ""


Load = Callable[[str, str], Loaded]
"""Loads what `extends:` names, the first argument; the second is the file that names it.

That file goes by the name it was loaded under; "" is the policy that is compiled.
"""


def load_nothing(name: str, _by: str) -> Loaded:
    """The `Load` of a caller that has no other files."""
    return Loaded(name=name, problem=f"'{name}' cannot be extended here")


def no_names() -> Iterable[str]:
    """The names that a caller without them knows."""
    return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Outside:
    """What lies outside a policy's own text. None: nobody knows, so nothing is said about it."""

    zones: Zones = only_utc
    zone_names: Callable[[], Iterable[str]] = no_names
    """Every zone there is, for a suggestion; asked only when one is wrong."""
    home: str = ""
    """The person's home directory, which `~` stands for."""
    load: Load = load_nothing
    presets: Callable[[], Iterable[str]] = no_names
    """Every preset, as `NAME@VERSION`."""
    models: frozenset[str] | None = None
    channels: frozenset[str] | None = None
    hooks: frozenset[str] | None = None


NOTHING = Outside()
"""Nothing but the policy itself, and UTC."""
