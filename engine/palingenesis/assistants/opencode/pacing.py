"""How often we look, how long we wait, and whether we restart: what may change while we run.

One `Pace` is shared by everything that goes by it; whoever changes it changes all of them.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Final, TypeVar

from palingenesis.assistants.opencode.client import HEARTBEAT_S, OpenCode
from palingenesis.assistants.opencode.running import AtWork, Ending, Running, Server
from palingenesis.core.errors import AssistantError
from palingenesis.processes.exits import Exit
from palingenesis.runtime.config import Config
from palingenesis.runtime.ports import Clock

T = TypeVar("T")

_ANSWERS_S: Final = 10.0
_AGAIN_S: Final = 3.0
"""So long after an unanswered question the next one comes, unless silence may last shorter."""
QUIET_FACTOR: Final = 6
"""So many times as long are the pauses while nobody is at work."""
_PATIENCE: Final = 2
"""So many questions in a row may go unanswered."""


@dataclass(slots=True, kw_only=True)
class Pace:
    """The numbers; seconds."""

    interval_s: float = 5.0
    """Between two reconciliations while something is going on."""
    health_s: float = 5.0
    """How long the server may be silent before it is asked whether it is well.

    It is not silent until its heartbeat is overdue.
    """
    restart_delay_s: float = 0.0
    restarts: bool = True
    """Whether a server that is gone is started again."""

    def follow(self, config: Config) -> None:
        """Go by this configuration from now on."""
        self.interval_s = config.daemon.check_interval.total_seconds()
        self.health_s = config.opencode.health_check_interval.total_seconds()
        self.restart_delay_s = config.opencode.restart_delay.total_seconds()
        self.restarts = config.opencode.auto_restart


class PacedServer:
    """A `Server` that is restarted after a pause, or not at all, as the pace says."""

    def __init__(self, server: Server, pace: Pace, clock: Clock) -> None:
        self.way = server.way
        self._server = server
        self._pace = pace
        self._clock = clock

    @property
    def running(self) -> Running | None:
        """See `Server`."""
        return self._server.running

    async def up(self) -> Running:
        """See `Server`."""
        return await self._server.up()

    async def gone(self, running: Running) -> Exit:
        """See `Server`."""
        return await self._server.gone(running)

    async def why_gone(self, running: Running, ended: Exit, at_work: AtWork) -> Ending:
        """See `Server`."""
        return await self._server.why_gone(running, ended, at_work)

    async def restart(self, grace_s: float) -> Running:
        """See `Server`.

        Raises:
            AssistantError: it is gone, and the person wants it to stay so; or see `Server`.
        """
        was = self._server.running
        if not self._pace.restarts and was is None:
            raise AssistantError(
                "the server is gone, and [opencode] auto_restart is false",
                "palingenesis daemon restart",
            )
        if self._pace.restart_delay_s:
            await self._clock.sleep(self._pace.restart_delay_s)
            if (now := self._server.running) is not None and now is not was:
                return now  # it came up meanwhile
        return await self._server.restart(grace_s)

    async def stop(self, grace_s: float) -> None:
        """See `Server`."""
        await self._server.stop(grace_s)


class Rounds:
    """The pauses between two looks at everything."""

    def __init__(self, pace: Pace) -> None:
        self._pace = pace
        self._hastened = asyncio.Event()
        self._resting: asyncio.Timeout | None = None

    def hasten(self) -> None:
        """Look at once."""
        self._hastened.set()

    def attend(self) -> None:
        """Somebody got to work: look at the pace of work.

        Not at once: the stream has told it, and what is asked now delays the beginning of a turn.
        """
        if (resting := self._resting) is not None and not resting.expired():
            soon = asyncio.get_running_loop().time() + self._pace.interval_s
            resting.reschedule(min(resting.when() or soon, soon))

    async def rest(self, *, is_busy: bool) -> None:
        """Return when it is time for the next look."""
        try:
            pause_s = self._pace.interval_s * (1 if is_busy else QUIET_FACTOR)
            async with asyncio.timeout(pause_s) as self._resting:
                await self._hastened.wait()
        except TimeoutError:
            pass
        finally:
            self._resting = None
            self._hastened.clear()


class Pulse:
    """Whether the server has been heard of lately; if not, it is asked.

    One whose heartbeat comes is never asked. One that hangs is lost when its heartbeat was due,
    the silence it is granted is over, and two questions, 3 s apart, found no answer.
    """

    def __init__(self, pace: Pace, clock: Clock) -> None:
        self._pace = pace
        self._clock = clock
        self._heard_at = clock.now()

    async def heard_out(
        self, stream: AsyncIterator[T], take: Callable[[T], None], client: OpenCode
    ) -> AssistantError | None:
        """Take what comes until the stream ends; or say why it was given up.

        Raises:
            AssistantError: the stream broke.
        """

        async def take_all() -> None:
            async for one in stream:
                self.heard()
                take(one)

        taking = asyncio.ensure_future(take_all())
        losing = asyncio.ensure_future(self.lost(client))
        try:
            await asyncio.wait((taking, losing), return_when=asyncio.FIRST_COMPLETED)
            if taking.done():
                taking.result()
                return None
            return losing.result()
        finally:
            taking.cancel()
            losing.cancel()
            await asyncio.gather(taking, losing, return_exceptions=True)

    def heard(self) -> None:
        """Something came from it."""
        self._heard_at = self._clock.now()

    async def lost(self, client: OpenCode) -> AssistantError:
        """Return as soon as it has been silent and has left several questions unanswered."""
        self.heard()
        unanswered = 0
        while True:
            if (rest_s := self._may_be_silent_s()) > 0:
                unanswered = 0
                await self._clock.sleep(rest_s)
                continue
            try:
                await client.version(timeout_s=_ANSWERS_S)
                self.heard()
            except AssistantError as error:
                unanswered += 1
                if self._may_be_silent_s() > 0:
                    continue
                if unanswered >= _PATIENCE:
                    return error
                await self._clock.sleep(min(_AGAIN_S, self._pace.health_s))

    def _may_be_silent_s(self) -> float:
        """How much longer, from now; a clock that was set back does not lengthen it."""
        silent_s = (self._clock.now() - self._heard_at).total_seconds()
        return HEARTBEAT_S + self._pace.health_s - silent_s if silent_s >= 0 else 0.0
