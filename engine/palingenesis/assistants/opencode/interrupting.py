"""Ending a turn that runs, and whose doing it was that there was nothing to end any more.

An abort has no author. One of ours whose answer did not come may have ended the turn, or somebody
else has: what came to rest right after ours was sent was ended by it, and nothing later.
"""

from datetime import datetime
from typing import Final

from palingenesis.assistants.opencode.client import OpenCode
from palingenesis.assistants.opencode.freshness import (
    Standing,
    how_it_rests,
    read_standing,
    rests_since,
    why_not_to_end,
)
from palingenesis.assistants.opencode.outcomes import failed, superseded
from palingenesis.core import effects
from palingenesis.core.errors import AssistantError
from palingenesis.core.kernel.interrupted import AT_ONCE
from palingenesis.core.values import Result
from palingenesis.runtime.ports import Clock, Outcome, Void

_BETWEEN_LOOKS_S: Final = 0.1


class Interrupting:
    """Interrupts of the sessions of one agent, and what is known of them as long as we run.

    Args:
        clock: what time it is.
        void: why an effect must not be carried out any more; asked once more when all is ready.
    """

    def __init__(self, clock: Clock, void: Void) -> None:
        self._clock = clock
        self._void = void
        self._sent: dict[str, datetime] = {}
        """When the aborts of interrupts were sent whose answer did not come."""
        self._left_at: dict[str, str] = {}
        """Where our latest abort left a session."""

    async def interrupt(
        self, effect: effects.Interrupt, client: OpenCode, *, shares_our_clock: bool
    ) -> Outcome:
        """Carry one out.

        Args:
            effect: the order.
            client: the server of its session.
            shares_our_clock: whether the server's times are by the clock that we go by.

        Raises:
            AssistantError: it could not be asked or told.
        """
        standing = await read_standing(client, effect.session)
        if standing is None:
            return superseded("the session was deleted")
        if why := why_not_to_end(
            standing, effect, self._clock.now(), shares_our_clock=shares_our_clock
        ):
            return superseded(why)
        if standing.status is None and not self._has_ended(
            effect, standing, shares_our_clock=shares_our_clock
        ):
            again = {"again": "yes"} if effect.id in self._sent else {}
            data = how_it_rests(standing) | _stop_of(standing) | again
            return Outcome(result=Result.OK, detail="it was idle", data=data)
        if why := self._void(effect):
            return failed(why)
        self._sent.setdefault(effect.id, self._clock.now())
        if standing.status is None or await self.abort(
            effect.session, standing, client, grace_s=effect.grace_s
        ):
            self._sent.pop(effect.id, None)
            stands = await _stands_at(effect.session, client)
            self._left_at[effect.session] = stands.get("stop", "")
            return Outcome(result=Result.OK, detail="interrupted", data=stands)
        return failed(f"it is still at work {effect.grace_s:g} s after the abort")

    async def abort(
        self, session: str, standing: Standing, client: OpenCode, *, grace_s: float
    ) -> bool:
        """End the running turn; False: it is still at work after the grace.

        Raises:
            AssistantError: it could not be asked or told.
        """
        await client.abort(session)
        waited_s = 0.0
        while session in await client.statuses(standing.info.directory):
            if waited_s >= grace_s:
                return False
            await self._clock.sleep(_BETWEEN_LOOKS_S)
            waited_s += _BETWEEN_LOOKS_S
        return True

    def _has_ended(
        self, effect: effects.Interrupt, standing: Standing, *, shares_our_clock: bool
    ) -> bool:
        """Whether an abort of ours left it there: of this order, or of one before."""
        left_at = self._left_at.get(effect.session)
        if left_at and _key_of(standing) == left_at:
            return True
        sent, rests = self._sent.get(effect.id), rests_since(standing)
        if sent is None or rests is None or not shares_our_clock:
            return sent is not None
        return rests - sent <= AT_ONCE


async def _stands_at(session: str, client: OpenCode) -> dict[str, str]:
    """The key of the stop that our abort has made; empty when nothing can be told."""
    try:
        after = await read_standing(client, session)
    except AssistantError:
        return {}
    return _stop_of(after) if after is not None else {}


def _stop_of(standing: Standing) -> dict[str, str]:
    key = _key_of(standing)
    return {"stop": key} if key else {}


def _key_of(standing: Standing) -> str:
    """The key of the stop at its newest message, as the sensor tells it; "" when it has none."""
    return f"{standing.said[-1].id}:end" if standing.said else ""
