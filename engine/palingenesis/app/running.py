"""One run of the daemon, from taking the state directory to letting it go."""

import asyncio
import contextlib
import faulthandler
import logging
import os
from datetime import timedelta
from pathlib import Path

from palingenesis.app.daemon import Daemon
from palingenesis.app.logs import begin_log
from palingenesis.app.secrecy import leave_no_core, remember_environment
from palingenesis.journal import SqliteJournal
from palingenesis.journal.lock import lock
from palingenesis.processes.supervisor import Supervisor
from palingenesis.runtime.clock import SystemClock
from palingenesis.runtime.config import Config, choose_policy
from palingenesis.runtime.paths import Paths

_READING = timedelta(minutes=10)
"""So long may a start take on a slow disk with a large journal; systemd is told."""


def run_daemon(
    *,
    config: Config,
    paths: Paths,
    policy: Path | None,
    server: str | None,
    debug: bool,
    supervisor: Supervisor,
) -> int:
    """See `palingenesis.app.run`."""
    faulthandler.enable()  # where it hung or crashed, when the watchdog or the system ends it
    environ = dict(os.environ)
    level = logging.DEBUG if debug else config.daemon.log_level.upper()
    begin_log(level, path=paths.log, environ=environ, form=config.daemon.log_format)
    leave_no_core()
    remember_environment(environ)
    choice = choose_policy(flag=policy, environ=environ, config=config, paths=paths)
    supervisor.wait_longer("reading the journal", _READING)
    held = lock(paths.state, pause=_pause)
    with held, contextlib.closing(SqliteJournal.open(paths.journal)) as journal:
        daemon = Daemon(
            config=config,
            paths=paths,
            choice=choice,
            environ=environ,
            journal=journal,
            supervisor=supervisor,
        )
        daemon.keeps_level = debug
        asyncio.run(daemon.run(server))
    return 0


def _pause(seconds: float) -> None:
    asyncio.run(SystemClock().sleep(seconds))
