"""What others may watch of the daemon: its metrics, asked for or sent.

Nothing here is waited for by the loop: it counts what a turn took, and all else reads the world
between two turns. Whatever goes wrong here is logged and tried again; the night goes on without it.
"""

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING, Final

from palingenesis import __version__
from palingenesis.control.scraping import Scraping
from palingenesis.core.errors import InvalidConfigError, JournalError, PalingenesisError
from palingenesis.core.world import World
from palingenesis.journal import ReadOnlyJournal, SqliteJournal
from palingenesis.runtime.config import Config, Listen
from palingenesis.runtime.foreign_text import plain
from palingenesis.runtime.loop import Loop
from palingenesis.runtime.ports import Clock, Entry, Recorded
from palingenesis.telemetry.catalogue import families
from palingenesis.telemetry.exposition import CONTENT_TYPE, as_json, as_prometheus
from palingenesis.telemetry.live import Latency, Live
from palingenesis.telemetry.metric import Family
from palingenesis.telemetry.sending import make_sender, why_impossible
from palingenesis.telemetry.whose import labels, resource
from palingenesis.wire.redaction import redact

if TYPE_CHECKING:
    from palingenesis.telemetry.exporting import Exporting, Measured

log = logging.getLogger("palingenesis.telemetry")

_AGAIN_S: Final = 30.0
"""A port that is taken, and what broke, is tried again after this."""


class Observing:
    """The daemon's metrics, at the control door and, if that is configured, at a port."""

    def __init__(
        self,
        loop: Loop,
        journal: SqliteJournal,
        config: Config,
        environ: Mapping[str, str],
        *,
        clock: Clock,
    ) -> None:
        self._loop = loop
        self._clock = clock
        self._config = config
        self._journal = journal
        self._environ = environ
        self._latency = Latency()
        self._whose = labels()
        self._exporting: Exporting | None = None
        self._began = journal.last_seq()
        self._changed = asyncio.Event()
        self.address = ""
        """Where Prometheus may ask; empty: nowhere."""
        loop.attend(self._noticed)

    def warnings(self) -> tuple[str, ...]:
        """What does not work as it was configured, a line each."""
        otel = self._config.otel
        why = why_impossible(otel.endpoint) if otel.enabled else ""
        return (f"[otel] is on, and nothing is sent: {why}",) if why else ()

    def text(self, form: str) -> str:
        """All metrics: `prometheus`' text, or `json`."""
        found = self._families()
        if form == "json":
            return json.dumps(as_json(found, self._whose), indent=2)
        return as_prometheus(found, self._whose)

    async def watch(self) -> None:
        """Let Prometheus ask, and tell a collector, for ever; as the newest configuration says."""
        while True:
            self._changed.clear()
            async with asyncio.TaskGroup() as tasks:
                watching = tasks.create_task(self._watch_as_configured())
                await self._changed.wait()
                watching.cancel()
            self.address, self._exporting = "", None

    def follow(self, config: Config) -> None:
        """Go by this configuration from now on."""
        before, self._config = self._config, config
        if (before.metrics, before.otel) != (config.metrics, config.otel):
            self._changed.set()

    async def _watch_as_configured(self) -> None:
        listen, otel = self._config.metrics.listen, self._config.otel
        async with asyncio.TaskGroup() as tasks:
            if listen is not None:
                tasks.create_task(self._kept_at(partial(self._listen, listen)))
            if otel.enabled:
                tasks.create_task(self._kept_at(self._export))

    async def _kept_at(self, work: Callable[[], Awaitable[None]]) -> None:
        """Do it, and begin anew where it breaks: no mistake in here is the end of the daemon."""
        told = ""
        while True:
            try:
                return await work()
            except Exception as error:
                if repr(error) != told:
                    log.exception("telemetry broke; it is begun anew")
                told = repr(error)
            self.address, self._exporting = "", None
            await self._clock.sleep(_AGAIN_S)

    async def _export(self) -> None:
        """Send what the journal tells, as long as this process lives."""
        otel = self._config.otel
        try:
            sender = make_sender(otel.endpoint, self._environ)
        except InvalidConfigError as error:
            log.warning("telemetry is off: %s; %s", error.message, error.hint)
            return
        from palingenesis.telemetry.exporting import Exporting
        from palingenesis.telemetry.otlp import Encoding

        self._exporting = Exporting(
            read=self._read,
            newest=lambda: self._loop.seq,
            measure=self._measure,
            messages=Encoding(resource(otel.service_name)),
            sender=sender,
            clock=self._clock,
            kept=self._journal.path.with_name("otlp.json"),
            begin=self._began,
        )
        log.info("telemetry goes to %s", plain(redact(otel.endpoint)))
        await self._exporting.watch()

    def _read(self, after: int, limit: int) -> list[Recorded]:
        """Entries for a collector; called in a thread."""
        with ReadOnlyJournal.beside(self._journal.path) as journal:
            return list(journal.entries(after, limit=limit))

    def _measure(self) -> "Measured":
        from palingenesis.telemetry.exporting import Measured

        now = self._clock.now()
        return Measured(
            families=list(self._families()),
            since=self._loop.world.savings.since or now,
            whose=self._whose,
        )

    def _families(self) -> Iterator[Family]:
        exporting = self._exporting
        live = Live(
            version=__version__,
            latency=self._latency.distribution,
            journal_bytes=self._bytes(),
            journal_is_written=not self._loop.journal_trouble,
            waiting=self._loop.waiting,
            exported=exporting.counts if exporting is not None else {},
        )
        return families(self._loop.world, seq=self._loop.seq, at=self._clock.now(), live=live)

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
        if self._exporting is not None:
            self._exporting.notice()
        if any(decision.get("kind") == "decided" for decision in entry.decisions):
            self._latency.took(self._clock.now() - entry.event.at)

    def _bytes(self) -> int:
        try:
            return self._journal.bytes_on_disk()
        except JournalError:
            return 0
