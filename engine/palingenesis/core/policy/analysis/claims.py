"""Claims: what is said of a policy over all facts, and the verdict on it, with examples."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from palingenesis.core.plans import Step
from palingenesis.core.policy.analysis.chart import Chart
from palingenesis.core.policy.analysis.deeds import Course
from palingenesis.core.policy.analysis.witness import Witness
from palingenesis.core.policy.decide import DEFAULT, decide
from palingenesis.core.values import FactValue


class Verdict(StrEnum):
    """What became of a claim."""

    PROVED = "proved"  # the policy holds it for all facts
    RAILED = "railed"  # the policy does not, and the kernel does: it never happens
    REFUTED = "refuted"  # there is an example
    OPEN = "not proved"  # it cannot be told: too much work, or an example that cannot be made


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One example. `told` are the facts that matter; `when` is what else has to be so, in words."""

    rule: str
    line: int = 0
    facts: Mapping[str, FactValue] = field(default_factory=dict)
    told: tuple[str, ...] = ()
    when: str = ""
    steps: tuple[Step, ...] = ()
    exact: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A statement about a policy, and what became of it."""

    id: str
    text: str
    verdict: Verdict
    why: str = ""
    cases: tuple[Case, ...] = ()
    line: int = 0
    """Where the statement stands in the file; 0 for those that are always asked."""

    @property
    def holds(self) -> bool:
        """Whether what it says is true of the policy under the kernel."""
        return self.verdict in {Verdict.PROVED, Verdict.RAILED}


def case(chart: Chart, index: int | None, course: Course, found: Witness) -> Case:
    """An example of what a rule (None: the default) does, tried with the evaluator of record."""
    policy = chart.policy
    rule = None if index is None else policy.rules[index]
    exact = found.exact
    if exact:
        ruling = decide(policy, found.facts, lambda *_: 0)
        names = {ruling.rule, *(aside.rule for aside in ruling.asides)}
        exact = (DEFAULT if rule is None else rule.id) in names
    return Case(
        rule=DEFAULT if rule is None else rule.id,
        line=0 if rule is None else rule.line,
        facts=found.facts,
        told=found.told,
        when=course.when,
        steps=course.steps,
        exact=exact,
    )


def refuted(cases: tuple[Case, ...]) -> Verdict:
    """The verdict that examples allow: one that could not be tried proves nothing."""
    return Verdict.REFUTED if any(one.exact for one in cases) else Verdict.OPEN
