"""What the ledger of limits takes in from refusals and answers, and what it keeps of them."""

from datetime import datetime, timedelta

import pytest

from palingenesis.core import commands, effects, events
from palingenesis.core.policy.model import Policy
from palingenesis.core.values import Result, SessionId, Status, Stop, StopReason
from tests.core.fleet import GPT, RESET, SONNET, Fleet
from tests.core.life import START
from tests.core.policies import NIGHT, policy, rule

MINUTE = timedelta(minutes=1)
REOPENS = START + RESET
MODEL = "/".join(SONNET)
WAIT = rule(
    "limit",
    "stop.reason in ['quota', 'rate_limit']",
    {"wait": {"until": "retry_after", "else": "20s"}},
    {"resume": {}},
)
COMPACTS = policy(WAIT, rule("full", "stop.reason == 'context_exhausted'", {"compact": {}}))
LEAVES_IT = policy(
    rule("its-own", "stop.retrying", {"delegate": {}}),
    WAIT,
    rule("open", "stop.reason == 'completed'", {"resume": {}}),
)


def waiting(count: int, *, of: Policy = NIGHT) -> Fleet:
    """All were refused, the displayed reset is now, and the first was asked."""
    ships = Fleet(of, count)
    ships.refuse_all(resets=REOPENS)
    ships.until(REOPENS)
    return ships


def dated(ships: Fleet, number: int, resets: datetime) -> None:
    """A refusal whose reset is a date that nothing could be held against."""
    stop = Stop(
        key=f"dated {len(ships.told)}",
        reason=StopReason.QUOTA,
        provider=SONNET[0],
        model=SONNET[1],
        retry_at=resets,
        evidence={"reset_source": "body", "reset_unchecked": True},
    )
    ships.take(
        events.SessionStopped(
            at=ships.now, session=ships.id(number), agent=ships.agent(number), stop=stop
        )
    )


# ── answers ───────────────────────────────────────────────────────────────────────────────────


def compacting() -> tuple[Fleet, effects.Compact]:
    """The limit is closed, nobody waits for it, and a session is compacted all the same."""
    ships = Fleet(COMPACTS, 3, model=MODEL, slow=True)
    ships.refuse(0, resets=REOPENS)
    ships.take(events.SessionGone(at=ships.now, session=ships.id(0)))
    ships.after(1)
    ships.refuse(1, "context_exhausted")
    order = ships.orders[-1]
    assert isinstance(order, effects.Compact)
    return ships, order


def test_an_answer_of_another_model_opens_nothing():
    ships = Fleet(NIGHT, 2)
    ships.refuse(0, resets=REOPENS)
    ships.refuse(1, "network", at=GPT)
    ships.until(REOPENS + MINUTE)

    ships.complete(1)

    assert ships.ledger.closed


def test_what_is_told_of_a_session_before_that_is_known_closes_nothing():
    ships = Fleet(NIGHT, 1)

    ships.refuse(7, resets=REOPENS)

    assert ships.world.quota == {}


def test_a_conversation_that_was_summarised_is_an_answer():
    ships, order = compacting()
    ships.after(1)

    ships.end(order)

    assert not ships.ledger.closed


@pytest.mark.parametrize("result", [Result.FAILED, Result.UNKNOWN, Result.SUPERSEDED])
def test_a_summary_that_did_not_come_about_is_no_answer(result: Result):
    ships, order = compacting()
    ships.after(1)

    ships.end(order, result)

    assert ships.ledger.closed


def test_a_summary_that_is_done_after_the_reset_is_an_answer_whoever_was_refused_meanwhile():
    ships, order = compacting()
    ships.after(1)
    ships.refuse(2, resets=REOPENS)
    ships.now = REOPENS

    ships.end(order)

    assert not ships.ledger.closed


@pytest.mark.parametrize(("after_s", "closed"), [(59, True), (60, False)])
def test_a_turn_that_ends_a_minute_after_a_refusal_without_a_reset_proves_it(
    after_s: int, *, closed: bool
):
    ships = Fleet(NIGHT, 2, model=MODEL)
    ships.refuse(0)
    ships.now += timedelta(seconds=after_s)

    ships.complete(1)

    assert ships.ledger.closed is closed


def test_an_assistant_that_waited_by_itself_and_is_answered_proves_it():
    ships = Fleet(NIGHT, 2)
    ships.refuse(0, resets=REOPENS, retrying=True)
    ships.after(60)

    ships.answer(0)

    assert not ships.ledger.closed


def test_an_assistant_that_gave_up_before_is_not_answered_by_what_it_still_says():
    ships = Fleet(NIGHT, 2)
    ships.refuse(0, resets=REOPENS)
    ships.after(60)

    ships.answer(0)

    assert ships.ledger.closed


def test_what_an_assistant_says_that_waited_since_before_the_newest_refusal_proves_nothing():
    ships = Fleet(NIGHT, 2)
    ships.refuse(0, resets=REOPENS, retrying=True)
    ships.after(1)
    ships.refuse(1, resets=REOPENS, retrying=True)
    ships.after(60)

    ships.answer(0)
    assert ships.ledger.closed

    ships.answer(1)
    assert not ships.ledger.closed


def test_who_was_answered_before_is_not_taken_for_answered_when_it_is_asked_anew():
    ships = Fleet(NIGHT, 3)
    for number in range(3):
        ships.complete(number)
    ships.after(1)

    ships.refuse_all(resets=REOPENS)
    ships.until(REOPENS)

    assert ships.asked == [(REOPENS, 0)]


def test_an_open_limit_keeps_nothing_of_how_it_was_closed():
    ships = waiting(3)
    ships.refuse(0)
    ships.until(REOPENS + MINUTE)
    assert (ships.ledger.probes, ships.ledger.late) == (1, 1)
    assert (ships.ledger.probe, ships.ledger.probed_at) == (ships.id(0), REOPENS)

    ships.answer(1)

    row = ships.ledger
    assert not row.closed
    assert (row.refusals, row.probes, row.late) == (0, 0, 0)
    assert [row.shown, row.again_at, row.probe, row.probed_at] == [None] * 4
    assert row.answered_at == ships.now


def test_the_turns_of_a_limit_are_counted_on_when_it_closes_again():
    ships = waiting(2)
    assert ships.ledger.turns == 1
    ships.answer(0)
    ships.after(1)

    ships.refuse(0, resets=ships.now + RESET)

    assert (ships.ledger.closed, ships.ledger.turns) == (True, 1)


# ── refusals ──────────────────────────────────────────────────────────────────────────────────


def test_the_same_refusal_told_again_is_no_other_one():
    ships = Fleet(NIGHT, 2)
    ships.refuse(0, resets=REOPENS)
    told = ships.told[-1]
    ships.after(1)

    ships.take(told)
    assert ships.ledger.refusals == 1

    ships.refuse(1, resets=REOPENS)
    assert ships.ledger.refusals == 2


def child_of(ships: Fleet, parent: SessionId) -> SessionId:
    child = SessionId("ses_900")
    for event in (
        events.SessionSeen(at=ships.now, session=child, agent=ships.agent(0), parent=parent),
        events.SessionWorking(at=ships.now, session=child, agent=ships.agent(0)),
    ):
        ships.take(event)
    return child


@pytest.mark.parametrize("ours", [True, False])
def test_a_subagent_s_refusal_closes_the_limit_if_its_parent_is_ours(*, ours: bool):
    ships = Fleet(NIGHT, 1)
    child = child_of(ships, ships.id(0))
    assert not ships.world.sessions[child].supervised
    if not ours:
        ships.command(commands.Detach(session=ships.id(0)))

    ships.refuse(900, resets=REOPENS)

    assert bool(ships.world.quota) is ours


def test_a_later_reset_that_another_session_is_told_of_is_the_one_that_counts():
    ships = Fleet(NIGHT, 3)
    ships.refuse(0, resets=REOPENS)
    ships.after(1)

    ships.refuse(1, resets=REOPENS - MINUTE)
    assert (ships.ledger.shown, ships.ledger.shown_at) == (REOPENS, START)

    dated(ships, 2, REOPENS + MINUTE)
    row = ships.ledger
    assert (row.shown, row.shown_at, row.dated) == (REOPENS + MINUTE, ships.now, True)


def test_a_prompt_that_was_sent_before_the_limit_closed_was_no_probe_of_it():
    ships = Fleet(LEAVES_IT, 2)
    ships.refuse(0, "completed")
    assert ships.asked_since(START) == [0]
    ships.after(1)
    ships.refuse(1, resets=REOPENS)
    ships.after(1)

    ships.refuse(0, resets=REOPENS)

    row = ships.ledger
    assert (row.refusals, row.probes, row.probe, row.again_at) == (2, 0, None, None)


def test_a_probe_that_she_asked_for_before_the_reset_is_refused_but_not_late():
    ships = Fleet(NIGHT, 3)
    ships.refuse_all(resets=REOPENS)
    ships.command(commands.Skip(session=ships.id(2)))
    ships.after(1)

    ships.refuse(2)

    assert (ships.ledger.probes, ships.ledger.late) == (1, 0)


def test_a_probe_that_is_told_of_a_reset_a_while_ahead_lets_all_wait_for_that():
    ships = waiting(3)

    ships.refuse(0, resets=REOPENS + 29 * MINUTE)

    row = ships.ledger
    assert (row.shown, row.again_at) == (REOPENS, REOPENS + 29 * MINUTE)
    assert (row.probes, row.late) == (1, 1)


def test_a_probe_that_is_told_of_a_new_window_begins_everything_anew():
    ships = waiting(3)
    ships.refuse(0)
    ships.until(REOPENS + MINUTE)
    assert ships.ledger.late == 1

    dated(ships, 1, ships.now + 30 * MINUTE)

    row = ships.ledger
    assert (row.shown, row.shown_at, row.dated) == (ships.now + 30 * MINUTE, ships.now, True)
    assert (row.again_at, row.probes, row.late) == (None, 0, 0)


# ── an assistant that tries again by itself ───────────────────────────────────────────────────


def left_to_it() -> Fleet:
    """The canary was refused, and its assistant tries again by itself in a minute."""
    ships = waiting(3, of=LEAVES_IT)
    ships.after(1)
    ships.refuse(0, resets=REOPENS + 2 * MINUTE, retrying=True)
    assert ships.of(0).status is Status.WAITING
    return ships


def test_a_canary_that_is_left_to_its_assistant_is_the_canary_as_long_as_that_is_patient():
    ships = left_to_it()
    plan = ships.of(0).plan
    assert plan is not None

    ships.until(REOPENS + 2 * MINUTE + timedelta(seconds=1))

    assert ships.asked == [(REOPENS, 0)]
    assert ships.of(1).outlook.startswith("the canary ses_000")
    waits = ships.of(1).plan
    assert waits is not None
    assert waits.deadline == plan.deadline


def test_what_an_assistant_tries_again_by_itself_is_no_other_probe():
    ships = left_to_it()
    ships.until(REOPENS + 2 * MINUTE)
    ships.take(
        events.SessionWorking(at=ships.now, session=ships.id(0), agent=ships.agent(0))
    )  # fmt: skip
    probes = ships.ledger.probes
    ships.after(1)

    ships.refuse(0, resets=REOPENS + 5 * MINUTE, retrying=True)

    assert ships.ledger.probes == probes == 1
    assert ships.ledger.again_at == REOPENS + 5 * MINUTE


def test_who_was_refused_first_and_is_left_to_its_assistant_is_no_canary():
    ships = Fleet(LEAVES_IT, 3)
    ships.refuse(0, "completed")
    ships.after(1)
    ships.refuse(0, resets=START + 10 * MINUTE, retrying=True)
    ships.refuse(1, resets=START + 10 * MINUTE)

    ships.until(START + 10 * MINUTE)

    assert ships.asked_since(START + MINUTE) == [1]
