"""Stopping the daemon: by asking, and where it does not answer, by a signal."""

import contextlib
import os
import select
import signal
from typing import Final

import click

from palingenesis.control.client import OtherVersionError
from palingenesis.core.errors import DeadlineError, NotRunningError
from palingenesis.surfaces.cli.desk import Desk

_STOP_S: Final = 30
_FORCED_S: Final = 5


def stop_daemon(desk: Desk, *, agents: bool = False, force: bool = False) -> int | None:
    """Stop the daemon and wait until it is gone; its pid, or None when it did not run.

    One that hangs, or is of another version, cannot be asked: it gets a signal, as its service
    manager would give it; what it has decided is in the journal before it is done.

    Args:
        desk: whose daemon.
        agents: have it end the managed server too.
        force: end it the hard way when it does not go by itself within 5 s.

    Raises:
        DeadlineError: it did not go.
    """
    client = desk.client()
    try:
        pid, is_deaf = client.status()["pid"], False
    except NotRunningError:
        return None
    except (DeadlineError, OtherVersionError):
        found = client.pid()
        if found is None:
            raise
        pid, is_deaf = found, True
    try:
        ended = _watch(pid)
    except ProcessLookupError:
        return None
    try:
        if is_deaf:
            _signal(pid, agents=agents)
        else:
            client.stop(desk.who, agents=agents)
        if not _is_over(ended, _FORCED_S if force else _STOP_S):
            if not force:
                raise DeadlineError(
                    f"the daemon (pid {pid}) did not stop within {_STOP_S} s",
                    hint="palingenesis daemon stop --force",
                )
            click.echo("it does not go by itself: it is ended the hard way", err=True)
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
            _is_over(ended, _FORCED_S)
    finally:
        os.close(ended)
    return pid


def _signal(pid: int, *, agents: bool) -> None:
    click.echo(f"the daemon (pid {pid}) cannot be asked: it is sent SIGTERM", err=True)
    if agents:
        click.echo("the OpenCode server runs on: its end could not be asked for", err=True)
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGTERM)
        os.kill(pid, signal.SIGCONT)  # one that was halted has to run to hear it


def _is_over(ended: int, seconds: float) -> bool:
    ready, _, _ = select.select([ended], [], [], seconds)
    return bool(ready)


def _watch(pid: int) -> int:
    """A descriptor that becomes readable when the process has ended (Linux)."""
    return os.pidfd_open(pid)
