"""The daemon: one run of it, from recovery to its end, wired as `app.daemon` wires it."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from json import dumps
from typing import Any

from palingenesis.app.ours import at_work
from palingenesis.core.events import DaemonStarted, PolicyAdopted, Ticked
from palingenesis.core.lifecycle import ACTIVE
from palingenesis.core.record import to_plain
from palingenesis.core.safety import why_void
from palingenesis.core.values import AgentId
from palingenesis.runtime import loop as loops
from palingenesis.runtime import recovery
from palingenesis.runtime.dispatch import Dispatch
from palingenesis.runtime.loop import Loop
from palingenesis.runtime.ports import stands
from palingenesis.runtime.recovery import Recovered, recover
from tests.torture.night.adapter import AGENT, Actuator, Sensor, ServerDoor
from tests.torture.night.doors import Channel, Doors, HookRunner, Memory
from tests.torture.night.policies import Prepared, build_once

# Everything else of the runtime is as it is: a policy is only not built again and again.
loops.build = recovery.build = build_once

SNAPSHOT_EVERY = 12
"""The daemon keeps one every 500 entries; nights are short."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Design:
    """How the daemon is built: the right way, or one of the wrong ones."""

    name: str = "intent, key, reconciled, fresh"
    recover: Callable[[Memory], Recovered] = recover
    loop: type[Loop] = Loop
    dispatch: type[Dispatch] = Dispatch
    fresh: bool = True
    keyed: bool = True


RIGHT = Design()


class Machine:
    """One run of the daemon."""

    def __init__(self, doors: Doors, memory: Memory, policy: Prepared, design: Design) -> None:
        self.doors = doors
        self.sensor: Sensor | None = None
        self.differing = 0
        self._policy = policy
        self._design = design
        self._memory = memory
        self._loop: Loop | None = None

    @property
    def loop(self) -> Loop:
        """Owns the world; there is none before recovery is done."""
        assert self._loop is not None, "the daemon has not recovered yet"
        return self._loop

    def is_watching(self) -> bool:
        """Whether the control door is open."""
        return self.sensor is not None

    async def run(self) -> None:
        """Run for ever."""
        design, doors = self._design, self.doors
        recovered = design.recover(self._memory)
        self.differing = recovered.differing
        loop = design.loop(
            world=recovered.world,
            policy=recovered.policy,
            candidate=recovered.candidate,
            journal=doors,
            clock=doors,
            clocks=doors.reading,
        )
        loop.seq = recovered.seq
        self._loop = loop
        at_start = frozenset(
            session.id
            for session in recovered.world.sessions.values()
            if session.supervised and (session.paused_from or session.status) in ACTIVE
        )
        loop.attend(self._snapshot_now_and_then)
        reading = doors.reading()
        started = DaemonStarted(
            at=reading.at,
            version="night",
            seed=doors.token(),
            boot_id=f"boot-{doors.house.boot}",
            booted_at=reading.booted_at,
        )
        await loop.take(started)
        if loop.world.policy != self._policy.digest:
            adopted = self._policy.adopted(doors.now())
            await loop.take(adopted)
        if recovered.broken is not None:
            await loop.hold_safe(recovered.broken)
        server = ServerDoor(doors)

        def void(effect: Any) -> str:
            return why_void(loop.world, effect)

        async with asyncio.TaskGroup() as tasks:
            self.sensor = sensor = Sensor(
                doors, server, tasks, at_start, lambda: at_work(loop.world, AGENT)
            )
            actuator = Actuator(
                doors, server, void, sensor.quiet, fresh=design.fresh, keyed=design.keyed
            )
            actuators: dict[AgentId, Actuator] = {AGENT: actuator}
            dispatch = design.dispatch(
                tasks=tasks,
                emit=loop.emit,
                actuator_of=actuators.get,
                channels=[Channel(doors)],
                clock=doors,
                void=void if design.fresh else stands,
                hooks=HookRunner(doors),
            )
            tasks.create_task(loop.run(dispatch))
            tasks.create_task(sensor.watch(loop.emit))
            for effect in list(loop.world.open.values()):
                if effect.id in recovered.unordered:
                    dispatch.drop(effect, "it had been decided otherwise when it happened")
                else:
                    dispatch.take_up(effect)
            loop.emit(Ticked(at=doors.now()))

    def adopt(self, policy: Prepared) -> None:
        """The policy file has changed."""
        self._policy = policy
        adopted: PolicyAdopted = policy.adopted(self.doors.now())
        self.loop.emit(adopted)

    def _snapshot_now_and_then(self, seq: int, _entry: object, world: object) -> None:
        if seq % SNAPSHOT_EVERY == 0:
            text = dumps(to_plain(world))
            self.doors.pages.snapshots = [*self.doors.pages.snapshots[-2:], (seq, text)]
