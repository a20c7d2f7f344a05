"""Carrying effects out: each through its actuator or channel, each with a limit and an outcome.

After a crash of ours an open effect is reconciled with reality first: what certainly happened is
not done again, what certainly did not is done, and what cannot be told is done with the same key.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Final, TypeVar

from palingenesis.core import effects
from palingenesis.core.contract import Promise, WhenUnknown, when_unknown
from palingenesis.core.effects import Effect
from palingenesis.core.events import EffectEnded
from palingenesis.core.values import AgentId, Result, SessionId
from palingenesis.runtime.ports import (
    NO_HOOKS,
    Actuator,
    Channel,
    Clock,
    Emit,
    Hooks,
    Notice,
    Outcome,
    Void,
    stands,
)

log = logging.getLogger("palingenesis.effects")
T = TypeVar("T")

_LIMIT_S: Final = 180.0
"""No effect takes longer; one that does has an unknown outcome."""
_TRIES: Final = 3
_BETWEEN_S: Final = 5.0
_AFTER_ANOTHER_S: Final = 10.0
"""How long an effect waits for an earlier one on the same session to end."""
_DELIVERY_PAUSES_S: Final = (1.0, 2.0, 5.0, 15.0, 60.0, 300.0, 900.0, 1800.0, 3600.0, 3600.0)
"""How long a channel that failed is left alone before the next try, about three hours in all."""

_UNKNOWN: Final = Outcome(result=Result.UNKNOWN, detail="it took too long")


_UNSEEN: Final = Outcome(result=Result.UNKNOWN, detail="nobody saw how it ended")


class Dispatch:
    """Starts effects in the background and hands their outcomes to the loop."""

    def __init__(
        self,
        *,
        tasks: asyncio.TaskGroup,
        emit: Emit,
        actuator_of: Callable[[AgentId], Actuator | None],
        channels: Sequence[Channel],
        clock: Clock,
        void: Void = stands,
        hooks: Hooks = NO_HOOKS,
    ) -> None:
        self._tasks = tasks
        self._emit = emit
        self._actuator_of = actuator_of
        self._channels = channels
        self._clock = clock
        self._void = void
        self._hooks = hooks
        self._latest: dict[SessionId, asyncio.Task[None]] = {}
        self._rests = False

    def start(self, effect: Effect) -> None:
        """Carry out an effect that was ordered now."""
        if not self._rests:
            self._begin(effect, reconcile=False)

    def rest(self) -> None:
        """Begin nothing any more: what is ordered from now on is for the next run to take up."""
        self._rests = True

    def take_up(self, effect: Effect) -> None:
        """Carry on with an effect whose outcome a former run of ours did not see."""
        self._begin(effect, reconcile=True)

    def drop(self, effect: Effect, why: str) -> None:
        """Say that an effect was not carried out, and never will be."""
        at = self._clock.now()
        self._emit(EffectEnded(at=at, effect=effect.id, result=Result.FAILED, detail=why))

    def _begin(self, effect: Effect, *, reconcile: bool) -> None:
        session = effect.session if isinstance(effect, effects.SessionEffect) else None
        before = self._latest.get(session) if session is not None else None
        task = self._tasks.create_task(self._run(effect, before, reconcile=reconcile))
        if session is None:
            return
        self._latest[session] = task
        task.add_done_callback(lambda done: self._forget(session, done))

    def _forget(self, session: SessionId, done: "asyncio.Task[None]") -> None:
        if self._latest.get(session) is done:
            del self._latest[session]

    async def _run(
        self, effect: Effect, before: "asyncio.Task[None] | None", *, reconcile: bool
    ) -> None:
        if before is not None:
            # One at a time on one session: an abort comes after the prompt that it is to undo.
            await asyncio.wait({before}, timeout=_AFTER_ANOTHER_S)
            if self._rests:
                return
        try:
            outcome = await self._outcome(effect, reconcile=reconcile)
        except Exception as error:  # the loop's edge: it becomes an outcome
            log.exception("effect %s broke", effect.id)
            outcome = Outcome(
                result=Result.UNKNOWN, detail=f"{type(error).__name__}: {error}"[:300]
            )
        self._emit(
            EffectEnded(
                at=self._clock.now(),
                effect=effect.id,
                result=outcome.result,
                detail=outcome.detail,
                data=outcome.data,
            )
        )

    async def _outcome(self, effect: Effect, *, reconcile: bool) -> Outcome:
        if isinstance(effect, effects.Log):
            log.info("%s: %s", effect.session or "-", effect.message)
            return Outcome(result=Result.OK)
        if isinstance(effect, effects.Notify):
            return await self._deliver(effect)
        if isinstance(effect, effects.Run):
            return await self._run_hook(effect, reconcile=reconcile)
        actuator = self._actuator_of(effect.agent)
        if actuator is None:
            return Outcome(result=Result.FAILED, detail=f"no way to reach agent {effect.agent}")
        return await self._act(actuator, effect, reconcile=reconcile)

    async def _run_hook(self, effect: effects.Run, *, reconcile: bool) -> Outcome:
        """Run a hook once. One that we may have begun before we died is not begun again."""
        if why := self._void(effect):
            result = Result.UNKNOWN if reconcile else Result.FAILED
            return Outcome(result=result, detail=why)
        if reconcile:
            return Outcome(result=Result.UNKNOWN, detail=f"hook {effect.hook} may have run")
        return await self._hooks.run(effect)

    async def _act(
        self,
        actuator: Actuator,
        effect: effects.SessionEffect | effects.Restart | effects.Stop,
        *,
        reconcile: bool,
    ) -> Outcome:
        """Carry an effect out; what is done when nobody saw how it ended, its contract says."""
        then = when_unknown(type(effect), actuator.offers)
        if then is WhenUnknown.NOTHING:
            return Outcome(
                result=Result.FAILED, detail=f"agent {effect.agent} offers no such thing"
            )
        outcome = _UNSEEN
        for attempt in range(_TRIES):
            if reconcile or attempt:
                if then is WhenUnknown.LEAVE:
                    return _left(outcome)
                seen = await self._limited(actuator.reconcile(effect))
                if seen is not None and seen.result is not Result.UNKNOWN:
                    return seen
                if seen is not None and then is WhenUnknown.ASK:
                    return _left(seen)
            if why := self._void(effect):
                return outcome if attempt else Outcome(result=Result.FAILED, detail=why)
            outcome = await self._limited(actuator.perform(effect))
            if outcome.result is not Result.UNKNOWN:
                return _again(outcome) if reconcile else outcome
            await self._clock.sleep(_BETWEEN_S)
        return outcome

    async def _limited(self, work: Awaitable[T]) -> T | Outcome:
        try:
            async with asyncio.timeout(_LIMIT_S):
                return await work
        except TimeoutError:
            return _UNKNOWN

    # ── telling people ────────────────────────────────────────────────────────────────────────

    async def _deliver(self, effect: effects.Notify) -> Outcome:
        """Deliver through every channel that is meant; one slow channel delays no other."""
        meant = [c for c in self._channels if not effect.channels or c.name in effect.channels]
        if not meant:
            return Outcome(result=Result.OK, detail="no channel is configured")
        notice = Notice(
            key=effect.id,
            at=self._clock.now(),
            severity=effect.severity,
            title=effect.title,
            message=effect.message,
            session=effect.session,
        )
        outcomes = await asyncio.gather(*(self._insist(channel.name, notice) for channel in meant))
        data = {
            channel.name: outcome.detail or outcome.result.value
            for channel, outcome in zip(meant, outcomes, strict=True)
        }
        failed = [o for o in outcomes if o.result is not Result.OK]
        result = Result.FAILED if len(failed) == len(outcomes) else Result.OK
        detail = "; ".join(outcome.detail for outcome in failed)
        return Outcome(result=result, detail=detail, data=data)

    async def _insist(self, name: str, notice: Notice) -> Outcome:
        """Try a channel until it takes the notice, says never, or three hours are over.

        Each time as it is configured then: an address that was wrong may have been corrected.
        """
        for pause_s in (*_DELIVERY_PAUSES_S, None):
            channel = next((one for one in self._channels if one.name == name), None)
            if channel is None:
                return Outcome(result=Result.FAILED, detail=f"{name} is not configured any more")
            outcome = await self._told(channel, notice)
            if outcome.result in {Result.OK, Result.SUPERSEDED}:
                return outcome
            if pause_s is None:
                break
            log.warning("%s did not take a notice: %s", name, outcome.detail)
            await self._clock.sleep(pause_s)
        return Outcome(result=Result.FAILED, detail=f"{name} never took it")

    async def _told(self, channel: Channel, notice: Notice) -> Outcome:
        """One try; a channel that makes a mistake did not take it, and keeps no other one up."""
        try:
            return await self._limited(channel.send(notice))
        except Exception as error:  # whatever it does, it is tried again
            log.exception("%s broke over a notice", channel.name)
            return Outcome(result=Result.FAILED, detail=type(error).__name__)


def _again(outcome: Outcome) -> Outcome:
    """What a former run of ours may have done already; what ended by itself, it has not."""
    if "idle_since" not in outcome.data or "by_itself" in outcome.data:
        return outcome
    return replace(outcome, data={**outcome.data, "again": "yes"})


def _left(outcome: Outcome) -> Outcome:
    """It may have happened, and is not done again: a person has to look."""
    return replace(
        outcome,
        detail=f"{outcome.detail}; it may have happened, so it is not done again",
        data={**outcome.data, "promise": Promise.AT_MOST_ONCE.value},
    )
