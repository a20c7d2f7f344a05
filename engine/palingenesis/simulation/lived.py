"""A policy's recorded life: which rules decided, which comparisons were seen both ways."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime

from palingenesis.core.policy.model import Policy
from palingenesis.simulation.history import Past, Retelling
from palingenesis.simulation.testing.coverage import Coverage, Observation, OfRule, coverage_of

_KINDS = frozenset({"rule", "true", "false", "limit"})
"""Which steps of a plan were begun is another matter: the journal's outcomes tell that."""


@dataclass(slots=True, kw_only=True)
class Fired:
    """How often a rule decided, and when last."""

    times: int = 0
    last: datetime | None = None


@dataclass(slots=True, kw_only=True)
class Lived:
    """What recorded decisions show of a policy."""

    coverage: Coverage
    decisions: int
    fired: dict[str, Fired] = field(default_factory=dict)

    @property
    def never(self) -> tuple[str, ...]:
        """The rules that never decided."""
        return tuple(one.rule for one in self.coverage.rules if one.rule not in self.fired)


def lived(policy: Policy, pasts: Iterable[Past]) -> Lived:
    """Make every recorded decision again under the policy, and note what was seen of it.

    So a policy that was edited yesterday is looked at over all the time before, too.
    """
    fired: dict[str, Fired] = {}
    coverage = coverage_of(policy, _observed(policy, pasts, fired))
    rules = tuple(_without_steps(one) for one in coverage.rules)
    return Lived(
        coverage=replace(coverage, rules=rules),
        decisions=sum(one.times for one in fired.values()),
        fired=fired,
    )


def _observed(
    policy: Policy, pasts: Iterable[Past], fired: dict[str, Fired]
) -> Iterator[Observation]:
    retelling = Retelling(policy)
    for past in pasts:
        retelling.count(past)
        if past.kept:
            continue
        verdict = retelling.rule_on(past)
        one = fired.setdefault(verdict.rule, Fired())
        one.times += 1
        one.last = past.at
        facts = retelling.known(past)
        yield Observation(facts=facts, rule=verdict.rule, limited=verdict.limited)


def _without_steps(one: OfRule) -> OfRule:
    return replace(one, pieces=tuple(piece for piece in one.pieces if piece.kind in _KINDS))
