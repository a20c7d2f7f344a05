"""Five ways to build it wrong: the harness has to catch each of them."""

from dataclasses import replace
from typing import Final

from palingenesis.core.effects import Effect
from palingenesis.core.events import Event
from palingenesis.core.step import Turn, step
from palingenesis.core.values import Status
from palingenesis.runtime.dispatch import Dispatch
from palingenesis.runtime.loop import Loop
from palingenesis.runtime.recovery import Recovered, recover
from tests.torture.night.doors import Memory
from tests.torture.night.machine import RIGHT, Design

_ACTED_S: Final = 0.3


class _ActsThenRecords(Loop):
    """Does what was decided, and writes it down afterwards."""

    async def _turn(self, event: Event) -> Turn:
        performer, self._performer = self._performer, None
        try:
            turn = step(self.world, event, self.policy, self.candidate)
            if performer is not None and turn.effects:
                for effect in turn.effects:
                    performer.start(effect)
                await self._clock.sleep(_ACTED_S)
            return await super()._turn(event)
        finally:
            self._performer = performer


class _Redoes(Dispatch):
    """Does on start whatever has no outcome, without asking what became of it."""

    def take_up(self, effect: Effect) -> None:
        self.start(effect)


class _Skips(Dispatch):
    """Leaves on start whatever has no outcome: it may have happened."""

    def take_up(self, effect: Effect) -> None:
        del effect


def _without_timers(memory: Memory) -> Recovered:
    """Recovers everything but what only lived in memory: the timers."""
    found = recover(memory)
    sessions = {
        id_: replace(session, plan=replace(session.plan, deadline=None))
        if session.status is Status.WAITING and session.plan is not None
        else session
        for id_, session in found.world.sessions.items()
    }
    return replace(found, world=replace(found.world, sessions=sessions))


WRONG: Final = (
    Design(name="act-then-record", loop=_ActsThenRecords),
    Design(name="redo", dispatch=_Redoes, keyed=False),
    Design(name="skip", dispatch=_Skips),
    Design(name="no-freshness-check", fresh=False),
    Design(name="timers-in-memory", recover=_without_timers),
)
BY_NAME: Final = {design.name: design for design in (RIGHT, *WRONG)}
