"""Proving: what holds for a policy whatever happens, or the example against it.

Five questions are always asked: every stop reason decided, no rule dead, every wait ends, nothing
goes on for ever uncounted, and three things that no policy should do. Then the policy's own
`never:`. An answer is exact over all facts, or it is "not proved"; it is never a guess.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Final

from palingenesis.core.facts import show_duration
from palingenesis.core.plans import Ask, Delegate, Step, Wait
from palingenesis.core.policy.analysis.budget import Budget, SpentError
from palingenesis.core.policy.analysis.chart import Chart, decides, survey
from palingenesis.core.policy.analysis.claims import Case, Claim, Verdict, case, refuted
from palingenesis.core.policy.analysis.deeds import Course, courses, most
from palingenesis.core.policy.analysis.loops import railed, runs_on
from palingenesis.core.policy.analysis.statements import always_asked, judged, own
from palingenesis.core.policy.decide import DEFAULT
from palingenesis.core.policy.model import Mode, Policy

PLENTY: Final = 50_000_000
"""Looks that a proof may cost when nobody says how long it may take."""
TOO_MUCH: Final = "it takes more work than was allowed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """Every claim with its verdict, and the remarks that belong to none of them."""

    claims: tuple[Claim, ...]
    remark: str = ""

    @property
    def holds(self) -> bool:
        """Whether everything was proved."""
        return all(claim.holds for claim in self.claims)


def prove(policy: Policy, *, looks: int = PLENTY, tick: Callable[[], None] | None = None) -> Proof:
    """Answer every question about a policy.

    Args:
        policy: what to prove something about.
        looks: how much work it may cost.
        tick: called now and then; raises `SpentError` when it takes too long.
    """
    budget = Budget(looks, tick)
    remark = (
        "" if policy.mode is Mode.ENFORCE else f"the policy is in mode {policy.mode}: it never acts"
    )
    try:
        conditions = [one.when for one in policy.never if one.when is not None]
        chart = Chart(policy, survey([policy], conditions, budget))
    except SpentError:
        return Proof(claims=tuple(_open(id_, text) for id_, text in _titles(policy)), remark=remark)
    return Proof(claims=tuple(_claims(chart)), remark=remark)


def _titles(policy: Policy) -> Iterator[tuple[str, str]]:
    yield from _TEXTS.items()
    for never in policy.never:
        yield never.id, f"never {', '.join(sorted(never.actions))}"


def _claims(chart: Chart) -> Iterator[Claim]:
    for id_, answer in _QUESTIONS.items():
        yield _asked(id_, _TEXTS[id_], partial(answer, chart))
    for statement in always_asked(chart):
        yield _asked(statement.id, statement.text, partial(judged, chart, statement))
    for never in chart.policy.never:
        yield _asked(
            never.id,
            f"never {', '.join(sorted(never.actions))}",
            lambda never=never: judged(chart, own(chart, never)),  # type: ignore[misc]
        )


def _asked(id_: str, text: str, answer: Callable[[], Claim]) -> Claim:
    try:
        return answer()
    except SpentError:
        return _open(id_, text)


def _open(id_: str, text: str) -> Claim:
    return Claim(id=id_, text=text, verdict=Verdict.OPEN, why=TOO_MUCH)


# ── every stop reason ─────────────────────────────────────────────────────────────────────────


def _decided(chart: Chart) -> Claim:
    """The default answers what no rule does, so this holds; where it does is worth knowing."""
    space = chart.space
    reason = space.axes["stop.reason"]
    stopped = space.box("event", space.axes["event"].among({"stopped"}))
    cases = []
    for index, cell in enumerate(reason.cells):
        if cell.sample is None:
            continue
        here = space.meet(stopped, space.box(reason.key, 1 << index))
        example = chart.default_example([here])
        if example is not None:
            course = Course(steps=chart.policy.default)
            cases.append(case(chart, None, course, example))
    left = [str(one.facts.get("stop.reason")) for one in cases]
    why = f"by the default, at least in some case: {', '.join(left)}" if left else "all by rules"
    return Claim(
        id="decided", text=_TEXTS["decided"], verdict=Verdict.PROVED, why=why, cases=tuple(cases)
    )


# ── no rule dead ──────────────────────────────────────────────────────────────────────────────


def _alive(chart: Chart) -> Claim:
    dead = tuple(
        Case(rule=rule.id, line=rule.line)
        for index, rule in enumerate(chart.policy.rules)
        if chart.is_dead(index)
    )
    why = f"no facts lead to {', '.join(one.rule for one in dead)}" if dead else ""
    verdict = Verdict.REFUTED if dead else Verdict.PROVED
    return Claim(id="alive", text=_TEXTS["alive"], verdict=verdict, why=why, cases=dead)


# ── every wait ends ───────────────────────────────────────────────────────────────────────────


def _waits(chart: Chart) -> Claim:
    policy = chart.policy
    found = []
    spans = [
        most(step) for _, course in _all(policy) for step in course.steps if isinstance(step, Wait)
    ]
    spans += [step.timeout for _, c in _all(policy) for step in c.steps if isinstance(step, Ask)]
    for index, course in _all(policy):
        if any(_is_endless(step) for step in course.steps):
            example = chart.first(index) if index is not None else chart.default_example()
            if example is not None:
                found.append(case(chart, index, course, example))
    why = f"the longest is {show_duration(max(spans))}" if spans else "there is none"
    if found:
        why = "a 'delegate' without 'until' waits as long as the server told the assistant"
    verdict = refuted(tuple(found)) if found else Verdict.PROVED
    return Claim(id="waits", text=_TEXTS["waits"], verdict=verdict, why=why, cases=tuple(found))


def _is_endless(step: Step) -> bool:
    return isinstance(step, Delegate) and step.until is None


def _all(policy: Policy) -> Iterator[tuple[int | None, Course]]:
    for index, rule in enumerate(policy.rules):
        for course in courses(rule):
            yield index, course
    yield None, Course(steps=policy.default, when=DEFAULT)


# ── no loop without a counter ─────────────────────────────────────────────────────────────────


def _counted(chart: Chart) -> Claim:
    found: list[Case] = []
    by_rail: list[str] = []
    for index, rule in enumerate(chart.policy.rules):
        if not decides(rule):
            continue
        rail = railed(chart, rule)
        for within, course in runs_on(chart, rule):
            example = chart.first(index, within, rail)
            if example is not None:
                found.append(case(chart, index, course, example))
                break
            if rail and chart.first(index, within) is not None:
                by_rail.append(rule.id)
                break
    verdict, why = Verdict.PROVED, ""
    if found:
        verdict = refuted(tuple(found))
        why = "with the same facts it decides again, and nothing counts"
    elif by_rail:
        verdict = Verdict.RAILED
        why = f"the kernel's rails end what {', '.join(by_rail)} would do for ever"
    return Claim(id="counted", text=_TEXTS["counted"], verdict=verdict, why=why, cases=tuple(found))


_TEXTS: Final = {
    "decided": "every stop reason is decided",
    "alive": "every rule decides in some case",
    "waits": "every wait ends",
    "counted": "nothing goes on for ever uncounted",
}
_QUESTIONS: Final[dict[str, Callable[[Chart], Claim]]] = {
    "decided": _decided,
    "alive": _alive,
    "waits": _waits,
    "counted": _counted,
}
