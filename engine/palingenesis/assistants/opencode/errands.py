"""The questions under way about the sessions of one server, while its stream lasts.

A newer question about the same session replaces the older one. When the stream breaks, they are
let be: what they were to find out is in doubt then, and is asked again over the next stream.
"""

import asyncio

from palingenesis.assistants.opencode.book import Book
from palingenesis.assistants.opencode.client import OpenCode
from palingenesis.assistants.opencode.pacing import Rounds
from palingenesis.assistants.opencode.running import Running
from palingenesis.assistants.opencode.settling import Settling
from palingenesis.assistants.opencode.watched import (
    Began,
    Errand,
    Identify,
    Settle,
    TellRetry,
    Watched,
)


class Errands:
    """Carries errands out, each in a task of its own.

    Args:
        group: owns the tasks.
        settling: knows how each is carried out.
        book: what is known of the sessions.
        client: whom they are asked of.
        running: the server behind it.
        rounds: the pauses between two looks, which become shorter when somebody gets to work.
    """

    def __init__(
        self,
        group: asyncio.TaskGroup,
        settling: Settling,
        book: Book,
        client: OpenCode,
        running: Running,
        rounds: Rounds,
    ) -> None:
        self.rounds = rounds
        self._group = group
        self._settling = settling
        self._book = book
        self._client = client
        self._running = running
        self._tasks: dict[str, tuple[Errand, asyncio.Task[None]]] = {}

    def run(self, errand: Errand) -> None:
        """Begin it; never waits."""
        if isinstance(errand, Began):
            self.rounds.attend()  # from now on there is something to look after
        key = self._settling.key_of(errand)
        if (earlier := self._tasks.pop(key, None)) is not None:
            earlier[1].cancel()
        task = self._group.create_task(self._carry_out(errand))
        self._tasks[key] = errand, task
        task.add_done_callback(lambda done: self._forget(key, done))

    def ask_about(self, session: str) -> bool:
        """Whether it is being found out why that session rests."""
        return f"stop {session}" in self._tasks

    def identify(self, session: str) -> None:
        """Ask who it is, unless that is being asked."""
        errand = Identify(session)
        if self._settling.key_of(errand) not in self._tasks:
            self.run(errand)

    def learn(self, watched: Watched) -> None:
        """Ask for its history, unless that is being asked for."""
        errand = Began(watched)
        if self._settling.key_of(errand) not in self._tasks:
            self.run(errand)

    def cut_off(self) -> None:
        """Let all of them be: the stream has broken."""
        for errand, task in tuple(self._tasks.values()):
            task.cancel()
            if isinstance(errand, Settle | TellRetry) and not task.done():
                self._book.cut_off(errand.watched)

    async def _carry_out(self, errand: Errand) -> None:
        for following in await self._settling.run(errand, self._client, self._running):
            self.run(following)

    def _forget(self, key: str, done: "asyncio.Task[None]") -> None:
        if (known := self._tasks.get(key)) is not None and known[1] is done:
            del self._tasks[key]
