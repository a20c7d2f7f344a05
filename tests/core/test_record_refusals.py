"""What the record refuses, in both directions, in whose words, and with the place of it."""

import typing
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from enum import Enum, IntEnum, StrEnum
from types import MappingProxyType
from typing import Annotated, Any, Literal

import pytest

from palingenesis.core import effects, plans
from palingenesis.core.effects import Effect
from palingenesis.core.errors import EntryRefusedError, JournalError
from palingenesis.core.events import Event
from palingenesis.core.record import effect_from_plain, from_plain, json_schema, to_plain
from palingenesis.core.values import AgentId, SessionId

AT = datetime(2026, 3, 29, 1, 30, tzinfo=UTC)
FAR_EAST = timezone(timedelta(hours=14))
FAR_WEST = timezone(-timedelta(hours=12))


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


class Rank(IntEnum):
    FIRST = 1
    SECOND = 2


class Odd(Enum):
    ONE = 1
    TWO = "two"


@dataclass(frozen=True)
class Leaf:
    """A class."""

    n: int = 0


@dataclass(frozen=True)
class Twig:
    """Another one."""

    n: int


NAMESAKE: Any = dataclass(type("Leaf", (), {"__annotations__": {"m": str}, "__module__": "a.b"}))
"""Another class of the same name."""

NOT_WRITTEN: list[tuple[Any, object, str]] = [
    (str, 7, "expected text, got int 7"),
    (bool, 1, "expected true or false, got int 1"),
    (int, True, "expected a whole number, got true"),
    (int, 1.5, "expected a whole number, got float 1.5"),
    (None, 0, "expected null, got int 0"),
    (float, "1", "expected a whole number, got str '1'"),
    (datetime, "now", "expected an instant, got str 'now'"),
    (datetime, datetime(1, 1, 1, tzinfo=FAR_EAST), "the instant is out of range"),
    (datetime, datetime(9999, 12, 31, 23, tzinfo=FAR_WEST), "the instant is out of range"),
    (timedelta, 5, "expected a duration, got int 5"),
    (Colour, "red", "expected a Colour, got str 'red'"),
    (Literal["on", "off"], "up", "expected one of ('on', 'off'), got str 'up'"),
    (Literal[1, 2], True, "expected one of (1, 2), got true"),
    (tuple[int, ...], "12", "expected a list, got str '12'"),
    (tuple[int, ...], (1, "2"), "1: expected a whole number, got str '2'"),
    (tuple[int, str], (1,), "expected a list of 2, got tuple (1,)"),
    (tuple[int, str], "12", "expected a list of 2, got str '12'"),
    (frozenset[int], [1], "expected a set, got list [1]"),
    (Mapping[str, int], [], "expected a mapping, got list []"),
    (Mapping[str, int], {"a": "b"}, "a: expected a whole number, got str 'b'"),
    (Mapping[int, int], [], "expected a mapping, got list []"),
    (int | str, 1.5, "expected int or str, got float 1.5"),
    (int | str, True, "expected int or str, got true"),
    (str | None, 7, "expected str or null, got int 7"),
    (str | None, True, "expected str or null, got true"),
    (Leaf, Twig(n=1), "expected Leaf, got Twig"),
    (Any, {1: 2}, "expected text, got int 1"),
    (Any, [{"a": {1}}], "0.a: expected plain data, got set {1}"),
]


@pytest.mark.parametrize(("hint", "value", "said"), NOT_WRITTEN)
def test_what_is_not_as_its_hint_says_is_not_written(hint: Any, value: object, said: str):
    kind = type(None) if hint is None else hint

    with pytest.raises(EntryRefusedError) as caught:
        to_plain(value, kind)

    assert said in caught.value.message
    assert caught.value.message.startswith("cannot record ")


NOT_READ: list[tuple[Any, object, str]] = [
    (str, None, "expected text, got null"),
    (bool, 0, "expected true or false, got int 0"),
    (bool, "true", "expected true or false, got str 'true'"),
    (int, False, "expected a whole number, got false"),
    (type(None), False, "expected null, got false"),
    (float, "1", "expected a number, got str '1'"),
    (float, True, "expected a number, got true"),
    (float, {"number": "1"}, "expected a number, got dict {'number': '1'}"),
    (float, 10**400, "the number is too large"),
    (datetime, 7, "expected an instant, got int 7"),
    (datetime, "2026-02-30T00:00:00Z", "expected an instant as in RFC 3339"),
    (datetime, "0001-01-01T00:00:00+14:00", "expected an instant as in RFC 3339"),
    (timedelta, "5", "expected a duration in seconds, got str '5'"),
    (timedelta, True, "expected a duration in seconds, got true"),
    (timedelta, 1e20, "the duration is out of range"),
    (timedelta, float("nan"), "the duration is out of range"),
    (Colour, "green", "str 'green' is not a Colour (red, blue)"),
    (Colour, [], "list [] is not a Colour (red, blue)"),
    (Rank, 3, "int 3 is not a Rank (1, 2)"),
    (Literal["on"], "off", "expected one of ('on',), got str 'off'"),
    (tuple[int, ...], {}, "expected a list, got dict {}"),
    (list[int], [1, 2, None], "2: expected a whole number, got null"),
    (tuple[int, str], [1], "expected a list of 2, got list [1]"),
    (tuple[int, str], (1, "a"), "expected a list of 2, got tuple (1, 'a')"),
    (frozenset[int], {}, "expected a list, got dict {}"),
    (Mapping[str, int], [], "expected an object, got list []"),
    (Mapping[str, int], {"a": None}, "a: expected a whole number, got null"),
    (Mapping[Colour, int], {"green": 1}, "green: str 'green' is not a Colour"),
    (Mapping[int, int], {}, "expected a list of pairs, got dict {}"),
    (Mapping[int, int], [[1]], "expected a pair, got list [1]"),
    (Mapping[int, int], [[1, 2, 3]], "expected a pair, got list [1, 2, 3]"),
    (Mapping[int, int], ["ab"], "expected a pair, got str 'ab'"),
    (int | str, [], "expected int or str, got list []"),
    (int | str, {"a": 1}, "expected int or str, got an object without `is`"),
    (datetime | str, {"a": 1, "b": 2}, "expected datetime or str, got an object without `is`"),
    (datetime | str, {"other": 1}, "expected datetime or str, got an object without `is`"),
    (Leaf | Twig, {"is": "Bush"}, "no str 'Bush' is known here"),
    (Leaf | Twig, {"is": []}, "no list [] is known here"),
    (Leaf | Twig, {"n": 1}, "expected Leaf or Twig, got an object without `is`"),
    (Leaf, [], "expected an object (Leaf), got list []"),
    (Leaf, {"is": "Twig"}, "expected Leaf, got 'Twig'"),
    (Leaf, {"n": "x"}, "n: expected a whole number, got str 'x'"),
    (Twig, {}, "n: missing (Twig needs it)"),
]


@pytest.mark.parametrize(("hint", "plain", "said"), NOT_READ)
def test_what_is_not_as_its_hint_says_is_not_read(hint: Any, plain: object, said: str):
    with pytest.raises(JournalError) as caught:
        from_plain(hint, plain)

    assert said in caught.value.message
    assert caught.value.message.startswith("cannot read ")


@pytest.mark.parametrize(
    ("hint", "name"),
    [(Event, "an event"), (Effect, "an effect"), (Leaf, "Leaf"), (tuple[int, ...], "tuple[int,")],
)
def test_a_refusal_says_what_was_to_be_read(hint: Any, name: str):
    with pytest.raises(JournalError) as caught:
        from_plain(hint, "text")

    assert caught.value.message.startswith(f"cannot read {name}")


def test_no_refusal_repeats_the_whole_of_a_long_value():
    with pytest.raises(JournalError) as caught:
        from_plain(int, "x" * 100)

    assert caught.value.message.endswith(f"got str '{'x' * 38}…")
    with pytest.raises(JournalError) as caught:
        from_plain(int, "x" * 38)
    assert caught.value.message.endswith(f"got str '{'x' * 38}'")


KEPT: list[tuple[Any, object, object]] = [
    (str, "a", "a"),
    (type(None), None, None),
    (None, None, None),
    (float, 3, 3),
    (Annotated[int, "of something"], 3, 3),
    (SessionId, "ses_1", "ses_1"),
    (typing.Optional[int], None, None),  # noqa: UP045 (the older form of the hint)
    (object, [1, 2.5, {"a": None}], [1, 2.5, {"a": None}]),
    (int | Any, [1], [1]),
    (Rank, Rank.SECOND, 2),
    (Odd, Odd.TWO, "two"),
    (datetime, datetime(2026, 3, 29, 15, 30, tzinfo=FAR_EAST), "2026-03-29T01:30:00.000000Z"),
    (datetime | None, AT, "2026-03-29T01:30:00.000000Z"),
    (datetime | str, AT, {"instant": "2026-03-29T01:30:00.000000Z"}),
    (timedelta | None, timedelta(seconds=3), 3.0),
    (timedelta | int, timedelta(seconds=3), {"duration_s": 3.0}),
    (timedelta | float, 3.0, 3.0),
    (float | None, 3, 3),
    (float | str, float("inf"), {"number": "inf"}),
    (Colour | None, Colour.RED, "red"),
    (Literal["on"] | None, "on", "on"),
    (list[int], [1, 2], [1, 2]),
    (tuple[int, ...] | None, (1, 2), [1, 2]),
    (frozenset[int] | None, frozenset({2, 1}), [1, 2]),
    (frozenset[int], frozenset({8, 16, 1}), [1, 16, 8]),
    (list[int] | None, [1, 2], [1, 2]),
    (Mapping[str, int] | str, {"is": 1}, {"is": 1}),
    (tuple[int, ...] | Leaf, (1,), [1]),
    (timedelta | None, timedelta(seconds=1.5), 1.5),
    (Mapping[str, int] | None, {"a": 1}, {"a": 1}),
    (Mapping[Rank, int], {Rank.FIRST: 7}, [[1, 7]]),
    (Mapping[Odd, int], {Odd.ONE: 7}, [[1, 7]]),
    (Leaf | None, Leaf(n=2), {"is": "Leaf", "n": 2}),
]


@pytest.mark.parametrize(("hint", "value", "plain"), KEPT)
def test_every_hint_has_a_plain_form_that_is_read_back(hint: Any, value: object, plain: object):
    kind = type(None) if hint is None else hint

    assert to_plain(value, kind) == plain
    assert from_plain(hint, plain) == value


def test_a_union_with_one_class_reads_an_object_without_a_name():
    assert from_plain(Leaf | None, {"n": 3}) == Leaf(n=3)


def test_a_union_takes_what_is_like_its_members():
    assert to_plain(Colour.RED, str | None) == "red"
    assert to_plain([1, 2], tuple[int, ...] | None) == [1, 2]
    assert to_plain(MappingProxyType({"a": 1}), Mapping[str, int] | None) == {"a": 1}
    with pytest.raises(EntryRefusedError):
        to_plain({1}, frozenset[int] | None)
    assert from_plain(timedelta | None, 3) == timedelta(seconds=3)


@pytest.mark.parametrize(
    ("hint", "said"),
    [
        (complex, "cannot be recorded"),
        (type[int], "cannot be recorded"),
        (str | Colour, "two members apart that look like str"),
        (tuple[int, ...] | list[int], "two members apart that look like list"),
        (Leaf | NAMESAKE, "two classes named Leaf"),
        (datetime | str | Mapping[str, int], "cannot hold a mapping beside"),
        (tuple[int, ...] | frozenset[int], "two members apart that look like list"),
        (plans.Wait | Mapping[str, int], "cannot hold a mapping beside"),
    ],
)
def test_a_hint_that_cannot_be_kept_is_a_mistake_of_ours(hint: Any, said: str):
    with pytest.raises(TypeError, match=said):
        to_plain(None, hint)


def test_an_order_of_another_version_is_not_read():
    order = effects.Restart(id="s-1.0", decision=1, agent=AgentId("a"))

    assert effect_from_plain(to_plain(order)) == order
    with pytest.raises(JournalError, match="record version 9"):
        effect_from_plain(to_plain(order), version=9)


# ── schemas ───────────────────────────────────────────────────────────────────────────────────

NUMBER = {
    "anyOf": [
        {"type": "number"},
        {
            "type": "object",
            "properties": {"number": {"enum": ["nan", "inf", "-inf"]}},
            "required": ["number"],
        },
    ]
}
SECONDS = {"type": "number", "description": "seconds"}
INSTANT = {"type": "string", "format": "date-time"}
INTEGER = {"type": "integer"}


@pytest.mark.parametrize(
    ("hint", "schema"),
    [
        (Any, {}),
        (str, {"type": "string"}),
        (bool, {"type": "boolean"}),
        (int, INTEGER),
        (None, {"type": "null"}),
        (float, NUMBER),
        (datetime, INSTANT),
        (timedelta, SECONDS),
        (Colour, {"enum": ["red", "blue"]}),
        (Literal["on", 1], {"enum": ["on", 1]}),
        (int | str, {"anyOf": [INTEGER, {"type": "string"}]}),
        (
            timedelta | int,
            {
                "anyOf": [
                    {
                        "type": "object",
                        "properties": {"duration_s": SECONDS},
                        "required": ["duration_s"],
                    },
                    INTEGER,
                ]
            },
        ),
        (
            datetime | str,
            {
                "anyOf": [
                    {"type": "object", "properties": {"instant": INSTANT}, "required": ["instant"]},
                    {"type": "string"},
                ]
            },
        ),
        (datetime | None, {"anyOf": [INSTANT, {"type": "null"}]}),
        (timedelta | None, {"anyOf": [SECONDS, {"type": "null"}]}),
        (tuple[int, ...], {"type": "array", "items": INTEGER}),
        (
            tuple[int, bool],
            {
                "type": "array",
                "prefixItems": [INTEGER, {"type": "boolean"}],
                "minItems": 2,
                "maxItems": 2,
            },
        ),
        (frozenset[int], {"type": "array", "items": INTEGER, "uniqueItems": True}),
        (
            Mapping[str, int],
            {
                "type": "object",
                "propertyNames": {"type": "string"},
                "additionalProperties": INTEGER,
            },
        ),
        (
            Mapping[int, int],
            {
                "type": "array",
                "items": {
                    "type": "array",
                    "prefixItems": [INTEGER, INTEGER],
                    "minItems": 2,
                    "maxItems": 2,
                },
            },
        ),
    ],
)
def test_every_hint_has_a_schema(hint: Any, schema: dict[str, Any]):
    definitions: dict[str, Any] = {}

    assert json_schema(hint, definitions) == schema
    assert definitions == {}


def test_a_class_is_defined_once_and_one_of_the_same_name_beside_it():
    definitions: dict[str, Any] = {}

    json_schema(Leaf, definitions)
    again = json_schema(Leaf, definitions)
    other = json_schema(Twig, definitions)
    same_name = json_schema(NAMESAKE, definitions)

    assert again == {"$ref": "#/$defs/Leaf"}
    assert other == {"$ref": "#/$defs/Twig"}
    assert same_name == {"$ref": "#/$defs/b.Leaf"}
    assert definitions["Leaf"] == {
        "x-class": f"{__name__}.Leaf",
        "title": "Leaf",
        "description": "A class.",
        "type": "object",
        "properties": {"is": {"const": "Leaf"}, "n": INTEGER},
        "required": ["is"],
    }
    assert definitions["Twig"]["required"] == ["is", "n"]
    assert definitions["b.Leaf"]["properties"]["m"] == {"type": "string"}
