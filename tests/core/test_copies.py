"""Copying as the kernel does it gives what `dataclasses.replace` gives."""

import dataclasses
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest

from palingenesis.core.copies import replace
from palingenesis.core.values import AgentId, SessionId, Status
from palingenesis.core.world import Session, World

SESSION = Session(
    id=SessionId("ses_1"),
    agent=AgentId("opencode"),
    status=Status.WORKING,
    since=datetime(2026, 3, 29, 1, 30, tzinfo=UTC),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Base:
    one: int = 1
    two: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Derived(Base):
    three: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Alone:
    only: int


@dataclass(frozen=True)
class WithoutSlots:
    one: int
    two: int


@dataclass(frozen=True, slots=True)
class Doubled:
    one: int
    two: int = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "two", self.one * 2)


@pytest.mark.parametrize(
    ("original", "changes"),
    [
        (SESSION, {"status": Status.HOLDING, "outlook": "soon"}),
        (SESSION, {}),
        (World(), {"sessions": {SESSION.id: SESSION}, "paused": True}),
        (Derived(three={"a": 1}), {"two": (3,)}),
        (Alone(1), {"only": 2}),
        (WithoutSlots(1, 2), {"two": 3}),
        (Doubled(1), {"one": 4}),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_copy_is_what_the_standard_library_makes_of_it(original: Any, changes: Any) -> None:
    before = repr(original)

    copy = replace(original, **changes)

    assert copy == dataclasses.replace(original, **changes)
    assert type(copy) is type(original)
    assert copy is not original
    assert repr(original) == before


def test_a_copy_shares_what_was_not_changed_and_is_as_frozen() -> None:
    original = Derived(three={"a": 1})

    copy = replace(original, one=2)

    assert copy.three is original.three
    with pytest.raises(dataclasses.FrozenInstanceError):
        copy.one = 3  # type: ignore[misc]


def test_a_field_that_is_not_there_is_refused_as_usual() -> None:
    with pytest.raises(TypeError, match="nonsense"):
        replace(SESSION, nonsense=1)  # type: ignore[call-arg]
