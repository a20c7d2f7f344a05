"""What others may watch of the daemon: its metrics, asked for or sent.

Nothing here is waited for by the loop: it counts what a turn took, and all else reads the world
between two turns. Whatever goes wrong here is logged and tried again; the night goes on without it.
"""

import asyncio
import json
import logging
from typing import Final

from palingenesis import __version__
from palingenesis.control.scraping import Scraping
from palingenesis.core.errors import JournalError, PalingenesisError
from palingenesis.core.world import World
from palingenesis.journal import SqliteJournal
from palingenesis.runtime.config import Config, Listen
from palingenesis.runtime.loop import Loop
from palingenesis.runtime.ports import Clock, Entry
from palingenesis.telemetry.catalogue import families
from palingenesis.telemetry.exposition import CONTENT_TYPE, as_json, as_prometheus
from palingenesis.telemetry.live import Latency, Live
from palingenesis.telemetry.whose import labels

log = logging.getLogger("palingenesis.telemetry")

_AGAIN_S: Final = 30.0
"""A port that is taken is tried again after this."""


class Observing:
    """The daemon's metrics, at the control door and, if that is configured, at a port."""

    def __init__(self, *, loop: Loop, clock: Clock, config: Config, journal: SqliteJournal) -> None:
        self._loop = loop
        self._clock = clock
        self._config = config
        self._journal = journal
        self._latency = Latency()
        self._whose = labels()
        self.address = ""
        """Where Prometheus may ask; empty: nowhere."""
        loop.attend(self._noticed)

    def text(self, form: str) -> str:
        """All metrics: `prometheus`' text, or `json`."""
        live = Live(
            version=__version__,
            latency=self._latency.distribution,
            journal_bytes=self._bytes(),
            journal_is_written=not self._loop.journal_trouble,
            waiting=self._loop.waiting,
        )
        found = families(self._loop.world, seq=self._loop.seq, at=self._clock.now(), live=live)
        if form == "json":
            return json.dumps(as_json(found, self._whose), indent=2)
        return as_prometheus(found, self._whose)

    async def watch(self) -> None:
        """Let Prometheus ask, for ever."""
        listen = self._config.metrics.listen
        if listen is not None:
            await self._listen(listen)

    async def _listen(self, listen: Listen) -> None:
        scraping = Scraping(
            lambda: self.text("prometheus"),
            media_type=CONTENT_TYPE,
            host=listen.host,
            port=listen.port,
        )
        told = ""
        while True:
            opened = asyncio.Event()
            try:
                async with asyncio.TaskGroup() as tasks:
                    tasks.create_task(scraping.serve(opened))
                    await opened.wait()
                    self.address, told = scraping.address, ""
                    log.info("Prometheus may ask at %s", scraping.address)
            except* PalingenesisError as group:
                why = str(group.exceptions[0])
                if why != told:
                    log.warning("%s; it is tried again", why)
                told = why
            self.address = ""
            await self._clock.sleep(_AGAIN_S)

    def _noticed(self, _seq: int, entry: Entry, _world: World) -> None:
        if any(decision.get("kind") == "decided" for decision in entry.decisions):
            self._latency.took(self._clock.now() - entry.event.at)

    def _bytes(self) -> int:
        try:
            return self._journal.bytes_on_disk()
        except JournalError:
            return 0
