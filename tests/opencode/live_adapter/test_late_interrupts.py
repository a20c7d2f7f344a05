"""An interrupt that comes late: what was to be ended may have come good, or be another wait."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

from palingenesis.core import effects as ef
from palingenesis.core.values import Result
from palingenesis.runtime.ports import Outcome
from tests.opencode.live_adapter.fake import (
    START,
    FakeOpenCode,
    Json,
    answer,
    message_key,
    ms,
    refused,
    user,
)
from tests.opencode.live_adapter.test_actuator import BASE, busy, performed

ITS_RETRY = ef.Interrupt(**BASE, id="7.5", stop=f"{message_key(2)}:retry-2")
SPINNING = ef.Interrupt(**BASE, id="7.5", stop=f"{message_key(1)}:spinning")
WHATEVER_RUNS = ef.Interrupt(**BASE, id="7.5")
HERS = message_key(1)


def waits(attempt: int, *said: Json) -> Callable[[FakeOpenCode], None]:
    def begin(fake: FakeOpenCode) -> None:
        fake.messages["ses_1"] = [user(1), *(said or (answer(2, finish=None, text=""),))]
        fake.status["ses_1"] = {"type": "retry", "attempt": attempt, "message": "later"}

    return begin


def rests(*said: Json) -> Callable[[FakeOpenCode], None]:
    def begin(fake: FakeOpenCode) -> None:
        fake.messages["ses_1"] = [user(1), *said]

    return begin


def says(*said: Json) -> Callable[[FakeOpenCode], None]:
    def begin(fake: FakeOpenCode) -> None:
        fake.messages["ses_1"] = list(said)

    return begin


def runs(*said: Json) -> Callable[[FakeOpenCode], None]:
    def begin(fake: FakeOpenCode) -> None:
        fake.messages["ses_1"] = list(said)
        busy(fake)

    return begin


def spins(*said: Json) -> Callable[[FakeOpenCode], None]:
    return runs(user(1), *said)


def cut_off(number: int) -> Json:
    return answer(number, finish="unknown", text="", parentID=HERS)


def ended(fake: FakeOpenCode, outcome: Outcome) -> None:
    assert (outcome.result, fake.aborted) == (Result.OK, ["ses_1"])


def superseded(fake: FakeOpenCode, outcome: Outcome) -> None:
    assert (outcome.result, fake.aborted) == (Result.SUPERSEDED, [])


def test_the_retry_that_was_decided_about_is_ended() -> None:
    performed(ITS_RETRY, ended, before=waits(2))


def test_a_retry_that_was_refused_once_more_is_another_wait_and_decided_about_anew() -> None:
    performed(ITS_RETRY, superseded, before=waits(3))


def test_a_retry_of_a_later_step_of_the_same_turn_is_another_wait() -> None:
    later = answer(2, finish="tool-calls"), answer(3, finish=None, text="", parentID=HERS)

    performed(ITS_RETRY, superseded, before=waits(2, *later))


def test_a_retry_that_came_good_is_not_taken_for_ended_by_us() -> None:
    performed(ITS_RETRY, superseded, before=rests(answer(2)))


def test_a_retry_that_was_given_up_is_a_stop_of_its_own() -> None:
    performed(ITS_RETRY, superseded, before=rests(refused(2, 429, "slow down")))


def test_a_retry_that_was_aborted_before_us_is_told_as_idle() -> None:
    def expect(fake: FakeOpenCode, outcome: Outcome) -> None:
        assert (outcome.result, outcome.detail, fake.aborted) == (Result.OK, "it was idle", [])
        assert "by_itself" not in outcome.data

    aborted = answer(2, text="")
    del aborted["info"]["finish"]
    performed(ITS_RETRY, expect, before=rests({**aborted, "parts": []}))


def test_a_session_that_asks_again_and_again_without_a_pause_is_ended() -> None:
    asking_again = answer(4, finish=None, text="", parentID=HERS)

    performed(SPINNING, ended, before=spins(cut_off(2), cut_off(3), asking_again))


def test_a_session_that_asked_again_and_again_and_is_answered_now_is_left_alone() -> None:
    answered = answer(3, finish="tool-calls", parentID=HERS)

    performed(SPINNING, superseded, before=spins(cut_off(2), answered))


def test_an_idle_session_whose_answer_ended_by_itself_was_not_ended_by_us() -> None:
    def expect(fake: FakeOpenCode, outcome: Outcome) -> None:
        assert (outcome.result, fake.aborted) == (Result.OK, [])
        assert outcome.data["by_itself"] == "yes"

    performed(WHATEVER_RUNS, expect, before=rests(answer(2)))


def test_a_turn_that_a_person_has_begun_after_the_order_is_hers() -> None:
    before_her = replace(WHATEVER_RUNS, ordered=START - timedelta(seconds=2))
    just_now = user(1, time={"created": ms(START - timedelta(seconds=1))})

    performed(before_her, superseded, before=runs(just_now, answer(2, finish=None, text="")))


def test_a_turn_that_ran_when_it_was_ordered_is_ended() -> None:
    after_her = replace(WHATEVER_RUNS, ordered=START + timedelta(seconds=2))

    performed(after_her, ended, before=spins(answer(2, finish=None, text="")))


def test_what_was_said_before_the_clock_was_set_back_keeps_nobody_from_a_session_at_rest() -> None:
    def expect(fake: FakeOpenCode, outcome: Outcome) -> None:
        assert (outcome.result, outcome.detail, fake.aborted) == (Result.OK, "it was idle", [])

    hours_back = replace(WHATEVER_RUNS, ordered=START - timedelta(hours=2))
    tomorrow = user(1, time={"created": ms(START + timedelta(hours=2))})
    performed(hours_back, expect, before=says(tomorrow, answer(2)))


def test_what_she_said_since_the_order_is_left_alone_although_it_rests_by_now() -> None:
    before_her = replace(WHATEVER_RUNS, ordered=START - timedelta(hours=2))
    just_now = user(1, time={"created": ms(START - timedelta(hours=1))})

    performed(before_her, superseded, before=says(just_now, answer(2)))


def test_an_answer_that_no_abort_has_completed_was_cut_off_with_its_server() -> None:
    def expect(fake: FakeOpenCode, outcome: Outcome) -> None:
        assert (outcome.result, fake.aborted) == (Result.OK, [])
        assert outcome.data["cut_off"] == "yes"

    performed(WHATEVER_RUNS, expect, before=rests(answer(2, finish=None, text="")))
