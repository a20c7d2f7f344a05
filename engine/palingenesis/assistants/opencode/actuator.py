"""Carries effects out on an OpenCode server: asked for freshness before, verified after.

Theory of operation: 204 is no promise. A prompt is believed when the session is busy or an answer
to our own message id has begun; the same id sent again is the same prompt. Which id that is
follows from the effect and the stop alone, so that whoever sends it again, today or after a
crash, sends the same one.
"""

import asyncio
from collections.abc import MutableSet
from datetime import datetime
from functools import partial
from typing import assert_never

from palingenesis.assistants.opencode.client import OpenCode
from palingenesis.assistants.opencode.continuing import Continuing, as_soon_as_readable
from palingenesis.assistants.opencode.freshness import (
    Standing,
    ahead_of,
    has_answer,
    keys_of,
    read_standing,
    seen_prompt,
    unsettled_s,
    why_superseded,
)
from palingenesis.assistants.opencode.interrupting import Interrupting
from palingenesis.assistants.opencode.offers import OPENCODE
from palingenesis.assistants.opencode.outcomes import failed, superseded
from palingenesis.assistants.opencode.prompting import (
    Prompting,
    prompt_again,
    text_part,
    whole_model,
)
from palingenesis.assistants.opencode.running import Running, Server
from palingenesis.assistants.opencode.signals import Retry as OwnRetry
from palingenesis.assistants.opencode.versions import is_supported
from palingenesis.core import effects
from palingenesis.core.errors import (
    AssistantSilentError,
    AssistantUnreachableError,
    PalingenesisError,
)
from palingenesis.core.kernel.putting_off import NOT_BEFORE
from palingenesis.core.values import Result, Way
from palingenesis.runtime.ports import Clock, Outcome, Void, Work, stands

SETTLE_S = 1.0
_SUMMARY_S_MAX = 300.0
_REACH_S_MAX = 45.0
_QUIET_TAIL_S = 1.0
_LOOKS = 4
_BETWEEN_LOOKS_S = 0.5


class OpenCodeActuator:
    """Acts on the sessions of one agent; an `Actuator`.

    Args:
        server: where the agent lives.
        work: where handoffs come from and backups go to.
        clock: what time it is.
        way: how the agent is reached; what it offers follows from that.
        quiet: the sessions whose idle is our own doing; shared with the sensor.
        settle_s: how long after the end of a turn a prompt is safe.
        void: why an effect must not be carried out any more; asked once more when all is ready.
    """

    def __init__(
        self,
        server: Server,
        work: Work,
        clock: Clock,
        *,
        way: Way = Way.MANAGED,
        quiet: MutableSet[str],
        settle_s: float = SETTLE_S,
        void: Void = stands,
    ) -> None:
        self.offers = OPENCODE[way]
        self._server = server
        self._work = work
        self._clock = clock
        self._quiet = quiet
        self._settle_s = settle_s
        self._void = void
        self._interrupting = Interrupting(clock, void)
        self._prompting = Prompting(clock, void)
        self._continuing = Continuing(work, clock, self._prompting)

    async def perform(self, effect: effects.Effect) -> Outcome:
        """See `ports.Actuator`."""
        try:
            if isinstance(effect, effects.Restart):
                return await self._restart(effect)
            if isinstance(effect, effects.Stop):
                await self._server.stop(effect.grace_s)
                return Outcome(result=Result.OK, detail="stopped")
            running = await self._reached()
            if running is None:
                return failed("the agent does not answer")
            if not is_supported(running.version):
                return failed(f"OpenCode {running.version} is only watched, never acted on")
            async with running.client() as client:
                return await self._perform(effect, client)
        except AssistantUnreachableError as error:
            # Also one that has just died: it is asked again, when it may have come back.
            return Outcome(result=Result.UNKNOWN, detail=error.message)
        except PalingenesisError as error:
            return failed(f"{error.message}; {error.hint}" if error.hint else error.message)

    async def reconcile(self, effect: effects.Effect) -> Outcome | None:
        """See `ports.Actuator`. Only asks; what certainly did not happen is performed again."""
        if isinstance(effect, effects.Interrupt | effects.Snapshot | effects.Stop):
            return None  # doing it again is harmless
        try:
            running = await self._reach()
            if isinstance(effect, effects.Restart):
                detail = f"OpenCode {running.version} answers"
                return Outcome(result=Result.OK, detail=detail)
            async with running.client() as client:
                return await self._reconcile(effect, client)
        except PalingenesisError as error:
            return Outcome(result=Result.UNKNOWN, detail=error.message)

    async def _perform(self, effect: effects.Effect, client: OpenCode) -> Outcome:
        match effect:
            case effects.Resume() | effects.Retry():
                return await self._go_on(effect, client)
            case effects.NewSession():
                return await as_soon_as_readable(partial(self._go_on, effect, client), self._clock)
            case effects.Compact():
                return await self._compact(effect, client)
            case effects.Interrupt():
                return await self._interrupting.interrupt(
                    effect, client, shares_our_clock=self._shares_our_clock()
                )
            case effects.Snapshot():
                return await self._continuing.snapshot(effect, client)
            case (
                effects.Restart()
                | effects.Stop()
                | effects.Run()
                | effects.Notify()
                | effects.Log()
            ):
                return failed(f"{type(effect).__name__} is nothing that a session can do")
            case _:
                assert_never(effect)

    # ── going on ──

    async def _go_on(
        self,
        effect: effects.Resume | effects.Retry | effects.NewSession,
        client: OpenCode,
    ) -> Outcome:
        if not isinstance(effect, effects.NewSession):
            sent = await self._sent_before(effect, client)
            if sent is not None:
                return sent
        standing = await self._fresh(effect, client)
        if isinstance(standing, Outcome):
            return standing
        if not isinstance(standing.status, OwnRetry):
            return await self._act(effect, standing, client)
        if why := self._void(effect):
            return failed(why)
        # The abort of the assistant's own retry is ours: its idle is no stop.
        self._quiet.add(effect.session)
        try:
            if not await self._interrupting.abort(effect.session, standing, client, grace_s=10.0):
                return failed("the assistant's own retry could not be ended")
            await self._clock.sleep(self._settle_s)
            return await self._act(effect, standing, client)
        finally:
            self._quiet.discard(effect.session)

    async def _act(
        self,
        effect: effects.Resume | effects.Retry | effects.NewSession,
        standing: Standing,
        client: OpenCode,
    ) -> Outcome:
        if why := self._void(effect):
            return failed(why)
        if isinstance(effect, effects.NewSession):
            return await self._continuing.new_session(effect, standing, client)
        message_id, part_id = keys_of(effect.id, effect.stop)
        if isinstance(effect, effects.Retry):
            parts = prompt_again(standing.said, effect.id, message_id)
            if not parts:
                return failed("there is no prompt to send again")
        elif effect.words:
            parts = [text_part(part_id, effect.text, effect.id)]
        else:
            parts = []
        return await self._prompting.send(
            effect,
            client,
            standing.info,
            message_id=message_id,
            parts=parts,
            model=whole_model(effect.model, standing.said),
        )

    async def _sent_before(
        self, effect: effects.Resume | effects.Retry, client: OpenCode
    ) -> Outcome | None:
        """How our prompt fares that was sent before; None: it was not, or nobody answers it."""
        message_id, _ = keys_of(effect.id, effect.stop)
        standing = await read_standing(client, effect.session)
        if standing is None:
            return None
        prompt = seen_prompt(standing.said, message_id)
        if prompt is None:
            return None
        if standing.status is not None or has_answer(standing.said, prompt.id):
            data = {"message": prompt.id}
            return Outcome(result=Result.OK, detail="it had been sent before", data=data)
        return None

    async def _fresh(
        self,
        effect: effects.Resume | effects.Retry | effects.NewSession | effects.Compact,
        client: OpenCode,
    ) -> Standing | Outcome:
        """The session as it stands, settled; or why nothing is to be done."""
        waited_for = ""
        for _ in range(_LOOKS):
            standing = await read_standing(client, effect.session)
            if standing is None:
                return superseded("the session was deleted")
            if why := why_superseded(standing, effect.stop, effect.alive_at):
                return superseded(why)
            later = ahead_of(standing, self._clock.now()) if self._shares_our_clock() else None
            if later is not None and not isinstance(effect, effects.NewSession):
                return _too_early(later)
            wait_s = unsettled_s(standing, self._clock.now(), self._settle_s)
            ended = standing.answer.id if standing.answer is not None else ""
            if not wait_s or ended == waited_for:  # the server's clock may be ahead of ours
                return standing
            waited_for = ended
            await self._clock.sleep(wait_s)
        return failed("the session does not settle")

    def _shares_our_clock(self) -> bool:
        """Whether the server runs on this machine: its process can be seen."""
        running = self._server.running
        return running is not None and running.identity is not None

    # ── the others ──

    async def _compact(self, effect: effects.Compact, client: OpenCode) -> Outcome:
        standing = await self._fresh(effect, client)
        if isinstance(standing, Outcome):
            return standing
        if why := self._void(effect):
            return failed(why)
        model = whole_model(None, standing.said)
        if model is None:
            return failed("it is not known which model should summarise")
        self._quiet.add(effect.session)
        try:
            await client.summarize(effect.session, model=model, timeout_s=_SUMMARY_S_MAX)
            await self._clock.sleep(_QUIET_TAIL_S)  # its idle comes after the answer
            after = await read_standing(client, effect.session)
        finally:
            self._quiet.discard(effect.session)
        last = after.answer if after is not None else None
        if last is None or not last.summary or last.failure is not None:
            why = last.failure.name if last is not None and last.failure else "no summary came"
            return failed(f"the conversation could not be summarised: {why}")
        return Outcome(result=Result.OK, detail="summarised")

    async def _restart(self, effect: effects.Restart) -> Outcome:
        running = await self._server.restart(effect.grace_s)
        data = {"origin": running.origin}
        return Outcome(result=Result.OK, detail=running.detail or "restarted", data=data)

    # ── after a crash of ours ──

    async def _reached(self) -> Running | None:
        """The server; right after our own start, or while it is restarted, it needs a moment."""
        running = self._server.running
        if running is not None:
            return running
        try:
            return await self._reach()
        except AssistantSilentError:
            return None

    async def _reach(self) -> Running:
        try:
            async with asyncio.timeout(_REACH_S_MAX):
                return await self._server.up()
        except TimeoutError as error:
            raise AssistantSilentError("the agent does not answer") from error

    async def _reconcile(self, effect: effects.Effect, client: OpenCode) -> Outcome | None:
        match effect:
            case effects.Resume() | effects.Retry():
                return await self._sent_before(effect, client)
            case effects.NewSession():
                return await self._continuing.find(effect, client)
            case effects.Compact():
                return await self._summarised(effect, client)
            case _:
                return None

    async def _summarised(self, effect: effects.Compact, client: OpenCode) -> Outcome | None:
        """Whether our summary is there; one that is under way is waited for."""
        waited_s = 0.0
        while (standing := await read_standing(client, effect.session)) is not None:
            last = standing.said[-1] if standing.said else None
            if last is None or not (last.summary or last.compaction):
                return None
            if last.summary and last.completed:
                done = Outcome(result=Result.OK, detail="summarised")
                return None if last.failure else done
            if standing.status is None or waited_s >= _SUMMARY_S_MAX:
                return None
            await self._clock.sleep(_BETWEEN_LOOKS_S)
            waited_s += _BETWEEN_LOOKS_S
        return None


def _too_early(until: datetime) -> Outcome:
    why = "the clock was set back, and OpenCode goes by it"
    return Outcome(result=Result.FAILED, detail=why, data={NOT_BEFORE: until.isoformat()})
