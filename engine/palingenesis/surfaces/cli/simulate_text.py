"""A night as text for people: its timeline, and the morning summary."""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import click

from palingenesis.runtime.foreign_text import plain
from palingenesis.runtime.spans import say_span

if TYPE_CHECKING:
    from palingenesis.core.policy.calendars import Zone
    from palingenesis.simulation.performance import Performance
    from palingenesis.simulation.summary import SessionSummary, Summary
    from palingenesis.simulation.timeline import Line

_THOUSAND, _MILLION = 1_000, 1_000_000


def timeline(played: "Performance") -> Iterator[str]:
    """One line for everything that was told, decided or done."""
    from palingenesis.simulation.timeline import told

    names: dict[str, str] = {id_: cast.name for cast in played.casts for id_ in cast.line}
    width = max((len(name) for name in names.values()), default=0)
    several = len(played.casts) > 1
    day = None
    for line in told(played.past):
        local = played.scenario.zone.local(line.at)
        if several and local.date() != day:
            day = local.date()
            yield click.style(f"  {local:%a %d %b}", bold=True)
        who = f"{names.get(line.session or '', ''):{width}}  " if several else ""
        yield _one(line, local, who)


def _one(line: "Line", local: datetime, who: str) -> str:
    rule = click.style(f"{plain(line.rule):18}", fg="cyan")
    return f"  {local:%H:%M:%S}  {who}{line.word:8} {rule} {plain(line.text, 300)}".rstrip()


def morning(summary: "Summary", zone: "Zone", policy: str) -> Iterator[str]:
    """The morning summary."""
    start, end = zone.local(summary.start), zone.local(summary.end)
    length = say_span(summary.end - summary.start)
    when = f"{start:%a %d %b %Y %H:%M} to {end:%a %H:%M} {zone.name}"
    yield click.style(f"{when} ({length}) under {plain(policy)}", bold=True)
    for session in summary.sessions:
        yield f"  {_session(session)}"
    yield _row("stops", f"{_total(summary.stops)}{_parts(summary.stops)}")
    yield _row("saves", f"{summary.saves} · {summary.handed_over} handed over to a person")
    yield _row("time", _times(summary.worked, summary.waited, summary.stood))
    yield _row("prompts", _prompts(summary))
    if summary.tokens:
        yield _row("steps", f"{summary.steps} completed")
        spent = f"{_size(summary.tokens)} tokens · ${summary.cost:.2f} spent"
        yield _row("cost", f"{spent}, ${summary.at_risk:.2f} at risk, ${summary.lost:.2f} lost")
    notices = summary.notifications
    yield _row("notifications", f"{_total(notices)}{_parts(notices)}")
    for rail, times in summary.rails.items():
        yield _row("rail", click.style(f"{times} times: {plain(rail)}", fg="yellow"))
    yield from _held(summary, zone)


def _session(session: "SessionSummary") -> str:
    title = f" {plain(session.title, 48)}" if session.title != session.name else ""
    why = f": {plain(session.why, 80)}" if session.why else ""
    parts = [f"{plain(session.name)}{title}  {session.status.replace('_', ' ')}{why}"]
    parts.append(_times(session.worked, session.waited, session.stood))
    if session.steps is not None:
        parts.append(f"{session.steps} of {session.steps_total} steps")
    if session.tokens:
        parts.append(f"{_size(session.tokens)} tokens, ${session.cost:.2f}")
    if session.conversations > 1:
        parts.append(f"{session.conversations} conversations")
    return " · ".join(parts)


def _times(worked: timedelta, waited: timedelta, stood: timedelta) -> str:
    text = f"{hours(worked)} worked, {hours(waited)} waited"
    return text + (f", {hours(stood)} for a person" if stood else "")


def hours(span: timedelta) -> str:
    """A sum of time: in hours, however many there are."""
    whole, rest = divmod(round(span.total_seconds() / 60), 60)
    return f"{whole} h {rest} min" if whole and rest else f"{whole} h" if whole else say_span(span)


def _prompts(summary: "Summary") -> str:
    parts = [f"{summary.prompts - summary.new_sessions} to go on ({summary.reruns} without words)"]
    others = (
        (summary.new_sessions, "new session"),
        (summary.restarts, "restart"),
        (summary.interrupts, "interrupt"),
        (summary.snapshots, "backup"),
    )
    parts += [f"{n} {word}{'s' if n != 1 else ''}" for n, word in others if n]
    return " · ".join(parts)


def _held(summary: "Summary", zone: "Zone") -> Iterator[str]:
    """Invariants and expectations: in one line each while they hold."""
    expected = set(summary.expected_breaches)
    broken = [one for one in summary.breaches if one.name not in expected]
    if not broken:
        also = f", but {', '.join(sorted(expected))} as expected" if expected else ""
        yield _row("invariants", f"kept{also}")
    for breach in broken[:10]:
        text = f"✘ {zone.local(breach.at):%H:%M:%S} {breach.name}: {plain(breach.text, 200)}"
        yield _row("invariants", click.style(text, fg="red"))
    if len(broken) > 10:  # noqa: PLR2004 - enough to see what is wrong
        yield _row("invariants", click.style(f"✘ and {len(broken) - 10} more", fg="red"))
    failed = [one for one in summary.findings if not one.holds]
    if summary.findings:
        good = len(summary.findings) - len(failed)
        yield _row("expectations", f"{good} of {len(summary.findings)} hold")
    for one in failed:
        text = f"✘ {plain(one.key, 80)}: expected {one.expected}, found {plain(one.found, 80)}"
        yield _row("expectations", click.style(text, fg="red"))


def _row(name: str, text: str) -> str:
    return f"  {name:14}{text}"


def _total(counts: Mapping[str, int]) -> str:
    return str(sum(counts.values()))


def _parts(counts: Mapping[str, int]) -> str:
    if not counts:
        return ""
    ordered = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
    return f": {', '.join(f'{number} {name}' for name, number in ordered)}"


def _size(tokens: float) -> str:
    if tokens >= _MILLION:
        return f"{tokens / _MILLION:.1f}M"
    return f"{tokens / _THOUSAND:.0f}k" if tokens >= _THOUSAND else f"{tokens:.0f}"
