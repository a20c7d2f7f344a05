"""`policy graph` draws how a policy decides and where sessions are."""

import json
from pathlib import Path

import pytest

from palingenesis.core.lifecycle import mermaid
from palingenesis.core.values import Status
from palingenesis.runtime.door import PolicyText
from tests.cli.test_commands import Say, daemon, say
from tests.control.doors import A_WAITING_SESSION, Served, StandInDoor, served
from tests.policy.texts import rules

__all__ = ["daemon", "say"]

POLICY = rules(
    "  - id: note\n    event: [stopped, blocked]\n    continue: true\n"
    "    do: [{log: {message: seen}}]\n"
    "  - id: trial\n    mode: shadow\n    when: work.done\n    do: [finish]\n"
    "  - id: crash\n    when: stop.reason == 'crash'\n    do: [{wait: {for: 5s}}, restart]\n"
    "    limit: {max: 3, per: 1h}\n"
    "  - id: asked\n    event: blocked\n    for: 5m\n    do: [{log: {message: x}}]\n"
)

STOPPED = """\
stopped
│
├─ 1. note (observes)
│     → log, and the next rule is tried
│
├─ 2. trial (shadow: recorded only)
│     if work.done
│     → finish, and the next rule is tried
│
├─ 3. crash
│     if stop.reason == 'crash'
│     → wait 5s → restart
│     after 3 in 1h → attention
│
└─ default → attention
"""

MERMAID = """\
flowchart TD
    start(["blocked"])
    start --> r0
    r0{"note (observes)"}
    p0["log"]
    r0 -- true --> p0
    p0 --> r1
    r0 -- else --> r1
    r1{"asked<br/>for 5m"}
    p1["log"]
    r1 -- true --> p1
    otherwise["no rule: nothing is done"]
    classDef now fill:#fd7,stroke:#b60,color:#000
    classDef aside stroke-dasharray:4
    class r0 aside
"""


@pytest.fixture
def mine(tmp_path: Path) -> str:
    (tmp_path / "mine.yaml").write_text(POLICY)
    return str(tmp_path / "mine.yaml")


def test_the_rules_for_an_event_are_drawn_in_the_order_they_are_tried(say: Say, mine: str):
    assert say("policy", "graph", mine, "--event", "stopped").out == STOPPED


def test_the_same_as_mermaid(say: Say, mine: str):
    said = say("policy", "graph", mine, "--event", "blocked", "--format", "mermaid")

    assert said.out == MERMAID


def test_without_an_event_each_rule_says_what_it_listens_to(say: Say, mine: str):
    out = say("policy", "graph", mine).out

    assert "├─ 1. note (observes)\n│     on blocked, stopped\n" in out
    assert "└─ default (stopped, action_failed) → attention" in out


def test_a_sessions_life_is_drawn_with_every_status(say: Say):
    out = say("policy", "graph", "--states").out

    assert {line for line in out.splitlines() if not line.startswith(" ")} == set(Status)
    assert say("policy", "graph", "--states", "--format", "mermaid").out.startswith(mermaid())


def test_where_the_daemon_runs_its_sessions_are_marked(say: Say, daemon: Served):
    out = say("policy", "graph", "--states").out
    drawn = say("policy", "graph", "--states", "--format", "mermaid").out

    assert "\nwaiting  ← 1 now\n" in out
    assert "    class waiting,working now\n" in drawn


def test_only_the_session_that_is_meant_is_marked(say: Say, daemon: Served):
    out = say("policy", "graph", "--states", "--session", A_WAITING_SESSION["id"]).out

    assert [line for line in out.splitlines() if line.endswith("now")] == ["waiting  ← 1 now"]


def test_the_rule_that_a_session_waits_for_is_marked_in_the_flow(say: Say, tmp_path: Path):
    text = POLICY.replace("id: crash", f"id: {A_WAITING_SESSION['rule']}")
    with served(tmp_path, InForce(text)):
        out = say("policy", "graph", "--session", A_WAITING_SESSION["id"]).out
        drawn = say("policy", "graph", "--format", "mermaid").out

    assert [line for line in out.splitlines() if line.endswith("now")] == [
        "├─ 3. rate-limit  ← now"
    ]
    assert "    class r2 now\n" in drawn


class InForce(StandInDoor):
    """A daemon that decides by another policy."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.source = source

    def policy(self) -> PolicyText:
        return {**super().policy(), "source": self.source}


def test_scripts_get_the_flow_and_the_life_as_json(say: Say, mine: str, daemon: Served):
    flow = json.loads(say("policy", "graph", mine, "--event", "blocked", "--json").out)
    life = json.loads(say("policy", "graph", "--states", "--json").out)
    waiting = next(one for one in life["statuses"] if one["status"] == "waiting")

    assert [(one["id"], one["goes_on"]) for one in flow["rules"]] == [
        ("note", True),
        ("asked", False),
    ]
    assert flow["default"] is None
    assert waiting["sessions"] == [A_WAITING_SESSION["id"]]
    assert {"trigger": "act", "to": "acting"} in waiting["ways"]


@pytest.mark.parametrize(
    ("args", "code"),
    [
        (("--states", "default"), 2),
        (("--states", "--event", "stopped"), 2),
        (("--event", "stoped"), 2),
        (("--session", "ses_1"), 3),
        (("missing.yaml",), 5),
    ],
)
def test_what_cannot_be_drawn_is_said(say: Say, args: tuple[str, ...], code: int):
    assert say("policy", "graph", *args).code == code
