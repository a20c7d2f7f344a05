"""A rule of a policy written out for people: what it waits for, when it tries, when it gives up."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import click

from palingenesis.core.facts import show_duration
from palingenesis.core.plans import Step, Wait
from palingenesis.core.policy.model import Limit, Mode, Policy, Rule
from palingenesis.simulation.plan_words import Setting, in_words
from palingenesis.simulation.retry_schedule import Schedule, schedule_of
from palingenesis.surfaces.cli.wording import say_time

_SHOWN_MOST = 8
_DAWN = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fired:
    """How often a rule decided lately, and when last."""

    times: int
    last: datetime | None


def write_rule(
    rule: Rule, policy: Policy, place: str, fired: Fired | None, now: datetime
) -> Iterator[str]:
    """The lines about one rule; `place` names its file, `fired` is None when nobody knows."""
    mode = rule.mode if policy.mode is Mode.ENFORCE else policy.mode
    head = f"{click.style(rule.id, fg='cyan')}  {rule.file or place}:{rule.line}"
    yield head if mode is Mode.ENFORCE else f"{head}  {mode.value}: it never acts"
    yield from _row("why", rule.why)
    yield from _row("event", ", ".join(sorted(rule.events)))
    for part in rule.when.parts if rule.when is not None else ():
        yield from _row("when", " ".join(part.text.split()))
    if rule.delay is not None:
        yield from _row("for", f"{show_duration(rule.delay)}, and still true then")
    yield from _row("do", plan(rule.steps))
    schedule = schedule_of(rule)
    if schedule is not None:
        yield from _row("tries", _tries(schedule))
    yield from _row("gives up", _gives_up(rule.limit, schedule))
    if schedule is not None:
        yield from _row("resets", f"after {show_duration(policy.healthy_after)} of progress")
    if fired is not None:
        yield from _row("fired", _fired(fired, now))


def plan(steps: tuple[Step, ...]) -> str:
    """Steps in words, as they are the first time."""
    return in_words(steps, Setting(at=_DAWN, stop=None))


def _row(name: str, text: str) -> Iterator[str]:
    if text:
        yield f"  {name:9} {text}"


def _tries(schedule: Schedule) -> str:
    asked = "once a person says yes, " if schedule.asks else ""
    said = f"{asked}{_before(schedule.opened)}"
    if not schedule.tries[-1] and not schedule.every:
        return (
            "as soon as a person says yes" if schedule.asks and said == asked else f"{said}at once"
        )
    listed = [f"+{_rounded(one)}" for one in schedule.tries[:_SHOWN_MOST]]
    left_out = len(schedule.tries) - len(listed)
    said += "at " + " ".join(listed)
    if left_out:
        said += f" … +{_rounded(schedule.tries[-1])} ({left_out - 1} between)"
    if schedule.every is not None:
        said += f", then every {_rounded(schedule.every)}"
    return said + (
        f" (each up to {show_duration(schedule.jitter)} later)" if schedule.jitter else ""
    )


def _before(opened: Wait | None) -> str:
    """What comes first where the end of a wait cannot be told beforehand."""
    if opened is None:
        return ""
    if opened.condition is not None:
        most = f" (at most {show_duration(opened.longest)})" if opened.longest else ""
        return f"as soon as {opened.condition}{most}; where that is true already, "
    if opened.calendar is not None:
        return f"when '{opened.calendar}' ends; outside of it "
    return "when the server says; else "


def _gives_up(limit: Limit | None, schedule: Schedule | None) -> str:
    if limit is None:
        return "" if schedule is None else "never"
    then = f" → {plan(limit.then)}" if limit.then else " → attention"
    allowed = f"{limit.most} in {show_duration(limit.per)}"
    if schedule is None or schedule.gives_up is not None:
        return f"after {allowed}{then}"
    return f"never: {limit.most} tries take longer than {show_duration(limit.per)}"


def _fired(fired: Fired, now: datetime) -> str:
    if fired.last is None:
        return "never within 30 days"
    times = "once" if fired.times == 1 else f"{fired.times} times"
    return f"{times} within 30 days, last {say_time(fired.last, now)}"


def _rounded(span: timedelta) -> str:
    whole = span >= timedelta(seconds=1)
    return show_duration(timedelta(seconds=round(span.total_seconds())) if whole else span)


def as_plain(rule: Rule, policy: Policy, fired: Mapping[str, Fired] | None) -> dict[str, object]:
    """A rule for programs; spans are seconds."""
    limit = rule.limit
    return {
        "id": rule.id,
        "file": rule.file,
        "line": rule.line,
        "mode": (rule.mode if policy.mode is Mode.ENFORCE else policy.mode).value,
        "observes": rule.observes,
        "why": rule.why,
        "event": sorted(rule.events),
        "when": [part.text for part in rule.when.parts] if rule.when is not None else [],
        "for": _seconds(rule.delay),
        "plan": plan(rule.steps),
        "limit": None
        if limit is None
        else {"max": limit.most, "per": _seconds(limit.per), "then": plan(limit.then)},
        "schedule": _plain_schedule(schedule_of(rule)),
        "fired": None if fired is None else _plain_fired(fired.get(rule.id)),
    }


def _plain_schedule(schedule: Schedule | None) -> dict[str, object] | None:
    if schedule is None:
        return None
    opened = schedule.opened
    return {
        "tries": [_seconds(one) for one in schedule.tries],
        "every": _seconds(schedule.every),
        "gives_up": _seconds(schedule.gives_up),
        "asks": schedule.asks,
        "until": opened.until if opened is not None else None,
        "condition": opened.condition if opened is not None else None,
        "calendar": opened.calendar if opened is not None else None,
        "jitter": _seconds(schedule.jitter),
    }


def _plain_fired(fired: Fired | None) -> dict[str, object]:
    last = fired.last if fired is not None else None
    return {
        "times": fired.times if fired is not None else 0,
        "last": last.isoformat().replace("+00:00", "Z") if last is not None else None,
    }


def _seconds(span: timedelta | None) -> float | None:
    return None if span is None else span.total_seconds()
