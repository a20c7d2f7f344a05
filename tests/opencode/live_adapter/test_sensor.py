"""The sensor as plays: what OpenCode does, and what is told about it."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from palingenesis.assistants.opencode.pacing import Pace
from palingenesis.assistants.opencode.prompts import Prompts
from palingenesis.assistants.opencode.running import AtWork, Ending, Running
from palingenesis.assistants.opencode.sensor import OpenCodeSensor
from palingenesis.core import events as ev
from palingenesis.core.errors import (
    AssistantDeniedError,
    PalingenesisError,
    PassingError,
)
from palingenesis.core.values import AgentId, DownCause, SessionId, StopReason, Way
from palingenesis.processes.exits import Exit
from palingenesis.processes.identity import Identity
from tests.opencode.live_adapter.fake import (
    AGENT,
    PASSWORD,
    PLACE,
    START,
    FakeOpenCode,
    FakeWork,
    QuickClock,
    Told,
    answer,
    message_key,
    play,
    refused,
    user,
)

ONE = SessionId("ses_1")
LATER = START + timedelta(minutes=5)
SOMEBODY = Identity(pid=2**22 + 1, start_ticks=1, boot_id="b")


class FakeServer:
    """A server whose end a test decides."""

    way = Way.MANAGED

    def __init__(self, fake: FakeOpenCode, clock: QuickClock, **running: Any) -> None:
        self.fake = fake
        self.clock = clock
        self.end: asyncio.Future[Exit] = asyncio.get_running_loop().create_future()
        self.ours = False
        self.problem: PalingenesisError | None = None
        self.troubles = 10**9
        """How often the problem is met."""
        self.now = {"version": fake.version, "identity": SOMEBODY, "started_at": START, **running}

    @property
    def running(self) -> Running | None:
        return Running(origin=self.fake.origin, password=PASSWORD, **self.now)

    async def up(self) -> Running:
        if self.problem is not None and self.troubles:
            self.troubles -= 1
            raise self.problem
        running = self.running
        assert running is not None
        return running

    async def gone(self, running: Running) -> Exit:
        return await asyncio.shield(self.end)

    def is_killed(self) -> None:
        """It dies, and is started again in a moment."""
        self.now |= {"started_at": self.clock.now() + timedelta(seconds=1), "adopted": False}
        ended, self.end = self.end, asyncio.get_running_loop().create_future()
        ended.set_result(Exit(signal="SIGKILL"))

    async def why_gone(self, running: Running, ended: Exit, at_work: AtWork) -> Ending:
        return Ending.of_server(ended, by_us=self.ours)

    async def restart(self, grace_s: float) -> Running:
        raise AssertionError

    async def stop(self, grace_s: float) -> None:
        raise AssertionError


Play = Callable[[FakeOpenCode, Told, FakeServer], Awaitable[None]]


def watched(scene: Play, *, before: Callable[[FakeOpenCode], None] | None = None, **o: Any) -> None:
    """Play a scene while the sensor watches."""

    async def story(fake: FakeOpenCode) -> None:
        if before is not None:
            before(fake)
        told, clock = Told(), QuickClock(LATER)
        server = FakeServer(fake, clock, **o.pop("running", {}))
        work = o.pop("work", None) or FakeWork()
        shares = o.pop("shares", None) or Prompts()
        sensor = OpenCodeSensor(AGENT, server, work, clock, pace=Pace(interval_s=0.05), **o)
        sensor.share(shares)
        async with asyncio.TaskGroup() as group:
            watching = group.create_task(sensor.watch(told))
            if server.running is not None and "version" not in o:
                await told.wait(ev.AgentUp)
            await scene(fake, told, server)
            watching.cancel()

    play(story)


async def listed(told: Told) -> None:
    await told.wait(ev.SessionSeen)
    await asyncio.sleep(0.05)


async def last_words(fake: FakeOpenCode, told: Told, server: FakeServer) -> None:
    """She says something, which nobody hears, and in the same moment the server dies."""
    server.clock.stands = True
    said_at = int(server.clock.now().timestamp() * 1000)
    fake.messages["ses_1"].append(user(3, time={"created": said_at}))
    fake.sessions["ses_1"]["time"]["updated"] = said_at
    server.is_killed()
    await told.wait(ev.AgentDown)
    server.clock.stands = False


def speaks(fake: FakeOpenCode, message: dict[str, Any]) -> None:
    fake.messages["ses_1"].append(message)
    fake.push("message.updated", info=message["info"])
    for part in message["parts"]:
        fake.push("message.part.updated", part={**part, "sessionID": "ses_1"})


def test_an_idle_session_is_only_seen() -> None:
    def before(fake: FakeOpenCode) -> None:
        fake.messages["ses_1"] = [user(1), refused(2)]

    async def scene(_fake: FakeOpenCode, told: Told, _server: FakeServer) -> None:
        await listed(told)

        assert [type(event) for event in told.events] == [ev.AgentUp, ev.SessionSeen]

    watched(scene, before=before)


def test_a_turn_is_told_from_the_prompt_to_the_stop_with_the_facts_before_it() -> None:
    async def scene(fake: FakeOpenCode, told: Told, _server: FakeServer) -> None:
        await listed(told)
        speaks(fake, user(1))
        fake.busy()
        speaks(fake, answer(2, finish=None))
        speaks(fake, answer(2))
        fake.idle()
        stop = await told.wait(ev.SessionStopped)

        assert stop.stop.reason is StopReason.COMPLETED
        assert [type(e).__name__ for e in told.events[2:]] == [
            "PersonPrompted", "SessionWorking", "SessionAlive", "SessionAlive",
            "SessionProgressed", "FactsObserved", "SessionStopped",
        ]  # fmt: skip
        assert [sign.what for sign in told.of(ev.SessionAlive)] == ["step", "text"]
        facts = told.of(ev.FactsObserved)[0].facts
        assert facts["session.model"] == "p/m"
        assert facts["session.context_used"] == 0.11
        assert facts["session.cost"] == 0.5
        assert facts["session.messages"] == 2
        assert facts["work.state"] == "absent"

    watched(scene)


def test_after_a_wait_of_its_own_the_first_answer_is_told_at_once() -> None:
    async def scene(fake: FakeOpenCode, told: Told, _server: FakeServer) -> None:
        await listed(told)
        speaks(fake, user(1))
        fake.busy()
        speaks(fake, answer(2, finish=None))
        again = {"type": "retry", "attempt": 1, "message": "Too Many Requests", "next": 1}
        fake.status["ses_1"] = again
        fake.push("session.status", sessionID="ses_1", status=again)
        await told.wait(ev.SessionStopped)
        fake.busy()
        speaks(fake, answer(2, finish=None))

        async with asyncio.timeout(10):
            while len(told.of(ev.SessionAlive)) < 3:
                await asyncio.sleep(0.01)
        assert [sign.what for sign in told.of(ev.SessionAlive)] == ["step", "text", "text"]

    watched(scene)


def test_a_stop_is_told_once_however_often_the_session_is_idle() -> None:
    async def scene(fake: FakeOpenCode, told: Told, _server: FakeServer) -> None:
        await listed(told)
        speaks(fake, user(1))
        fake.busy()
        speaks(fake, answer(2, finish=None))
        error = refused(2)["info"]["error"]
        fake.push("session.error", sessionID="ses_1", error=error)
        fake.idle()  # not final yet: the answer is not completed
        await asyncio.sleep(0.05)
        assert told.of(ev.SessionStopped) == []

        fake.messages["ses_1"][-1] = refused(2)
        fake.idle()
        await told.wait(ev.SessionStopped)
        await asyncio.sleep(0.1)

        assert [e.stop.reason for e in told.of(ev.SessionStopped)] == [StopReason.AUTH]

    watched(scene)


def test_what_is_found_at_work_at_the_start_is_told_as_working() -> None:
    def before(fake: FakeOpenCode) -> None:
        fake.session("ses_2")
        fake.messages["ses_1"] = [user(1), answer(2, finish=None)]
        fake.messages["ses_2"] = [user(1), answer(2, finish=None)]
        fake.status["ses_1"] = {"type": "busy"}
        fake.status["ses_2"] = {"type": "retry", "attempt": 1, "message": "x", "next": 1}

    async def scene(_fake: FakeOpenCode, told: Told, _server: FakeServer) -> None:
        stop = await told.wait(ev.SessionStopped)

        assert {e.session for e in told.of(ev.SessionWorking)} == {"ses_1", "ses_2"}
        assert stop.session == "ses_2"
        assert stop.stop.retrying

    recently = {"updated": int(LATER.timestamp() * 1000), "created": 1}
    watched(scene, before=lambda f: (before(f), f.sessions["ses_1"].update(time=recently))[0])


@pytest.mark.parametrize(
    ("running", "said_at", "told_of"),
    [
        ({"adopted": False}, LATER - timedelta(seconds=1), [message_key(1)]),
        ({"adopted": False}, LATER - timedelta(minutes=2), []),  # not just now
        ({"adopted": False, "started_at": LATER}, LATER - timedelta(seconds=1), []),
        ({"adopted": True}, LATER - timedelta(seconds=1), []),  # it may have been told before
    ],
)
@pytest.mark.parametrize("status", ["busy", "idle"])
def test_what_she_began_a_new_program_with_is_told_although_nobody_listened_yet(
    running: dict[str, Any], said_at: datetime, told_of: list[str], status: str
) -> None:
    created = int(said_at.timestamp() * 1000)

    def before(fake: FakeOpenCode) -> None:
        said = user(1, time={"created": created})
        fake.messages["ses_1"] = [said, answer(2, finish="stop" if status == "idle" else None)]
        fake.sessions["ses_1"]["time"] = {"created": created, "updated": created}
        fake.status["ses_1"] = {"type": "busy"}

    async def scene(fake: FakeOpenCode, told: Told, _server: FakeServer) -> None:
        await fake.listened_to()
        fake.busy()
        await told.wait(ev.SessionWorking)
        if status == "idle":
            fake.idle()
            await told.wait(ev.SessionStopped)
        speaks(fake, answer(2, finish=None))
        await told.wait(ev.SessionAlive)
        await asyncio.sleep(0.05)

        assert [event.message for event in told.of(ev.PersonPrompted)] == told_of
        assert {event.at for event in told.of(ev.PersonPrompted)} <= {said_at}

    watched(scene, before=before, running=running)


def test_what_became_of_a_supervised_session_while_we_were_away_is_told() -> None:
    def before(fake: FakeOpenCode) -> None:
        fake.session("ses_2")
        fake.messages["ses_1"] = [user(1), answer(2, finish=None, text="")]
        fake.messages["ses_2"] = [user(1), answer(2, finish=None, text="")]

    async def scene(_fake: FakeOpenCode, told: Told, _server: FakeServer) -> None:
        stop = await told.wait(ev.SessionStopped)
        await asyncio.sleep(0.05)

        assert [e.session for e in told.of(ev.SessionStopped)] == ["ses_1"]
        assert stop.stop.reason is StopReason.CRASH

    new = {"started_at": LATER, "adopted": False}
    watched(scene, before=before, supervised=lambda: [ONE], running=new)


def test_words_that_overtake_a_poll_do_not_hide_that_the_session_works() -> None:
    def before(fake: FakeOpenCode) -> None:
        fake.messages["ses_1"] = [user(1), answer(2, finish=None)]
        fake.status["ses_1"] = {"type": "busy"}
        fake.sessions["ses_1"].update(time={"updated": int(LATER.timestamp() * 1000), "created": 1})
        words = {"messageID": "msg_2", "partID": "prt_2", "field": "text", "delta": "and "}

        def speak(path: str) -> None:
            if path == "/session/status":
                fake.push("message.part.delta", sessionID="ses_1", **words)

        fake.on_ask = speak

    async def scene(_fake: FakeOpenCode, told: Told, _server: FakeServer) -> None:
        await told.wait(ev.SessionWorking)

        assert told.of(ev.SessionAlive)

    watched(scene, before=before)


def test_a_session_that_is_believed_at_work_and_rests_is_asked_about_again() -> None:
    believed: list[SessionId] = []

    def before(fake: FakeOpenCode) -> None:
        fake.messages["ses_1"] = [user(1), answer(2)]

    async def scene(_fake: FakeOpenCode, told: Told, _server: FakeServer) -> None:
        await listed(told)
        assert told.of(ev.SessionStopped) == []

        believed.append(ONE)
        stop = await told.wait(ev.SessionStopped)
        assert stop.stop.reason is StopReason.COMPLETED

    watched(scene, before=before, believed=lambda _agent: believed)


def test_who_is_found_waiting_for_a_person_is_not_told_to_work() -> None:
    def before(fake: FakeOpenCode) -> None:
        fake.messages["ses_1"] = [user(1), answer(2, finish=None)]
        fake.status["ses_1"] = {"type": "busy"}
        fake.permissions = [{"id": "per_1", "sessionID": "ses_1", "permission": "bash"}]

    async def scene(fake: FakeOpenCode, told: Told, _server: FakeServer) -> None:
        await told.wait(ev.SessionBlocked)
        await asyncio.sleep(0.05)
        assert told.of(ev.SessionWorking) == []

        fake.permissions = []
        await told.wait(ev.SessionUnblocked)

    watched(scene, before=before, supervised=lambda: [ONE])


def test_what_she_said_before_she_was_asked_does_not_end_the_question() -> None:
    def before(fake: FakeOpenCode) -> None:
        just_now = int((LATER - timedelta(seconds=1)).timestamp() * 1000)
        fake.messages["ses_1"] = [user(1, time={"created": just_now}), answer(2, finish=None)]
        fake.sessions["ses_1"]["time"] = {"created": just_now, "updated": just_now}
        fake.status["ses_1"] = {"type": "busy"}
        fake.permissions = [{"id": "per_1", "sessionID": "ses_1", "permission": "bash"}]

    async def scene(fake: FakeOpenCode, told: Told, _server: FakeServer) -> None:
        await told.wait(ev.SessionBlocked)
        await asyncio.sleep(0.2)
        assert told.of(ev.PersonPrompted) == []

        fake.permissions = []
        await told.wait(ev.SessionUnblocked)

    watched(scene, before=before, running={"adopted": False}, supervised=lambda: [ONE])


class BusyMeanwhile(FakeWork):
    """While the facts of a stop are read, somebody's prompt reaches the session."""

    fake: FakeOpenCode | None = None

    def facts(self, directory: str, written: Any) -> Any:
        if self.fake is not None:
            self.fake.status["ses_1"] = {"type": "busy"}
            self.fake = None
        return super().facts(directory, written)


def test_a_stop_that_a_prompt_has_overtaken_is_not_told() -> None:
    work = BusyMeanwhile()

    def before(fake: FakeOpenCode) -> None:
        aborted = answer(2, finish=None, text="", error={"name": "MessageAbortedError", "data": {}})
        fake.messages["ses_1"] = [user(1), aborted]
        work.fake = fake

    async def scene(fake: FakeOpenCode, told: Told, _server: FakeServer) -> None:
        await told.wait(ev.SessionWorking)
        assert told.of(ev.SessionStopped) == []

        fake.messages["ses_1"] += [user(3), answer(4)]
        fake.status.clear()
        stop = await told.wait(ev.SessionStopped)
        assert stop.stop.reason is StopReason.COMPLETED

    watched(scene, before=before, supervised=lambda: [ONE], work=work)


def test_the_end_of_the_process_ends_everything_without_a_stop() -> None:
    async def scene(fake: FakeOpenCode, told: Told, server: FakeServer) -> None:
        await listed(told)
        fake.busy()
        await told.wait(ev.SessionWorking)
        fake.status.clear()
        fake.messages["ses_1"] = [user(1), answer(2, finish=None)]
        fake.sessions["ses_1"]["time"]["updated"] = int(server.clock.now().timestamp() * 1000)
        server.is_killed()
        down = await told.wait(ev.AgentDown)
        await told.wait(ev.AgentUp, 2)
        await asyncio.sleep(0.1)

        assert (down.cause, down.signal) == (DownCause.EXITED, "SIGKILL")
        assert told.of(ev.SessionStopped) == []

    watched(scene)


@pytest.mark.parametrize("was_known", [False, True])
def test_what_she_said_right_before_the_server_died_is_told_after_its_restart(
    was_known: bool,
) -> None:
    async def scene(fake: FakeOpenCode, told: Told, server: FakeServer) -> None:
        await listed(told)
        if was_known:
            speaks(fake, user(1))
            fake.busy()
            speaks(fake, answer(2))
            fake.idle()
            await told.wait(ev.SessionStopped)
        await last_words(fake, told, server)
        await told.wait(ev.AgentUp, 2)
        stop = await told.wait(ev.SessionStopped, 1 + was_known)

        assert stop.stop.reason is StopReason.CRASH
        assert told.of(ev.PersonPrompted)[-1].message == message_key(3)
        kinds = [type(event) for event in told.events]
        assert kinds.index(ev.AgentDown) < len(kinds) - 1 - kinds[::-1].index(ev.PersonPrompted)

    watched(scene)


def test_what_rested_when_the_server_died_is_not_told_again() -> None:
    async def scene(fake: FakeOpenCode, told: Told, server: FakeServer) -> None:
        await listed(told)
        speaks(fake, user(1))
        fake.busy()
        speaks(fake, answer(2))
        fake.idle()
        await told.wait(ev.SessionStopped)
        fake.sessions["ses_1"]["time"]["updated"] = int(server.clock.now().timestamp() * 1000)
        server.is_killed()
        await told.wait(ev.AgentUp, 2)
        await asyncio.sleep(0.2)

        assert len(told.of(ev.SessionStopped)) == 1
        assert len(told.of(ev.PersonPrompted)) == 1

    watched(scene)


def test_what_she_said_before_two_deaths_in_a_row_is_told_after_the_second() -> None:
    async def scene(fake: FakeOpenCode, told: Told, server: FakeServer) -> None:
        await listed(told)
        await last_words(fake, told, server)
        server.clock.at += timedelta(seconds=12)
        server.is_killed()
        await told.wait(ev.AgentDown, 2)

        assert (await told.wait(ev.SessionStopped)).stop.reason is StopReason.CRASH

    watched(scene)


def test_who_worked_when_the_server_died_is_not_told_again_when_it_dies_again_soon() -> None:
    believing: list[Told] = []

    def believed(_agent: AgentId) -> list[SessionId]:
        return [ONE] if believing and not believing[0].of(ev.AgentDown) else []

    async def scene(fake: FakeOpenCode, told: Told, server: FakeServer) -> None:
        await listed(told)
        died_at = server.clock.now()
        fake.messages["ses_1"] = [user(1), answer(2, finish=None)]
        fake.sessions["ses_1"]["time"]["updated"] = int(died_at.timestamp() * 1000) - 1000
        believing.append(told)
        server.is_killed()
        await told.wait(ev.AgentUp, 2)
        await asyncio.sleep(0.2)

        server.clock.at = died_at + timedelta(seconds=5)
        server.is_killed()
        await told.wait(ev.AgentUp, 3)
        await asyncio.sleep(0.2)

        assert told.of(ev.SessionStopped) == []

    watched(scene, believed=believed)


async def told_in_the_end(told: Told) -> None:
    """Wait for a stop before which much is read in vain."""
    async with asyncio.timeout(30):
        while not told.of(ev.SessionStopped):
            await asyncio.sleep(0.01)


async def refused_in_the_end(fake: FakeOpenCode, told: Told, number: int) -> None:
    """A person says the message of that number, and it is refused."""
    await listed(told)
    speaks(fake, user(number))
    fake.busy()
    speaks(fake, refused(number + 1))
    fake.idle()
    await told_in_the_end(told)


def test_a_stop_is_told_although_an_old_message_is_too_large_to_be_read() -> None:
    def before(fake: FakeOpenCode) -> None:
        picture = user(1, text="x" * (17 * 1024 * 1024))
        fake.messages["ses_1"] = [picture, *(answer(number) for number in range(2, 40))]

    async def scene(fake: FakeOpenCode, told: Told, _server: FakeServer) -> None:
        await refused_in_the_end(fake, told, 41)

        assert told.of(ev.SessionStopped)[0].stop.reason is StopReason.AUTH
        assert told.of(ev.FactsObserved)[-1].facts["session.messages"] is None

    watched(scene, before=before)


def test_a_session_is_known_although_the_one_that_it_continues_has_such_a_message() -> None:
    def before(fake: FakeOpenCode) -> None:
        fake.session("ses_0")
        fake.messages["ses_0"] = [user(1, text="x" * (17 * 1024 * 1024)), answer(2)]
        fake.session("ses_1", metadata={"palingenesis": {"key": "6.1", "from": "ses_0"}})

    async def scene(fake: FakeOpenCode, told: Told, _server: FakeServer) -> None:
        await refused_in_the_end(fake, told, 4)

        assert told.of(ev.SessionStopped)[0].stop.reason is StopReason.AUTH
        assert told.of(ev.FactsObserved)[-1].facts["session.messages"] == 2

    watched(scene, before=before)


def test_a_stop_is_told_although_a_message_right_before_it_is_too_large_to_be_read() -> None:
    def before(fake: FakeOpenCode) -> None:
        picture = answer(2, text="x" * (17 * 1024 * 1024))
        fake.messages["ses_1"] = [user(1), picture, answer(3)]

    async def scene(fake: FakeOpenCode, told: Told, _server: FakeServer) -> None:
        await refused_in_the_end(fake, told, 4)

        assert told.of(ev.SessionStopped)[0].stop.reason is StopReason.AUTH

    watched(scene, before=before)


def test_a_session_whose_newest_message_is_too_large_to_be_read_waits_for_a_person() -> None:
    async def scene(fake: FakeOpenCode, told: Told, _server: FakeServer) -> None:
        await listed(told)
        speaks(fake, user(1))
        fake.busy()
        fake.messages["ses_1"].append(answer(2, text="x" * (17 * 1024 * 1024)))
        fake.idle()
        await told_in_the_end(told)
        await asyncio.sleep(0.3)

        (stopped,) = told.of(ev.SessionStopped)
        assert (stopped.stop.reason, stopped.stop.key) == (
            StopReason.UNKNOWN,
            f"{message_key(1)}:unread",
        )
        assert stopped.stop.message == "its newest message is too large to be read"
        # Twice in all, for its history and for its stop; each time in ever smaller parts.
        assert fake.asked.count(("GET", "/session/ses_1/message")) < 12

    watched(scene)


@pytest.mark.parametrize("path", ["/config/providers", "/session/ses_1/message"])
def test_what_could_not_be_asked_when_it_began_is_asked_again_while_it_works(path: str) -> None:
    garbage = b"HTTP/1.1 500 X\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}"

    steps = [0]

    async def scene(fake: FakeOpenCode, told: Told, _server: FakeServer) -> None:
        await listed(told)
        fake.raw[path] = garbage
        speaks(fake, user(1))
        fake.busy()
        async with asyncio.timeout(5):
            while ("GET", path) not in fake.asked:
                await asyncio.sleep(0.01)
        del fake.raw[path]

        async with asyncio.timeout(5):
            while not told.of(ev.SessionProgressed):
                steps[0] += 1
                await asyncio.sleep(0.05)

        assert told.of(ev.SessionProgressed)[0].what == "work"

    watched(scene, work=FakeWork(facts=lambda: {"work.steps_completed": steps[0]}))


def test_a_prompt_that_the_stream_missed_is_told_as_of_when_she_said_it() -> None:
    async def scene(fake: FakeOpenCode, told: Told, server: FakeServer) -> None:
        await listed(told)
        speaks(fake, user(1))
        fake.busy()
        speaks(fake, answer(2))
        fake.idle()
        await told.wait(ev.SessionStopped)
        said_at = server.clock.now() - timedelta(seconds=3)
        fake.messages["ses_1"] += [
            user(3, time={"created": int(said_at.timestamp() * 1000)}),
            answer(4),
        ]
        fake.busy()
        fake.idle()
        prompted = await told.wait(ev.PersonPrompted, 2)

        assert (prompted.message, prompted.at) == (message_key(3), said_at)

    watched(scene)


def test_an_end_while_the_sensor_was_broken_is_told_as_soon_as_it_is_begun_anew() -> None:
    async def story(fake: FakeOpenCode) -> None:
        told, clock = Told(), QuickClock(LATER)
        server, work = NeverAgain(fake, clock), BreakingWork()
        sensor = OpenCodeSensor(AGENT, server, work, clock, pace=Pace(interval_s=0.05))
        breaking = asyncio.ensure_future(sensor.watch(told))
        await listed(told)
        speaks(fake, user(1))
        fake.busy()
        with pytest.raises(ExceptionGroup):
            await asyncio.wait_for(breaking, 5)

        server.end.set_result(Exit(signal="SIGKILL"))
        async with asyncio.TaskGroup() as group:
            watching = group.create_task(sensor.watch(told))
            down = await told.wait(ev.AgentDown)
            watching.cancel()

        assert (down.cause, down.signal) == (DownCause.EXITED, "SIGKILL")

    play(story)


class NeverAgain(FakeServer):
    """A server that nobody starts again by itself, once it has ended."""

    async def up(self) -> Running:
        if self.end.done():
            await asyncio.get_running_loop().create_future()
        return await super().up()


class BreakingWork(FakeWork):
    """A mistake of ours."""

    def facts(self, directory: str, written: Any) -> Any:
        raise KeyError(directory)


def test_a_prompt_that_was_told_by_who_watches_her_other_program_is_not_told_again() -> None:
    prompts = Prompts()

    async def scene(fake: FakeOpenCode, told: Told, _server: FakeServer) -> None:
        await listed(told)
        speaks(fake, user(1))
        fake.busy()
        speaks(fake, answer(2))
        fake.idle()
        await told.wait(ev.SessionStopped)
        prompts.note(ONE, message_key(3))
        fake.messages["ses_1"] += [user(3), answer(4)]
        fake.busy()
        fake.idle()
        await told.wait(ev.SessionStopped, 2)

        assert [event.message for event in told.of(ev.PersonPrompted)] == [message_key(1)]
        assert prompts.is_told(ONE, message_key(3))

    watched(scene, shares=prompts)


def test_an_end_of_our_own_doing_is_told_as_such() -> None:
    async def scene(_fake: FakeOpenCode, told: Told, server: FakeServer) -> None:
        server.ours = True
        ended, server.end = server.end, asyncio.get_running_loop().create_future()
        ended.set_result(Exit(code=0))

        assert (await told.wait(ev.AgentDown)).cause is DownCause.STOPPED

    watched(scene)


def test_a_question_that_the_stream_missed_is_found_by_looking_and_so_is_its_answer() -> None:
    async def scene(fake: FakeOpenCode, told: Told, _server: FakeServer) -> None:
        await listed(told)
        fake.busy()
        asked = {"id": "per_1", "sessionID": "ses_1", "permission": "bash", "patterns": ["ls"]}
        fake.permissions.append(asked)
        blocked = await told.wait(ev.SessionBlocked)
        assert (blocked.block.id, blocked.block.tool, blocked.block.text) == (
            "per_1",
            "bash",
            "bash: ls",
        )

        fake.permissions.clear()
        assert (await told.wait(ev.SessionUnblocked)).block == "per_1"

    watched(scene)


def test_after_a_broken_stream_what_was_missed_is_found() -> None:
    async def scene(fake: FakeOpenCode, told: Told, _server: FakeServer) -> None:
        await listed(told)
        fake.busy()
        await told.wait(ev.SessionWorking)
        fake.cut()
        fake.status.clear()
        fake.messages["ses_1"] = [user(1), answer(2)]
        await told.wait(ev.SessionStopped)

        assert told.of(ev.AgentDown) == []

    watched(scene)


def test_a_server_out_of_reach_is_told_once_and_its_return_too() -> None:
    async def scene(fake: FakeOpenCode, told: Told, _server: FakeServer) -> None:
        await listed(told)
        fake.busy()
        await told.wait(ev.SessionWorking)
        port = int(fake.origin.rpartition(":")[2])
        await fake.vanish()
        assert (await told.wait(ev.AgentDown)).cause is DownCause.UNREACHABLE

        await fake.listen(port)
        await told.wait(ev.AgentUp, 2)
        await told.wait(ev.SessionWorking, 2)  # it went on without us
        assert len(told.of(ev.AgentDown)) == 1

    watched(scene)


def test_a_server_that_refuses_for_a_moment_is_not_out_of_reach() -> None:
    async def scene(fake: FakeOpenCode, told: Told, _server: FakeServer) -> None:
        await listed(told)
        refused = 0

        def on_ask(path: str) -> None:
            nonlocal refused
            if path == "/global/event":
                refused += 1
            if refused > 4:
                fake.raw.clear()

        fake.raw["/global/event"] = b"HTTP/1.1 503 X\r\ncontent-length: 0\r\n\r\n"
        fake.on_ask = on_ask
        fake.status["ses_1"] = {"type": "busy"}
        fake.cut()
        await told.wait(ev.SessionWorking)

        assert refused > 4
        assert told.of(ev.AgentDown) == []

    watched(scene)


def test_signs_of_life_are_told_at_most_every_ten_seconds() -> None:
    async def scene(fake: FakeOpenCode, told: Told, _server: FakeServer) -> None:
        await listed(told)
        fake.busy()
        for _ in range(200):
            fake.push(
                "message.part.delta", sessionID="ses_1", messageID="msg_1", delta="x", field="text"
            )
        await told.wait(ev.SessionAlive)
        await asyncio.sleep(0.1)

        assert len(told.of(ev.SessionAlive)) <= 2

    watched(scene)


def test_work_that_changes_during_a_long_turn_is_progress() -> None:
    steps = [1]

    async def scene(fake: FakeOpenCode, told: Told, _server: FakeServer) -> None:
        await listed(told)
        fake.busy()
        await told.wait(ev.SessionWorking)
        await asyncio.sleep(0.15)
        assert told.of(ev.SessionProgressed) == []

        steps.append(2)
        assert (await told.wait(ev.SessionProgressed)).what == "work"
        assert (await told.wait(ev.FactsObserved)).facts == {"work.steps_completed": 2}

    watched(scene, work=FakeWork(facts=lambda: {"work.steps_completed": len(steps)}))


def test_a_summary_of_our_own_making_is_no_stop() -> None:
    async def scene(fake: FakeOpenCode, told: Told, _server: FakeServer) -> None:
        await listed(told)
        fake.busy()
        fake.messages["ses_1"] = [user(1), answer(2), answer(3, summary=True)]
        fake.idle()
        await asyncio.sleep(0.1)

        assert told.of(ev.SessionStopped) == []

    watched(scene, quiet={"ses_1"})


def test_after_a_person_s_summary_the_earlier_stop_stands_under_a_new_key() -> None:
    async def scene(fake: FakeOpenCode, told: Told, _server: FakeServer) -> None:
        await listed(told)
        fake.busy()
        order = user(3, parts=None)
        order["parts"] = [{"id": "prt_3", "messageID": "msg_3", "type": "compaction"}]
        summary = answer(4, summary=True)
        fake.messages["ses_1"] = [user(1), refused(2), order, summary]
        fake.idle()
        stop = (await told.wait(ev.SessionStopped)).stop

        assert stop.reason is StopReason.AUTH
        assert stop.key.startswith(refused(2)["info"]["id"])
        assert stop.key.endswith(summary["info"]["id"])

    watched(scene)


def test_answers_that_come_to_nothing_without_end_are_told_once_as_a_retry_of_its_own() -> None:
    async def scene(fake: FakeOpenCode, told: Told, _server: FakeServer) -> None:
        await listed(told)
        speaks(fake, user(1))
        fake.busy()
        for number in range(2, 30):
            parent = user(1)["info"]["id"]
            speaks(fake, answer(number, finish=None, text="", parentID=parent))
            fake.messages["ses_1"].pop()
            speaks(fake, answer(number, finish="unknown", text="", parentID=parent))
            await asyncio.sleep(0.01)
        stop = (await told.wait(ev.SessionStopped)).stop
        await asyncio.sleep(0.1)

        assert len(told.of(ev.SessionStopped)) == 1
        assert (stop.retrying, stop.retry_at) == (True, None)
        assert stop.evidence["spinning"] is True

    watched(scene)


def test_a_deleted_session_is_gone() -> None:
    async def scene(fake: FakeOpenCode, told: Told, _server: FakeServer) -> None:
        await listed(told)
        fake.push("session.deleted", info={"id": "ses_1"})

        assert (await told.wait(ev.SessionGone)).session == "ses_1"

    watched(scene)


def test_a_subagent_works_in_the_name_of_its_parent_and_has_no_stop_of_its_own() -> None:
    async def scene(fake: FakeOpenCode, told: Told, _server: FakeServer) -> None:
        await listed(told)
        fake.busy()
        fake.session("ses_child", parentID="ses_1")
        fake.push("session.created", info=fake.sessions["ses_child"])
        fake.busy("ses_child")
        fake.messages["ses_child"] = [user(5), refused(6)]
        fake.idle("ses_child")
        await told.wait(ev.SessionSeen, 2)
        await asyncio.sleep(0.1)

        assert told.of(ev.SessionSeen)[1].parent == "ses_1"
        assert [e.session for e in told.of(ev.SessionWorking)] == ["ses_1"]
        assert told.of(ev.SessionStopped) == []

    watched(scene)


def test_an_untested_version_is_told_and_watched() -> None:
    async def scene(_fake: FakeOpenCode, told: Told, _server: FakeServer) -> None:
        up = await told.wait(ev.AgentUp)

        assert (up.version, up.supported) == ("2.0.3", False)

    watched(scene, running={"version": "2.0.3"})


def test_a_refused_password_is_told_as_refused() -> None:
    async def story(fake: FakeOpenCode) -> None:
        server = FakeServer(fake, QuickClock())
        server.problem = AssistantDeniedError("it does not accept our password", "set it")
        told = Told()
        sensor = OpenCodeSensor(AGENT, server, FakeWork(), QuickClock())
        async with asyncio.TaskGroup() as group:
            watching = group.create_task(sensor.watch(told))
            down = await told.wait(ev.AgentDown)
            watching.cancel()

        assert down.cause is DownCause.REFUSED
        assert down.detail == "it does not accept our password; set it"

    play(story)


@pytest.mark.parametrize(("troubles", "told_down"), [(3, 0), (10, 1)])
def test_a_short_trouble_of_our_own_disk_is_not_told_as_the_end_of_the_agent(
    troubles: int, told_down: int
) -> None:
    async def story(fake: FakeOpenCode) -> None:
        server = FakeServer(fake, QuickClock())
        server.problem = PassingError("cannot read opencode.json: Input/output error")
        server.troubles = troubles
        told = Told()
        sensor = OpenCodeSensor(AGENT, server, FakeWork(), QuickClock())
        async with asyncio.TaskGroup() as group:
            watching = group.create_task(sensor.watch(told))
            await told.wait(ev.AgentUp)
            watching.cancel()

        assert len(told.of(ev.AgentDown)) == told_down

    play(story)


def test_a_session_in_a_directory_of_its_own_is_looked_for_there() -> None:
    async def scene(fake: FakeOpenCode, told: Told, _server: FakeServer) -> None:
        await listed(told)
        fake.busy()
        await told.wait(ev.SessionWorking)
        await asyncio.sleep(0.1)

        assert ("GET", "/session/status") in fake.asked
        assert told.of(ev.SessionSeen)[0].directory == PLACE

    watched(scene)
