"""Being kept by a service manager: the loop's own turns tell it that we live, and how we are."""

from collections import Counter
from collections.abc import Awaitable
from typing import TypeVar

from palingenesis.processes.supervisor import Supervisor
from palingenesis.runtime.loop import Loop

Answer = TypeVar("Answer")


class Liveness:
    """Tells the manager of a running daemon how it is; the loop's own turns are what feeds it."""

    def __init__(self, supervisor: Supervisor, loop: Loop) -> None:
        self._supervisor = supervisor
        self._loop = loop
        self._reconciled = False

    def reconciled(self) -> None:
        """Every open effect has been taken up: with the loop's next turn we have started."""
        self._reconciled = True

    def pulse(self) -> None:
        """The loop has turned, or stands still for a reason that it knows."""
        supervisor = self._supervisor
        if not supervisor.is_there or not self._reconciled:
            return
        if not supervisor.is_ready:
            supervisor.ready(self._status())
        supervisor.alive(self._status())

    async def reloading(self, work: Awaitable[Answer]) -> Answer:
        """Let the manager know that files are being read again, and when that is over."""
        if not self._supervisor.is_ready:
            return await work
        self._supervisor.reloading()
        try:
            return await work
        finally:
            self._supervisor.ready(self._status())

    def _status(self) -> str:
        """One line for `systemctl status`."""
        loop = self._loop
        if loop.journal_trouble:
            return f"nothing is done until the journal can be written: {loop.journal_trouble}"
        if loop.world.safe_hold is not None:
            return "holds itself after a mistake of its own, only watching: palingenesis status"
        ours = Counter(str(it.status) for it in loop.world.sessions.values() if it.supervised)
        statuses = ", ".join(f"{count} {status}" for status, count in sorted(ours.items()))
        return f"watching; sessions: {statuses or 'none yet'}"
