"""The report as a tired person reads it: what waits for her first, then what it was worth."""

import shutil
import sys
from collections.abc import Iterator
from datetime import datetime, timedelta
from textwrap import wrap
from typing import Final

import click

from palingenesis.core.savings import Savings
from palingenesis.runtime.foreign_text import plain
from palingenesis.runtime.morning import Morning, Ruled
from palingenesis.runtime.oddities import Odd
from palingenesis.runtime.spans import say_span
from palingenesis.surfaces.cli.report_reading import Told
from palingenesis.surfaces.cli.wording import (
    count_of,
    release_of,
    say_session,
    say_time,
    short_ids,
)

_LISTED: Final = 12
"""So many of a kind are listed; the page and the JSON have all."""
_BAR: Final = 24
_WIDE: Final = 10_000
"""No terminal: nothing is wrapped."""


def lines(told: Told, name: str) -> Iterator[str]:
    """The whole report."""
    morning = told.morning
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else _WIDE
    for line in (*_head(told, name), *_waiting(told), *_worth(told)):
        yield from _wrapped(line, width)
    for part in (_saves(told), _handed(told), _rules(morning), _reasons(morning), _odd(told)):
        for line in part:
            yield from _wrapped(line, width)
    if not morning.entries:
        yield "nothing happened in this time"
    yield ""
    yield from _wrapped(
        "what each figure means: palingenesis report --definitions · as a page: --html FILE", width
    )


def figures(found: Savings) -> list[tuple[str, str, str]]:
    """The figures of a stretch: a short number, its name, and what belongs to it."""
    rate = found.success_rate
    share = found.uninterrupted
    return [
        (str(found.saves), "save" if found.saves == 1 else "saves", _without(found)),
        (_span(found.won), "of work saved", f"after waiting {_span(found.waited)}"),
        (
            f"{rate:.0%}" if rate is not None else "-",
            "success rate",
            f"{found.handed_over} handed over, {found.taken_over} taken over",
        ),
        (
            f"{share:.0%}" if share is not None else "-",
            "sessions uninterrupted",
            f"{found.sessions - found.interrupted} of {found.sessions}",
        ),
    ]


def _span(span: timedelta) -> str:
    return say_span(span) if span >= timedelta(seconds=1) else "0 min"


def _without(found: Savings) -> str:
    if not found.stopped:
        return "nothing stopped"
    return f"of {count_of(found.stopped, 'stop')}, finished turns among them"


def when(since: datetime, until: datetime) -> str:
    """The stretch in local time."""
    start, end = since.astimezone(), until.astimezone()
    last = f"{end:%a %H:%M}" if end - start < timedelta(days=6) else f"{end:%a %d %b %H:%M}"
    return f"{start:%a %d %b %Y %H:%M} to {last}"


def name_of(told: Told, session: str | None, short: dict[str, str]) -> str:
    """A session as people know it."""
    if session is None:
        return ""
    known = {str(id_): title for id_, title in told.titles.items()}
    lanes = {str(lane.session): lane.title for lane in told.morning.lanes}
    title = plain(known.get(session) or lanes.get(session) or "", 48)
    return title or plain(short.get(session, session), 20)


def shorts(told: Told) -> dict[str, str]:
    """The short ids of all sessions."""
    lanes = (str(lane.session) for lane in told.morning.lanes)
    return short_ids([*(str(id_) for id_ in told.titles), *lanes])


def _head(told: Told, name: str) -> Iterator[str]:
    morning = told.morning
    yield click.style(f"{name} · {when(morning.since, morning.until)}", bold=True)
    if not told.runs:
        yield _warn("the daemon is not running: nobody watches now · palingenesis daemon start")
    if told.all_paused:
        yield _warn("paused: nothing is done until 'palingenesis resume'")
    if told.complete_since is not None:
        at = say_time(told.complete_since, morning.until)
        yield _warn(f"older entries were removed: what is before {at} is there in part at most")
    if told.damaged:
        yield _warn(f"{count_of(told.damaged, 'entry')} cannot be read and is left out")


def _waiting(told: Told) -> Iterator[str]:
    yield ""
    if not told.waiting:
        yield click.style("Nothing waits for you.", fg="green", bold=True)
        return
    yield click.style("Waits for you", fg="red", bold=True)
    short = short_ids(row["id"] for row in told.sessions)
    for row in told.waiting:
        known, paused = short[row["id"]], told.all_paused
        yield f"  {say_session(row, known, told.morning.until, all_paused=paused)}"
        if row["status"] in {"attention", "paused"}:
            yield f"      palingenesis explain {plain(known)}"
            yield f"      {release_of(row, known, all_paused=paused)}"
        elif row["status"] == "blocked":
            yield f"      palingenesis open {plain(known)}"


def _worth(told: Told) -> Iterator[str]:
    yield ""
    yield click.style("Worth", bold=True)
    for number, word, more in figures(told.morning.savings):
        yield f"  {number:>10}  {word} · {more}"
    total, until = told.total, told.morning.until
    days = total.days_without(until)
    since = f" since {say_time(total.since, until)}" if total.since else ""
    calm = f" · {count_of(days, 'day')} without intervention" if days is not None else ""
    yield f"  in all: {count_of(total.saves, 'save')}, {_span(total.won)} saved{since}{calm}"


def _saves(told: Told) -> Iterator[str]:
    saves = told.morning.saves
    if not saves:
        return
    yield ""
    yield click.style("Saved", fg="green", bold=True)
    short = shorts(told)
    for one in saves[-_LISTED:]:
        waited = say_span(one.waited)
        yield (
            f"  {_clock(one.at, told)}  {name_of(told, one.session, short)}: {plain(one.reason)},"
            f" works again after {waited} · rule {plain(one.rule)} #{one.decision}"
        )
    yield from _more(len(saves))


def _handed(told: Told) -> Iterator[str]:
    handed = told.morning.handed
    if not handed:
        return
    yield ""
    yield click.style("Handed over to you", fg="yellow", bold=True)
    short = shorts(told)
    for one in handed[-_LISTED:]:
        why = f": {plain(one.why, 160)}" if one.why else ""
        yield (
            f"  {_clock(one.at, told)}  {name_of(told, one.session, short)}: {plain(one.reason)}"
            f" · rule {plain(one.rule)} #{one.decision}{why}"
        )
    yield from _more(len(handed))


def _rules(morning: Morning) -> Iterator[str]:
    if not morning.rules:
        return
    yield ""
    yield click.style("Decided, by rule", bold=True)
    width = min(max(len(plain(one.rule, 30)) for one in morning.rules), 30)
    for one in morning.rules[:_LISTED]:
        yield f"  {one.times:>4} x {plain(one.rule, 30):{width}}  {say_rule(one)}"
    yield from _more(len(morning.rules))


def say_rule(one: Ruled) -> str:
    """What a rule did, and why it did it the last time."""
    because = f" · last because {plain(one.why, 120)}" if one.why else ""
    return f"{plain(one.plan, 80) or 'nothing'} (#{one.decision}){because}"


def _reasons(morning: Morning) -> Iterator[str]:
    stops = sorted(morning.savings.stops.items(), key=lambda item: (-item[1], item[0]))
    if not stops:
        return
    yield ""
    yield click.style("Stops, by reason", bold=True)
    most = stops[0][1]
    width = max(len(reason) for reason, _ in stops)
    for reason, count in stops:
        bar = "█" * max(1, round(count / most * _BAR)) if _is_utf8() else ""
        yield f"  {plain(reason):{width}}  {count:>4}  {bar}".rstrip()


def _odd(told: Told) -> Iterator[str]:
    odd = told.morning.odd
    if not odd:
        return
    yield ""
    yield click.style("Odd", fg="yellow", bold=True)
    short = shorts(told)
    for one in odd[:_LISTED]:
        yield f"  {_clock(one.at, told)}  {say_odd(one, name_of(told, one.session, short))}"
    yield from _more(len(odd))


def say_odd(one: Odd, session: str) -> str:
    """Something odd in a line."""
    often = f" ({one.times} times)" if one.times > 1 else ""
    whose = f"{session}: " if session else ""
    return f"{one.kind}: {whose}{plain(one.text, 300)}{often}"


def _more(count: int) -> Iterator[str]:
    if count > _LISTED:
        yield f"  … {count - _LISTED} more in --html and --json"


def _clock(at: datetime, told: Told) -> str:
    here = at.astimezone()
    is_long = told.morning.until - told.morning.since > timedelta(days=1)
    return f"{here:%a %H:%M}" if is_long else f"{here:%H:%M}"


def _wrapped(line: str, width: int) -> Iterator[str]:
    """The line, broken where the terminal ends; what follows is indented."""
    if len(click.unstyle(line)) <= width:
        yield line
        return
    indent = len(line) - len(line.lstrip()) + 2
    if line != click.unstyle(line):
        yield line  # a coloured one is broken by the terminal
        return
    found = wrap(
        line,
        max(width, 20),
        subsequent_indent=" " * min(indent + 2, 8),
        break_on_hyphens=False,
        drop_whitespace=True,
    )
    yield from found


def _is_utf8() -> bool:
    return "utf" in (getattr(sys.stdout, "encoding", "") or "").lower()


def _warn(text: str) -> str:
    return click.style(f"! {text}", fg="yellow")
