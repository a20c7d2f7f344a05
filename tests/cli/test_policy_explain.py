import json
from pathlib import Path

import pytest

from palingenesis.surfaces.cli.program import run
from tests.cli.test_commands import Said, Say, say
from tests.cli.test_with_the_daemon_down import SESSION, night

__all__ = ["night", "say"]

POLICY = """
version: 1
define:
  throttled: stop.reason in ('rate_limit', 'overloaded')
rules:
  - id: respect-user
    when: stop.reason in ('user_exit', 'user_abort')
    do: [stand-down]
  - id: model-fallback
    when: stop.reason == 'auth' or (stop.reason == 'overloaded' and episode.attempts >= 2)
    do: [{switch-model: {chain: [openai/gpt-5.2]}}, resume]
  - id: rate-limit
    why: It passes by itself.
    when: throttled
    do:
      - wait: {until: retry_after, else: {backoff: {first: 15s, factor: 2, max: 10m}}, jitter: 10s}
      - resume
    limit: {max: 2, per: 1h, then: [attention]}
default: {do: [attention]}
"""


TOLD = """\
 ✘ respect-user
 ✘ model-fallback       policy:9
     when: stop.reason == 'auth' or (stop.reason == 'overloaded' and episode.attempts >= 2)
           │                         │                               │
           │                         │                               1
           │                         'overloaded'
           'overloaded'
     nearest miss: one more attempt and this rule would have decided
 ✔ rate-limit           policy:12   <- decides
     why: It passes by itself.
     when: throttled
           │
           stop.reason in ('rate_limit', 'overloaded') → true   (stop.reason = 'overloaded')"""


@pytest.fixture
def policy(tmp_path: Path) -> str:
    file = tmp_path / "policy.yaml"
    file.write_text(POLICY)
    return str(file)


def test_a_time_that_the_provider_names_is_supposed_as_the_help_says(say: Say, policy: str):
    help_ = " ".join(say("policy", "explain", "--help").out.split())
    on = ("--policy", policy)

    said = say("policy", "explain", "--reason", "rate_limit", "stop.retry_after=5m", *on)
    what_if = say(
        "policy", "explain", "--reason", "rate_limit", "--what-if", "stop.retry_after=5m", *on
    )

    assert "stop.retry_after=5m is a provider that names five minutes" in help_
    assert "policy explain --reason rate_limit stop.retry_after=5m" in help_
    assert "then: wait 5m (+0..10s)" in said.out
    assert "before  rate-limit  wait 15s" in what_if.out
    assert "after   rate-limit  wait 5m" in what_if.out


def test_values_hang_under_the_expression_and_the_nearest_miss_is_named(say: Say, policy: str):
    said = say("policy", "explain", "--reason", "overloaded", "episode.attempts=1",
               "--policy", policy, COLUMNS="120")  # fmt: skip

    assert said.code == 0
    lines = said.out.splitlines()
    assert lines[0].startswith("stopped: overloaded  ->  rate-limit   policy policy ")
    assert "\n".join(lines[1:-1]) == TOLD
    assert lines[-1].startswith(" then: wait 15s (+0..10s), until ")
    assert lines[-1].endswith(" → resume")


def test_why_not_says_what_the_rule_would_need(say: Say, policy: str):
    said = say("policy", "explain", "--reason", "rate_limit", "--why", "model-fallback",
               "--policy", policy)  # fmt: skip

    assert said.code == 0
    assert said.out.splitlines()[-2:] == [
        "     it is false",
        "     it would decide with: stop.reason 'auth' instead of 'rate_limit'",
    ]


def test_what_if_tells_the_decision_before_and_after(say: Say, policy: str):
    said = say("policy", "explain", "--reason", "overloaded", "--what-if", "episode.attempts=2",
               "--policy", policy)  # fmt: skip

    assert said.out.splitlines()[1:3] == [
        "  before  rate-limit      wait 15s (+0..10s) → resume",
        "  after   model-fallback  switch-model openai/gpt-5.2 → resume",
    ]


def test_the_try_is_counted_for_the_ladder_and_the_limit(say: Say, policy: str):
    said = say("policy", "explain", "--reason", "overloaded", "rule.tries=1", "--policy", policy)
    limited = say("policy", "explain", "--reason", "overloaded", "rule.tries=2", "--policy", policy)

    assert "then: wait 30s (+0..10s)" in said.out
    assert "<- decides, its limit is reached" in limited.out
    assert limited.out.splitlines()[-1] == " then: attention"


def test_as_json_it_has_the_same_facts(say: Say, policy: str):
    said = say("policy", "explain", "--reason", "overloaded", "episode.attempts=1", "--json",
               "--policy", policy, "--why", "respect-user",
               "--what-if", "stop.reason=quota")  # fmt: skip

    told = json.loads(said.out)
    assert (told["schema_version"], told["rule"]) == (1, "rate-limit")
    assert told["nearest_miss"] == {
        "rule": "model-fallback",
        "words": "one more attempt",
        "changes": [{"fact": "episode.attempts", "before": "1", "after": "2"}],
    }
    assert told["considered"][1]["reasons"][0]["marks"][2]["shown"] == "1"
    assert told["what_if"]["rule"] == "default"
    assert told["why"]["need"]["words"] == "stop.reason 'user_exit' instead of 'overloaded'"


def test_a_past_decision_is_explained_from_its_own_policy(
    night: dict[str, str], capsys: pytest.CaptureFixture[str]
):
    assert run(["policy", "explain", "--decision", "#1"], night) == 0

    out = capsys.readouterr().out
    assert f"{SESSION}  stopped: rate_limit  ->  limit   policy night " in out.splitlines()[0]
    assert out.splitlines()[-1] == " then: resume"


def test_a_past_decision_can_be_put_to_another_policy(
    night: dict[str, str], policy: str, capsys: pytest.CaptureFixture[str]
):
    assert run(["policy", "explain", "--decision", "1", "--policy", policy], night) == 0

    assert "->  rate-limit   policy policy" in capsys.readouterr().out


def test_an_entry_of_the_journal_is_taken_as_it_is_printed(
    night: dict[str, str], policy: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    run(["events", "--json"], night)
    row = json.loads(capsys.readouterr().out)["events"][2]
    entry, event = tmp_path / "entry.json", tmp_path / "event.json"
    entry.write_text(json.dumps(row))
    event.write_text(json.dumps(row["data"]["event"]))

    for file in (entry, event):
        assert run(["policy", "explain", "--event", str(file), "--policy", policy], night) == 0
        assert "stopped: rate_limit  ->  rate-limit" in capsys.readouterr().out


def test_facts_are_taken_from_a_file(say: Say, policy: str, tmp_path: Path):
    facts = tmp_path / "facts.yaml"
    facts.write_text("stop.reason: overloaded\nepisode.attempts: 3\nwork.done: null\n")

    said = say("policy", "explain", "--event", str(facts), "--policy", policy)

    assert said.out.startswith("stopped: overloaded  ->  model-fallback")


@pytest.mark.parametrize(
    ("args", "code", "problem"),
    [
        ((), 2, "give one of --decision NUMBER, --reason REASON"),
        (("--reason", "quota", "--decision", "1"), 2, "give one of"),
        (("--reason", "cash"), 2, "'cash' is no stop reason; did you mean 'crash'?"),
        (("--reason", "quota", "stop.resaon=1"), 2, "did you mean 'stop.reason'?"),
        (("--reason", "quota", "episode.attempts=x"), 2, "is a whole number, not 'x'"),
        (("--reason", "quota", "--why", "rate-limt"), 2, "there is no rule 'rate-limt'"),
        (("--reason", "quota", "--policy", "/nowhere.yaml"), 5, "cannot read /nowhere.yaml"),
        (("--decision", "x"), 2, "is no number of a decision"),
        (("--decision", "1"), 3, "there is no journal yet"),
    ],
)
def test_what_makes_no_sense_is_one_clear_error(
    say: Say, args: tuple[str, ...], code: int, problem: str
):
    said: Said = say("policy", "explain", *args)

    assert (said.code, said.out) == (code, "")
    assert problem in said.err


def test_a_decision_that_is_not_there_is_one_clear_error(
    night: dict[str, str], capsys: pytest.CaptureFixture[str]
):
    assert run(["policy", "explain", "--decision", "99"], night) == 1

    assert "no decision 99 in the journal" in capsys.readouterr().err


def test_no_end_is_told_for_a_wait_that_began_before_its_decision(
    night: dict[str, str], policy: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    run(["events", "--json"], night)
    row = json.loads(capsys.readouterr().out)["events"][2]
    plans = {}
    for kind in ("decided", "revised"):
        row["data"]["decisions"][0]["kind"] = kind
        entry = tmp_path / f"{kind}.json"
        entry.write_text(json.dumps(row))
        run(["policy", "explain", "--event", str(entry), "--policy", policy], night)
        plans[kind] = capsys.readouterr().out.splitlines()[-1]

    assert plans["decided"].startswith(" then: wait 15s (+0..10s), until ")
    assert plans["revised"] == " then: wait 15s (+0..10s) → resume"
