"""The policy that is left alone over night: which rule decides, and what it never does."""

from datetime import timedelta
from typing import Any

import pytest

from palingenesis.core import plans
from palingenesis.core.policy.decide import Ruling, decide
from palingenesis.core.values import FactValue, StopReason
from tests.policy.texts import SHIPPED, policy

DEFAULT = policy(SHIPPED.read_text(encoding="utf-8"))
SOBER: dict[str, FactValue] = {
    "event": "stopped",
    "agent.way": "managed",
    "agent.up": True,
    "agent.supported": True,
    "stop.retrying": False,
    "work.state": "absent",
    "session.children": 0,
    "session.context_used": 0.4,
}
PROMPTS = (plans.Resume, plans.Retry, plans.NewSession, plans.Compact)
CONTROL = (*PROMPTS, plans.Interrupt, plans.Restart, plans.SwitchModel)
OPEN = {"work.state": "valid", "work.done": False}
DONE = {"work.state": "valid", "work.done": True}


def ruled(reason: str, used: int = 0, **facts: Any) -> Ruling:
    dotted = {name.replace("__", "."): value for name, value in facts.items()}
    return decide(DEFAULT, {**SOBER, "stop.reason": reason, **dotted}, lambda *_: used)


def kinds(ruling: Ruling) -> list[str]:
    return [type(step).__name__ for step in ruling.steps]


@pytest.mark.parametrize(
    ("reason", "facts", "rule"),
    [
        ("user_exit", {}, "respect-user"),
        ("user_abort", OPEN, "respect-user"),
        ("completed", {}, "finished"),
        ("completed", {"operator.seen": timedelta(minutes=2)}, "finished-in-sight"),
        ("completed", {"operator.seen": timedelta(minutes=2), "episode.first_reason": "quota"},
         "finished"),
        ("quota", {"count(quota, 12h)": 2}, "quota-still"),
        ("completed", DONE, "finished"),
        ("completed", OPEN, "unfinished"),
        ("completed", {"work.state": "torn"}, "torn-work"),
        ("completed", {"work.state": "valid"}, "default"),
        ("completed", {**OPEN, "session.context_used": 0.86}, "context-nearly-full"),
        ("completed", {**DONE, "session.context_used": 0.99}, "finished"),
        ("completed", {"session.context_used": 0.99}, "finished"),
        ("output_limit", {}, "cut-off"),
        ("output_limit", {**OPEN, "session.context_used": 0.9}, "context-nearly-full"),
        ("timeout", {**OPEN, "session.context_used": 0.9}, "context-nearly-full"),
        ("timeout", {}, "transient"),
        ("network", {}, "transient"),
        ("network", {"host.network": False}, "transient"),
        ("server_error", {}, "transient"),
        ("context_exhausted", {}, "context-full"),
        ("context_exhausted", OPEN, "context-full"),
        ("auth", {}, "credentials"),
        ("billing", {}, "credentials"),
        ("model_not_found", {}, "hopeless"),
        ("refused", {}, "hopeless"),
        ("request_too_large", {}, "hopeless"),
        ("quota", {}, "quota"),
        ("rate_limit", {}, "throttled"),
        ("overloaded", {}, "throttled"),
        ("crash", {"agent.up": False}, "crash"),
        ("crash", {"agent.way": "attached", "agent.up": False}, "attached-down"),
        ("crash", {"agent.way": "attached"}, "attached-back"),
        ("crash", {"agent.way": "integrated", "agent.up": False}, "own-program-died"),
        ("crash", {"agent.way": "integrated"}, "own-program-died"),
        ("rate_limit", {"agent.way": "integrated"}, "throttled"),
        ("context_exhausted", {"agent.way": "integrated"}, "context-full"),
        ("user_exit", {"agent.way": "integrated", "agent.up": False}, "respect-user"),
        ("crash", {"agent.way": "observed", "agent.up": False}, "observed"),
        ("unknown", {}, "default"),
        ("rate_limit", {"stop.retrying": True}, "own-retry-long"),
        ("rate_limit", {"stop.retrying": True, "stop.retry_after": timedelta(seconds=3)},
         "own-retry-short"),
        ("rate_limit", {"stop.retrying": True, "stop.retry_after": timedelta(hours=5)},
         "own-retry-long"),
        ("rate_limit", {"agent.supported": False}, "observed"),
        ("completed", {"agent.way": "observed"}, "observed-finished"),
    ],
)  # fmt: skip
def test_which_rule_decides(reason: str, facts: dict[str, FactValue], rule: str) -> None:
    ruling = decide(DEFAULT, {**SOBER, "stop.reason": reason, **facts}, lambda *_: 0)

    assert ruling.rule == rule


@pytest.mark.parametrize(
    "reason",
    ["auth", "billing", "model_not_found", "refused", "request_too_large", "user_exit",
     "user_abort", "unknown"],
)  # fmt: skip
def test_what_trying_again_cannot_cure_is_never_prompted(reason: str) -> None:
    for used in (0, 99):
        assert not any(isinstance(step, CONTROL) for step in ruled(reason, used).steps)


@pytest.mark.parametrize("reason", [one.value for one in StopReason])
@pytest.mark.parametrize("state", ["absent", "torn", "valid"])
@pytest.mark.parametrize("retrying", [False, True])
def test_an_observed_session_is_told_about_but_never_touched(
    reason: str, state: str, retrying: bool
) -> None:
    for unsure in ({"agent.way": "observed"}, {"agent.supported": False}):
        facts = {"work.state": state, "stop.retrying": retrying, **unsure}
        ruling = decide(DEFAULT, {**SOBER, "stop.reason": reason, **facts}, lambda *_: 0)

        assert not any(isinstance(step, CONTROL) for step in ruling.steps)


@pytest.mark.parametrize("reason", ["rate_limit", "overloaded", "quota"])
def test_a_refusal_for_lack_of_quota_never_exhausts_the_policy(reason: str) -> None:
    assert not ruled(reason, used=10_000).limited
    assert kinds(ruled(reason, used=10_000))[-1] == "Resume"


def test_every_rule_that_acts_gives_up_somewhere_except_for_limits() -> None:
    in_the_end = {
        rule.id: rule.steps if rule.limit is None else rule.limit.then for rule in DEFAULT.rules
    }
    endless = {
        id_ for id_, steps in in_the_end.items() if any(isinstance(one, PROMPTS) for one in steps)
    }

    assert endless == {"own-retry-long", "quota-still", "quota", "throttled"}


def test_every_new_session_is_preceded_by_a_snapshot() -> None:
    for rule in DEFAULT.rules:
        names = [type(step).__name__ for step in rule.steps]
        if "NewSession" in names:
            assert names.index("Snapshot") < names.index("NewSession")


def test_a_crash_loop_ends_with_a_loud_word_and_a_person() -> None:
    assert kinds(ruled("crash", agent__up=False)) == ["Wait", "Restart", "Resume"]
    assert kinds(ruled("crash", used=5, agent__up=False)) == ["Notify", "Attention"]


def test_a_long_retry_of_the_assistant_is_taken_over() -> None:
    ruling = ruled("quota", stop__retrying=True, stop__retry_after=timedelta(hours=5))

    assert kinds(ruling) == ["Notify", "Interrupt", "Wait", "Resume"]


def test_a_stall_with_a_sub_agent_at_work_is_no_stall() -> None:
    assert ruled("completed", event="stalled", session__children=1).steps == ()
    assert ruled("completed", event="stalled").rule == "stalled"


def test_a_pending_question_is_only_talked_about() -> None:
    ruling = ruled("completed", event="blocked", block__kind="question")

    assert (ruling.rule, ruling.delay) == ("still-blocked", timedelta(minutes=30))
    assert kinds(ruling) == ["Notify"]


def test_a_failed_action_is_tried_once_or_twice_where_that_can_help_and_then_told() -> None:
    failed = {"event": "action_failed", "action__kind": "failed", "action__error": "no disk"}

    assert kinds(ruled("crash", **failed)) == ["Notify", "Attention"]
    assert ruled("network", **{**failed, "action__kind": "no_effect"}).rule == "no-effect"
    assert ruled("crash", **{**failed, "action__kind": "no_effect"}).rule == "action-failed"
