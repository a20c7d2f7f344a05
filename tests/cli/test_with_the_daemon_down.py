import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from palingenesis import shipped
from palingenesis.core.effects import Resume
from palingenesis.core.events import EffectEnded, Event, PolicyAdopted, SessionSeen, SessionStopped
from palingenesis.core.policy.build import build
from palingenesis.core.policy.compile import compile_text
from palingenesis.core.policy.model import Policy
from palingenesis.core.record import to_plain
from palingenesis.core.values import AgentId, Result, SessionId, Stop, StopReason
from palingenesis.core.world import Decision
from palingenesis.journal import SqliteJournal
from palingenesis.runtime.ports import Entry
from palingenesis.surfaces.cli.program import run
from tests.cli.test_commands import environment
from tests.control.doors import served

AT = datetime(2026, 11, 21, 3, 0, tzinfo=UTC)
OPENCODE = AgentId("opencode")
SESSION = SessionId("ses_1abcdef")

POLICY = """
version: 1
rules:
  - id: user-exit
    when: stop.reason == 'user_exit'
    do: [stand-down]
  - id: limit
    when: stop.reason == 'rate_limit'
    do: [resume]
default: {do: [attention]}
"""


def a_policy() -> Policy:
    schema = shipped.schema("policy").read_text()
    compiled = compile_text(POLICY, name="night", schema=schema)
    assert compiled.policy is not None, compiled.diagnostics
    return build(compiled.policy.resolved)


@pytest.fixture
def night(tmp_path: Path) -> dict[str, str]:
    """What a night left behind: a limit, the decision to resume, and its outcome."""
    state = tmp_path / "s"
    state.mkdir(mode=0o700)
    policy = a_policy()
    decision = Decision(
        id=1,
        at=AT + timedelta(minutes=1),
        kind="decided",
        event="stopped",
        rule="limit",
        why="the provider said so",
        session=SESSION,
        policy=policy.digest,
        facts={"event": "stopped", "stop.reason": "rate_limit"},
        plan=policy.rules[1].steps,
    )
    resume = Resume(
        id="1.0",
        decision=1,
        session=SESSION,
        agent=OPENCODE,
        stop="m1",
        words=False,
        text="",
    )
    happened: list[tuple[Event, list[Decision], list[Resume]]] = [
        (
            PolicyAdopted(at=AT, name="night", digest=policy.digest, resolved=policy.resolved),
            [],
            [],
        ),
        (SessionSeen(at=AT, session=SESSION, agent=OPENCODE, title="Write the docs"), [], []),
        (
            SessionStopped(
                at=AT + timedelta(minutes=1),
                session=SESSION,
                agent=OPENCODE,
                stop=Stop(key="m1", reason=StopReason.RATE_LIMIT),
            ),
            [decision],
            [resume],
        ),
        (EffectEnded(at=AT + timedelta(minutes=2), effect="1.0", result=Result.OK), [], []),
    ]
    with SqliteJournal.open(state / "journal.db") as journal:
        for event, decisions, effects in happened:
            plain = [to_plain(one) for one in decisions]
            journal.append(Entry(event=event, decisions=plain, effects=effects))
    return environment(tmp_path)


def test_events_are_told_from_the_journal(
    night: dict[str, str], capsys: pytest.CaptureFixture[str]
):
    assert run(["events", "--json"], night) == 0

    rows = json.loads(capsys.readouterr().out)["events"]
    assert [row["kind"] for row in rows] == [
        "policy-adopted",
        "session-seen",
        "session-stopped",
        "effect-ended",
    ]
    assert rows[2]["rule"] == "limit"
    assert rows[2]["session"] == SESSION
    assert (rows[3]["summary"], rows[3]["session"]) == ("resume: ok", SESSION)


@pytest.mark.parametrize("more", [["--limit", "1"], ["--filter", "effect-ended", "--all"]])
def test_what_ended_is_named_although_its_order_is_not_among_what_is_told(
    night: dict[str, str], capsys: pytest.CaptureFixture[str], more: list[str]
):
    assert run(["events", "--json", *more], night) == 0

    (row,) = json.loads(capsys.readouterr().out)["events"]
    assert (row["summary"], row["session"]) == ("resume: ok", SESSION)


def test_the_newest_events_are_kept_when_there_are_too_many(
    night: dict[str, str], capsys: pytest.CaptureFixture[str]
):
    assert run(["events", "--limit", "1", "--json"], night) == 0

    (row,) = json.loads(capsys.readouterr().out)["events"]
    assert row["kind"] == "effect-ended"


@pytest.mark.parametrize("more", [[], ["--all"]])
@pytest.mark.parametrize("called", [SESSION, "ses_1", "Write the docs", "write the"])
def test_the_session_of_events_is_called_as_with_the_daemon(
    night: dict[str, str], capsys: pytest.CaptureFixture[str], called: str, more: list[str]
):
    assert run(["events", "--json", "--session", called, *more], night) == 0

    rows = json.loads(capsys.readouterr().out)["events"]
    assert {row["session"] for row in rows} == {SESSION}


@pytest.mark.parametrize("more", [[], ["--all"]])
def test_events_of_an_unknown_session_are_the_same_clear_error_as_with_the_daemon(
    night: dict[str, str], capsys: pytest.CaptureFixture[str], more: list[str]
):
    assert run(["events", "--session", "nosuch", *more], night) == 2

    said = capsys.readouterr()
    assert said.out == ""
    assert said.err == "error: 'nosuch': no such session\nhint: palingenesis sessions\n"


@pytest.mark.parametrize("asked", [[], ["1"], ["#1"], [SESSION], ["ses_1"], ["Write the docs"]])
def test_a_decision_is_explained_from_the_journal(
    night: dict[str, str], capsys: pytest.CaptureFixture[str], asked: list[str]
):
    assert run(["explain", *asked, "--json"], night) == 0

    (told,) = json.loads(capsys.readouterr().out)["decisions"]
    assert told["rule"] == "limit"
    assert told["title"] == "Write the docs"
    assert [(rule["rule"], rule["outcome"]) for rule in told["considered"]] == [
        ("user-exit", "false"),
        ("limit", "won"),
    ]
    assert "stop.reason is rate_limit" in told["considered"][0]["why"]
    assert [(step["what"], step["result"]) for step in told["plan"]] == [("resume", "ok")]


def test_the_values_of_the_facts_hang_under_the_rules_that_asked_for_them(
    night: dict[str, str], capsys: pytest.CaptureFixture[str]
):
    assert run(["explain", "1"], night) == 0

    out = capsys.readouterr().out
    assert out.endswith(TOLD.format(miss="stop.reason 'user_exit' instead of 'rate_limit'"))


TOLD = """
  rules
    ✘ user-exit            night:4
        when: stop.reason == 'user_exit'
              │
              'rate_limit'
        nearest miss: {miss} and this rule would have decided
    ✔ limit                night:7   <- decides
        when: stop.reason == 'rate_limit'
              │
              'rate_limit'
  plan
    1. resume → ok
  more: palingenesis policy explain --decision 1
"""


def test_an_unknown_decision_is_one_clear_error(
    night: dict[str, str], capsys: pytest.CaptureFixture[str]
):
    assert run(["explain", "99"], night) == 1

    assert "no decision 99" in capsys.readouterr().err


def test_an_unknown_session_is_the_same_clear_error_as_with_the_daemon(
    night: dict[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    assert run(["explain", "nosuch"], night) == 2
    without = capsys.readouterr()
    with served(tmp_path):
        assert run(["explain", "nosuch"], night) == 2

    assert without == capsys.readouterr()
    assert without.err == "error: 'nosuch': no such session\nhint: palingenesis sessions\n"


def test_reading_changes_no_byte_of_the_journal(night: dict[str, str]):
    journal = Path(night["PALINGENESIS_STATE_DIR"]) / "journal.db"
    before = journal.read_bytes()

    run(["events"], night)
    run(["explain"], night)

    assert journal.read_bytes() == before


def test_a_file_that_is_no_journal_is_one_clear_error(
    night: dict[str, str], capsys: pytest.CaptureFixture[str]
):
    (Path(night["PALINGENESIS_STATE_DIR"]) / "journal.db").write_text("not a database" * 100)

    assert run(["events"], night) == 1

    said = capsys.readouterr().err
    assert said.startswith("error: the journal ")
    assert "is damaged: it is not a database\nhint: start the daemon: " in said
