"""History: recorded decisions, made again under other policies, on the very facts of then.

Theory of operation. The journal keeps the facts of every decision, so any policy can rule on them
again. What a rule's limit and its ladder of waits had used up is counted anew for each policy, from
its own decisions. What cannot be known is what would have happened after another action; decisions
that follow the first difference of an episode are therefore uncertain, and marked.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from palingenesis.core import plans
from palingenesis.core.facts import show_duration
from palingenesis.core.plans import Step, Wait
from palingenesis.core.policy.decide import Ruling, decide
from palingenesis.core.policy.model import Policy
from palingenesis.core.policy.terms import count_key
from palingenesis.core.values import FactValue
from palingenesis.simulation.plan_words import in_words, setting_of, waiting_time

_UNTOLD: Final = frozenset({"progress", "started", "tick", "operator"})
"""Events that happen without a decision: how often they did cannot be counted afterwards."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """One recorded decision that a rule made."""

    decision: int
    at: datetime
    session: str
    event: str
    rule: str
    facts: Mapping[str, FactValue]
    policy: str = ""
    """Digest of the policy that decided."""
    kept: bool = False
    """Not decided about, because a pending wait covered it; it only counts."""

    @property
    def reason(self) -> str:
        """The stop reason, or the event where it was no stop."""
        if self.event == "stopped":
            return str(self.facts.get("stop.reason", "stopped"))
        return self.event

    @property
    def episode(self) -> tuple[str, datetime]:
        """The stretch of trouble it belongs to; a decision outside of any is one of its own."""
        age = self.facts.get("episode.age")
        began = self.at - age if isinstance(age, timedelta) else self.at
        return self.session, began.replace(microsecond=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What a policy says about a past decision."""

    rule: str
    steps: tuple[Step, ...]
    words: str
    waits: timedelta
    limited: bool = False


class Retelling:
    """Makes recorded decisions again under one policy, oldest first, with its own counters."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self._decided: dict[tuple[str, str], list[datetime]] = defaultdict(list)
        self._happened: dict[tuple[str, str], list[datetime]] = defaultdict(list)
        self._tries: dict[str, tuple[datetime, dict[str, int]]] = {}
        self._words: dict[object, tuple[str, timedelta]] = {}

    def count(self, past: Past) -> None:
        """Remember that it happened, for `count(…)` in conditions."""
        self._happened[past.session, past.event].append(past.at)
        if past.event == "stopped":
            self._happened[past.session, past.reason].append(past.at)

    def rule_on(self, past: Past) -> Verdict:
        """Decide it again; call `count` before."""
        facts = self.known(past)

        def used(rule: str, per: timedelta) -> int:
            return _since(self._decided[past.session, rule], past.at - per)

        ruling = decide(self._policy, facts, used)
        tries = self._next_try(past, facts, ruling.rule)
        if ruling.delay is None:
            self._decided[past.session, ruling.rule].append(past.at)
        words, waits = self._told(ruling, facts, past, tries)
        return Verdict(
            rule=ruling.rule, steps=ruling.steps, words=words, waits=waits, limited=ruling.limited
        )

    def known(self, past: Past) -> Mapping[str, FactValue]:
        """The recorded facts, and what this policy counts or looks up besides."""
        more: dict[str, FactValue] = {}
        for what, window in self._policy.windows:
            key = count_key(what, window)
            if key not in past.facts and what not in _UNTOLD:
                more[key] = _since(self._happened[past.session, what], past.at - window)
        for name, calendar in self._policy.calendars.items():
            more[f"within({name})"] = calendar.covers(past.at)
        return {**past.facts, **more} if more else past.facts

    def _next_try(self, past: Past, facts: Mapping[str, FactValue], rule: str) -> int:
        """How many plans of the rule there were in this stretch of trouble, since the progress."""
        age = facts.get("progress.age")
        progressed = past.at - age if isinstance(age, timedelta) else past.at
        _, began = past.episode
        last, tries = self._tries.get(past.session, (None, {}))
        if last is None or last < max(progressed, began):
            tries = {}
        number = tries.get(rule, 0)
        self._tries[past.session] = past.at, {**tries, rule: number + 1}
        return number

    def _told(
        self, ruling: Ruling, facts: Mapping[str, FactValue], past: Past, tries: int
    ) -> tuple[str, timedelta]:
        """The plan in words, and how long it waits; the same setting gives the same words."""
        key = (ruling.rule, ruling.limited, tries, facts.get("stop.retry_after"))
        if self._is_told_anew(ruling) or key not in self._words:
            setting = setting_of(facts, past.at, tries=tries, policy=self._policy)
            delay = f"for {show_duration(ruling.delay)}: " if ruling.delay is not None else ""
            waits = (ruling.delay or timedelta(0)) + waiting_time(ruling.steps, setting)
            self._words[key] = f"{delay}{in_words(ruling.steps, setting)}", waits
        return self._words[key]

    @staticmethod
    def _is_told_anew(ruling: Ruling) -> bool:
        """Whether a wait depends on the hour, or on other facts."""
        waits = (step for step in ruling.steps if isinstance(step, Wait))
        return any(step.condition is not None or step.calendar is not None for step in waits)


class AsItWas(Retelling):
    """Makes recorded decisions again, each under the policy that was in force then."""

    def __init__(self, policy: Policy, find: Callable[[str], Policy | None]) -> None:
        """`policy` decides where `find` knows none by the digest that was recorded."""
        super().__init__(policy)
        self._find = find
        self._digest = ""

    def rule_on(self, past: Past) -> Verdict:
        """Decide it again; call `count` before."""
        if past.policy != self._digest:
            self._digest = past.policy
            self._policy = self._find(past.policy) or self._policy
            self._words.clear()  # rules of two policies may have one name
        return super().rule_on(past)


def _since(instants: list[datetime], since: datetime) -> int:
    """How many are later; the list is ascending."""
    number = 0
    for at in reversed(instants):
        if at <= since:
            break
        number += 1
    return number


# ── two policies ──────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One recorded decision that two policies make differently."""

    past: Past
    before: Verdict
    after: Verdict
    uncertain: bool
    """An earlier decision of its episode differs too, so it might never have come to this."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Differences of one kind, in the order in which they happened.

    One kind: the same reason, rules and steps; how long the steps wait may change from try to try.
    """

    reason: str
    before: str
    after: str
    differences: tuple[Difference, ...]

    @property
    def first(self) -> Difference:
        """The earliest."""
        return self.differences[0]

    @property
    def uncertain(self) -> int:
        """How many of them are uncertain."""
        return sum(one.uncertain for one in self.differences)


@dataclass(frozen=True, slots=True, kw_only=True)
class Net:
    """What the differences come to, `after` minus `before`."""

    waiting: timedelta = timedelta(0)
    steps: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """What two policies make of a stretch of history."""

    decisions: int
    stops: int
    groups: tuple[Group, ...]
    renamed: int
    """Decisions that another rule makes, with the same plan."""
    net: Net

    @property
    def different(self) -> int:
        """How many decisions differ."""
        return sum(len(group.differences) for group in self.groups)

    @property
    def uncertain(self) -> int:
        """How many of them come after a first difference of their episode."""
        return sum(group.uncertain for group in self.groups)


def compare(pasts: Iterable[Past], before: Policy | Retelling, after: Policy) -> Comparison:
    """Make every recorded decision under both policies; `pasts` are oldest first."""
    one = before if isinstance(before, Retelling) else Retelling(before)
    other = Retelling(after)
    decisions = stops = renamed = 0
    differences: list[Difference] = []
    parted: set[tuple[str, datetime]] = set()
    for past in pasts:
        one.count(past)
        other.count(past)
        if past.kept:
            continue
        decisions += 1
        stops += past.event == "stopped"
        first, second = one.rule_on(past), other.rule_on(past)
        if first.words == second.words and first.steps == second.steps:
            renamed += first.rule != second.rule
            continue
        uncertain = past.episode in parted
        parted.add(past.episode)
        differences.append(Difference(past=past, before=first, after=second, uncertain=uncertain))
    return Comparison(
        decisions=decisions,
        stops=stops,
        groups=grouped(differences),
        renamed=renamed,
        net=summed(differences),
    )


def grouped(differences: Iterable[Difference]) -> tuple[Group, ...]:
    """Differences of one kind together, the most frequent kind first."""
    found: dict[tuple[object, ...], list[Difference]] = defaultdict(list)
    for one in differences:
        found[one.past.reason, _kind(one.before), _kind(one.after)].append(one)
    groups = (
        Group(
            reason=members[0].past.reason,
            before=members[0].before.rule,
            after=members[0].after.rule,
            differences=tuple(members),
        )
        for members in found.values()
    )
    return tuple(sorted(groups, key=lambda group: (-len(group.differences), group.first.past.at)))


def _kind(verdict: Verdict) -> tuple[object, ...]:
    return verdict.rule, verdict.limited, tuple(type(step) for step in verdict.steps)


COUNTED: Final[Mapping[str, tuple[type[Step], ...]]] = {
    "prompts": (plans.Resume, plans.Retry, plans.NewSession, plans.Compact),
    "new sessions": (plans.NewSession,),
    "restarts": (plans.Restart,),
    "notifications": (plans.Notify,),
    "questions": (plans.Ask,),
    "handed to a person": (plans.Attention,),
}
"""What is summed up over all differences."""


def summed(differences: Iterable[Difference]) -> Net:
    """What differences come to, all together."""
    waiting = timedelta(0)
    steps = dict.fromkeys(COUNTED, 0)
    for one in differences:
        waiting += one.after.waits - one.before.waits
        for name, kinds in COUNTED.items():
            steps[name] += _number(one.after, kinds) - _number(one.before, kinds)
    return Net(waiting=waiting, steps=steps)


def _number(verdict: Verdict, kinds: tuple[type[Step], ...]) -> int:
    return sum(isinstance(step, kinds) for step in verdict.steps)
