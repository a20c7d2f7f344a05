"""The record codec: what goes in comes out, and what does not fit is refused with its place."""

import contextlib
import json
import math
import time
import typing
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from datetime import UTC, datetime, timedelta, timezone
from enum import StrEnum
from types import NoneType, UnionType
from typing import Any, Literal, get_args, get_origin, get_type_hints

import pytest
from hypothesis import given
from hypothesis import strategies as st

from palingenesis.core import commands, effects, events, plans, values
from palingenesis.core.errors import JournalError
from palingenesis.core.record import (
    effect_from_plain,
    event_from_plain,
    from_plain,
    json_schema,
    to_plain,
)

AT = datetime(2026, 3, 29, 1, 30, 0, 250_000, tzinfo=UTC)


# ── strategies, generated from the type hints ─────────────────────────────────────────────────

PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
).filter(lambda it: it not in (math.inf, -math.inf))
SCALARS: dict[Any, st.SearchStrategy[Any]] = {
    str: st.text(),
    bool: st.booleans(),
    int: st.integers(),
    float: st.floats(allow_nan=False),
    NoneType: st.none(),
    datetime: st.datetimes(timezones=st.just(UTC)),
    timedelta: st.timedeltas(timedelta(days=-36_500), timedelta(days=36_500)),
}


def values_of(hint: Any) -> st.SearchStrategy[Any]:
    """Any value of a type hint that a record may hold."""
    if hasattr(hint, "__supertype__"):
        return values_of(hint.__supertype__)
    if hint is Any:
        return st.dictionaries(st.text(), st.integers() | st.text())
    if hint in SCALARS:
        return SCALARS[hint]
    origin, parts = get_origin(hint), get_args(hint)
    if origin in (typing.Union, UnionType):
        return st.one_of([values_of(part) for part in parts])
    if origin is tuple:
        return st.lists(values_of(parts[0]), max_size=3).map(tuple)
    if origin is Mapping:
        return st.dictionaries(values_of(parts[0]), values_of(parts[1]), max_size=3)
    if isinstance(hint, type) and is_dataclass(hint):
        hints = get_type_hints(hint)
        return st.builds(hint, **{it.name: values_of(hints[it.name]) for it in fields(hint)})
    return st.sampled_from(list(hint))


def classes() -> list[Any]:
    return [*get_args(events.Event), *get_args(effects.Effect), *get_args(commands.Command)]


# ── laws ──────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("kind", classes(), ids=lambda kind: kind.__name__)
@given(data=st.data())
def test_what_is_recorded_is_read_back_unchanged(kind: Any, data: st.DataObject) -> None:
    value = data.draw(values_of(kind))

    text = json.dumps(to_plain(value), allow_nan=False)

    assert from_plain(kind, json.loads(text)) == value


@pytest.mark.parametrize("kind", get_args(plans.Step), ids=lambda kind: kind.__name__)
@given(data=st.data())
def test_steps_of_plans_survive_too(kind: Any, data: st.DataObject) -> None:
    value = data.draw(values_of(kind))

    assert from_plain(plans.Step, json.loads(json.dumps(to_plain(value, plans.Step)))) == value


@given(values_of(events.Event))
def test_an_event_is_recognised_without_being_told_its_class(event: events.Event) -> None:
    assert event_from_plain(to_plain(event)) == event


@given(values_of(effects.Effect))
def test_an_effect_is_recognised_without_being_told_its_class(effect: effects.Effect) -> None:
    assert effect_from_plain(to_plain(effect)) == effect


@given(PLAIN)
def test_reading_never_fails_but_with_a_journal_error(data: object) -> None:
    for shaped in (data, {"is": "SessionStopped", "at": data}, {"is": data}):
        with contextlib.suppress(JournalError):
            event_from_plain(shaped)


# ── the form ──────────────────────────────────────────────────────────────────────────────────


def test_a_record_is_readable_by_people() -> None:
    stop = values.Stop(key="m1", reason=values.StopReason.RATE_LIMIT, retry_at=AT)
    event = events.SessionStopped(
        at=AT.astimezone(timezone(timedelta(hours=2))),
        session=values.SessionId("ses_1"),
        agent=values.AgentId("opencode"),
        stop=stop,
    )

    plain = to_plain(event)

    assert plain["is"] == "SessionStopped"
    assert plain["at"] == "2026-03-29T01:30:00.250000Z"
    assert plain["session"] == "ses_1"
    assert plain["stop"]["is"] == "Stop"
    assert plain["stop"]["reason"] == "rate_limit"
    assert plain["stop"]["retry_at"] == "2026-03-29T01:30:00.250000Z"


def test_a_duration_among_facts_stays_a_duration_and_a_number_a_number() -> None:
    facts: dict[str, values.FactValue | None] = {
        "idle": timedelta(seconds=90),
        "load": 90.0,
        "count": 90,
        "on": True,
        "gone": None,
    }
    event = events.FactsObserved(at=AT, facts=facts)

    plain = json.loads(json.dumps(to_plain(event)))
    read = event_from_plain(plain)

    assert plain["facts"]["idle"] == {"duration_s": 90.0}
    assert isinstance(read, events.FactsObserved)
    assert read.facts == facts
    assert [type(it) for it in read.facts.values()] == [timedelta, float, int, bool, NoneType]


def test_a_duration_that_stands_alone_is_written_as_seconds() -> None:
    wait = plans.Wait(
        span=timedelta(seconds=90),
        otherwise=plans.Backoff(first=timedelta(seconds=1), longest=timedelta(hours=1)),
    )

    plain = to_plain(wait)

    assert plain["span"] == 90.0
    assert plain["otherwise"]["longest"] == 3600.0
    assert from_plain(plans.Step, plain) == wait


def test_numbers_that_json_does_not_have_are_kept() -> None:
    facts = {"a": math.inf, "b": -math.inf, "c": math.nan}

    plain = to_plain(events.FactsObserved(at=AT, facts=facts))
    read = event_from_plain(json.loads(json.dumps(plain, allow_nan=False)))

    assert isinstance(read, events.FactsObserved)
    assert read.facts["a"] == math.inf
    assert read.facts["b"] == -math.inf
    assert math.isnan(typing.cast("float", read.facts["c"]))


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tree:
    """A class that holds itself and every container."""

    children: tuple["Tree", ...] = ()
    colours: frozenset[Colour] = frozenset()
    by_colour: Mapping[Colour, int] = field(default_factory=dict)
    by_number: Mapping[int, timedelta] = field(default_factory=dict)
    pair: tuple[int, str] = (0, "")
    mode: Literal["on", "off"] = "on"
    moment: datetime | str = ""
    parent: values.SessionId | None = None


def test_a_class_may_hold_itself_sets_pairs_and_mappings_of_any_key() -> None:
    leaf = Tree(
        colours=frozenset(Colour),
        by_colour={Colour.RED: 1},
        by_number={7: timedelta(seconds=1)},
        pair=(4, "four"),
        mode="off",
        moment=AT,
    )
    tree = Tree(children=(leaf, Tree(moment="soon")), parent=values.SessionId("ses_1"))

    plain = json.loads(json.dumps(to_plain(tree)))

    assert plain["children"][0]["colours"] == ["blue", "red"]
    assert plain["children"][0]["by_number"] == [[7, 1.0]]
    assert from_plain(Tree, plain) == tree


# ── growing with the code ─────────────────────────────────────────────────────────────────────


def test_a_key_that_is_not_known_is_ignored() -> None:
    plain = {"is": "Ticked", "at": "2026-03-29T01:30:00.250000Z", "weather": "fair"}

    assert event_from_plain(plain) == events.Ticked(at=AT)


def test_a_key_that_is_missing_takes_its_default() -> None:
    plain = {"is": "DaemonStarted", "at": "2026-03-29T01:30:00.25Z", "version": "1", "seed": "s"}

    assert event_from_plain(plain) == events.DaemonStarted(at=AT, version="1", seed="s")


@pytest.mark.parametrize(
    ("plain", "what"),
    [
        ({"is": "Ticked"}, "at: missing (Ticked needs it)"),
        ({"is": "Ticked", "at": "soon"}, "at: expected an instant as in RFC 3339, got str 'soon'"),
        ({"is": "Ticked", "at": "2026-03-29T01:30:00"}, "at: expected an instant as in RFC 3339"),
        ({"is": "Teapot", "at": "x"}, "no str 'Teapot' is known here"),
        ({"at": "x"}, "got an object without `is`"),
        ([], "got list []"),
        (
            {"is": "SessionStopped", "at": "2026-03-29T01:30:00Z", "session": "s", "agent": "a",
             "stop": {"is": "Stop", "key": "k", "reason": "boredom"}},
            "stop.reason: str 'boredom' is not a StopReason (rate_limit, quota",
        ),
        (
            {"is": "PolicyRefused", "at": "2026-03-29T01:30:00Z", "name": "n", "digest": "d",
             "problems": ["one", 2]},
            "problems.1: expected text, got int 2",
        ),
        (
            {"is": "FactsObserved", "at": "2026-03-29T01:30:00Z", "facts": {"load": []}},
            "facts.load: expected bool or int or float or str or timedelta or null, got list []",
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_refused_with_its_place(plain: object, what: str) -> None:
    with pytest.raises(JournalError) as caught:
        event_from_plain(plain)

    assert caught.value.message.startswith("cannot read an event: ")
    assert what in caught.value.message


def test_what_could_not_be_read_back_is_not_written() -> None:
    wrong = events.SessionGone(at=AT, session=typing.cast("values.SessionId", 7))
    naive = events.Ticked(at=AT.replace(tzinfo=None))
    foreign = events.PolicyAdopted(at=AT, name="n", digest="d", resolved={"rules": [{"a": {1}}]})

    with pytest.raises(JournalError, match="cannot record SessionGone: session: expected text"):
        to_plain(wrong)
    with pytest.raises(JournalError, match="at: expected an instant with a time zone"):
        to_plain(naive)
    with pytest.raises(JournalError, match=r"resolved\.rules\.0\.a: expected plain data, got set"):
        to_plain(foreign)


def test_a_record_of_a_later_version_is_refused_with_a_way_out() -> None:
    with pytest.raises(JournalError, match="record version 2 is not known") as caught:
        event_from_plain({"is": "Ticked"}, version=2)

    assert caught.value.hint == "use the palingenesis that wrote it, or a newer one"


def test_a_hint_that_could_not_be_told_apart_is_a_mistake_of_ours() -> None:
    for hint in (str | Colour, plans.Retry | effects.Retry, complex, plans.Wait | dict[str, int]):
        with pytest.raises(TypeError):
            to_plain(None, hint)


def test_every_event_and_effect_has_a_schema() -> None:
    definitions: dict[str, Any] = {}

    json_schema(events.Event, definitions)
    json_schema(effects.Effect, definitions)

    for kind in classes():
        assert definitions[kind.__name__]["properties"]["is"] == {"const": kind.__name__}


def test_recording_an_event_takes_microseconds() -> None:
    stop = values.Stop(key="m1", reason=values.StopReason.RATE_LIMIT, evidence={"a": 1, "b": "c"})
    event = events.SessionStopped(
        at=AT, session=values.SessionId("s"), agent=values.AgentId("a"), stop=stop
    )
    plain = to_plain(event)

    def best_s(action: typing.Callable[[], object]) -> float:
        spans = []
        for _ in range(300):
            began = time.process_time()
            action()
            spans.append(time.process_time() - began)
        return min(spans)

    assert best_s(lambda: to_plain(event)) < 100e-6
    assert best_s(lambda: event_from_plain(plain)) < 100e-6
