"""Reading why a session is idle, and telling it together with the facts of that moment."""

import asyncio
import contextlib
from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import datetime
from typing import assert_never

from palingenesis.assistants.opencode.book import SPINNING, Book
from palingenesis.assistants.opencode.client import OpenCode
from palingenesis.assistants.opencode.life import Activity
from palingenesis.assistants.opencode.lineage import inherited
from palingenesis.assistants.opencode.messages import Large, Message, read_message
from palingenesis.assistants.opencode.reading import Owner, retrying_stop, stop_of, unread_stop
from palingenesis.assistants.opencode.running import Running
from palingenesis.assistants.opencode.signals import Retry
from palingenesis.assistants.opencode.transcript import (
    JUST_NOW,
    SPINS,
    Transcript,
    before_summary,
    context_used,
    first_words,
    running_tools,
    transcript_of,
)
from palingenesis.assistants.opencode.watched import (
    Began,
    Errand,
    Identify,
    Settle,
    TellRetry,
    Watched,
)
from palingenesis.core import events
from palingenesis.core.errors import (
    AssistantError,
    AssistantGarbageError,
    AssistantRefusedError,
    AssistantTooLargeError,
)
from palingenesis.core.stops.times import Zones
from palingenesis.core.values import AgentId, FactValue, Stop
from palingenesis.runtime.ports import Clock, Emit, Work

NEWEST = 30
"""Messages that are read to tell a stop; more only if these hold no prompt."""
_MORE = 400
_PAUSES_S = (0.0, 0.05, 0.1, 0.15, 0.2, 0.5, 1.0, 2.0, 2.0, 2.0, 2.0, 2.0)
"""Between two looks at a turn whose end is not written yet; 12 s in all."""
_WILL_NOT_SAY = (AssistantRefusedError, AssistantGarbageError)
_EARLY_ABORT_S = 1.0
"""An idle so long, with neither answer nor error, is no gap between two steps any more."""


class Settling:
    """Runs the errands of one sensor.

    Args:
        agent: our name for the agent.
        book: what is known of its sessions.
        work: reads the documents of a session's work.
        clock: what time it is.
        quiet: sessions that the actuator is summarising.
        zones: time-zone data for times of day in a provider's text.
    """

    def __init__(
        self,
        agent: AgentId,
        book: Book,
        work: Work,
        clock: Clock,
        *,
        quiet: Collection[str],
        zones: Zones | None,
    ) -> None:
        self._agent = agent
        self._book = book
        self._work = work
        self._clock = clock
        self._quiet = quiet
        self._zones = zones
        self._emit: Emit = _nobody

    def tell(self, emit: Emit) -> None:
        """From now on, tell this one."""
        self._emit = emit

    def key_of(self, errand: Errand) -> str:
        """Errands of the same key replace one another."""
        match errand:
            case Began(watched):
                return f"began {watched.info.id}"
            case Identify(session):
                return f"identify {session}"
            case Settle(watched) | TellRetry(watched):
                return f"stop {watched.info.id}"
            case _:
                assert_never(errand)

    async def run(self, errand: Errand, client: OpenCode, running: Running) -> list[Errand]:
        """Carry it out; returns what should be asked next.

        What cannot be asked now is asked again by reconciliation.
        """
        try:
            match errand:
                case Began(watched):
                    await self._began(watched, client, running)
                case Identify(session):
                    return self._book.identify(session, await client.session(session))
                case Settle(watched):
                    await self._settle(watched, client, running)
                case TellRetry(watched, retry):
                    await self._tell_retry(watched, retry, client)
                case _:
                    assert_never(errand)
        except AssistantError as error:
            if isinstance(errand, Identify) and isinstance(error, _WILL_NOT_SAY):
                return self._book.identify(errand.session, None)
            if isinstance(errand, TellRetry):
                self._tell_stop(
                    errand.watched, retrying_stop(errand.retry, None, self._clock.now())
                )
            elif isinstance(errand, Settle) and errand.watched.life.activity is Activity.IDLE:
                # In doubt again: the next look finds it idle, and asks again.
                life = errand.watched.life
                errand.watched.life = replace(life, activity=Activity.UNKNOWN)
        return []

    # ── errands ──

    async def _began(self, watched: Watched, client: OpenCode, running: Running) -> None:
        await _limited(client, watched.info.directory)  # known by the time that it stops
        try:
            await self._read_history(watched, client, running)
        except AssistantTooLargeError:
            watched.history_too_large = True
            raise
        self.look_at_work(watched)

    async def _read_history(self, watched: Watched, client: OpenCode, running: Running) -> None:
        """Everything it wrote so far binds documents to it; read once, then kept up to date."""
        if watched.history_read:
            return
        before = await inherited(client, watched.info.id)
        said = _readable(await client.messages(watched.info.id))
        transcript = transcript_of(said)
        watched.written = {**dict.fromkeys((*before, *transcript.written)), **watched.written}
        watched.messages |= {message.id for message in said}
        self._meet_person(watched, transcript, running)
        if watched.is_at_work:
            tools = watched.life.tools | running_tools(said)
            watched.life = replace(watched.life, tools=tools)
        watched.history_read = True

    def _meet_person(self, watched: Watched, transcript: Transcript, running: Running) -> None:
        """Her latest message, when none was known.

        What an `opencode run` begins with may be there before anybody listens, and what she says
        right before a server dies may be heard by nobody: both are told. What is older, or was
        said to a program that lived when we last ran, was told before. Who waits for her answer
        goes on waiting: what she said before she was asked is no answer.
        """
        said = transcript.person
        if watched.person or said is None:
            return
        since = watched.unheard_since
        if since is None and not running.adopted:
            since = max(running.began_at, self._clock.now() - JUST_NOW)
        if since is not None and not watched.life.blocks:
            missed = first_words(transcript, watched.life.user, since)
            if missed is not None:
                self._book.overheard(watched, missed)
        watched.person = said.id

    async def _tell_retry(self, watched: Watched, retry: Retry, client: OpenCode) -> None:
        transcript = transcript_of(await self._newest(watched, client))
        if watched.life.activity is not Activity.RETRY:
            return
        at = self._clock.now()
        stop = retrying_stop(retry, transcript, at, zones=self._zones)
        await self._tell_facts(watched, transcript, client, retrying=True)
        self._tell_stop(watched, stop)

    async def _settle(self, watched: Watched, client: OpenCode, running: Running) -> None:
        began = running.began_at if running.identity is not None else None
        idle_s = 0.0
        for pause_s in (*_PAUSES_S, None):
            await self._clock.sleep(pause_s or 0.0)
            idle_s += pause_s or 0.0
            if watched.is_at_work:
                await self._tell_spinning(watched, client)
                return
            try:
                said = await self._newest(watched, client)
            except AssistantTooLargeError:
                await self._tell_unread(watched, client)
                return
            owner = Owner(dead=pause_s is None, server_started=began)
            if self._is_being_summarised(watched, said):
                return
            begun = watched.life.begun if idle_s >= _EARLY_ABORT_S else ""
            stop = self._stop_of(watched, said, owner, self._clock.now(), begun=begun)
            if stop is not None:
                await self._finish(watched, said, stop, client, running)
                return

    async def _finish(
        self,
        watched: Watched,
        said: tuple[Message, ...],
        stop: Stop,
        client: OpenCode,
        running: Running,
    ) -> None:
        if stop.key == watched.told:
            return
        transcript = transcript_of(said)
        self._meet_person(watched, transcript, running)
        if transcript.person is not None:
            self._book.spoke(watched, transcript.person)
        with contextlib.suppress(AssistantTooLargeError):  # then its history is not known
            await self._read_history(watched, client, running)
        await self._tell_facts(watched, transcript, client, retrying=False)
        if await self._still_rests(watched, client):
            self._tell_stop(watched, stop)

    async def _tell_unread(self, watched: Watched, client: OpenCode) -> None:
        """Nobody can read why it rests: a person has to look."""
        await self._clock.sleep(sum(_PAUSES_S))  # by then it is no gap between two steps
        if await self._still_rests(watched, client):
            known = (*watched.messages, *watched.life.answers, watched.life.user)
            self.tell_last(watched, unread_stop(max(known) or watched.info.id))

    async def _still_rests(self, watched: Watched, client: OpenCode) -> bool:
        if watched.is_at_work:
            return False
        if watched.info.id in await client.statuses(watched.info.directory):
            # A prompt has overtaken what was read. In doubt again: the next look asks again.
            watched.life = replace(watched.life, activity=Activity.UNKNOWN)
            return False
        return not watched.is_at_work

    async def _tell_spinning(self, watched: Watched, client: OpenCode) -> None:
        """OpenCode asks again at once, and again, because every answer is cut off.

        It will not stop by itself: this is its own retry, without an end and without a pause.
        """
        if watched.life.hollow < SPINNING:
            return
        said = await self._newest(watched, client)
        while said and (said[-1].role == "user" or said[-1].completed is None):
            said = said[:-1]
        transcript = transcript_of(said)
        stop = stop_of(transcript, at=self._clock.now(), zones=self._zones)
        if stop is None or transcript.answer is None or not watched.is_at_work:
            return
        turn = transcript.answer.parent or transcript.answer.id
        spinning = replace(
            stop,
            key=f"{turn}{SPINS}",
            retrying=True,
            attempt=watched.life.hollow,
            message=stop.message or "the provider cuts every answer off",
            evidence={**stop.evidence, "spinning": True},
        )
        if spinning.key != watched.told:
            await self._tell_facts(watched, transcript, client, retrying=True)
            self._tell_stop(watched, spinning)

    def _is_being_summarised(self, watched: Watched, said: tuple[Message, ...]) -> bool:
        return watched.info.id in self._quiet and bool(said)

    def _stop_of(
        self,
        watched: Watched,
        said: tuple[Message, ...],
        owner: Owner,
        at: datetime,
        *,
        begun: str,
    ) -> Stop | None:
        """A summary on demand is no turn: what stood before it still stands, under a new key."""
        last = said[-1] if said else None
        failure = watched.life.failure
        if last is not None and last.summary and last.completed and last.failure is None:
            earlier = said[: before_summary(said)]
            stop = stop_of(transcript_of(earlier), at=at, owner=owner, zones=self._zones)
            return replace(stop, key=f"{stop.key}:{last.id}") if stop is not None else None
        return stop_of(
            transcript_of(said),
            at=at,
            failure=failure,
            owner=owner,
            begun=begun,
            zones=self._zones,
        )

    def _tell_stop(self, watched: Watched, stop: Stop) -> None:
        if stop.key == watched.told:
            return
        watched.told, watched.unheard_since = stop.key, None
        self._emit(
            events.SessionStopped(
                at=self._clock.now(), session=watched.id, agent=self._agent, stop=stop
            )
        )

    # ── facts ──

    async def _tell_facts(
        self, watched: Watched, transcript: Transcript, client: OpenCode, *, retrying: bool
    ) -> None:
        async with asyncio.TaskGroup() as group:
            asking = group.create_task(_described(client, watched.info.id))
            limiting = group.create_task(_limited(client, watched.info.directory))
        raw, limits = asking.result(), limiting.result()
        cost = raw.get("cost")
        facts: dict[str, FactValue | None] = {
            "agent.retrying": retrying,
            "session.context_used": context_used(transcript, limits),
            "session.cost": float(cost) if isinstance(cost, int | float) else None,
            "session.model": _model(transcript),
            "session.messages": len(watched.messages) if watched.history_read else None,
            "session.children": len(watched.life.children),
        }
        watched.written |= dict.fromkeys(transcript.written)
        facts |= self._read_work(watched)
        self._emit(events.FactsObserved(at=self._clock.now(), session=watched.id, facts=facts))

    def tell_last(self, watched: Watched, stop: Stop) -> None:
        """What its program left behind, which has ended before it could be asked."""
        facts = {**self._read_work(watched), "agent.retrying": False}
        self._emit(events.FactsObserved(at=self._clock.now(), session=watched.id, facts=facts))
        self._tell_stop(watched, stop)

    def look_at_work(self, watched: Watched) -> None:
        """Tell when its work has changed while it is at it: a turn may take hours."""
        before = watched.work
        facts = self._read_work(watched)
        if before and watched.work != before:
            at = self._clock.now()
            self._emit(events.FactsObserved(at=at, session=watched.id, facts=facts))

    def _read_work(self, watched: Watched) -> Mapping[str, FactValue | None]:
        facts = self._work.facts(watched.info.directory, tuple(watched.written))
        work = tuple(sorted(facts.items(), key=lambda fact: fact[0]))
        if watched.work and work != watched.work:
            at = self._clock.now()
            self._emit(events.SessionProgressed(at=at, session=watched.id, what="work"))
        watched.work = work
        return facts

    async def _newest(self, watched: Watched, client: OpenCode) -> tuple[Message, ...]:
        """What was said last; what is too large to be read is left out, if it is not the newest."""
        said = await _passing_large(client, watched.info.id, NEWEST)
        if said and not any(message.role == "user" for message in said):
            said = await _passing_large(client, watched.info.id, _MORE)
        watched.messages |= {message.id for message in said}
        return said


async def _passing_large(client: OpenCode, session: str, limit: int) -> tuple[Message, ...]:
    return _readable(await client.messages(session, limit=limit, large=Large.PASSED))


async def _described(client: OpenCode, session: str) -> Mapping[str, object]:
    try:
        return await client.raw_session(session) or {}
    except AssistantError:
        return {}


async def _limited(client: OpenCode, directory: str) -> Mapping[tuple[str, str], int]:
    try:
        return await client.limits(directory)
    except AssistantError:
        return {}


def _readable(raw: list[Mapping[str, object]]) -> tuple[Message, ...]:
    return tuple(message for message in map(read_message, raw) if message is not None)


def _model(transcript: Transcript) -> str | None:
    last = transcript.answer or transcript.user or transcript.assistant
    if last is None or not last.model:
        return None
    return f"{last.provider}/{last.model}" if last.provider else last.model


def _nobody(_event: events.Event) -> None:
    raise AssertionError("a sensor that tells nobody")
