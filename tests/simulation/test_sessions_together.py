"""Storms that are none: many sessions in one reset, and resets that do not come."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from palingenesis.core.policy.model import Policy
from palingenesis.core.values import Status
from palingenesis.simulation.performance import Performance
from palingenesis.surfaces.cli.program import run
from tests.simulation.nights import ROOT, night, policy_of, shipped

START = datetime(2026, 2, 5, 22, 0, tzinfo=UTC)
RESET = START + timedelta(hours=1)
"""The window was opened four hours before the night, and is used up."""
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
QUIET = """
version: 1
calendars:
  quiet: {days: [mon, tue, wed, thu, fri, sat, sun], from: "22:30", to: "05:00"}
limits:
  prompts: {max: 5, per: 1h}
rules:
  - id: quiet
    when: stop.reason == 'quota' and session.title in ('s3', 's4')
    do: [{wait: {for: 2h}}, {wait: {until: calendar_end, calendar: quiet, else: 0s}}, resume]
  - id: quota
    when: stop.reason == 'quota'
    do: [{wait: {until: retry_after, else: 30m}}, resume]
default: {do: [attention]}
"""


def reset(
    count: int,
    until: timedelta,
    *,
    late: str = "0s",
    retries: bool = True,
    models: int = 1,
    policy: Policy | None = None,
) -> Performance:
    """So many sessions that wait for one reset, an hour after the night has begun."""
    ids = (
        f"{{id: s{n}, turns: 400, turn: {{takes: 20m..40m}}, model: anthropic/m{n % models}}}"
        for n in range(count)
    )
    limits = (
        f"{{models: anthropic/m{n}, tokens: 900M, per: 5h, used: 100%, used-for: 4h, late: {late}}}"
        for n in range(models)
    )
    return night(
        f"version: 1\nworld:\n  at: {START.isoformat()}\n"
        f"  until: {(START + until).isoformat()}\n"
        f"  agents: [{{id: opencode, retries: {str(retries).lower()}}}]\n"
        f"  sessions: [{', '.join(ids)}]\n  limits: [{', '.join(limits)}]\n",
        policy or shipped(),
    )


def asked(played: Performance) -> list[datetime]:
    return [at for at, _ in played.watch.prompts]


def works_at(played: Performance, at: datetime) -> int:
    status = (played.watch.status_at(one.line[-1], at) for one in played.casts)
    return sum(one in {Status.WORKING, Status.VERIFYING} for one in status)


def gaps(instants: list[datetime]) -> list[timedelta]:
    return [later - sooner for sooner, later in pairwise(instants)]


@pytest.mark.parametrize("retries", [True, False])
def test_ten_sessions_in_one_reset_go_one_by_one_and_are_told_of_once(retries):
    played = reset(10, 2 * HOUR, retries=retries)

    at = asked(played)
    assert len(at) == 10
    assert min(gaps(at)) >= timedelta(seconds=1)
    assert max(sum(one <= later < one + 5 * timedelta(seconds=1) for later in at) for one in at) < 3
    assert works_at(played, RESET + 4 * MINUTE) == 10
    assert len(played.watch.notices) == 10
    assert len({notice.session for notice in played.watch.notices}) == 10
    assert played.watch.invariants.broken == []


def test_a_hundred_sessions_in_one_reset_stay_within_the_rails_and_all_go_on():
    played = reset(100, 4 * HOUR)

    at = asked(played)
    assert len(at) == 100
    assert max(sum(one <= later < one + HOUR for later in at) for one in at) <= 60
    assert sum(RESET <= one < RESET + timedelta(seconds=1) for one in at) <= 1
    assert works_at(played, RESET + 2 * HOUR + 10 * MINUTE) == 100
    rail = [notice for notice in played.watch.notices if "prompts an hour in all" in notice.message]
    assert len(rail) == 1
    assert len(played.watch.notices) == 100 + len(rail)
    assert played.watch.invariants.broken == []


@pytest.mark.parametrize("retries", [True, False])
def test_a_provider_that_opens_seven_minutes_late_is_not_hammered(retries):
    played = reset(10, 3 * HOUR, late="7m", retries=retries)

    at = asked(played)
    before = [one for one in at if one < RESET + 7 * MINUTE]
    assert 1 <= len(before) <= 4
    assert all(gap >= MINUTE for gap in gaps(before))
    assert works_at(played, RESET + 12 * MINUTE) >= 6
    assert works_at(played, RESET + 70 * MINUTE) == 10
    assert played.watch.invariants.broken == []


@pytest.mark.parametrize("count", [1, 10])
def test_a_provider_that_does_not_open_for_seven_days_is_asked_about_once_an_hour(count):
    played = reset(count, 7 * DAY, late="8d", retries=False)

    at = asked(played)
    assert len(at) <= 7 * 24 + 12
    assert max(sum(one <= later < one + HOUR for later in at) for one in at[8:]) <= 2
    assert all(gap >= timedelta(seconds=59) for gap in gaps(at))
    assert len(played.watch.notices) <= count
    statuses = {played.world.sessions[one.line[-1]].status for one in played.casts}
    assert statuses == {Status.WAITING}
    assert played.watch.invariants.broken == []


def test_sessions_of_other_models_do_not_wait_for_each_other():
    both = reset(10, 2 * HOUR, models=5)

    first = {name: at for at, name in reversed(both.watch.prompts)}
    assert len(first) == 10
    assert max(first.values()) - RESET <= 3 * MINUTE
    assert both.watch.rails == {} or all(
        "canary" in rail or "turn" in rail for rail in both.watch.rails
    )


def test_quiet_hours_and_limits_of_the_policy_hold_for_those_in_line_too():
    played = reset(10, 9 * HOUR, retries=False, policy=policy_of(QUIET))

    first = {session: at for at, session in reversed(played.watch.prompts)}
    quiet_ends = datetime(2026, 2, 6, 5, 0, tzinfo=UTC)
    in_the_night = [at for at in first.values() if at < quiet_ends]
    assert min(first["ses_s3"], first["ses_s4"]) >= quiet_ends
    assert len(in_the_night) == 5
    assert played.watch.rails["limit of prompts: 5 within 1h"] == 3
    assert played.watch.invariants.broken == []


def test_one_restart_of_a_shared_server_serves_all_its_sessions():
    ids = ", ".join(f"{{id: s{n}, turns: 400}}" for n in range(10))
    played = night(
        f"version: 1\nworld:\n  sessions: [{ids}]\n  until: 2h\nstory:\n  - {{at: 30m, died: }}\n"
    )

    assert played.watch.acted["restart"] == 1
    assert len(played.watch.prompts) == 10
    assert {played.world.sessions[one.line[-1]].status for one in played.casts} == {Status.WORKING}
    assert played.watch.invariants.broken == []


def test_the_night_of_the_page_is_one_that_was_played(capsys):
    scenario = ROOT / "examples" / "scenarios" / "21-one-canary.yaml"
    page = (ROOT / "docs" / "explanation" / "quota.md").read_text(encoding="utf-8")
    shown = page.split("```text\n")[1].split("```")[0].splitlines()
    environment = {"HOME": "/nowhere", "PATH": "", "NO_COLOR": "1", "TZ": "UTC"}

    run(["policy", "simulate", str(scenario)], environment)

    told = set(capsys.readouterr().out.splitlines())
    assert [line for line in shown if line.strip() != "…" and line not in told] == []
