"""A plan in words, its waits resolved: `wait 15s (+0..10s), until 02:41:27 → resume`."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from palingenesis.core import plans
from palingenesis.core.facts import show_duration
from palingenesis.core.kernel.waits import deadline_of
from palingenesis.core.plans import Step, Wait, word_of
from palingenesis.core.values import FactValue, Stop, StopReason

_NO_JITTER: Final = timedelta(0)
_REASON_MOST: Final = 48


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What a plan is resolved against: the stop it answers, when, and which try it is."""

    at: datetime
    stop: Stop | None
    tries: int = 0
    seed: str = ""


def setting_of(
    facts: Mapping[str, FactValue], at: datetime, *, tries: int = 0, seed: str = ""
) -> Setting:
    """The setting that the facts of a decision tell."""
    return Setting(at=at, stop=stop_of(facts, at), tries=tries, seed=seed)


def stop_of(facts: Mapping[str, FactValue], at: datetime) -> Stop | None:
    """The stop that facts speak of, as far as a wait needs it."""
    reason, asked = facts.get("stop.reason"), facts.get("stop.retry_after")
    if not isinstance(reason, str) or reason not in set(StopReason):
        return None
    retry_at = at + asked if isinstance(asked, timedelta) else None
    return Stop(
        key="",
        reason=StopReason(reason),
        retry_at=retry_at,
        retrying=facts.get("stop.retrying") is True,
    )


def in_words(
    steps: Sequence[Step], setting: Setting, clock: Callable[[datetime], str] | None = None
) -> str:
    """The steps, one after the other; `clock` writes the instants at which waits end."""
    said, begun = [], setting
    for step in steps:
        said.append(step_in_words(step, begun, clock))
        if isinstance(step, Wait):
            begun = replace(begun, at=begun.at + waited(step, begun))
    return " → ".join(said) or "nothing"


def step_in_words(
    step: Step, setting: Setting, clock: Callable[[datetime], str] | None = None
) -> str:
    """One step, with what tells it from others of its kind."""
    word = word_of(step)
    match step:
        case plans.Wait():
            return _wait(step, setting, clock)
        case plans.Delegate(until=timedelta() as until):
            return f"{word} up to {show_duration(until)}"
        case plans.SwitchModel(chain=chain):
            return f"{word} {', '.join(chain)}"
        case plans.Attention(reason=reason) if reason:
            return f'{word} "{_short(reason)}"'
        case plans.Ask(question=question):
            return f'{word} "{_short(question)}"'
        case plans.Run(hook=hook):
            return f"{word} {hook}"
        case plans.Notify(severity=severity) if severity != "info":
            return f"{word} {severity}"
        case _:
            return word


def waiting_time(steps: Sequence[Step], setting: Setting) -> timedelta:
    """How long all the waits of a plan take together."""
    begun = setting
    for step in steps:
        if isinstance(step, Wait):
            begun = replace(begun, at=begun.at + waited(step, begun))
    return begun.at - setting.at


def waited(step: Wait, setting: Setting) -> timedelta:
    """How long a wait takes as a rule: its jitter left out, a condition taken as false."""
    calm = replace(step, jitter=_NO_JITTER)
    until = deadline_of(
        calm, setting.stop, setting.at, tries=setting.tries, seed=setting.seed
    ).deadline
    return until - setting.at


def _wait(step: Wait, setting: Setting, clock: Callable[[datetime], str] | None) -> str:
    span = waited(step, setting)
    if step.condition is not None:
        most = f", at most {show_duration(step.longest)}" if step.longest is not None else ""
        return f"wait for {step.condition}{most}"
    if step.until == "calendar_end":
        return f"wait until '{step.calendar}' ends"
    jitter = f" (+0..{show_duration(step.jitter)})" if step.jitter else ""
    if clock is None:
        return f"wait {_whole(span)}{jitter}"
    until = deadline_of(step, setting.stop, setting.at, tries=setting.tries, seed=setting.seed)
    return f"wait {_whole(span)}{jitter}, until {clock(until.deadline)}"


def _whole(span: timedelta) -> str:
    return show_duration(timedelta(seconds=round(span.total_seconds())))


def _short(text: str) -> str:
    return text if len(text) <= _REASON_MOST else f"{text[: _REASON_MOST - 1]}…"
