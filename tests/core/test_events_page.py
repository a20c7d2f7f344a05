"""The page about events has every event, decision, command and effect, with all their fields."""

import re
from dataclasses import fields
from pathlib import Path
from typing import get_args

import pytest

from palingenesis.core.commands import Command
from palingenesis.core.effects import Effect
from palingenesis.core.events import Event
from palingenesis.core.values import Block, Stop
from palingenesis.core.world import Decision

PAGE = (Path(__file__).parents[2] / "docs/reference/events.md").read_text(encoding="utf-8")
ENTRIES = dict(re.findall(r"^### (\S+)$(.*?)(?=^##|\Z)", PAGE, re.MULTILINE | re.DOTALL))
EVERYWHERE = {"at"}
"""A field of every event, which the page explains once."""


def kind_name(kind: type) -> str:
    """As `palingenesis events` tells it: `session-stopped`."""
    return re.sub(r"(?<!^)(?=[A-Z])", "-", kind.__name__).lower()


def rows(text: str) -> list[str]:
    return re.findall(r"^\| `(\w+)` \|", text, flags=re.MULTILINE)


def section(heading: str) -> str:
    found = re.search(rf"^##+ {heading}$(.*?)(?=^##|\Z)", PAGE, re.MULTILINE | re.DOTALL)
    assert found is not None
    return found[1]


def names(kind: type) -> list[str]:
    return [field.name for field in fields(kind)]


def test_every_event_has_its_entry_in_the_order_of_the_union():
    kinds = [kind_name(kind) for kind in get_args(Event)]

    assert list(ENTRIES) == [*kinds, "stop", "block", "decision"]


@pytest.mark.parametrize("kind", get_args(Event), ids=lambda kind: str(kind.__name__))
def test_every_field_of_an_event_is_explained(kind):
    explained = rows(ENTRIES[kind_name(kind)])

    assert explained == [name for name in names(kind) if name not in EVERYWHERE]


@pytest.mark.parametrize("kind", [Stop, Block, Decision], ids=lambda kind: str(kind.__name__))
def test_every_field_of_what_is_in_them_is_explained(kind):
    assert rows(ENTRIES[kind.__name__.lower()]) == names(kind)


def test_every_kind_of_decision_is_explained():
    told = re.findall(r"`(\w+)`", (Decision.__doc__ or "").partition("`kind`:")[2])
    kinds = [word for word in told if word not in {"continue", "true"}]

    assert rows(section("Kinds of decisions")) == kinds


@pytest.mark.parametrize(("heading", "union"), [("Commands", Command), ("Effects", Effect)])
def test_every_command_and_every_effect_has_its_row_with_all_fields(heading, union):
    found = re.findall(r"^\| `(\w+)` \| ([^|]*)\|", section(heading), flags=re.MULTILINE)
    shown = [(name, re.findall(r"`(\w+)`", columns)) for name, columns in found]
    common = {"id", "decision"}

    assert shown == [
        (kind.__name__, [name for name in names(kind) if name not in common])
        for kind in get_args(union)
    ]
