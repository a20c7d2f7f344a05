"""The person's own OpenCode programs that let us in through our plugin: watched and acted upon.

Theory of operation: the plugin comes to us, never the other way round. Each program is a `Server`
whose connection may come and go while its process lives; to sensor and actuator it looks like a
server that is out of reach for a moment. Its process is seen through a pidfd. How it ended is put
together from the plugin's last word, the signal that ended it, the kind of program, and what its
sessions look like in the database: a turn that was left without any mark did not end by her will,
unless her key or her closed terminal was quicker than the mark.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Final

from palingenesis.assistants.opencode.client import OpenCode
from palingenesis.assistants.opencode.ending import how_it_ended
from palingenesis.assistants.opencode.observed import agent_of
from palingenesis.assistants.opencode.plugged import Plugged, PluggedOpenCode
from palingenesis.assistants.opencode.running import AtWork, Ending, Running
from palingenesis.assistants.opencode.signals import Signal
from palingenesis.assistants.opencode.storage import Storage
from palingenesis.assistants.opencode.versions import what_is_wrong
from palingenesis.core.errors import AssistantError, AssistantUnreachableError
from palingenesis.core.stops.times import Zones
from palingenesis.core.values import Way
from palingenesis.processes.exits import Exit, wait_gone
from palingenesis.processes.finding import started_at
from palingenesis.processes.identity import Identity
from palingenesis.runtime.ports import Clock
from palingenesis.wire.exchange import Ask, BrokenError, Reply

AWAY_S_MAX: Final = 60.0
"""A plugin that is away for so long does not come back: its program is only observed from then."""
_LAST_WORD_S: Final = 2.0
_TO_ITS_END_S: Final = 5.0
"""A connection that ended so shortly before its program was told about, was there to its end."""
_NOT_OURS: Final = "your own OpenCode is never restarted or ended by us"


class IntegratedProgram:
    """One such program; a `Server`, and the `Carrier` of what it is asked.

    Args:
        identity: its process.
        clock: what time it is.
        storage: the database that it keeps its sessions in.
        adopted: it lived when we last ran, and what she said to it may have been told by then.
        ends_itself: `opencode run`: it ends with its turn, and that is nobody's word.
        says_farewell: a TUI: whatever ends it but a kill, its plugin is told first.
        zones: time-zone data, see `core.stops.times`.
    """

    way = Way.INTEGRATED

    def __init__(
        self,
        identity: Identity,
        clock: Clock,
        storage: Storage,
        *,
        adopted: bool = True,
        ends_itself: bool = False,
        says_farewell: bool = False,
        zones: Zones | None = None,
    ) -> None:
        self.identity = identity
        self.agent = agent_of(identity.pid)
        self.over = asyncio.Event()
        """Its end was told."""
        self._clock = clock
        self._storage = storage
        self._adopted = adopted
        self._ends_itself = ends_itself
        self._says_farewell = says_farewell
        self._zones = zones
        self._heard_at = 0.0
        """When the plugin was there last, by the loop's clock."""
        self._plugged: Plugged | None = None
        self._change = asyncio.Event()
        self._running: Running | None = None
        self._told = False

    # ── the plugin comes and goes ──

    async def live(self, plugged: Plugged) -> None:
        """Go by this connection until it ends; an earlier one gives way."""
        earlier, self._plugged = self._plugged, plugged
        if earlier is not None:
            earlier.close()
        self._changed()
        try:
            await plugged.live()
        finally:
            self._heard_at = asyncio.get_running_loop().time()
            self._changed()

    @property
    def is_plugged(self) -> bool:
        """Whether the plugin is connected now."""
        return self._plugged is not None and not self._plugged.ended.is_set()

    async def away_for(self, seconds: float) -> None:
        """Return as soon as the plugin has been away for so long."""
        while True:
            changed = self._change
            if self.is_plugged:
                await changed.wait()
                continue
            waiting = asyncio.ensure_future(changed.wait())
            pause = asyncio.ensure_future(self._clock.sleep(seconds))
            try:
                await asyncio.wait((waiting, pause), return_when=asyncio.FIRST_COMPLETED)
                if pause.done() and not self.is_plugged:
                    return
            finally:
                waiting.cancel()
                pause.cancel()

    def _changed(self) -> None:
        before, self._change = self._change, asyncio.Event()
        before.set()

    # ── as a server ──

    @property
    def running(self) -> Running | None:
        """See `Server`; None while the plugin is away."""
        return self._running if self.is_plugged else None

    async def up(self) -> Running:
        """See `Server`. Waits for the plugin, while the process lives."""
        while not self.is_plugged or self._told:
            if self._told:
                raise AssistantError(f"{self.agent} has ended")
            await self._change.wait()
        async with self.client() as client:
            version = await client.version(timeout_s=10.0)
        began = started_at(self.identity)
        if began is None:
            raise AssistantUnreachableError(f"{self.agent} has just ended")
        self._running = Running(
            origin=self._origin,
            version=version,
            started_at=began,
            identity=self.identity,
            adopted=self._adopted,
            detail=what_is_wrong(version),
            directories=lambda: self._plugged.directories if self._plugged is not None else (),
            connect=self.client,
            ends_itself=self._ends_itself,
        )
        return self._running

    async def gone(self, running: Running) -> Exit:
        """See `Server`."""
        return await wait_gone(self.identity)

    async def why_gone(self, running: Running, ended: Exit, at_work: AtWork) -> Ending:
        """See `Server`."""
        ending = await self._ending(ended, at_work)
        self._told = True
        self._changed()
        asyncio.get_running_loop().call_soon(self.over.set)  # when whoever asks has told it
        return ending

    async def _ending(self, ended: Exit, at_work: AtWork) -> Ending:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_LAST_WORD_S):  # what it said last may not be read yet
                while self.is_plugged:
                    await self._change.wait()
        return await how_it_ended(
            self._storage,
            at_work,
            self._clock.now(),
            ended=ended,
            farewell=self._farewell(),
            ends_itself=self._ends_itself,
            zones=self._zones,
        )

    def _farewell(self) -> bool | None:
        """Whether it said farewell; None: it may have, and we did not hear it, or it never does."""
        if self._plugged is not None and self._plugged.said_farewell:
            return True
        silent_s = asyncio.get_running_loop().time() - self._heard_at
        heard_to_its_end = self._plugged is not None and silent_s < _TO_ITS_END_S
        return False if self._says_farewell and heard_to_its_end else None

    async def restart(self, grace_s: float) -> Running:
        """Refused."""
        raise AssistantError(_NOT_OURS, "palingenesis open SESSION, after its end")

    async def stop(self, grace_s: float) -> None:
        """Refused."""
        raise AssistantError(_NOT_OURS)

    # ── as a carrier ──

    def client(self) -> OpenCode:
        """A client that asks through whatever connection there is; the caller closes it."""
        return PluggedOpenCode(self._origin, self)

    @asynccontextmanager
    async def signals(self) -> AsyncIterator[AsyncIterator[Signal]]:
        """What OpenCode announces, see `Plugged.signals`."""
        if self._plugged is None:
            raise AssistantUnreachableError("the plugin is not connected")
        async with self._plugged.signals() as signals:
            yield signals

    def exchange(self, ask: Ask) -> AbstractAsyncContextManager[Reply]:
        """See `wire.exchange.Carrier`."""
        if self._plugged is None:
            raise BrokenError("the plugin is not connected")
        return self._plugged.exchange(ask)

    async def aclose(self) -> None:
        """See `wire.exchange.Carrier`: the connection is the plugin's to end."""

    @property
    def _origin(self) -> str:
        return f"http://{self.agent}"
