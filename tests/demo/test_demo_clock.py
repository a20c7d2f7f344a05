"""Two times: the night's jumps, the assistant's does not."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from palingenesis.assistants.opencode.offers import OPENCODE
from palingenesis.core import effects, events
from palingenesis.core.effects import Effect
from palingenesis.core.events import Event
from palingenesis.core.values import AgentId, Result, SessionId, Stop, StopReason, Way
from palingenesis.demo.jumping_clock import JumpingClock, NightActuator, NightSensor
from palingenesis.runtime.ports import Emit, Outcome

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
EVENING = datetime(2026, 11, 21, 23, tzinfo=UTC)
SECOND, HOUR = timedelta(seconds=1), timedelta(hours=1)


class HandClock:
    """Real time, moved by hand."""

    def __init__(self) -> None:
        self.time = NOON

    def now(self) -> datetime:
        return self.time

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(0)


def test_a_jump_passes_exactly_the_time_to_its_goal_and_never_goes_back():
    clock = JumpingClock(HandClock(), begins=EVENING)

    assert clock.jump_to(EVENING + 2 * HOUR) == 2 * HOUR
    assert clock.now() == EVENING + 2 * HOUR
    assert clock.jump_to(EVENING) == timedelta(0)
    assert clock.now() == EVENING + 2 * HOUR


def test_a_sleeper_wakes_when_the_clock_jumps_past_its_time():
    async def night() -> None:
        clock = JumpingClock(HandClock(), begins=EVENING)
        async with asyncio.timeout(5), asyncio.TaskGroup() as group:
            group.create_task(clock.sleep(3600))
            await asyncio.sleep(0.01)
            clock.jump_to(EVENING + HOUR)

    asyncio.run(night())


def test_an_instant_is_translated_by_the_offset_of_its_own_moment():
    real = HandClock()
    clock = JumpingClock(real, begins=EVENING)
    real.time += 10 * SECOND
    clock.jump_to(EVENING + HOUR)
    real.time += 10 * SECOND

    assert clock.in_the_night(NOON + 5 * SECOND) == EVENING + 5 * SECOND
    assert clock.in_the_night(NOON + 15 * SECOND) == EVENING + HOUR + 5 * SECOND
    assert clock.in_reality(EVENING + 5 * SECOND) == NOON + 5 * SECOND
    assert clock.in_reality(EVENING + HOUR / 2) == NOON + 10 * SECOND
    assert clock.in_reality(EVENING + HOUR + 5 * SECOND) == NOON + 15 * SECOND


@given(st.lists(st.tuples(st.floats(0, 60), st.floats(0, 9000)), max_size=6), st.floats(0, 400))
def test_reality_to_night_and_back_is_where_it_began(
    jumps: Sequence[tuple[float, float]], after_s: float
):
    real = HandClock()
    clock = JumpingClock(real, begins=EVENING)
    for passes_s, jumps_s in jumps:
        real.time += timedelta(seconds=passes_s)
        clock.jump_to(clock.now() + timedelta(seconds=jumps_s))
    moment = NOON + timedelta(seconds=after_s)

    assert abs(clock.in_reality(clock.in_the_night(moment)) - moment) <= timedelta(microseconds=2)


class Retrying:
    """A sensor that tells of a retry in two hours of real time."""

    def __init__(self, real: HandClock) -> None:
        self._real = real

    async def watch(self, emit: Emit) -> None:
        now = self._real.now()
        stop = Stop(key="msg_1", reason=StopReason.QUOTA, retrying=True, retry_at=now + 2 * HOUR)
        emit(
            events.SessionStopped(
                at=now, session=SessionId("one"), agent=AgentId("opencode"), stop=stop
            )
        )


class Remembering:
    """An actuator that remembers what it was told."""

    offers = OPENCODE[Way.MANAGED]

    def __init__(self) -> None:
        self.told: list[Effect] = []

    async def perform(self, effect: Effect) -> Outcome:
        self.told.append(effect)
        return Outcome(result=Result.OK)

    async def reconcile(self, effect: Effect) -> Outcome | None:
        self.told.append(effect)
        return None


def test_what_an_assistant_tells_arrives_by_the_nights_clock_however_deep_the_instant():
    real = HandClock()
    clock = JumpingClock(real, begins=EVENING)
    heard: list[Event] = []

    asyncio.run(NightSensor(Retrying(real), clock).watch(heard.append))

    (stopped,) = heard
    assert isinstance(stopped, events.SessionStopped)
    assert stopped.at == EVENING
    assert stopped.stop.retry_at == EVENING + 2 * HOUR


def test_when_an_order_was_given_and_a_server_ran_last_go_to_the_assistant_in_real_time():
    """Whoever looks at messages of a real clock compares them with these."""
    clock, inner = JumpingClock(HandClock(), begins=EVENING), Remembering()
    clock.jump_to(EVENING + HOUR)
    one, opencode = SessionId("one"), AgentId("opencode")
    interrupt = effects.Interrupt(
        id="1.0", decision=1, session=one, agent=opencode, ordered=EVENING
    )  # fmt: skip
    retry = effects.Retry(
        id="1.1", decision=1, session=one, agent=opencode, stop="msg_1:end", alive_at=EVENING
    )  # fmt: skip

    asyncio.run(NightActuator(inner, clock).perform(interrupt))
    asyncio.run(NightActuator(inner, clock).perform(retry))

    ended, said = inner.told
    assert isinstance(ended, effects.Interrupt)
    assert ended.ordered == NOON
    assert isinstance(said, effects.Retry)
    assert said.alive_at == NOON


def test_the_key_of_a_crash_goes_to_the_assistant_in_real_time():
    real = HandClock()
    clock = JumpingClock(real, begins=EVENING)
    inner = Remembering()
    crash = f"down:{EVENING:%Y%m%dT%H%M%S.%f}Z"
    effect = effects.Resume(
        id="1.0", decision=1, session=SessionId("one"), agent=AgentId("opencode"),
        stop=crash, words=True, text="on",
    )  # fmt: skip
    clock.jump_to(EVENING + HOUR)

    asyncio.run(NightActuator(inner, clock).perform(effect))

    (told,) = inner.told
    assert isinstance(told, effects.Resume)
    assert told.stop == f"down:{NOON:%Y%m%dT%H%M%S.%f}Z"
