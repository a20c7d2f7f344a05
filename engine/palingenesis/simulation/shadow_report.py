"""What a candidate has decided beside the policy in force, told as two policies that differ."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from palingenesis.core.kernel.candidates import DIFFERENT, UNCERTAIN
from palingenesis.core.world import Decision
from palingenesis.simulation.history import Difference, Group, Net, Past, Verdict, grouped, summed
from palingenesis.simulation.plan_words import Setting, in_words, setting_of, waiting_time


@dataclass(frozen=True, slots=True, kw_only=True)
class ShadowReport:
    """Counts of everything that was decided twice, and the differences by kind."""

    same: int
    different: int
    unknown: int
    """Decisions after the first different one of their episode: nobody knows what was right."""
    groups: tuple[Group, ...]
    net: Net

    @property
    def decisions(self) -> int:
        """How many decisions were made twice."""
        return self.same + self.different + self.unknown


def report(turns: Iterable[Iterable[Decision]]) -> ShadowReport:
    """Sum up the decisions of many turns, oldest first, of one candidate."""
    same = unknown = 0
    differences: list[Difference] = []
    for real, other in (pair for turn in turns for pair in _pairs(turn)):
        if other.why == UNCERTAIN:
            unknown += 1
        elif other.why == DIFFERENT:
            differences.append(_difference(real, other))
        else:
            same += 1
    return ShadowReport(
        same=same,
        different=len(differences),
        unknown=unknown,
        groups=grouped(differences),
        net=summed(differences),
    )


def _pairs(turn: Iterable[Decision]) -> Iterator[tuple[Decision, Decision]]:
    """Every decision with what the candidate made of it."""
    decisions = tuple(turn)
    real = {one.id: one for one in decisions if one.kind == "decided"}
    for one in decisions:
        if one.kind == "candidate" and one.id in real:
            yield real[one.id], one


def _difference(real: Decision, other: Decision) -> Difference:
    past = Past(
        decision=real.id,
        at=real.at,
        session=real.session or "",
        event=real.event,
        rule=real.rule,
        facts=real.facts,
    )
    return Difference(
        past=past,
        before=_verdict(real, setting_of(real.facts, real.at, tries=real.tries)),
        after=_verdict(other, setting_of(real.facts, real.at, tries=other.tries)),
        uncertain=False,
    )


def _verdict(one: Decision, setting: Setting) -> Verdict:
    return Verdict(
        rule=one.rule,
        steps=one.plan,
        words=in_words(one.plan, setting),
        waits=waiting_time(one.plan, setting),
        limited=one.limited,
    )
