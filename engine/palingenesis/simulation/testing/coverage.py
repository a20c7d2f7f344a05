"""Coverage: which parts of a policy were seen at work, by its tests or in its recorded life.

A policy falls into pieces: each rule (it decided), each comparison of its condition (seen true,
seen false), each step of `do:` and of `then:` (begun), each limit (reached), each step of the
default. A comparison counts as seen only where the evaluation came to it: its rule was tried,
because no rule above it decided, and nothing to its left had settled the expression already.
"""

from collections.abc import Generator, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from palingenesis.core import plans
from palingenesis.core.plans import word_of
from palingenesis.core.policy.conditions import Condition, Evaluator, Truth
from palingenesis.core.policy.decide import DEFAULT
from palingenesis.core.policy.model import Cap, Policy, Rule
from palingenesis.core.policy.terms import AllOf, AnyOf, Literal, Named, Not, Term
from palingenesis.core.values import FactValue

CAP: Final = "limits."
"""What stands before the name of an entry of the policy's `limits:`, where a rule's id may be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """One time that a policy was asked.

    `facts` are those it was asked about; `rule` decided, "" when none did, `limits.prompts` when
    that limit of the policy was reached; `limited`: it took its `then:`; `reached` are the steps of
    the plan that were begun, counted from 0.
    """

    facts: Mapping[str, FactValue]
    rule: str
    limited: bool = False
    reached: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """One thing to be seen. `missing` says, in words, what it is that was never seen."""

    kind: str
    """`rule`, `true`, `false`, `step`, `limit`."""
    missing: str
    seen: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class OfRule:
    """The coverage of one rule, or of the default."""

    rule: str
    line: int
    pieces: tuple[Piece, ...]
    file: str = ""
    """Where `line` is, if not in the policy's own file: a preset, or a file that it extends."""

    @property
    def seen(self) -> int:
        """How many of its pieces were seen."""
        return sum(piece.seen for piece in self.pieces)

    @property
    def missing(self) -> tuple[str, ...]:
        """What was not."""
        return tuple(piece.missing for piece in self.pieces if not piece.seen)


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """The coverage of a policy."""

    policy: str
    rules: tuple[OfRule, ...]
    inherited: int = 0
    """Rules that come from a preset or another file and are not counted: their own tests do."""

    @property
    def seen(self) -> int:
        """How many pieces were seen."""
        return sum(rule.seen for rule in self.rules)

    @property
    def pieces(self) -> int:
        """How many there are."""
        return sum(len(rule.pieces) for rule in self.rules)


def percent(seen: int, pieces: int) -> float:
    """The share in percent, rounded down to a tenth: 100 is said only of everything."""
    return seen * 1000 // pieces / 10 if pieces else 100.0


@dataclass(slots=True, kw_only=True)
class _Tally:
    """What was seen of one rule."""

    atoms: list[tuple[Term, str, str]]
    fired: bool = False
    limited: bool = False
    steps: set[int] = field(default_factory=set)
    then: set[int] = field(default_factory=set)
    true: set[int] = field(default_factory=set)
    false: set[int] = field(default_factory=set)

    @property
    def needs_atoms(self) -> bool:
        """Whether a comparison is left that was not seen both ways."""
        return len(self.true) + len(self.false) < 2 * len(self.atoms)


def coverage_of(
    policy: Policy, observations: Iterable[Observation], *, own: bool = False
) -> Coverage:
    """What the observations show of a policy; each of them was made under this very policy.

    `own` leaves out the rules that it inherits.
    """
    tallies = {rule.id: _Tally(atoms=list(_atoms(rule.when))) for rule in policy.rules}
    tallies |= {f"{CAP}{cap.what}": _Tally(atoms=[]) for cap in policy.caps}
    default = _Tally(atoms=[])
    for one in observations:
        tally = default if one.rule == DEFAULT else tallies.get(one.rule)
        if tally is not None:
            tally.fired = True
            tally.limited |= one.limited
            (tally.then if one.limited else tally.steps).update(one.reached)
        if one.facts and (tally is not None or not one.rule):
            _look(policy, one, tallies)
    counted = [rule for rule in policy.rules if not (own and rule.file)]
    rules = tuple(_of_rule(rule, tallies[rule.id]) for rule in counted)
    caps = tuple(_of_cap(cap, tallies[f"{CAP}{cap.what}"]) for cap in policy.caps)
    return Coverage(
        policy=policy.name,
        rules=(*caps, *rules, _of_default(policy, default)),
        inherited=len(policy.rules) - len(counted),
    )


def _look(policy: Policy, one: Observation, tallies: Mapping[str, _Tally]) -> None:
    """Note the comparisons that were evaluated in one observation."""
    event = one.facts.get("event")
    evaluator = Evaluator(one.facts)
    for rule in policy.rules:
        tally = tallies[rule.id]
        if event in rule.events and rule.when is not None and tally.needs_atoms:
            places = {id(term): index for index, (term, _, _) in enumerate(tally.atoms)}
            for term, truth in _evaluated(rule.when, evaluator):
                if truth is not None:
                    (tally.true if truth else tally.false).add(places[id(term)])
        if rule.id == one.rule:
            return


def _evaluated(condition: Condition, evaluator: Evaluator) -> Iterator[tuple[Term, Truth]]:
    """The comparisons that are come to, in order, each with its truth."""
    for part in condition.parts:
        truth = yield from _walk(part.term, evaluator)
        if truth is False:
            return


def _walk(term: Term, evaluator: Evaluator) -> Generator[tuple[Term, Truth], None, Truth]:
    """Evaluate from left to right, and stop where the rest does not matter."""
    match term:
        case AllOf(terms=terms) | AnyOf(terms=terms):
            settles = isinstance(term, AnyOf)
            result: Truth = not settles
            for inner in terms:
                truth = yield from _walk(inner, evaluator)
                if truth is settles:
                    return truth
                result = None if truth is None else result
            return result
        case Not(term=inner):
            truth = yield from _walk(inner, evaluator)
            return None if truth is None else not truth
        case Named(term=inner):
            return (yield from _walk(inner, evaluator))
        case _:
            truth = evaluator.truth(term)
            if not isinstance(term, Literal):
                yield term, truth
            return truth


def _atoms(condition: Condition | None) -> Iterator[tuple[Term, str, str]]:
    """Every comparison of a condition: the term, its text, and the name it stands under.

    One that stands there twice under the same name is one.
    """
    found: dict[int, tuple[Term, str, str]] = {}
    for part in condition.parts if condition is not None else ():
        for atom in _inside(part.term, part.text, ""):
            found.setdefault(id(atom[0]), atom)
    yield from found.values()


def _inside(term: Term, text: str, named: str) -> Iterator[tuple[Term, str, str]]:
    match term:
        case AllOf(terms=terms) | AnyOf(terms=terms):
            for inner in terms:
                yield from _inside(inner, text, named)
        case Not(term=inner):
            yield from _inside(inner, text, named)
        case Named(name=name, term=inner, text=own):
            yield from _inside(inner, own, name)
        case Literal():
            return
        case _:
            yield term, text[term.start : term.end], named


def _of_rule(rule: Rule, tally: _Tally) -> OfRule:
    pieces = [Piece(kind="rule", missing="never fired", seen=tally.fired)]
    for index, (_, text, named) in enumerate(tally.atoms):
        shown = f"{text} (in {named})" if named else text
        for kind, seen in (("true", tally.true), ("false", tally.false)):
            pieces.append(Piece(kind=kind, missing=f"never saw {shown} {kind}", seen=index in seen))
    pieces += _steps(rule.steps, tally.steps, "step")
    if rule.limit is not None:
        missing = "its limit was never reached"
        pieces.append(Piece(kind="limit", missing=missing, seen=tally.limited))
        pieces += _steps(rule.limit.then, tally.then, "step limit.then")
    return OfRule(rule=rule.id, line=rule.line, pieces=tuple(pieces), file=rule.file)


def _of_cap(cap: Cap, tally: _Tally) -> OfRule:
    reached = Piece(kind="limit", missing="this limit was never reached", seen=tally.limited)
    steps = _steps(cap.then, tally.then, "step then")
    return OfRule(rule=f"{CAP}{cap.what}", line=0, pieces=(reached, *steps))


def _of_default(policy: Policy, tally: _Tally) -> OfRule:
    fired = Piece(kind="rule", missing="never fired", seen=tally.fired)
    return OfRule(
        rule=DEFAULT, line=0, pieces=(fired, *_steps(policy.default, tally.steps, "step"))
    )


def _steps(steps: tuple[plans.Step, ...], seen: set[int], called: str) -> Iterator[Piece]:
    for index, step in enumerate(steps):
        number = f" {index + 1}" if len(steps) > 1 else ""
        yield Piece(
            kind="step",
            missing=f"{called}{number} '{word_of(step)}' was never begun",
            seen=index in seen,
        )
