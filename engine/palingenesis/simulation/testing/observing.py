"""What a rehearsal shows to somebody who watches every turn of it.

Theory of operation. The kernel tells what it decided and what it ordered; which steps of a plan it
took follows from the plan before and after a turn, from the orders (an effect's id names its step),
and from how the plan ended. Nothing is asked of the kernel that the daemon's loop does not see too.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from palingenesis.core import effects, events, plans
from palingenesis.core.effects import Effect, name_of
from palingenesis.core.events import Event
from palingenesis.core.kernel.draft import fraction
from palingenesis.core.plans import word_of
from palingenesis.core.policy.model import CAPS
from palingenesis.core.safety import WAIT_MAX
from palingenesis.core.step import Turn
from palingenesis.core.values import Result, SessionId, Status
from palingenesis.core.world import Decision, Plan, Session, World

ANSWERS: Final = frozenset({"decided", "revised", "kept"})
"""Kinds of decisions in which a rule has decided."""
ASIDE: Final = frozenset({"observed", "shadowed"})
"""Kinds of decisions beside the one that decides: all their steps are taken at once."""

_ENDS: Final[Mapping[type, Status]] = {
    plans.StandDown: Status.STOOD_DOWN,
    plans.Finish: Status.COMPLETED,
    plans.Attention: Status.ATTENTION,
}
_LETS_TIME_PASS: Final = (plans.Wait, plans.Delegate)
_TOUCHES_NOBODY: Final = (*_LETS_TIME_PASS, plans.Notify, plans.Log, plans.SwitchModel)


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """One action that was carried out, or begun."""

    rule: str
    word: str


@dataclass(slots=True, kw_only=True)
class Seen:
    """What was seen since somebody began to look."""

    decided: list[Decision] = field(default_factory=list)
    observed: list[Decision] = field(default_factory=list)
    shadowed: list[Decision] = field(default_factory=list)
    capped: list[str] = field(default_factory=list)
    """Entries of the policy's `limits:` that were reached."""
    done: list[Done] = field(default_factory=list)
    waits: list[timedelta] = field(default_factory=list)
    told: list[effects.Notify] = field(default_factory=list)
    said: list[str] = field(default_factory=list)


@dataclass(slots=True, kw_only=True)
class _Course:
    """How far a plan has come."""

    decision: Decision
    steps: tuple[plans.Step, ...]
    begun: int = -1
    """The last step that was begun."""
    waited: set[int] = field(default_factory=set)


class Watching:
    """Watches turns; `seen` is the whole of it, `step` what came since `begin_step`."""

    def __init__(self, world: World) -> None:
        self.seen = Seen()
        self.step = Seen()
        self._world = world
        self._rules: dict[int, str] = {}
        self._courses: dict[int, _Course] = {}

    def begin_step(self) -> None:
        """From here on it is another step of the test."""
        self.step = Seen()

    def courses(self) -> list[tuple[Decision, frozenset[int]]]:
        """Every decision that was made, and which steps of its plan were begun."""
        return [
            (course.decision, frozenset(range(course.begun + 1)))
            for course in self._courses.values()
        ]

    def see(self, event: Event, turn: Turn) -> None:
        """Look at one turn."""
        before, self._world = self._world, turn.world
        for decision in turn.decisions:
            self._rules[decision.id] = decision.rule
            if decision.kind in ANSWERS:
                self._note("decided", decision)
            if decision.kind in ASIDE:
                self._note(decision.kind, decision)
            capped = cap_reached(decision)
            if capped:
                self._note("capped", capped)
            if decision.kind in {"decided", "revised", *ASIDE} or capped:
                self._courses[decision.id] = _Course(decision=decision, steps=decision.plan)
        for effect in turn.effects:
            if isinstance(effect, effects.Notify):
                self._note("told", effect)
            if isinstance(effect, effects.Resume) and effect.words:
                self._note("said", effect.text)
        old, new = _plans(before), _plans(turn.world)
        touched = [*old, *(one.id for one in turn.decisions), *new, *_ordered_by(turn)]
        for number in dict.fromkeys(touched):
            self._follow(number, old, new, event, turn)

    def _note(self, what: str, value: object) -> None:
        getattr(self.seen, what).append(value)
        getattr(self.step, what).append(value)

    def _follow(
        self,
        number: int,
        old: Mapping[int, tuple[Session, Plan]],
        new: Mapping[int, tuple[Session, Plan]],
        event: Event,
        turn: Turn,
    ) -> None:
        rule = self._rules.get(number, "")
        course = self._courses.get(number)
        if number in new:
            session, plan = new[number]
            if course is not None:
                course.steps = plan.steps
                self._wait_begun(course, session, plan)
        ordered = [(_index(one), one) for one in turn.effects if one.decision == number]
        if course is None:
            for _, effect in ordered:
                if rule != "kernel":
                    self._note("done", Done(rule=rule, word=name_of(effect)))
            return
        last = _furthest(course, old.get(number), new.get(number), ordered, event, turn)
        for index in range(len(course.steps)):
            for word in _words(course, index, last, ordered, turn.world):
                self._note("done", Done(rule=rule, word=word))
        course.begun = max(course.begun, last)

    def _wait_begun(self, course: _Course, session: Session, plan: Plan) -> None:
        if session.status is not Status.WAITING or plan.deadline is None:
            return
        step = plan.steps[plan.index]
        if isinstance(step, plans.Wait) and plan.index not in course.waited:
            course.waited.add(plan.index)
            self._note("waits", _planned(step, plan))


def cap_reached(decision: Decision) -> str:
    """Which entry of the policy's `limits:` was reached, as its decision tells; "" if none was."""
    if not decision.limited and decision.kind != "hushed":
        return ""
    _, limit, rest = decision.why.partition("limit of ")
    what, colon, _ = rest.partition(":")
    return what if limit and colon and what in CAPS and decision.kind in _CAPPING else ""


_CAPPING: Final = frozenset({"refused", "hushed"})
"""Kinds of decisions that tell of such a limit: a step was refused, a notice was left out."""


def _planned(step: plans.Wait, plan: Plan) -> timedelta:
    """How long a wait is, without its jitter."""
    assert plan.deadline is not None
    span = plan.deadline - (plan.wait_from or plan.started_at)
    if span == min(step.longest or WAIT_MAX, WAIT_MAX):
        return span
    return span - step.jitter * fraction(plan.seed, "jitter")


def _plans(world: World) -> dict[int, tuple[Session, Plan]]:
    return {
        session.plan.decision: (session, session.plan)
        for session in world.sessions.values()
        if session.plan is not None
    }


def _ordered_by(turn: Turn) -> list[int]:
    return [effect.decision for effect in turn.effects]


def _index(effect: Effect) -> int:
    """The step that ordered an effect, as its id tells: `<seed>-<decision>.<step>…`."""
    digits = ""
    for char in effect.id.rpartition(".")[2]:
        if not char.isdigit():
            break
        digits += char
    return int(digits or 0)


def _furthest(
    course: _Course,
    old: tuple[Session, Plan] | None,
    new: tuple[Session, Plan] | None,
    ordered: list[tuple[int, Effect]],
    event: Event,
    turn: Turn,
) -> int:
    """The last step of a plan that was begun by the end of this turn."""
    end = len(course.steps) - 1
    if course.decision.kind in ASIDE:
        return end
    known = max([course.begun, *(index for index, _ in ordered)])
    if new is not None:
        return max(known, min(new[1].index, end))
    is_new = course.decision in turn.decisions
    if old is None and not is_new:
        return known  # it ended before
    session = old[0].id if old is not None else course.decision.session
    kinds = {one.kind for one in turn.decisions if one.session == session}
    if old is not None and old[0].status is Status.PAUSED:
        return known
    if "refused" in kinds and not cap_reached(course.decision):
        return max(known, _refused(course, old, known))
    if "cancelled" in kinds and not is_new:
        return known
    if isinstance(event, events.EffectEnded) and event.result is not Result.OK and not is_new:
        return known
    if old is not None and old[0].status is Status.ASKING and not _went_on(course, session, turn):
        return known
    return end


def _refused(course: _Course, old: tuple[Session, Plan] | None, known: int) -> int:
    """The step that a rail refused: the next one that touches somebody."""
    first = known + 1
    if old is not None and old[1].effect is None:
        first = old[1].index
    for index in range(max(first, 0), len(course.steps)):
        if not isinstance(course.steps[index], _TOUCHES_NOBODY):
            return index
    return known


def _went_on(course: _Course, session: SessionId | None, turn: Turn) -> bool:
    """Whether a question was answered so that the plan came to its own end."""
    now = turn.world.sessions.get(session) if session else None
    return now is not None and now.status is _ENDS.get(type(course.steps[-1]))


def _words(
    course: _Course, index: int, last: int, ordered: list[tuple[int, Effect]], world: World
) -> list[str]:
    """What a step has done in this turn, in words of the policy language."""
    step = course.steps[index]
    is_new = course.begun < index <= last
    words = [name_of(effect) for at, effect in ordered if at == index]
    if course.decision.kind in ASIDE:
        return words
    if isinstance(step, plans.Ask):
        return ["ask"] if is_new else []
    if isinstance(step, plans.SwitchModel) and is_new:
        return ["switch-model"]
    status = _ENDS.get(type(step))
    if status is not None and is_new and not words:
        session = course.decision.session
        now = world.sessions.get(session) if session else None
        return [word_of(step)] if now is None or now.status is status else []
    return words
