"""Sessions that share a limit: one canary after a reset, then one by one."""

from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise

import pytest

from palingenesis.core import commands, events
from palingenesis.core.record import from_plain, to_plain
from palingenesis.core.step import next_deadline
from palingenesis.core.values import Block, BlockKind, DownCause, Status
from palingenesis.core.world import World
from tests.core.fleet import GPT, RESET, SONNET, Fleet
from tests.core.life import START
from tests.core.policies import NIGHT, policy, rule

REOPENS = START + RESET
MINUTE = timedelta(minutes=1)
USED_UP = "anthropic/claude-sonnet-4-5 (quota), which is used up"
NUDGING = policy(
    rule("quota", "stop.reason == 'quota'", {"wait": {"until": "retry_after"}}, {"resume": {}}),
    rule("open", "stop.reason == 'completed'", {"resume": {}}),
)
TIRELESS = policy(
    rule(
        "limits",
        "stop.reason in ['quota', 'rate_limit']",
        {"wait": {"until": "retry_after", "else": "20s"}},
        {"resume": {}},
    ),
)
CHANGING = policy(
    rule(
        "other",
        "stop.reason == 'quota'",
        {"switch-model": {"chain": ["openai/gpt-5.2"]}},
        {"resume": {}},
    ),
)


def fleet(count: int = 10) -> Fleet:
    """All are refused, and the reset is displayed; it is now."""
    ships = Fleet(NIGHT, count)
    ships.refuse_all(resets=REOPENS)
    ships.until(REOPENS)
    return ships


def deadline(ships: Fleet, number: int) -> datetime:
    waits = ships.of(number)
    assert waits.status is Status.WAITING
    assert waits.plan is not None
    assert waits.plan.deadline is not None
    return waits.plan.deadline


# ── the canary ────────────────────────────────────────────────────────────────────────────────


def test_at_the_reset_one_session_goes_first_and_the_others_wait_for_it():
    ships = fleet()

    assert ships.asked == [(REOPENS, 0)]
    for number in range(1, 10):
        waits = ships.of(number)
        assert waits.outlook == "the canary ses_000 of anthropic/claude-sonnet-4-5 (quota)"
        assert waits.rails == (waits.outlook,)
        assert deadline(ships, number) == REOPENS + 10 * MINUTE


def test_why_a_session_waits_is_written_down_once():
    ships = fleet()

    ships.after(8)

    reasons = [one.why for one in ships.decisions if one.kind == "refused"]
    assert len(reasons) == 9
    assert reasons[0].endswith(": the canary ses_000 of anthropic/claude-sonnet-4-5 (quota)")


def test_when_the_canary_is_answered_the_others_go_one_by_one():
    ships = fleet()

    ships.after(2)
    ships.answer(0)
    for _ in range(100):
        ships.after(1)

    gaps = [later - sooner for (sooner, _), (later, _) in pairwise(ships.asked)]
    assert [number for _, number in ships.asked] == list(range(10))
    assert all(timedelta(seconds=5) <= gap <= timedelta(seconds=12) for gap in gaps)


def test_a_line_that_takes_longer_than_a_quarter_of_an_hour_goes_one_by_one_to_its_end():
    ships = fleet()
    ships.answer(0)
    (key,) = ships.world.quota
    long_ago = replace(ships.ledger, answered_at=ships.now - timedelta(minutes=20))
    ships.world = replace(ships.world, quota={key: long_ago})

    ships.after(200)

    assert [number for _, number in ships.asked] == list(range(10))
    gaps = [after - before for (before, _), (after, _) in pairwise(ships.asked)]
    assert min(gaps) >= timedelta(seconds=5)


def test_everyone_in_line_knows_when_its_turn_is():
    ships = fleet(4)
    ships.answer(0)
    told = [deadline(ships, number) for number in (1, 2, 3)]

    ships.after(60)

    assert told == [at for at, _ in ships.asked[1:]]


def test_that_a_step_began_is_no_answer():
    ships = fleet()

    ships.answer(0, "step")
    ships.after(60)
    assert ships.of(0).status is Status.WORKING
    assert ships.asked_since(START) == [0]

    ships.answer(0, "text")
    ships.after(15)
    assert ships.asked_since(START) == [0, 1]


def test_a_turn_that_went_on_from_before_the_refusal_proves_nothing():
    ships = Fleet(NIGHT, 3, model="/".join(SONNET))
    ships.after(1)
    for number in (0, 1):
        ships.refuse(number, resets=REOPENS)

    ships.after(1)
    ships.answer(2)
    ships.complete(2)

    assert ships.ledger.closed


def test_a_turn_that_is_completed_after_the_reset_proves_it():
    ships = Fleet(NIGHT, 3, model="/".join(SONNET))
    ships.refuse(0, resets=REOPENS)

    ships.until(REOPENS)
    ships.complete(2)

    assert not ships.ledger.closed


def test_a_question_is_an_answer():
    ships = fleet(2)
    block = Block(id="per_1", kind=BlockKind.PERMISSION, text="rm?", since=ships.now)

    ships.take(
        events.SessionBlocked(at=ships.now, session=ships.id(0), agent=ships.agent(0), block=block)
    )

    assert not ships.ledger.closed
    ships.after(15)
    assert ships.asked_since(START) == [0, 1]


# ── refused again ─────────────────────────────────────────────────────────────────────────────


def test_a_canary_that_is_refused_re_arms_the_wait_for_all_with_a_back_off():
    ships = fleet(6)
    ships.refuse(0)
    refused = ships.now

    assert [ships.of(number).outlook for number in range(1, 6)] == [USED_UP] * 5
    assert {deadline(ships, number) for number in range(1, 6)} == {refused + MINUTE}
    ships.until(refused + MINUTE)
    assert ships.asked == [(REOPENS, 0), (refused + MINUTE, 1)]
    ships.refuse(1)
    assert deadline(ships, 2) == refused + 3 * MINUTE


def probes(ships: Fleet, *, until: datetime, opens: datetime) -> list[datetime]:
    """Let every prompt be refused before an instant, and answered after it."""
    seen = len(ships.asked)
    while ships.now < until:
        ships.until(min(next_due(ships), until))
        for at, number in ships.asked[seen:]:
            ships.refuse(number) if at < opens else ships.answer(number)
        seen = len(ships.asked)
    return [at for at, _ in ships.asked]


def next_due(ships: Fleet) -> datetime:
    due = next_deadline(ships.world, ships.policy)
    return due if due is not None else ships.now + MINUTE


def test_a_reset_that_comes_seven_minutes_late_is_not_hammered_and_its_drift_is_learnt():
    ships = Fleet(NIGHT, 10)
    ships.refuse_all(resets=REOPENS)

    asked = probes(ships, until=REOPENS + 60 * MINUTE, opens=REOPENS + 7 * MINUTE)

    before = [at - REOPENS for at in asked if at < REOPENS + 7 * MINUTE]
    assert before == [timedelta(0), MINUTE, 3 * MINUTE]
    assert ships.ledger.drift == 7 * MINUTE
    assert {ships.of(number).status for number in range(10)} == {Status.WORKING}


def late_by(ships: Fleet, late: timedelta) -> list[datetime]:
    """One more window: all are refused, and the reset comes so late."""
    began = len(ships.asked)
    ships.refuse_all(resets=ships.now + RESET)
    shown = ships.now - timedelta(seconds=ships.count) + RESET
    probes(ships, until=shown + 120 * MINUTE, opens=shown + late)
    for number in range(ships.count):
        ships.complete(number)
    return [at - shown for at, _ in ships.asked[began:]]


def test_the_next_reset_is_expected_as_late_as_the_last_one_and_forgotten_after_three_good_ones():
    ships = Fleet(NIGHT, 3)

    assert late_by(ships, 7 * MINUTE)[0] == timedelta(0)
    for _ in range(3):
        assert late_by(ships, 7 * MINUTE)[0] == 7 * MINUTE
    assert ships.ledger.drift == timedelta(0)
    assert late_by(ships, timedelta(0))[0] == timedelta(0)


def test_the_drift_is_bounded():
    ships = Fleet(NIGHT, 3)

    late_by(ships, 100 * MINUTE)

    assert ships.ledger.drift == 30 * MINUTE


def test_a_pause_of_seconds_is_not_expected_as_late_as_the_last_reset():
    ships = Fleet(NIGHT, 3)
    late_by(ships, 7 * MINUTE)
    pause = ships.now + timedelta(seconds=1)

    ships.refuse(0, resets=pause)

    assert ships.ledger.drift == 7 * MINUTE
    assert deadline(ships, 0) == pause


def test_two_pauses_in_a_row_are_no_reset_that_one_learns_from():
    ships = Fleet(NIGHT, 2)
    ships.refuse(0, resets=ships.now + 4 * MINUTE)
    ships.after(210)
    pause = ships.now + 2 * MINUTE
    ships.refuse(1, resets=pause)

    probes(ships, until=pause + 30 * MINUTE, opens=pause + 5 * MINUTE)

    assert not ships.ledger.closed
    assert ships.ledger.drift == timedelta(0)


def test_others_wait_no_longer_for_a_pause_of_seconds_than_was_asked_for():
    ships = Fleet(NIGHT, 3)
    late_by(ships, 7 * MINUTE)
    pause = ships.now + timedelta(seconds=20)
    ships.refuse(0, resets=pause)

    ships.refuse(1, "crash", at=None)
    ships.after(3)

    assert ships.of(1).outlook == USED_UP
    assert deadline(ships, 1) == pause


def test_a_canary_that_is_told_of_a_new_window_lets_all_wait_for_that():
    ships = fleet(3)

    ships.refuse(0, resets=REOPENS + RESET)
    ships.refuse(1, resets=REOPENS + RESET)

    assert ships.ledger.shown == REOPENS + RESET
    assert ships.ledger.late == 0


def test_a_burst_refusal_after_the_reset_is_passing():
    ships = fleet(3)

    ships.refuse(0, "rate_limit", scope="minute", resets=REOPENS + timedelta(seconds=20))

    window = ships.world.quota["anthropic/claude-sonnet-4-5 minute"]
    long = ships.world.quota["anthropic/claude-sonnet-4-5 quota"]
    assert window.shown == REOPENS + timedelta(seconds=20)
    assert long.again_at is None
    ships.until(REOPENS + timedelta(seconds=20))
    assert len(ships.asked) == 2


# ── a canary that is gone ─────────────────────────────────────────────────────────────────────


def gone_down(ships: Fleet) -> None:
    ships.take(
        events.AgentDown(
            at=ships.now, agent=ships.agent(0), cause=DownCause.EXITED, signal="SIGKILL"
        )
    )


@pytest.mark.parametrize(
    "end",
    [
        lambda ships: ships.command(commands.Abort(session=ships.id(0))),
        lambda ships: ships.command(commands.Detach(session=ships.id(0))),
        lambda ships: ships.command(commands.Hold(session=ships.id(0))),
        lambda ships: ships.refuse(0, "user_abort"),
        lambda ships: ships.refuse(0, "network"),
        lambda ships: ships.take(events.SessionGone(at=ships.now, session=ships.id(0))),
    ],
    ids=["aborted", "detached", "held", "ended by the person", "no network", "deleted"],
)
def test_a_canary_that_is_gone_passes_its_role_on(end):
    ships = fleet(3)
    ships.after(1)

    end(ships)
    ships.after(15)

    assert ships.asked_since(START) == [0, 1]


def test_a_canary_whose_server_dies_passes_its_role_on():
    ships = Fleet(NIGHT, 4, agents=2, model="/".join(SONNET))
    ships.refuse_all(resets=REOPENS)
    ships.until(REOPENS)

    gone_down(ships)
    ships.after(15)

    assert ships.asked_since(START)[:2] == [0, 1]


def test_a_canary_that_gives_no_sign_holds_nobody_up_for_longer_than_ten_minutes():
    patient = replace(NIGHT, verify_within=timedelta(hours=3))
    ships = Fleet(patient, 3)
    ships.refuse_all(resets=REOPENS)
    ships.until(REOPENS)

    ships.until(REOPENS + 10 * MINUTE)

    assert ships.asked == [(REOPENS, 0), (REOPENS + 10 * MINUTE, 1)]


# ── who comes first, and who is not in line ───────────────────────────────────────────────────


def test_a_persons_own_words_that_wait_for_an_answer_go_before_the_rest():
    ships = Fleet(NIGHT, 5)
    for number in range(5):
        ships.complete(number)
    ships.after(1)
    ships.take(events.PersonPrompted(at=ships.now, session=ships.id(3), message="msg_person"))
    ships.refuse_all(resets=REOPENS)

    ships.until(REOPENS)

    assert ships.asked_since(START) == [3]


def test_what_the_person_asks_for_is_never_in_line():
    ships = fleet(4)

    ships.command(commands.Skip(session=ships.id(2)))

    assert ships.asked_since(START) == [0, 2]


def test_what_she_asks_for_before_the_reset_is_done_and_its_answer_counts():
    ships = Fleet(NIGHT, 4)
    ships.refuse_all(resets=REOPENS)

    ships.command(commands.Skip(session=ships.id(2)))
    assert ships.asked_since(START) == [2]
    ships.after(1)
    ships.answer(2)

    assert not ships.ledger.closed


def test_a_session_that_stopped_for_something_else_waits_for_the_reset_too():
    ships = Fleet(NUDGING, 3)
    for number in (0, 1):
        ships.refuse(number, resets=REOPENS)

    ships.refuse(2, "completed")

    assert ships.of(2).outlook == USED_UP
    assert deadline(ships, 2) == REOPENS
    ships.until(REOPENS)
    assert ships.asked_since(START) == [0]


def test_one_that_another_limit_holds_until_its_reset_holds_up_nobody_in_the_line_of_this_one():
    ships = Fleet(policy(rule("always", "", "resume")), 3)
    ships.refuse(0, "rate_limit")
    ships.refuse(1, "rate_limit")
    ships.refuse(2, resets=REOPENS)
    ships.told.clear()

    ships.after(3600)

    assert [number for _, number in ships.asked] == [0, 2, 1]
    ticks = [one for one in ships.told if isinstance(one, events.Ticked)]
    assert len(ticks) < 10


def test_one_that_waits_for_the_reset_holds_up_nobody_who_may_ask_before_it():
    ships = Fleet(TIRELESS, 3)
    ships.refuse(0)
    ships.refuse(1, resets=REOPENS)
    ships.take(events.PersonPrompted(at=ships.now, session=ships.id(2), message="msg_person"))
    ships.refuse(2, "rate_limit")

    ships.until(START + 5 * MINUTE)

    assert deadline(ships, 2) == REOPENS  # it would go before the others, at the reset
    assert ships.asked_since(START)[0] == 0
    ticks = [one for one in ships.told if isinstance(one, events.Ticked)]
    assert len(ticks) < 10


def test_who_is_put_off_in_one_line_holds_up_nobody_in_the_other_from_that_instant_on():
    network = rule("network", "stop.reason == 'network'", {"wait": {"for": "30s"}}, {"resume": {}})
    limits = rule(
        "limits",
        "stop.reason in ['quota', 'rate_limit']",
        {"wait": {"until": "retry_after", "else": "20s"}},
        {"resume": {}},
    )
    ships = Fleet(policy(limits, network), 3, slow=True)
    ships.refuse(0, "quota", account="a")
    ships.refuse(1, "rate_limit", account="b")
    ships.refuse(1, "network", at=None)  # it may be of either account, and stands in both lines
    ships.refuse(2, "rate_limit", account="b", resets=START + MINUTE)

    ships.until(START + MINUTE)

    assert deadline(ships, 1) == START + 11 * MINUTE  # behind the canary of the first account
    assert [number for _, number in ships.asked] == [0, 2]


def test_sessions_of_other_models_do_not_wait_for_each_other():
    ships = Fleet(NIGHT, 4)
    for number in range(4):
        ships.refuse(number, resets=REOPENS, at=GPT if number % 2 else None)

    ships.until(REOPENS)

    assert ships.asked_since(START) == [0, 1]
    assert {one.agent for one in ships.world.quota.values()} == {None, "opencode-0"}


def test_sessions_of_another_account_do_not_wait_for_each_other():
    ships = Fleet(NIGHT, 4)
    for number in range(4):
        ships.refuse(number, resets=REOPENS, account="a" if number % 2 else "b")

    ships.until(REOPENS)

    assert ships.asked_since(START) == [0, 1]


def test_a_session_that_takes_another_model_passes_the_line():
    ships = Fleet(CHANGING, 3)

    ships.refuse_all(resets=REOPENS)

    assert ships.asked_since(START) == [0, 1, 2]


def test_a_session_that_is_alone_is_asked_as_its_policy_says():
    ships = Fleet(NIGHT, 1)
    ships.refuse(0, resets=REOPENS)

    ships.until(REOPENS)
    ships.refuse(0, resets=REOPENS + timedelta(seconds=1))
    ships.after(1)

    assert [at for at, _ in ships.asked] == [REOPENS, REOPENS + timedelta(seconds=1)]


# ── the ledger ────────────────────────────────────────────────────────────────────────────────


def test_the_ledger_stays_small():
    ships = Fleet(NIGHT, 2)

    for number in range(100):
        ships.refuse(number % 2, at=("anthropic", f"model-{number}"), resets=REOPENS)

    assert len(ships.world.quota) == 64
    assert "anthropic/model-99 quota" in ships.world.quota


def test_a_limit_that_nobody_met_for_a_day_is_forgotten():
    ships = fleet(2)
    ships.answer(0)

    ships.until(ships.now + timedelta(days=2))
    ships.refuse(1, at=GPT, resets=ships.now + RESET)

    assert list(ships.world.quota) == ["openai/gpt-5.2 quota"]


def test_a_world_that_was_written_before_there_was_a_ledger_still_loads():
    plain = to_plain(fleet(2).world)
    del plain["quota"]
    for session in plain["sessions"].values():
        if session["plan"] is not None:
            del session["plan"]["line"]

    world = from_plain(World, plain)

    assert world.quota == {}
    assert from_plain(World, to_plain(fleet(2).world)) == fleet(2).world


# ── another policy ────────────────────────────────────────────────────────────────────────────


def test_who_has_to_wait_anew_under_another_policy_stands_in_no_line_any_more():
    ships = fleet(3)
    slower = policy(
        rule("slow", "stop.reason == 'quota'", {"wait": {"for": "8h"}}, {"resume": {}}),
    )
    assert ships.of(1).plan is not None
    assert ships.of(1).plan.line

    ships.policy = slower
    ships.take(
        events.PolicyAdopted(
            at=ships.now, name="slower", digest=slower.digest, resolved=slower.resolved
        )
    )

    for number in (1, 2):
        waits = ships.of(number)
        assert waits.status is Status.WAITING
        assert waits.plan is not None
        assert (waits.plan.line, waits.plan.index) == ("", 0)
    for _ in range(3):
        due = next_deadline(ships.world, slower)
        assert due is not None
        assert due > ships.now
        ships.until(due + timedelta(seconds=1))
