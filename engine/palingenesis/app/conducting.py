"""What happens in the demo's night, and how time passes in it.

The conductor plays the person and the misfortunes: it prompts, aborts, and kills the server.
Everything else is the daemon's doing; the conductor only listens to what is written down, and lets
the clock jump to the next deadline when nothing is under way.
"""

import asyncio
import signal
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta

from palingenesis.app.agents import MANAGED
from palingenesis.assistants.opencode.client import OpenCode
from palingenesis.assistants.opencode.server import ManagedServer
from palingenesis.core import effects
from palingenesis.core.counting import counted
from palingenesis.core.events import Event, SessionStopped, Ticked
from palingenesis.core.record import from_plain
from palingenesis.core.savings import Savings
from palingenesis.core.step import next_deadline
from palingenesis.core.values import SessionId, Status, StopReason
from palingenesis.core.world import Decision, World
from palingenesis.demo import story as tale
from palingenesis.demo.jumping_clock import JumpingClock
from palingenesis.demo.provider import Provider
from palingenesis.demo.story import Ending, Story
from palingenesis.demo.telling import Teller, Told, passed
from palingenesis.processes.identity import Identity, send_signal
from palingenesis.runtime.loop import Loop
from palingenesis.runtime.ports import Clock, Entry

STORY_S_MAX = 90.0
"""Real seconds after which a night that does not come to its end is judged as it is."""

_LOOK_S = 0.05
_CALM = timedelta(seconds=0.3)
_WORTH_A_JUMP = timedelta(seconds=1.5)
_INTO_THE_ANSWER_S = 0.6
"""So long the model talks before its turn is aborted, or its server killed."""
_RESTING = frozenset(
    {
        Status.DISCOVERING,
        Status.WAITING,
        Status.HOLDING,
        Status.PAUSED,
        Status.ATTENTION,
        Status.STOOD_DOWN,
        Status.COMPLETED,
        Status.DETACHED,
    }
)


class AstrayError(Exception):
    """The night went another way than the story: a person is needed where none should be."""


class Conductor:
    """Plays one night on a running daemon."""

    def __init__(
        self,
        *,
        story: Story,
        directory: str,
        provider: Provider,
        clock: JumpingClock,
        real: Clock,
        say: Callable[[Told], None],
    ) -> None:
        self._story = story
        self._directory = directory
        self._provider = provider
        self._clock = clock
        self._real = real
        self._say = say
        self._teller = Teller()
        self._savings = Savings()
        self._rules: list[tuple[str, str]] = []
        self._wrote_at = real.now()
        self._appointment: datetime | None = None
        self._aside = self._work = ""
        self._aside_stopped_at: datetime | None = None
        self._night_begins = clock.now()

    def written(self, _seq: int, entry: Entry, world: World) -> None:
        """Listen to the loop: count, and tell."""
        self._wrote_at = self._real.now()
        decisions = [from_plain(Decision, dict(plain)) for plain in entry.decisions]
        self._savings = counted(self._savings, entry.event, decisions, entry.effects)
        self._rules += [
            (one.session, one.rule) for one in decisions if one.kind == "decided" and one.session
        ]
        if _is_abort_of(self._aside, entry.event):
            self._aside_stopped_at = self._wrote_at
        for told in self._teller.tell(entry.event, decisions, entry.effects, world):
            self._say(told)

    async def play(self, loop: Loop, server: Callable[[], ManagedServer | None]) -> Ending:
        """Let the night happen; returns what it is to be judged by."""
        async with asyncio.TaskGroup() as group:
            flying = group.create_task(self._fly(loop))
            with suppress(AstrayError, TimeoutError):
                async with asyncio.timeout(STORY_S_MAX):
                    await self._happen(loop, server)
            flying.cancel()
        return self._ending(loop.world)

    # ── the story ─────────────────────────────────────────────────────────────────────────────

    async def _happen(self, loop: Loop, server: Callable[[], ManagedServer | None]) -> None:
        await self._until(loop, lambda world: MANAGED in world.agents)
        managed = server()
        running = managed.running if managed is not None else None
        if running is None:
            raise AstrayError  # it never came up, and that was told
        async with running.client() as client:
            await self._person(loop, client)
        await self._until(loop, lambda _: self._story.crash_is_due)
        await self._real.sleep(_INTO_THE_ANSWER_S)
        assert running.identity is not None, "our own server has a process"
        kill(running.identity)

        def is_done(world: World) -> bool:
            return world.sessions[self._works(world)[-1]].status is Status.COMPLETED

        await self._until(loop, is_done)
        self._appointment = self._night_begins + tale.NIGHT
        await self._clock.sleep((self._appointment - self._clock.now()).total_seconds())

    async def _person(self, loop: Loop, client: OpenCode) -> None:
        """In the evening: begin something, think better of it, begin the real work, leave."""
        aside = await client.create(self._directory, title=tale.ASIDE_TITLE, metadata={})
        self._aside = aside.id
        await _prompt(client, aside.id, tale.ASIDE_PROMPT)

        def is_answering(world: World) -> bool:
            known = world.sessions.get(SessionId(aside.id))
            asked = any(request.session == aside.id for request in self._provider.requests)
            return asked and known is not None and known.status is Status.WORKING

        await self._until(loop, is_answering)
        await self._real.sleep(_INTO_THE_ANSWER_S)
        await client.abort(aside.id)

        def is_left_alone(world: World) -> bool:
            return world.sessions[SessionId(aside.id)].status is Status.STOOD_DOWN

        await self._until(loop, is_left_alone)
        work = await client.create(self._directory, title=tale.WORK_TITLE, metadata={})
        self._work = work.id
        await _prompt(client, work.id, tale.WORK_PROMPT)

    async def _until(self, loop: Loop, comes: Callable[[World], bool]) -> None:
        """Wait until something is so.

        Raises:
            AstrayError: it will not become so any more.
        """
        while not comes(loop.world):
            if any(one.status is Status.ATTENTION for one in loop.world.sessions.values()):
                raise AstrayError
            await self._real.sleep(_LOOK_S)

    # ── time ──────────────────────────────────────────────────────────────────────────────────

    async def _fly(self, loop: Loop) -> None:
        """Whenever nothing is under way, let the time until the next deadline pass at once."""
        while True:
            await self._real.sleep(_LOOK_S)
            if not self._is_calm(loop.world):
                continue
            due = [next_deadline(loop.world, loop.policy), self._appointment]
            coming = min((one for one in due if one is not None), default=None)
            if coming is None or coming - self._clock.now() < _WORTH_A_JUMP:
                continue
            span = self._clock.jump_to(coming)
            self._say(passed(self._clock.now(), span))
            loop.emit(Ticked(at=self._clock.now()))
            if coming == self._appointment:
                self._appointment = None

    def _is_calm(self, world: World) -> bool:
        busy = any(one.status not in _RESTING for one in world.sessions.values())
        acting = any(
            not isinstance(one, effects.Notify | effects.Log) for one in world.open.values()
        )
        return not busy and not acting and self._real.now() - self._wrote_at > _CALM

    # ── the end ───────────────────────────────────────────────────────────────────────────────

    def _works(self, world: World) -> list[SessionId]:
        """The sessions in which the work was done: the first, and those that continued it."""
        found: list[SessionId] = []
        session: SessionId | None = SessionId(self._work)
        while session is not None and session in world.sessions and session not in found:
            found.append(session)
            session = world.sessions[session].successor
        return found

    def _ending(self, world: World) -> Ending:
        works = self._works(world)
        facts = world.sessions[works[-1]].facts if works else {}
        done, total = (facts.get(f"work.steps_{word}") for word in ("completed", "total"))
        return Ending(
            savings=self._savings,
            rules=tuple(self._rules),
            statuses={id_: session.status for id_, session in world.sessions.items()},
            work=tuple(works),
            aside=self._aside,
            steps=(
                done if isinstance(done, int) else None,
                total if isinstance(total, int) else None,
            ),
            requests=tuple(request for request in self._provider.requests if not request.side),
            unexpected=self._story.unexpected,
            aside_stopped_at=self._aside_stopped_at,
        )


def _is_abort_of(session: str, event: Event) -> bool:
    return (
        isinstance(event, SessionStopped)
        and event.session == session
        and event.stop.reason is StopReason.USER_ABORT
    )


async def _prompt(client: OpenCode, session: str, text: str) -> None:
    await client.prompt(session, parts=[{"type": "text", "text": text}])


def kill(identity: Identity) -> None:
    """Kill the server, as the story says.

    Raises:
        AstrayError: it cannot be reached, because descriptors are lacking.
    """
    try:
        send_signal(identity, signal.SIGKILL)
    except OSError as error:
        raise AstrayError from error
