"""A server that answers, and what a server is to its sensor and its actuator."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol, Self

from palingenesis.assistants.opencode.client import OpenCode
from palingenesis.core.values import DownCause, SessionId, Stop, Way
from palingenesis.processes.exits import Exit
from palingenesis.processes.finding import started_at
from palingenesis.processes.identity import Identity

AtWork = Collection[SessionId]


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """A server that answers."""

    origin: str
    version: str
    started_at: datetime
    password: str | None = field(default=None, repr=False)
    identity: Identity | None = None
    """None: its process is not on this machine, or not ours to see."""
    adopted: bool = True
    """It was there before us; its sessions may be at work."""
    detail: str = ""
    """What a person should know: another port than configured, an untested version, …"""
    directories: Callable[[], tuple[str, ...]] | None = field(default=None, repr=False)
    """Where it works, if it tells; None: that is seen from its list of sessions."""
    connect: Callable[[], OpenCode] | None = field(default=None, repr=False)
    """Makes a client; None: one that speaks HTTP to the origin."""
    ends_itself: bool = False
    """`opencode run`: it ends with its turn, and that is nobody's word."""

    @property
    def began_at(self) -> datetime:
        """When it was started, by the wall clock as it is now: that may have been set since."""
        now = started_at(self.identity) if self.identity is not None else None
        return now or self.started_at

    def client(self) -> OpenCode:
        """A new client; the caller closes it."""
        if self.connect is not None:
            return self.connect()
        return OpenCode(self.origin, password=self.password)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """Whose doing the end of a server or a program was, and what there is to say about it."""

    cause: DownCause
    detail: str
    stops: Mapping[SessionId, Stop] = field(default_factory=dict)
    """How the turns ended that were under way as far as anybody knew, where that can be told."""

    @classmethod
    def of_server(cls, ended: Exit, *, by_us: bool = False) -> Self:
        """Of a server, which nobody closes by leaving her terminal."""
        return cls(cause=DownCause.STOPPED if by_us else DownCause.EXITED, detail=str(ended))


class Server(Protocol):
    """Where an agent lives, as its sensor and its actuator see it."""

    way: Way

    @property
    def running(self) -> Running | None:
        """The server as it was last reached; None: it is known to be gone."""
        ...

    async def up(self) -> Running:
        """Return as soon as it answers.

        Raises:
            AssistantError: it cannot be had at present; the caller may ask again.
        """
        ...

    async def gone(self, running: Running) -> Exit:
        """Return as soon as the process of this server has ended; never, if it cannot be seen."""
        ...

    async def why_gone(self, running: Running, ended: Exit, at_work: AtWork) -> Ending:
        """Whose doing its end was; `at_work` are the sessions that worked there until then."""
        ...

    async def restart(self, grace_s: float) -> Running:
        """End it, if it runs, and start it again.

        One that was started since this was asked for is left alone: it is restart enough.

        Raises:
            AssistantError: it did not become ready, or it is not ours to restart.
        """
        ...

    async def stop(self, grace_s: float) -> None:
        """End it, and do not start it again.

        Raises:
            AssistantError: it is not ours to stop.
        """
        ...
