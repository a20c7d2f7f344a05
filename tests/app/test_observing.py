"""What others may watch of the daemon, and that the night goes on without it."""

import asyncio
from pathlib import Path

from palingenesis.app.observing import Observing
from palingenesis.journal import SqliteJournal
from palingenesis.runtime.config import Config, Listen, MetricsConfig, OtelConfig
from palingenesis.runtime.loop import Loop
from tests.core.life import Life
from tests.core.policies import NIGHT
from tests.runtime.loopback import JumpingClock

AGAIN_S = 30.0


class Thrice(JumpingClock):
    """Lets three sleeps pass, and then nothing comes any more."""

    def __init__(self) -> None:
        super().__init__()
        self.is_over = asyncio.Event()

    async def sleep(self, seconds: float) -> None:
        await super().sleep(seconds)
        if len(self.slept) == 3:
            self.is_over.set()
            await asyncio.get_running_loop().create_future()


def watched(tmp_path: Path, config: Config) -> list[float]:
    """For how long is waited, one time after another."""

    async def night() -> list[float]:
        clock = Thrice()
        with SqliteJournal.open(tmp_path / "journal.db") as journal:
            loop = Loop(world=Life(NIGHT).world, policy=NIGHT, journal=journal, clock=clock)
            observing = Observing(loop, journal, config, {}, clock=clock)
            async with asyncio.timeout(20), asyncio.TaskGroup() as tasks:
                task = tasks.create_task(observing.watch())
                await clock.is_over.wait()
                task.cancel()
        return clock.slept

    return asyncio.run(night())


def test_a_mistake_in_telemetry_is_not_the_end_of_the_daemon(tmp_path: Path, caplog):
    listen = Listen(host="no\0host", port=0)

    assert watched(tmp_path, Config(metrics=MetricsConfig(listen=listen))) == [AGAIN_S] * 3
    assert caplog.text.count("telemetry broke; it is begun anew") == 1


def test_a_cursor_that_is_no_document_is_none(tmp_path: Path, caplog):
    (tmp_path / "otlp.json").write_text("[" * 100_000)
    config = Config(otel=OtelConfig(enabled=True, endpoint="http://127.0.0.1:1"))

    assert AGAIN_S not in watched(tmp_path, config)
    assert "telemetry broke" not in caplog.text
