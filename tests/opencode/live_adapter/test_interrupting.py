"""Whose doing it was that a session rests, when the answer to our abort did not come."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from palingenesis.assistants.opencode.client import OpenCode
from palingenesis.assistants.opencode.interrupting import Interrupting
from palingenesis.core import effects
from palingenesis.core.errors import AssistantError
from palingenesis.core.values import AgentId, Result, SessionId
from palingenesis.runtime.ports import Outcome, stands
from tests.opencode.live_adapter.fake import (
    PASSWORD,
    START,
    FakeOpenCode,
    QuickClock,
    answer,
    message_key,
    ms,
    play,
    user,
)

ORDER = effects.Interrupt(
    id="7.5", decision=7, session=SessionId("ses_1"), agent=AgentId("opencode")
)
ABORTED = {"name": "MessageAbortedError", "data": {"message": "Aborted"}}
SERVER_ERROR = b"HTTP/1.1 500 X\r\ncontent-length: 0\r\n\r\n"


def ended_after(seconds: float) -> dict[str, Any]:
    at = ms(START) + int(seconds * 1000)
    return answer(2, finish="", error=ABORTED, time={"created": ms(START), "completed": at})


async def asked_twice(fake: FakeOpenCode, *, rests_after: float, shares: bool = True) -> Outcome:
    """The abort is sent, no answer comes, the turn ends, and the order is taken up again."""
    fake.session("ses_1")
    fake.messages["ses_1"] = [user(1), answer(2, finish=None)]
    fake.status["ses_1"] = {"type": "busy"}
    fake.raw["/session/ses_1/abort"] = SERVER_ERROR
    interrupting = Interrupting(QuickClock(), stands)
    async with OpenCode(fake.origin, password=PASSWORD) as client:
        with pytest.raises(AssistantError):
            await interrupting.interrupt(ORDER, client, shares_our_clock=shares)
        fake.status.clear()
        fake.messages["ses_1"] = [user(1), ended_after(rests_after)]
        return await interrupting.interrupt(ORDER, client, shares_our_clock=shares)


@pytest.mark.parametrize("rests_after", [0.1, 2.0])
def test_what_ended_right_after_our_abort_was_sent_was_ended_by_it(rests_after: float) -> None:
    async def story(fake: FakeOpenCode) -> None:
        outcome = await asked_twice(fake, rests_after=rests_after)

        assert outcome.result is Result.OK
        assert outcome.data == {"stop": f"{message_key(2)}:end"}

    play(story)


def test_what_ended_later_may_be_the_person_s_doing_and_the_outcome_says_so() -> None:
    async def story(fake: FakeOpenCode) -> None:
        outcome = await asked_twice(fake, rests_after=3.5)

        assert outcome.data == {
            "idle_since": (START + timedelta(seconds=3.5)).isoformat(),
            "stop": f"{message_key(2)}:end",
            "again": "yes",
        }

    play(story)


def test_by_the_clock_of_another_machine_nobody_can_tell_and_it_was_ours() -> None:
    async def story(fake: FakeOpenCode) -> None:
        outcome = await asked_twice(fake, rests_after=3.5, shares=False)

        assert outcome.data == {"stop": f"{message_key(2)}:end"}

    play(story)


def ends(order: effects.Interrupt, prompt: dict[str, Any], *, shares: bool = True) -> bool:
    """Whether that order ends the turn which that prompt has begun."""
    ended = []

    async def story(fake: FakeOpenCode) -> None:
        fake.session("ses_1")
        fake.messages["ses_1"] = [prompt, answer(2, finish=None)]
        fake.status["ses_1"] = {"type": "busy"}
        interrupting = Interrupting(QuickClock(), stands)
        async with OpenCode(fake.origin, password=PASSWORD) as client:
            outcome = await interrupting.interrupt(order, client, shares_our_clock=shares)

        ended.append(outcome.result is Result.OK)
        assert bool(fake.aborted) is ended[0]

    play(story)
    return ended[0]


@pytest.mark.parametrize(
    ("ordered_after", "shares", "expected"),
    [
        (timedelta(minutes=-1), True, True),
        (timedelta(minutes=1), True, False),  # it was set back since the order
        (timedelta(minutes=-1), False, False),  # the other machine's may be ahead
    ],
)
def test_a_turn_that_was_begun_before_the_clock_was_set_back_is_ended_by_a_later_order(
    ordered_after: timedelta, shares: bool, expected: bool
) -> None:
    to_come = user(1, time={"created": ms(START + timedelta(hours=2))})

    assert ends(replace(ORDER, ordered=START + ordered_after), to_come, shares=shares) is expected


def test_where_the_clock_was_set_back_since_the_order_nobody_can_tell_whose_turn_runs() -> None:
    just_now = user(1, time={"created": ms(START - timedelta(seconds=9))})

    assert not ends(replace(ORDER, ordered=START + timedelta(hours=2)), just_now)
    assert ends(replace(ORDER, ordered=START), just_now)
