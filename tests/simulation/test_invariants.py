"""Invariants see what must never happen: each one is broken here by a kernel that is not ours."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from palingenesis.core import commands, effects, events
from palingenesis.core.effects import Effect
from palingenesis.core.events import Event
from palingenesis.core.policy.model import Cap
from palingenesis.core.step import Turn
from palingenesis.core.values import (
    AgentId,
    Block,
    BlockKind,
    DownCause,
    Result,
    SessionId,
    Status,
    Stop,
    StopReason,
    Way,
)
from palingenesis.core.world import Agent, Decision, Session, World
from palingenesis.simulation.invariants import Invariants
from tests.simulation.nights import shipped

START = datetime(2026, 2, 5, 2, 0, tzinfo=UTC)
SES, AGENT, OTHER = SessionId("ses_a"), AgentId("opencode"), AgentId("opencode-100")


class Play:
    """A night of turns made by hand."""

    def __init__(self, *, way: Way = Way.MANAGED, caps: tuple[Cap, ...] = ()) -> None:
        self.now = START
        self.watch = Invariants(replace(shipped(), caps=caps))
        agent = Agent(
            id=AGENT, assistant="opencode", way=way, version="1", supported=True,
            up=True, since=START, started_at=START,
        )  # fmt: skip
        session = Session(id=SES, agent=AGENT, since=START, status=Status.WORKING, supervised=True)
        self.world = World(agents={AGENT: agent}, sessions={SES: session})
        self._decisions = 0

    def happen(self, event: Event, *ordered: Effect, decisions: tuple[Decision, ...] = ()) -> None:
        self.watch.take(event, Turn(self.world, decisions, ordered))

    def put(self, **changes: object) -> None:
        session = replace(self.world.sessions[SES], **changes)  # type: ignore[arg-type]
        self.world = replace(self.world, sessions={SES: session})

    def stopped(self, reason: StopReason, key: str) -> None:
        stop = Stop(key=key, reason=reason)
        self.happen(events.SessionStopped(at=self.now, session=SES, agent=AGENT, stop=stop))

    def decided(self, reason: str = "network", event: str = "stopped") -> Decision:
        self._decisions += 1
        return Decision(
            id=self._decisions, at=self.now, kind="decided", event=event, rule="r", why="",
            session=SES, facts={"stop.reason": reason}, plan=(object(),),  # type: ignore[arg-type]
        )  # fmt: skip

    def resume(self, key: str = "m1", reason: str = "network") -> effects.Resume:
        decision = self.decided(reason)
        effect = effects.Resume(
            id=f"e{decision.id}", decision=decision.id, session=SES, agent=AGENT, stop=key,
            words=True, text="",
        )  # fmt: skip
        self.happen(events.Ticked(at=self.now), effect, decisions=(decision,))
        return effect

    def ok(self, effect: Effect) -> None:
        self.happen(events.EffectEnded(at=self.now, effect=effect.id, result=Result.OK))

    def names(self) -> list[str]:
        return [breach.name for breach in self.watch.broken]


def test_a_prompt_after_the_persons_stop_is_seen_and_hers_makes_it_right_again():
    play = Play()
    play.stopped(StopReason.USER_ABORT, "m1")

    play.resume()
    assert play.names() == ["person-stop"]

    play.happen(events.PersonPrompted(at=play.now, session=SES, message="hers"))
    play.resume("m2")
    assert play.names() == ["person-stop"]


def test_the_abort_that_we_asked_for_is_not_the_persons():
    play = Play()
    interrupt = effects.Interrupt(id="i", decision=0, session=SES, agent=AGENT)
    play.happen(events.Ticked(at=play.now), interrupt)
    play.stopped(StopReason.USER_ABORT, "m1:abort")

    play.resume("m1:abort")

    assert play.names() == []


def test_a_second_prompt_that_reaches_a_session_for_a_stop_that_is_over_is_seen():
    play = Play()
    play.stopped(StopReason.NETWORK, "m1")
    play.ok(play.resume("m1"))
    works = replace(play.decided(), kind="verified", plan=())
    play.happen(events.SessionAlive(at=play.now, session=SES, what="text"), decisions=(works,))

    play.ok(play.resume("m1"))

    assert play.names() == ["one-prompt"]


def test_a_prompt_into_a_question_is_seen():
    play = Play()
    block = Block(id="q", kind=BlockKind.QUESTION, since=START)
    play.happen(events.SessionBlocked(at=play.now, session=SES, agent=AGENT, block=block))

    play.resume()

    assert play.names() == ["no-typing"]


def test_what_is_done_to_a_session_that_is_held_is_seen_unless_the_operator_asks():
    play = Play()
    play.put(status=Status.PAUSED)

    play.resume()

    assert play.names() == ["held"]


def test_a_thirteenth_prompt_in_an_hour_is_seen():
    play = Play()

    for number in range(13):
        play.now += timedelta(minutes=4)
        play.happen(events.SessionProgressed(at=play.now, session=SES, what="turn"))
        play.resume(f"m{number}")

    assert play.names() == ["rails"]


def test_a_fourth_prompt_that_achieves_nothing_is_seen_and_an_outage_excuses_it():
    for reason, broken in (("completed", ["rails"]), ("network", []), ("quota", [])):
        play = Play()
        for number in range(4):
            play.now += timedelta(minutes=20)
            play.resume(f"m{number}", reason)

        assert play.names() == broken, reason


def test_a_new_session_without_a_backup_and_a_foreign_server_are_seen():
    play = Play(way=Way.OBSERVED)
    renewed = effects.NewSession(
        id="n", decision=0, session=SES, agent=AGENT, stop="m", source="", if_missing="empty"
    )
    restart = effects.Restart(id="r", decision=0, agent=AGENT)

    play.happen(events.Ticked(at=play.now), renewed, restart)

    assert play.names() == ["rails", "rails", "rails"]


def test_a_prompt_through_another_than_the_owner_is_seen():
    play = Play()
    play.put(agent=AgentId("opencode-7"))

    play.resume()

    assert play.names() == ["owner"]


def test_a_prompt_where_another_agent_works_is_seen_until_that_rests_or_ends():
    for end in (
        None,
        events.SessionStopped(
            at=START, session=SES, agent=OTHER, stop=Stop(key="x", reason=StopReason.NETWORK)
        ),
        events.AgentDown(at=START, agent=OTHER, cause=DownCause.EXITED),
    ):
        play = Play()
        other = replace(play.world.agents[AGENT], id=OTHER, way=Way.INTEGRATED)
        play.world = replace(play.world, agents={**play.world.agents, OTHER: other})
        play.happen(events.SessionWorking(at=play.now, session=SES, agent=OTHER))
        if isinstance(end, events.AgentDown):
            gone = replace(other, up=False, down=end.cause)
            play.world = replace(play.world, agents={**play.world.agents, OTHER: gone})
        if end is not None:
            play.happen(end)

        play.resume()

        assert play.names() == (["owner"] if end is None else [])


def test_a_server_that_is_started_six_times_in_ten_minutes_is_seen():
    play = Play()

    for number in range(6):
        play.now += timedelta(minutes=1)
        play.happen(
            events.AgentDown(at=play.now, agent=AGENT, cause=DownCause.EXITED),
            effects.Restart(id=f"r{number}", decision=0, agent=AGENT),
        )

    assert play.names() == ["rails"]


@pytest.mark.parametrize("status", [Status.WAITING, Status.VERIFYING, Status.HOLDING])
def test_a_session_that_waits_for_nothing_is_seen(status):
    play = Play()
    play.put(status=status)

    play.happen(events.Ticked(at=play.now))

    assert play.names() == ["deadlines"]


def test_a_deadline_that_passes_unnoticed_is_seen():
    play = Play()
    play.put(status=Status.VERIFYING, verify_until=START + timedelta(minutes=2))
    play.happen(events.Ticked(at=START + timedelta(minutes=1)))
    assert play.names() == []

    play.happen(events.Ticked(at=START + timedelta(minutes=3)))

    assert play.names() == ["deadlines"]


def test_more_than_the_policys_own_limits_allow_is_seen():
    play = Play(caps=(Cap(what="prompts", most=2, per=timedelta(hours=1)),))

    for number in range(3):
        play.now += timedelta(minutes=10)
        play.resume(f"m{number}")

    assert play.names() == ["caps"]


def test_what_the_operator_asks_for_is_no_breach():
    play = Play()
    play.stopped(StopReason.USER_ABORT, "m1")
    asked = replace(play.decided(), kind="commanded")
    command = commands.Skip(session=SES)
    prompt = effects.Resume(
        id="e", decision=asked.id, session=SES, agent=AGENT, stop="m1", words=True, text=""
    )

    play.happen(
        events.CommandGiven(at=play.now, command=command, by="anna"), prompt, decisions=(asked,)
    )

    assert play.names() == []
