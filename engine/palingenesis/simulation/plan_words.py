"""A plan in words, its waits resolved: `wait 15s (+0..10s), until 02:41:27 → resume`."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final

from palingenesis.core import plans
from palingenesis.core.facts import show_duration
from palingenesis.core.kernel.waits import deadline_of
from palingenesis.core.plans import Step, Wait, word_of
from palingenesis.core.policy.model import Policy
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
    policy: Policy | None = None
    """Knows the calendars and conditions that waits name."""
    facts: Mapping[str, FactValue] = field(default_factory=dict)


def setting_of(
    facts: Mapping[str, FactValue],
    at: datetime,
    *,
    tries: int = 0,
    seed: str = "",
    policy: Policy | None = None,
) -> Setting:
    """The setting that the facts of a decision tell."""
    stop = stop_of(facts, at)
    return Setting(at=at, stop=stop, tries=tries, seed=seed, policy=policy, facts=facts)


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
    """How long a wait takes but for its jitter; one for a condition that is false: nobody knows."""
    if _is_awaited(step, setting):
        return timedelta(0)
    return _ends(replace(step, jitter=_NO_JITTER), setting) - setting.at


def _ends(step: Wait, setting: Setting) -> datetime:
    policy = setting.policy
    return deadline_of(
        step,
        setting.stop,
        setting.at,
        tries=setting.tries,
        seed=setting.seed,
        calendars=policy.calendars if policy is not None else {},
    ).deadline


def _is_awaited(step: Wait, setting: Setting) -> bool:
    """Whether its condition has to come true first; where nobody can tell, it is taken to."""
    if step.condition is None:
        return False
    known = setting.policy.conditions.get(step.condition) if setting.policy is not None else None
    return known is None or known.holds(setting.facts) is False


def _wait(step: Wait, setting: Setting, clock: Callable[[datetime], str] | None) -> str:
    if _is_awaited(step, setting):
        most = f", at most {show_duration(step.longest)}" if step.longest is not None else ""
        return f"wait for {step.condition}{most}"
    if step.until == "calendar_end" and setting.policy is None:
        return f"wait until '{step.calendar}' ends"
    span = waited(step, setting)
    jitter = f" (+0..{show_duration(step.jitter)})" if step.jitter else ""
    if clock is None:
        return f"wait {_whole(span)}{jitter}"
    return f"wait {_whole(span)}{jitter}, until {clock(_ends(step, setting))}"


def _whole(span: timedelta) -> str:
    return show_duration(timedelta(seconds=round(span.total_seconds())))


def _short(text: str) -> str:
    return text if len(text) <= _REASON_MOST else f"{text[: _REASON_MOST - 1]}…"
