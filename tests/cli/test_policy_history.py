"""What is told of the recorded past: coverage, and what another policy would have done."""

import json
from datetime import timedelta
from pathlib import Path

import click
import pytest

from palingenesis.core.events import SessionStopped
from palingenesis.core.policy.compile import compile_text
from palingenesis.core.policy.model import Policy
from palingenesis.core.record import to_plain
from palingenesis.core.values import Stop, StopReason
from palingenesis.journal import SqliteJournal
from palingenesis.runtime.clock import SystemClock
from palingenesis.runtime.ports import Entry
from palingenesis.simulation.rehearsal import AGENT, Rehearsal
from palingenesis.surfaces.cli.desk import Desk
from palingenesis.surfaces.cli.history_diff import LIMIT, diff_history
from tests.cli.test_commands import Say, environment, say
from tests.policy.texts import SCHEMA

__all__ = ["say"]

POLICY = """\
version: 1
rules:
  - id: respect-user
    when: stop.reason in ('user_exit', 'user_abort')
    do: [stand-down]
  - id: limit
    when: stop.reason == 'rate_limit' and episode.attempts < 9
    do: [{wait: {for: 10m}}, resume]
default: {do: [attention]}
"""
ROLL = """\
  - id: roll
    when: stop.reason == 'timeout'
    do: [snapshot, new-session]
default:"""
NEXT = POLICY.replace("10m", "15m").replace("default:", ROLL)
SPAN = timedelta(days=7)


def compiled(text: str) -> Policy:
    made = compile_text(text, name="policy", schema=SCHEMA).policy
    assert made is not None
    return made


@pytest.fixture
def lived(tmp_path: Path) -> dict[str, str]:
    """A journal with a night of yesterday: two limits in one episode, then a timeout."""
    state = tmp_path / "s"
    state.mkdir(mode=0o700)
    night = Rehearsal(policy=compiled(POLICY), start=SystemClock().now() - timedelta(hours=8))
    for number, reason in enumerate(["rate_limit", "rate_limit", "timeout"]):
        stop = Stop(key=f"m{number}", reason=StopReason(reason), words=True)
        night.happen(SessionStopped(at=night.now, session=night.session, agent=AGENT, stop=stop))
        night.advance(timedelta(minutes=11))
    with SqliteJournal.open(state / "journal.db") as journal:
        for one in night.past:
            plain = tuple(to_plain(decision) for decision in one.turn.decisions)
            journal.append(Entry(event=one.event, decisions=plain, effects=one.turn.effects))
    return environment(tmp_path)


def test_what_another_policy_would_have_done_is_grouped_with_its_honest_limit(
    lived: dict[str, str], capsys: pytest.CaptureFixture[str]
):
    different = diff_history(
        Desk(environ=lived), compiled(POLICY), compiled(NEXT), SPAN, as_json=False
    )

    out = capsys.readouterr().out.splitlines()
    assert different
    assert out[0].startswith("3 recorded decisions (3 stops) since ")
    assert out[0].endswith(" · 3 would be decided differently (2 of them ~)")
    assert out[2].split() == ["2", "\N{MULTIPLICATION SIGN}", "rate_limit", "limit", "→", "limit"]
    assert out[3:5] == ["          - wait 10m → resume", "          + wait 15m → resume"]
    assert out[5].endswith("decision 1   1 of them ~")
    assert out[8] == "          + snapshot → new-session"
    assert out[-2].startswith("net: waiting time +10m, prompts +1, new sessions +1, ")
    assert out[-1] == f"limit: {LIMIT}"


def test_the_difference_as_json_names_every_decision(
    lived: dict[str, str], capsys: pytest.CaptureFixture[str]
):
    diff_history(Desk(environ=lived), compiled(POLICY), compiled(NEXT), SPAN, as_json=True)

    told = json.loads(capsys.readouterr().out)
    assert (told["decisions"], told["different"], told["uncertain"]) == (3, 3, 2)
    assert told["groups"][0]["after"] == {"rule": "limit", "plan": "wait 15m → resume"}
    assert [one["uncertain"] for one in told["groups"][0]["decisions"]] == [False, True]
    assert told["net"]["waiting_s"] == 600


def test_a_policy_that_does_the_same_differs_in_nothing(
    lived: dict[str, str], capsys: pytest.CaptureFixture[str]
):
    renamed = compiled(POLICY.replace("id: limit", "id: throttled"))

    different = diff_history(Desk(environ=lived), compiled(POLICY), renamed, SPAN, as_json=False)

    assert not different
    assert capsys.readouterr().out.endswith(
        " · none would be decided differently · 2 by another rule, with the same plan\n"
    )


def test_the_exit_code_of_the_diff_says_whether_anything_would_be_different(
    say: Say, lived: dict[str, str], tmp_path: Path
):
    one, other = tmp_path / "policy.yaml", tmp_path / "next.yaml"
    one.write_text(POLICY)
    other.write_text(NEXT)

    different = say("policy", "diff", str(one), str(other), "--history", "7d")
    same = say("policy", "diff", str(one), str(one), "--history", "7d")

    assert (different.code, same.code) == (1, 0)
    assert "+ wait 15m → resume" in different.out
    assert "none would be decided differently" in same.out


def test_coverage_tells_what_the_recorded_life_never_used(
    say: Say, lived: dict[str, str], tmp_path: Path
):
    policy = tmp_path / "policy.yaml"
    policy.write_text(POLICY)

    said = say("policy", "coverage", str(policy))

    assert said.code == 0
    lines = [click.unstyle(line) for line in said.out.splitlines()]
    assert lines[0].startswith(f"{policy} over 3 recorded decisions since ")
    assert lines[1] == "  respect-user  33%  never fired"
    assert lines[2].startswith("  limit         80%  2 times, last ")
    assert lines[3] == "                     never saw episode.attempts < 9 false"
    assert lines[4].startswith("  default      100%  once, last ")
    assert lines[5] == "  total        6/9 = 66.6%"
    assert lines[6] == "never fired: respect-user"


def test_coverage_as_json(say: Say, lived: dict[str, str], tmp_path: Path):
    policy = tmp_path / "policy.yaml"
    policy.write_text(POLICY)

    told = json.loads(say("policy", "coverage", str(policy), "--history", "7d", "--json").out)

    assert (told["decisions"], told["seen"], told["pieces"]) == (3, 6, 9)
    assert [(row["rule"], row["fired"]) for row in told["rules"]] == [
        ("respect-user", 0), ("limit", 2), ("default", 1),
    ]  # fmt: skip


def test_a_span_in_which_nothing_was_decided_is_told_so(say: Say, lived: dict[str, str]):
    said = say("policy", "coverage", "--history", "1s")

    assert (said.code, said.out.startswith("nothing was decided since ")) == (0, True)


def test_without_a_journal_one_line_says_so(say: Say):
    said = say("policy", "coverage")

    assert (said.code, said.out) == (3, "")
    assert said.err.startswith("error: there is no journal yet")
