"""What one decision of the default policy costs, with every reason, and one whole turn.

    python -m benchmarks.decide [COUNT]

The floor is a call of an empty function; the peer is plain simpleeval, evaluating texts that mean
the same as the conditions up to the rule that decides (its own parsing done beforehand, missing
facts given as None, no reasons, no steps). All taken in turn. Figure to reach: at most 1 ms.
"""

import sys
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from benchmarks.figures import tell_machine, tell_percentiles
from simpleeval import EvalWithCompoundTypes

from palingenesis import shipped
from palingenesis.core.events import AgentUp, DaemonStarted, SessionStopped, SessionWorking
from palingenesis.core.policy.build import build
from palingenesis.core.policy.compile import compile_text
from palingenesis.core.policy.decide import decide
from palingenesis.core.policy.explain import explain
from palingenesis.core.policy.model import Policy
from palingenesis.core.step import step
from palingenesis.core.values import AgentId, FactValue, SessionId, Stop, StopReason, Way
from palingenesis.core.world import World

AT = datetime(2026, 3, 29, 1, 30, tzinfo=UTC)
FACTS: Mapping[str, FactValue] = {
    "event": "stopped",
    "stop.reason": "unknown",
    "stop.retrying": False,
    "stop.message": "Something that nobody has seen before",
    "session.context_used": 0.5,
    "session.title": "work",
    "agent.way": "managed",
    "agent.supported": True,
    "agent.up": True,
    "work.state": "valid",
    "work.done": False,
}
"""The dearest case: no rule is true, so all of them are looked at."""

PLAIN = (
    "reason in ('user_exit', 'user_abort')",
    "retrying and retry_after <= 300",
    "(way == 'observed' or not supported) and reason == 'completed' and state == 'absent'",
    "way == 'observed' or not supported",
    "reason == 'completed' and (state == 'absent' or done)",
    "reason in ('auth', 'billing')",
    "reason in ('model_not_found', 'refused', 'request_too_large')",
    "retrying",
    "reason == 'quota'",
    "reason in ('rate_limit', 'overloaded')",
    "reason in ('completed', 'output_limit', 'context_exhausted') and state == 'torn'",
    "reason == 'context_exhausted'",
    "reason in ('completed', 'output_limit', 'timeout') and used > 0.8 and state == 'valid'",
    "reason in ('server_error', 'network', 'timeout')",
    "reason == 'crash' and way == 'attached' and not up",
    "reason == 'crash' and way == 'attached' and up",
    "reason == 'crash'",
    "reason == 'completed' and state == 'valid' and not done",
    "reason == 'output_limit'",
)
NAMES: Mapping[str, object] = {
    "reason": "unknown", "retrying": False, "retry_after": 0, "way": "managed", "supported": True,
    "state": "valid", "done": False, "used": 0.5, "up": True,
}  # fmt: skip


def default_policy() -> Policy:
    compiled = compile_text(
        shipped.policy().read_bytes(),
        name="default",
        schema=shipped.schema("policy").read_text(encoding="utf-8"),
    )
    assert compiled.policy is not None, compiled.diagnostics
    return build(compiled.policy.resolved)


def peer() -> Callable[[], object]:
    evaluator = EvalWithCompoundTypes(names=dict(NAMES))
    parsed: list[tuple[str, Any]] = [(text, evaluator.parse(text)) for text in PLAIN]

    def scan() -> object:
        return [evaluator.eval(text, previously_parsed=tree) for text, tree in parsed]

    return scan


def begun(policy: Policy) -> World:
    """A world with one agent and one session at work."""
    agent, session = AgentId("opencode"), SessionId("ses_1")
    world = World()
    for event in (
        DaemonStarted(at=AT, version="1", seed="seed", boot_id="boot", pid=1),
        AgentUp(
            at=AT, agent=agent, assistant="opencode", way=Way.MANAGED, version="1.18.33",
            supported=True, started_at=AT, pid=2, detail="",
        ),
        SessionWorking(at=AT, session=session, agent=agent),
    ):  # fmt: skip
        world = step(world, event, policy).world
    return world


def empty() -> None:
    pass


def main(count: int) -> None:
    tell_machine()
    policy = default_policy()
    world, stop = (
        begun(policy),
        Stop(key="msg_1", reason=StopReason.RATE_LIMIT, message="Slow down"),
    )
    stopped = SessionStopped(
        at=AT + timedelta(minutes=1),
        session=SessionId("ses_1"),
        agent=AgentId("opencode"),
        stop=stop,
    )
    assert step(world, stopped, policy).decisions

    def reasoned() -> None:
        decide(policy, FACTS, lambda *_: 0)
        explain(policy, FACTS, lambda *_: 0)

    scan = peer()
    rows: Mapping[str, Callable[[], object]] = {
        "decide": lambda: decide(policy, FACTS, lambda *_: 0),
        "decide + explain, every rule": reasoned,
        "one turn of the kernel: a stop": lambda: step(world, stopped, policy),
        "peer": scan,
        "floor": empty,
    }
    spans: dict[str, list[float]] = {name: [] for name in rows}
    for _ in range(count):
        for name, action in rows.items():
            began = time.perf_counter()
            action()
            spans[name].append((time.perf_counter() - began) * 1_000)
    print(f"{len(policy.rules)} rules; peer: simpleeval {len(PLAIN)} conditions")
    for name in list(rows)[:3]:
        tell_percentiles(name, spans[name], spans["peer"], "ms", target=(50, 1.0), against="peer")
        tell_percentiles(name, spans[name], spans["floor"], "ms", against="empty call")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 2_000)
