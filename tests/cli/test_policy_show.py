"""`policy show`: the text, or each rule with its tries and limits written out."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from palingenesis.core.policy.rule_lines import lines_of
from palingenesis.journal import SqliteJournal
from tests.cli.test_commands import Say, say
from tests.journal.nights import stopped as stop_of
from tests.journal.nights import turn
from tests.policy.texts import SHIPPED, compiled

__all__ = ["say"]

CRASH = """\
crash  default.yaml:{line}
  why       A server that died is started again, and the session told to go on.
  event     stopped
  when      stop.reason == 'crash'
  do        wait 2s (+0..1s) → restart → resume
  tries     at +2s +8s +26s +1m20s +3m20s (each up to 1s later)
  gives up  after 5 in 30m → notify critical → attention "crashed 5 times within 30m"
  resets    after 10m of progress
"""


def line_of(rule: str) -> int:
    policy = compiled(SHIPPED.read_bytes()).policy
    assert policy is not None
    found = policy.rule(rule)
    assert found is not None
    return found.line


def test_a_rule_is_written_out_with_its_tries_and_when_it_gives_up(say: Say):
    said = say("policy", "show", "default", "--rule", "crash")

    assert said.code == 0
    assert said.out == CRASH.format(line=line_of("crash"))


def test_all_rules_are_written_out_in_their_order_and_the_default_last(say: Say):
    policy = compiled(SHIPPED.read_bytes()).policy
    assert policy is not None

    heads = [
        line.split()[0]
        for line in say("policy", "show", "--resolved").out.splitlines()
        if line and not line.startswith(" ")
    ]

    assert heads == [*(rule.id for rule in policy.rules), "default"]


def test_a_rule_as_it_is_written_in_the_file(say: Say, tmp_path: Path):
    text = (
        "version: 1\nrules:\n  # the first\n  - id: one\n    do: [finish]\n\n"
        "  # the second,\n  # at length\n  - id: two\n    do:\n      - resume\n"
        "\ndefault: {do: [attention]}\n"
    )
    (tmp_path / "my.yaml").write_text(text)

    said = say("policy", "show", str(tmp_path / "my.yaml"), "--rule", "two", "--source")

    assert said.out == ("  # the second,\n  # at length\n  - id: two\n    do:\n      - resume\n")
    assert lines_of(text, "one") == "  # the first\n  - id: one\n    do: [finish]"
    assert lines_of(text, "three") == ""


def test_how_often_a_rule_decided_lately_is_counted_in_the_journal(say: Say, tmp_path: Path):
    now = datetime.now(UTC)
    (tmp_path / "s").mkdir(mode=0o700)
    with SqliteJournal.open(tmp_path / "s" / "journal.db") as journal:
        for number, (days, kind) in enumerate(
            [(40, "decided"), (20, "decided"), (10, "kept"), (0, "decided")], start=1
        ):
            at = now - timedelta(days=days)
            event = replace(stop_of(number), at=at)
            decision = {"id": number, "kind": kind, "rule": "crash", "at": at.isoformat()}
            journal.append(turn(event, **decision))

    rows = json.loads(say("policy", "show", "--resolved", "--json").out)["rules"]
    fired = {row["id"]: row["fired"] for row in rows}

    assert fired["crash"]["times"] == 2
    assert datetime.fromisoformat(fired["crash"]["last"]) == now
    told = say("policy", "show", "--rule", "crash").out
    assert f"fired     2 times within 30 days, last {now.astimezone():%H:%M}" in told
    assert fired["quota"] == {"times": 0, "last": None}


OPEN = """\
version: 1
calendars:
  quiet: {days: [mon], from: "22:30", to: "07:00", time-zone: UTC}
rules:
  - id: net
    when: stop.reason == 'network'
    do:
      - wait: {for-condition: host.network, max: 2h, else: {backoff: {first: 10s, max: 40s}}}
      - resume
  - id: quota
    when: stop.reason == 'quota'
    do: [{wait: {until: retry_after, else: 5h, jitter: 2m}}, resume]
  - id: night
    when: stop.reason == 'overloaded'
    do: [{wait: {until: calendar_end, calendar: quiet, else: 5m}}, resume]
    limit: {max: 2, per: 1h}
  - id: refused
    when: stop.reason == 'refused'
    do: [{ask: {question: "Next?", timeout: 30m}}, resume]
  - id: many
    when: stop.reason == 'timeout'
    do: [{wait: {for: 1m}}, resume]
    limit: {max: 12, per: 1h, then: [stand-down]}
default: {do: [attention]}
"""


NEVER = "never"
THERE = "where that is true already, "


@pytest.mark.parametrize(
    ("rule", "tries", "gives_up"),
    [
        (
            "net",
            f"as soon as host.network (at most 2h); {THERE}at +10s +30s +1m10s, then every 40s",
            NEVER,
        ),
        ("quota", "when the server says; else at +5h, then every 5h (each up to 2m later)", NEVER),
        ("night", "when 'quiet' ends; outside of it at +5m +10m", "after 2 in 1h → attention"),
        ("refused", "as soon as a person says yes", NEVER),
        (
            "many",
            "at +1m +2m +3m +4m +5m +6m +7m +8m … +12m (3 between)",
            "after 12 in 1h → stand-down",
        ),
    ],
)
def test_a_wait_whose_end_nobody_knows_is_told_with_what_is_done_otherwise(
    say: Say, tmp_path: Path, rule: str, tries: str, gives_up: str
):
    (tmp_path / "open.yaml").write_text(OPEN)

    lines = say("policy", "show", str(tmp_path / "open.yaml"), "--rule", rule).out.splitlines()

    assert f"  tries     {tries}" in lines
    assert f"  gives up  {gives_up}" in lines


def test_scripts_get_the_schedule_in_seconds(say: Say):
    document = json.loads(say("policy", "show", "default", "--rule", "crash", "--json").out)
    (row,) = document["rules"]

    assert document["schema_version"] == 1
    assert row["schedule"]["tries"] == [2, 8, 26, 80, 200]
    assert row["limit"]["per"] == 1800
    assert row["fired"] is None
    assert "resolved" not in document


def test_a_rule_that_does_not_exist_is_answered_with_the_nearest(say: Say):
    said = say("policy", "show", "default", "--rule", "crahs")

    assert said.code == 2
    assert "hint: did you mean 'crash'?" in said.err


def test_a_policy_with_mistakes_cannot_be_resolved(say: Say, tmp_path: Path):
    (tmp_path / "my.yaml").write_text("version: 1\nrules: []\n")

    said = say("policy", "show", str(tmp_path / "my.yaml"), "--resolved")

    assert said.code == 5
    assert "S005" in said.err


def test_two_ways_to_show_it_are_one_too_many(say: Say):
    assert say("policy", "show", "--source", "--resolved").code == 2
