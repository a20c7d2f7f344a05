"""What the index saves where a policy is asked again and again: nights, and a difference of pasts.

    python -m benchmarks.rehearsal [NIGHTS] [FACTS]

Three figures, each with the evaluator of record and with the index, in turn: one decision of the
default policy; nights of 20 stops through the real kernel; recorded facts decided under two
policies, the making of both indexes included. To be reached: 1,000 nights of 20 stops a minute and
core, and 10,000 recorded facts under two policies within 5 s.
"""

import sys
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from random import Random

from benchmarks.decide import FACTS, default_policy
from benchmarks.figures import at_percent, tell, tell_machine

from palingenesis import shipped
from palingenesis.core.events import SessionStopped
from palingenesis.core.policy.compile import compile_text
from palingenesis.core.policy.decide import decide
from palingenesis.core.policy.index import indexed
from palingenesis.core.policy.model import Policy
from palingenesis.core.values import FactValue, Stop, StopReason
from palingenesis.simulation.rehearsal import AGENT, Rehearsal

AT = datetime(2026, 3, 28, 22, 0, tzinfo=UTC)
STOPS = 20
REASONS = (
    StopReason.RATE_LIMIT,
    StopReason.OVERLOADED,
    StopReason.QUOTA,
    StopReason.SERVER_ERROR,
    StopReason.NETWORK,
    StopReason.TIMEOUT,
    StopReason.OUTPUT_LIMIT,
    StopReason.CONTEXT_EXHAUSTED,
)
"""Stops that the default policy answers by going on, so that the next one is decided, too."""


def never(*_: object) -> int:
    return 0


def night(policy: Policy, seed: int) -> Rehearsal:
    """Twenty stops for different reasons, 75 minutes apart."""
    dice = Random(seed)
    rehearsal = Rehearsal(policy=policy, start=AT, seed=str(seed))
    for number in range(STOPS):
        reason = dice.choice(REASONS)
        stop = Stop(key=f"msg_{number}", reason=reason, message="so it was")
        rehearsal.happen(
            SessionStopped(at=rehearsal.now, session=rehearsal.session, agent=AGENT, stop=stop)
        )
        rehearsal.advance(timedelta(minutes=75))
    return rehearsal


def decided(rehearsal: Rehearsal) -> list[tuple[str, str]]:
    decisions = (one for happening in rehearsal.past for one in happening.turn.decisions)
    return [(one.kind, one.rule) for one in decisions]


def recorded(count: int) -> list[Mapping[str, FactValue]]:
    """Facts as the journal keeps them: of the decisions of many nights."""
    found: list[Mapping[str, FactValue]] = []
    policy, seed = indexed(default_policy()), 0
    while len(found) < count:
        seed += 1
        past = night(policy, seed).past
        found += [one.facts for happening in past for one in happening.turn.decisions if one.facts]
    return found[:count]


def other_policy() -> Policy:
    """The default policy, changed a little."""
    text = (
        shipped.policy()
        .read_text(encoding="utf-8")
        .replace("retry_after <= 5m", "retry_after <= 1m")
    )
    schema = shipped.schema("policy").read_text(encoding="utf-8")
    compiled = compile_text(text.encode(), name="other", schema=schema)
    assert compiled.policy is not None, compiled.diagnostics
    return compiled.policy


def took(action: Callable[[], object], clock: Callable[[], float] = time.perf_counter) -> float:
    began = clock()
    action()
    return clock() - began


def busy(action: Callable[[], object]) -> float:
    """Seconds of one core: what is promised "a minute and core" does not depend on neighbours."""
    return took(action, time.process_time)


def one_decision(policy: Policy, times: int = 3_000) -> None:
    spans: dict[str, list[float]] = {"record": [], "index": []}
    fast = indexed(policy)
    for _ in range(times):
        spans["record"].append(took(lambda: decide(policy, FACTS, never)) * 1e6)
        spans["index"].append(took(lambda: decide(fast, FACTS, never)) * 1e6)
    index, record = (at_percent(spans[name], 50) for name in ("index", "record"))
    tell("one decision, index (median)", index, record, "µs", against="record")


def nights(policy: Policy, count: int) -> None:
    fast = indexed(policy)
    assert decided(night(policy, 1)) == decided(night(fast, 1))
    plain_s = index_s = 0.0
    for seed in range(count):
        plain_s += busy(lambda seed=seed: night(policy, seed))
        index_s += busy(lambda seed=seed: night(fast, seed))
    for name, seconds in (("record", plain_s), ("index", index_s)):
        rate = count * 60 / seconds
        verdict = "reached" if rate >= 1_000 else "MISSED"
        stops = count * STOPS / seconds
        print(f"{name}: {stops:.0f} stops a second of a core, {rate:.0f} nights of {STOPS} stops"
              f" a minute (at least 1,000: {verdict})")  # fmt: skip


def difference(policy: Policy, other: Policy, facts: Sequence[Mapping[str, FactValue]]) -> None:
    def both(prepare: Callable[[Policy], Policy]) -> int:
        one, two = prepare(policy), prepare(other)
        return sum(decide(one, row, never).rule != decide(two, row, never).rule for row in facts)

    assert both(indexed) == both(lambda plain: plain)
    record = took(lambda: both(lambda plain: plain))
    index = took(lambda: both(indexed))
    tell(f"{len(facts):,} facts, two policies", index, record, "s", target=5, against="record")


def main(count: int, facts: int) -> None:
    tell_machine()
    policy = default_policy()
    print(f"{len(policy.rules)} rules")
    one_decision(policy)
    nights(policy, count)
    difference(policy, other_policy(), recorded(facts))


if __name__ == "__main__":
    main(
        int(sys.argv[1]) if len(sys.argv) > 1 else 40,
        int(sys.argv[2]) if len(sys.argv) > 2 else 10_000,
    )
