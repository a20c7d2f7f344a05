"""Calendars follow the clocks of their zone, also on the nights when these are changed."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from palingenesis.core.policy.calendars import Calendar, Zone
from palingenesis.runtime.zones import FIRST_YEAR, LAST_YEAR, zone_names, zones_of

LOOKUP = zones_of({"TZ": "Europe/Berlin"})
NAMES = (
    "Europe/Berlin", "Europe/London", "America/New_York", "America/St_Johns", "America/Santiago",
    "Australia/Lord_Howe", "Asia/Kolkata", "Africa/Casablanca", "Pacific/Apia", "Asia/Gaza", "UTC",
)  # fmt: skip
FIRST = datetime(FIRST_YEAR, 1, 1, tzinfo=UTC)
LAST = datetime(LAST_YEAR, 12, 31, tzinfo=UTC)
SECONDS = int((LAST - FIRST).total_seconds())
zones = st.sampled_from(NAMES)
instants = st.integers(0, SECONDS).map(lambda seconds: FIRST + timedelta(seconds=seconds))
minutes = st.integers(0, 24 * 60 - 1).map(lambda at: time(at // 60, at % 60))


def zone(name: str) -> Zone:
    found = LOOKUP(name)
    assert found is not None
    return found


@st.composite
def near_a_change(draw: st.DrawFn) -> tuple[str, datetime]:
    """A moment within a day of one at which clocks change."""
    name = draw(zones.filter(lambda name: len(zone(name).changes) > 1))
    change = draw(st.sampled_from(zone(name).changes[1:]))
    seconds = draw(st.integers(-86_400, 86_400))
    return name, datetime.fromtimestamp(change + seconds, UTC)


anywhere = st.one_of(st.tuples(zones, instants), near_a_change())


@given(anywhere)
def test_the_clock_on_the_wall_is_the_one_of_the_zone_database(case: tuple[str, datetime]) -> None:
    name, at = case

    assert zone(name).local(at) == at.astimezone(ZoneInfo(name)).replace(tzinfo=None)


@given(anywhere, minutes)
def test_the_instants_of_a_wall_time_are_those_at_which_the_clocks_show_it(
    case: tuple[str, datetime], wall_time: time
) -> None:
    name, near = case
    wall = datetime.combine(near.date(), wall_time)

    found = zone(name).instants(wall)

    both = {
        wall.replace(tzinfo=ZoneInfo(name), fold=fold).astimezone(UTC) for fold in (0, 1)
    }  # fmt: skip
    expected = {at for at in both if at.astimezone(ZoneInfo(name)).replace(tzinfo=None) == wall}
    assert set(found) == expected
    assert list(found) == sorted(found)


@given(anywhere, minutes)
def test_a_wall_time_that_is_skipped_means_the_end_of_the_gap(
    case: tuple[str, datetime], wall_time: time
) -> None:
    name, near = case
    wall = datetime.combine(near.date(), wall_time)

    at = zone(name).first_at_or_after(wall)

    assert zone(name).local(at) >= wall
    assert zone(name).local(at - timedelta(seconds=1)) < wall


@given(anywhere, minutes, minutes, st.frozensets(st.integers(0, 6), min_size=1))
@example(("Europe/Berlin", datetime(2026, 3, 29, 0, 59, tzinfo=UTC)), time(2, 30), time(3), {6})
@example(("Europe/Berlin", datetime(2026, 10, 25, 0, 45, tzinfo=UTC)), time(2, 30), time(3), {6})
def test_a_window_is_open_exactly_from_its_beginning_to_its_end(
    case: tuple[str, datetime], start: time, end: time, days: frozenset[int]
) -> None:
    name, at = case
    window = Calendar(
        name="w", days=frozenset(days), start=start, end=end, zone=zone(name)
    )  # fmt: skip

    assert window.covers(at) == oracle(window, ZoneInfo(name), at)
    closes = window.ends(at)
    if closes is not None:
        assert at < closes <= at + timedelta(hours=26)
        assert window.covers(closes - timedelta(seconds=1))


def oracle(window: Calendar, place: ZoneInfo, at: datetime) -> bool:
    """The same question, answered by walking through the zone database."""
    today = at.astimezone(place).date()
    spans = []
    for day in (today - timedelta(days=1), today):
        if day.weekday() in window.days:
            last = day if window.end > window.start else day + timedelta(days=1)
            spans.append((_first(place, day, window.start), _first(place, last, window.end)))
    return any(opens <= at < closes for opens, closes in spans)


def _first(place: ZoneInfo, day: date, clock: time) -> datetime:
    """The first instant of a day at which its clocks show a time or, in a gap, a later one."""
    wall = datetime.combine(day, clock)
    guess = wall.replace(tzinfo=place, fold=0).astimezone(UTC)
    if guess.astimezone(place).replace(tzinfo=None) == wall:
        return guess
    low, high = guess - timedelta(hours=26), guess + timedelta(hours=26)
    while high - low > timedelta(seconds=1):  # the wall clock passes `wall` once, in the gap
        middle = low + (high - low) / 2
        middle = middle.replace(microsecond=0)
        if middle in {low, high}:
            break
        if middle.astimezone(place).replace(tzinfo=None) >= wall:
            high = middle
        else:
            low = middle
    return high


def test_the_night_that_is_an_hour_shorter_and_the_one_that_is_longer() -> None:
    night = Calendar(
        name="quiet", days=frozenset(range(7)), start=time(22, 30), end=time(7),
        zone=zone("Europe/Berlin"),
    )  # fmt: skip

    def length(year: int, month: int, day: int) -> timedelta:
        opens = night.opens(datetime(year, month, day, 12, tzinfo=UTC))
        assert opens is not None
        closes = night.ends(opens)
        assert closes is not None
        return closes - opens

    assert length(2026, 3, 28) == timedelta(hours=7, minutes=30)
    assert length(2026, 10, 24) == timedelta(hours=9, minutes=30)
    assert length(2026, 6, 1) == timedelta(hours=8, minutes=30)


@pytest.mark.parametrize("name", ["", "Mars/Olympus", "../../etc/passwd", "/etc/passwd", "a" * 200])
def test_what_is_no_zone_is_none_and_nothing_else_is_opened(name: str) -> None:
    assert zones_of({"TZ": "UTC"})(name) == (zone("UTC") if name == "" else None)


def test_the_machines_own_zone_is_the_one_of_tz_and_utc_when_that_is_nonsense() -> None:
    own = {tz: zones_of({"TZ": tz})("") for tz in (
        "Asia/Tokyo", ":Asia/Tokyo", "/usr/share/zoneinfo/Asia/Tokyo", "CET-1CEST,M3.5.0,M10.5.0",
    )}  # fmt: skip

    assert [found.name for found in own.values() if found is not None] == [
        "Asia/Tokyo", "Asia/Tokyo", "Asia/Tokyo", "UTC",
    ]  # fmt: skip


def test_there_are_many_zones_to_suggest() -> None:
    assert "Europe/Berlin" in list(zone_names())


def test_a_night_that_begins_on_monday_ends_on_tuesday_and_is_not_one_of_tuesday() -> None:
    berlin = zone("Europe/Berlin")
    night = Calendar(
        name="night", days=frozenset({0}), start=time(22), end=time(6), zone=berlin
    )  # a Monday
    before, inside = (
        datetime(2026, 11, 23, 20, 59, tzinfo=UTC),
        datetime(2026, 11, 24, 4, tzinfo=UTC),
    )
    end = datetime(2026, 11, 24, 5, tzinfo=UTC)
    tuesday = datetime(2026, 11, 24, 22, tzinfo=UTC)

    assert night.ends(inside) == end
    assert [night.covers(at) for at in (before, inside, end, tuesday)] == [
        False, True, False, False,
    ]  # fmt: skip
