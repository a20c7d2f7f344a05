"""Statements: what a policy must never do, its own `never:` and those that are always asked."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from palingenesis.core.plans import Step, word_of
from palingenesis.core.policy.analysis.chart import Chart
from palingenesis.core.policy.analysis.claims import Case, Claim, Verdict, case, refuted
from palingenesis.core.policy.analysis.correlations import STOP_EVENTS
from palingenesis.core.policy.analysis.deeds import ACT, ACTS, PROMPTS, Course, capped, courses
from palingenesis.core.policy.analysis.regions import Boxes
from palingenesis.core.policy.decide import DEFAULT
from palingenesis.core.policy.model import Mode, Never

_MOST_CASES: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """No plan takes a step of `words` within `here`, unless a step `without` came before it.

    `rail` says how the kernel prevents the steps of `railed` there, whatever a policy says.
    """

    id: str
    text: str
    words: frozenset[str]
    here: Boxes | None = None
    without: str | None = None
    railed: frozenset[str] = frozenset()
    rail: str = ""
    line: int = 0


def always_asked(chart: Chart) -> Iterator[Statement]:
    """What no policy should do, and what the kernel prevents in any case."""
    space = chart.space
    event, reason = space.axes["event"], space.axes["stop.reason"]
    by_person = space.box(reason.key, reason.among({"user_exit", "user_abort"}))
    stopped = space.box(event.key, event.among(STOP_EVENTS))
    yield Statement(
        id="her-stop",
        text="never resume, retry or new-session after user_exit or user_abort",
        words=PROMPTS,
        here=[space.meet(by_person, stopped)],
        railed=PROMPTS,
        rail="the kernel prompts no session that the person stopped",
    )
    yield Statement(
        id="no-loss",
        text="never new-session without snapshot",
        words=frozenset({"new-session"}),
        without="snapshot",
        railed=frozenset({"new-session"}),
        rail="the kernel makes a snapshot before every new session",
    )
    yield Statement(
        id="her-turn",
        text="never act while a permission or question is pending",
        words=ACTS,
        here=[space.box(event.key, event.among({"blocked"}))],
        railed=PROMPTS | {"compact"},
        rail="the kernel types nothing into a session that asks something",
    )


def own(chart: Chart, never: Never) -> Statement:
    """A statement of the policy itself."""
    words = never.actions | (ACTS if ACT in never.actions else frozenset())
    here = None if never.when is None else chart.survey.regions.condition(never.when)
    asked = " and ".join(part.text for part in never.when.parts) if never.when else ""
    text = f"never {', '.join(sorted(never.actions))}"
    text += f" when {asked}" if asked else ""
    text += f" without {never.without}" if never.without else ""
    return Statement(
        id=never.id, text=text, words=words, here=here, without=never.without, line=never.line
    )


def judged(chart: Chart, statement: Statement) -> Claim:
    """Whether a policy keeps to a statement.

    Raises:
        SpentError: it costs too much to tell.
    """
    found: list[Case] = []
    railed = True
    for index, course in _everything(chart):
        word = violating(course.steps, statement)
        if word is None:
            continue
        example = (
            chart.default_example(statement.here)
            if index is None
            else chart.first(index, statement.here)
        )
        if example is not None:
            railed = railed and word in statement.railed
            found.append(case(chart, index, course, example))
            if len(found) >= _MOST_CASES and not railed:
                break
    cases = tuple(sorted(found, key=lambda one: (not one.exact, len(one.told))))[:_MOST_CASES]
    verdict, why = Verdict.PROVED, ""
    if cases:
        verdict, why = (Verdict.RAILED, statement.rail) if railed else (refuted(cases), "")
    return Claim(
        id=statement.id,
        text=statement.text,
        verdict=verdict,
        why=why or _unsure(verdict),
        cases=cases,
        line=statement.line,
    )


def _unsure(verdict: Verdict) -> str:
    if verdict is not Verdict.OPEN:
        return ""
    return "the example compares two facts, or needs a text that could not be made up"


def violating(steps: Sequence[Step], statement: Statement) -> str | None:
    """The first step that a statement forbids; None: there is none."""
    for step in steps:
        word = word_of(step)
        if word == statement.without:
            return None
        if word in statement.words:
            return word
    return None


def _everything(chart: Chart) -> Iterator[tuple[int | None, Course]]:
    """Every course that the policy may take, with the rule that leads to it."""
    policy = chart.policy
    if policy.mode is not Mode.ENFORCE:
        return
    for index, rule in enumerate(policy.rules):
        if rule.mode is Mode.ENFORCE:
            for course in courses(rule):
                yield index, course
                for other in capped(policy, course.words):
                    yield index, other
    default = Course(steps=policy.default, when=f"no rule decides: {DEFAULT}")
    yield None, default
    for other in capped(policy, default.words):
        yield None, other
