"""Charts: for every rule of a policy, the facts it is true for and the facts it decides for."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from palingenesis.core.policy.analysis.asking import Questions
from palingenesis.core.policy.analysis.budget import Budget
from palingenesis.core.policy.analysis.correlations import impossible
from palingenesis.core.policy.analysis.regions import Boxes, Regions
from palingenesis.core.policy.analysis.space import EMPTY, Space
from palingenesis.core.policy.analysis.witness import Witness, by_interest, wishes, witness
from palingenesis.core.policy.conditions import Condition
from palingenesis.core.policy.decide import DEFAULT_EVENTS
from palingenesis.core.policy.model import Mode, Policy, Rule
from palingenesis.core.policy.terms import Count, Term, parts


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """One space for everything that some policies and conditions ask about."""

    space: Space
    regions: Regions
    impossible: Boxes
    budget: Budget

    def example(self, within: int, off: Sequence[int]) -> Witness | None:
        """A point of `within` beside `off` and the impossible, as usual as there is one."""
        piece = self.space.outside([within], [*self.impossible, *off], self.budget)
        if not piece:
            return None
        near = within
        for wish in wishes(self.space):
            narrow = self.space.meet(near, wish)
            found = narrow and self.space.outside([narrow], [*self.impossible, *off], self.budget)
            if found:
                near, piece = narrow, found
        return witness(self.space, piece, self.widest(piece, within, off))

    def widest(self, piece: int, within: int, off: Sequence[int]) -> int:
        """A piece made as large as it can be inside `within` and beside `off`."""
        for key in by_interest(self.space, piece):
            piece = self.space.widened(piece, within, off, self.budget, only=key)
        return piece


def survey(policies: Iterable[Policy], more: Iterable[Condition], budget: Budget) -> Survey:
    """Lay out the space that some policies, and more conditions, need.

    Raises:
        SpentError: they ask for too much.
    """
    conditions = [rule.when for policy in policies for rule in policy.rules]
    terms = [
        part.term
        for condition in (*conditions, *more)
        if condition is not None
        for part in condition.parts
    ]
    questions = Questions()
    questions.add(terms)
    space = Space(questions.axes())
    return Survey(
        space=space,
        regions=Regions(space, budget),
        impossible=impossible(space, list(_counts(terms)), budget),
        budget=budget,
    )


def _counts(terms: Sequence[Term]) -> Iterator[Count]:
    seen = set()
    todo = list(terms)
    while todo:
        term = todo.pop()
        if isinstance(term, Count) and term.key not in seen:
            seen.add(term.key)
            yield term
        todo += parts(term)


class Chart:
    """One policy in a survey's space. A rule decides where it is true and no rule before it is."""

    def __init__(self, policy: Policy, survey: Survey) -> None:
        self.policy = policy
        self.survey = survey
        self.space = survey.space
        self.boxes: list[Boxes] = [self._true(rule) for rule in policy.rules]
        self._ahead: list[Boxes] = []
        ahead = list(survey.impossible)
        for rule, boxes in zip(policy.rules, self.boxes, strict=True):
            self._ahead.append(ahead)
            if decides(rule):
                ahead = [*ahead, *boxes]
        self._all = ahead

    def _true(self, rule: Rule) -> Boxes:
        mask = self.space.axes["event"].mask(lambda event: event in rule.events)
        events = self.space.box("event", mask)
        held = self.survey.regions.condition(rule.when)
        return self.space.meets([events], held, self.survey.budget) if events else []

    def taken(self, index: int | None) -> Boxes:
        """What the rules before a rule decide; None: what any rule does."""
        ahead = self._all if index is None else self._ahead[index]
        return ahead[len(self.survey.impossible) :]

    def left(self, index: int, within: Sequence[int] | None = None) -> Iterator[tuple[int, int]]:
        """The facts a rule decides for, in pieces, each with the box it was cut from."""
        budget, boxes = self.survey.budget, self.boxes[index]
        for box in boxes if within is None else self.space.meets(boxes, within, budget):
            for piece in self.space.pieces(box, self._ahead[index], budget):
                yield piece, box

    def _answered(self) -> int:
        """The events that `default:` answers."""
        mask = self.space.axes["event"].mask(lambda event: event in DEFAULT_EVENTS)
        return self.space.box("event", mask)

    def first(
        self, index: int, within: Sequence[int] | None = None, beside: Sequence[int] = ()
    ) -> Witness | None:
        """One example of the facts a rule decides for; None: there are none."""
        return self._first(self.boxes[index], within, [*self._ahead[index], *beside])

    def default_example(self, within: Sequence[int] | None = None) -> Witness | None:
        """One example of the facts that are left to the default; None: there are none."""
        return self._first([self._answered()], within, self._all)

    def _first(self, boxes: Boxes, within: Sequence[int] | None, off: Boxes) -> Witness | None:
        taken = off[len(self.survey.impossible) :]
        here = boxes if within is None else self.space.meets(boxes, within, self.survey.budget)
        found = (self.survey.example(box, taken) for box in here)
        return next((one for one in found if one is not None), None)

    def is_dead(self, index: int) -> bool:
        """Whether a rule never decides."""
        return (
            self.space.outside(self.boxes[index], self._ahead[index], self.survey.budget) == EMPTY
        )


def decides(rule: Rule) -> bool:
    """Whether a rule ends the search where it is true: it acts, and does more than observe."""
    return rule.mode is Mode.ENFORCE and not rule.observes
