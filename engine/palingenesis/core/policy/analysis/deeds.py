"""Deeds: what the plans of a rule may come to, read off their steps."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from palingenesis.core.plans import Ask, Attention, Backoff, Delegate, Step, Wait, word_of
from palingenesis.core.policy.model import Policy, Rule
from palingenesis.core.policy.steps import LONGEST_WAIT

ACT: Final = "act"
"""The word of a `never:` for every step that touches an agent."""
ACTS: Final = frozenset(
    {"resume", "retry", "new-session", "compact", "interrupt", "restart", "stop"}
)
GOES_ON: Final = frozenset({"resume", "retry", "new-session", "restart"})
"""Steps after which the session works again, and so may stop again."""
PROMPTS: Final = frozenset({"resume", "retry", "new-session"})
"""Those of them that the kernel counts as prompts."""
_ZERO: Final = timedelta(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """One list of steps that a rule may lead to. `when` says in words in which case, "" always."""

    steps: tuple[Step, ...]
    when: str = ""

    @property
    def words(self) -> tuple[str, ...]:
        """The steps as words of the language."""
        return tuple(word_of(step) for step in self.steps)


def courses(rule: Rule) -> tuple[Course, ...]:
    """What a rule may do: its steps, and those of its limit."""
    return (Course(steps=rule.steps), *(() if rule.limit is None else (limited(rule),)))


def limited(rule: Rule) -> Course:
    """What a rule does once its limit is reached."""
    assert rule.limit is not None, "only a rule with a limit is limited"
    steps = rule.limit.then or (Attention(reason=f"limit of rule '{rule.id}' reached"),)
    return Course(steps=steps, when=f"the limit of '{rule.id}' is reached")


def capped(policy: Policy, words: Sequence[str]) -> Iterator[Course]:
    """What is done instead of these steps once a limit of the whole policy is reached."""
    for cap in policy.caps:
        if cap.then and any(word in COUNTED[cap.what] for word in words):
            yield Course(steps=cap.then, when=f"the policy's limit of {cap.what} is reached")


COUNTED: Final = {
    "actions": ACTS,
    "prompts": PROMPTS,
    "new-sessions": frozenset({"new-session"}),
    "restarts": frozenset({"restart"}),
    "notifications": frozenset({"notify"}),
}
"""The steps that a policy's limit counts."""


def goes_on(steps: Sequence[Step]) -> bool:
    """Whether the session works again after these steps, without a person's word."""
    for step in steps:
        if isinstance(step, Ask) and step.default == "no":
            return False
        if word_of(step) in GOES_ON or isinstance(step, Delegate):
            return True
    return False


def waits_before(steps: Sequence[Step]) -> tuple[Wait, ...]:
    """The waits before the first step that makes the session go on."""
    found: list[Wait] = []
    for step in steps:
        if word_of(step) in GOES_ON:
            break
        if isinstance(step, Wait):
            found.append(step)
    return tuple(found)


def least(wait: Wait, tries: int) -> timedelta:
    """The shortest time that a wait takes on try number `tries`, counted from 0."""
    if wait.until is not None or wait.condition is not None:
        return _ZERO
    span = _span(wait.span or wait.backoff, tries)
    return min(span, wait.longest or LONGEST_WAIT, LONGEST_WAIT)


def alone(waits: Sequence[Wait], tries: int) -> timedelta:
    """The shortest time that the waits of so many tries in a row take together."""
    return sum((least(wait, count) for wait in waits for count in range(tries)), _ZERO)


def most(wait: Wait) -> timedelta:
    """The longest time that a wait can take."""
    cap = min(wait.longest or LONGEST_WAIT, LONGEST_WAIT)
    if wait.until is not None or wait.condition is not None:
        return cap
    chosen = wait.span or wait.backoff
    span = chosen.longest if isinstance(chosen, Backoff) else chosen or _ZERO
    return min(span + wait.jitter, cap)


def _span(chosen: timedelta | Backoff | None, tries: int) -> timedelta:
    if not isinstance(chosen, Backoff):
        return chosen or _ZERO
    span_s, longest_s = chosen.first.total_seconds(), chosen.longest.total_seconds()
    for _ in range(min(tries, 200)):
        if span_s >= longest_s:
            break
        span_s *= chosen.factor
    return timedelta(seconds=min(span_s, longest_s))
