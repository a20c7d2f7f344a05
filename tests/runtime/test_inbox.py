"""What waits is kept in order; only what a later event says again is dropped."""

import asyncio
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from palingenesis.core import commands, events
from palingenesis.core.events import Event
from palingenesis.core.values import AgentId, Result, SessionId, Stop, StopReason
from palingenesis.runtime.inbox import ROOM, Inbox, Waiting
from tests.runtime.loopback import START

AGENT = AgentId("opencode")


def at(number: int):
    return START + timedelta(seconds=number)


def session(number: int) -> SessionId:
    return SessionId(f"ses_{number}")


def alive(number: int, of: int = 1, what: str = "text") -> Event:
    return events.SessionAlive(at=at(number), session=session(of), what=what)


def stop(number: int, of: int = 1, reason: StopReason = StopReason.RATE_LIMIT) -> Event:
    stopped = Stop(key=f"m{number}", reason=reason)
    return events.SessionStopped(at=at(number), session=session(of), agent=AGENT, stop=stopped)


def facts(number: int, of: int | None = 1, **known: int) -> Event:
    whose = session(of) if of is not None else None
    return events.FactsObserved(at=at(number), session=whose, facts=known)


def tick(number: int) -> Event:
    return events.Ticked(at=at(number))


def ended(number: int) -> Event:
    return events.EffectEnded(at=at(number), effect=f"e{number}", result=Result.OK)


def filled(*waiting: Event, room: int = ROOM) -> Inbox:
    inbox = Inbox(room=room)
    for event in waiting:
        inbox.put(Waiting(event))
    return inbox


def emptied(inbox: Inbox) -> list[Event]:
    async def empty() -> list[Event]:
        return [(await inbox.get()).event for _ in range(len(inbox))]

    return asyncio.run(empty())


def test_a_short_queue_is_taken_as_it_came():
    happened = [alive(1), alive(2), tick(3), tick(4), stop(5)]

    inbox = filled(*happened)

    assert emptied(inbox) == happened
    assert inbox.dropped == 0


def test_a_night_of_signs_of_life_waits_in_little_room():
    inbox = filled(*(alive(number, of=number % 3) for number in range(20_000)), stop(20_000))

    assert len(inbox) < 1_000
    assert inbox.dropped > 19_000
    assert emptied(inbox)[-1] == stop(20_000)


def test_of_signs_of_life_the_newest_stays_and_one_before_something_else_happened():
    run = [alive(number) for number in range(300)]
    rest = [alive(number) for number in range(301, 600)]

    assert emptied(filled(*run, stop(300), *rest, tick(700)))[:2] == [alive(299), stop(300)]


def test_different_signs_of_life_are_not_the_same():
    waiting = [alive(n, what=("step", "text")[n % 2]) for n in range(600)]

    assert emptied(filled(*waiting)) == waiting


def test_facts_in_a_row_become_one_telling():
    waiting = [facts(n, **{f"f{n % 5}": n, "all": n}) for n in range(500)]

    (told,) = emptied(filled(*waiting))

    assert told == facts(499, all=499, f0=495, f1=496, f2=497, f3=498, f4=499)


def test_facts_of_the_host_do_not_replace_those_of_a_session():
    waiting = [facts(n, of=(None, 1)[n % 2], known=n) for n in range(500)]

    assert emptied(filled(*waiting)) == [facts(498, of=None, known=498), facts(499, known=499)]


def test_an_event_that_somebody_waits_for_is_not_dropped():
    async def story() -> int:
        inbox = Inbox()
        for number in range(600):
            future = asyncio.get_running_loop().create_future()
            inbox.put(Waiting(alive(number), future))
        return len(inbox)

    assert asyncio.run(story()) == 600


def droppable(event: Event) -> bool:
    return isinstance(event, events.SessionAlive | events.FactsObserved | events.Ticked)


ANY = st.one_of(
    st.builds(alive, st.integers(0, 999), st.integers(1, 2), st.sampled_from(["text", "step"])),
    st.builds(facts, st.integers(0, 999), st.sampled_from([None, 1, 2]), known=st.integers(0, 9)),
    st.builds(tick, st.integers(0, 999)),
    st.builds(stop, st.integers(0, 999), st.integers(1, 2)),
    st.builds(ended, st.integers(0, 999)),
)


@given(st.lists(ANY, max_size=30))
def test_whatever_happens_stops_and_outcomes_stay_in_order(happened: list[Event]):
    kept = emptied(filled(*happened, stop(9_999), room=2))

    stay = [event for event in (*happened, stop(9_999)) if not droppable(event)]
    assert [event for event in kept if not droppable(event)] == stay
    for number in (1, 2):
        last = [e for e in happened if getattr(e, "session", None) == session(number)][-1:]
        if last and isinstance(last[0], events.SessionAlive):
            assert last[0] in kept


# ── what outranks the rest ────────────────────────────────────────────────────────────────────


def command(asked: commands.Command) -> Event:
    return events.CommandGiven(at=at(0), command=asked, by="anna")


def test_outcomes_and_what_restrains_us_can_be_taken_first():
    restraining = [
        command(commands.Hold()),
        command(commands.Abort(session=session(1))),
        command(commands.Detach(session=session(1))),
    ]
    inbox = filled(stop(1), ended(2), command(commands.Release()), *restraining, alive(3))

    closing = inbox.closing()

    assert [one.event for one in closing] == [ended(2), *restraining]
    for one in closing:
        inbox.remove(one)
    assert emptied(inbox) == [stop(1), command(commands.Release()), alive(3)]


@pytest.mark.parametrize(
    ("event", "is_told"),
    [
        (events.PersonPrompted(at=at(0), session=session(1), message="m"), True),
        (stop(0, reason=StopReason.USER_ABORT), True),
        (stop(0, reason=StopReason.USER_EXIT), True),
        (stop(0), False),
        (command(commands.Hold()), True),
        (command(commands.Abort(session=session(1))), True),
        (command(commands.Abort(session=session(2))), False),
        (command(commands.Release(session=session(1))), False),
        (events.PersonPrompted(at=at(0), session=session(2), message="m"), False),
        (alive(0), False),
    ],
)
def test_a_word_of_hers_is_known_before_it_is_taken(event, is_told):
    assert filled(alive(1, of=2), event).told_of(session(1)) is is_told
