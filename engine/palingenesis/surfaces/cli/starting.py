"""Starting the daemon in the background, and what a person must know about how it began."""

import contextlib
import os
import subprocess
import sys
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple

import click

from palingenesis.control.client import ControlClient
from palingenesis.core.errors import (
    DeadlineError,
    ExitCode,
    NotRunningError,
    PalingenesisError,
)
from palingenesis.core.values import Way
from palingenesis.runtime.door import AgentStatus, Status
from palingenesis.runtime.foreign_text import plain
from palingenesis.runtime.log_file import open_log
from palingenesis.runtime.log_form import read_line
from palingenesis.runtime.paths import Paths
from palingenesis.runtime.refusals import is_gone, refusal, stays
from palingenesis.surfaces.cli.desk import Desk
from palingenesis.surfaces.cli.wording import read_time

_LOG_TAIL_BYTES = 4096
_START_SPAN = timedelta(seconds=30)
_AGENT_SPAN = timedelta(seconds=10)


class Started(NamedTuple):
    """What came of a start."""

    pid: int
    is_other: bool
    """Whether another daemon was quicker, and runs instead."""
    opencode: AgentStatus | None = None
    """Our OpenCode that runs; None: none does yet."""


def start_daemon(desk: Desk, flags: Sequence[str]) -> Started:
    """Start a daemon and wait until it answers, and a little for its OpenCode.

    Raises:
        DeadlineError: it started and does not answer.
        PalingenesisError: it ended; what it said, with its exit code.
    """
    from palingenesis.processes.supervisor import Supervisor
    from palingenesis.runtime.config_file import load_config
    from palingenesis.surfaces.cli.patience import Patience

    paths, environ = desk.paths, dict(desk.environ)
    Supervisor.of(environ)  # whoever keeps the shell that we are typed into does not keep it
    config = load_config(paths)  # its problems are told here, not in a log
    attends = config.opencode.mode == "managed" or "--server" in flags
    awaits = attends and config.monitoring.has_somebody
    paths.prepare()
    log = _open_log(paths)
    try:
        begin = os.fstat(log).st_size
        # -P: a folder named palingenesis where we happen to stand must not be imported.
        child = subprocess.Popen(
            [sys.executable, "-P", "-m", "palingenesis", "daemon", "run", "--allow-root", *flags],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=paths.state,
            env=environ,
            start_new_session=True,
        )
    finally:
        os.close(log)
    patience = Patience(_START_SPAN)
    client = ControlClient(paths.socket, timeout_s=2.0)
    while True:
        if child.poll() is not None:
            failure = _failed_start(paths, begin, child.returncode)
            return _another(client, failure)
        with contextlib.suppress(NotRunningError, DeadlineError):
            told = client.status()
            if awaits:
                told = _once_an_agent_is_told(client, told, child)
                if child.poll() is not None:
                    failure = _failed_start(paths, begin, child.returncode)
                    return _another(client, failure)
            child.returncode = child.returncode or 0  # it outlives us, and is not waited for
            _warn_about_start(told)
            opencode = came_up(told)
            if awaits and opencode is None:
                _say_not_up(told)
            return Started(told["pid"], is_other=False, opencode=opencode)
        if not patience.lasts():
            child.returncode = child.returncode or 0
            raise DeadlineError(
                f"the daemon (pid {child.pid}) started but does not answer", hint=f"see {paths.log}"
            )


def _another(client: ControlClient, failure: PalingenesisError) -> Started:
    """Be content with a daemon that was started at the same moment and was quicker.

    Raises:
        PalingenesisError: `failure`, when it is another one or no daemon answers.
    """
    from palingenesis.surfaces.cli.patience import Patience

    patience = Patience(_AGENT_SPAN)
    while failure.exit_code == ExitCode.TRY_AGAIN:
        with contextlib.suppress(NotRunningError, DeadlineError):
            told = client.status()
            return Started(told["pid"], is_other=True, opencode=came_up(told))
        if not patience.lasts():
            break
    raise failure


def _warn_about_start(told: Status) -> None:
    """What a person must know who believes that everything began as she wrote it."""
    for problem in told["policy"]["stale"]:
        click.echo(plain(problem, 500), err=True)
    if is_gone(told["policy"]["stale"]):
        click.echo(f"warning: {refusal(told['policy']['stale'])}", err=True)
    elif told["policy"]["stale"]:
        policy = told["policy"]
        held = plain(stays(policy), 500)
        click.echo(f"warning: the newest policy was refused, {held}", err=True)
        place = plain(policy.get("refused") or policy["path"], 500)
        click.echo(f"hint: palingenesis policy validate {place}", err=True)


def came_up(told: Status) -> AgentStatus | None:
    """Our OpenCode that runs; None: none does yet."""
    ours = (agent for agent in told["agents"] if is_told(agent, told["since"]))
    return next((agent for agent in ours if agent["up"]), None)


def say_up(agent: AgentStatus) -> str:
    """That it runs, for people."""
    name = f"OpenCode {plain(agent['version'])}".rstrip()
    return f"{name} runs" + (f" (pid {agent['pid']})" if agent["pid"] else "")


def _say_not_up(told: Status) -> None:
    """That our OpenCode is not there, why if that is known, and where to look."""
    for agent in told["agents"]:
        if is_told(agent, told["since"]):
            click.echo(f"warning: no OpenCode yet: {plain(agent['detail'], 500)}", err=True)
            click.echo("hint: it is tried again by itself; palingenesis status", err=True)
            return
    click.echo("OpenCode is not up yet; palingenesis status says when it is", err=True)


def _once_an_agent_is_told(
    client: ControlClient, told: Status, child: "subprocess.Popen[bytes]"
) -> Status:
    """The status once our OpenCode runs, or it is known that it does not."""
    from palingenesis.surfaces.cli.patience import Patience

    patience = Patience(_AGENT_SPAN)
    with contextlib.suppress(PalingenesisError):
        while child.poll() is None and patience.lasts():
            if any(is_told(agent, told["since"]) for agent in told["agents"]):
                break
            told = client.status()
    return told


def is_told(agent: AgentStatus, since: str) -> bool:
    """Whether it is our OpenCode, and known to this run: the journal tells of earlier ones.

    One that an earlier run saw up may be gone: it is told again as soon as it answers. A program of
    the person's own is none that a start waits for.
    """
    at, began = read_time(agent["since"]), read_time(since)
    is_new = at is not None and began is not None and at >= began
    return not Way(agent["way"]).is_hers and agent.get("heard", is_new)


def check_log(paths: Paths) -> None:
    """Make sure that a daemon could write its log.

    Raises:
        PalingenesisError: it cannot be written.
    """
    os.close(_open_log(paths))


def _open_log(paths: Paths) -> int:
    try:
        return open_log(paths.log)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise PalingenesisError(
            f"cannot write {paths.log}: {reason}", hint=f"move {paths.log} away, or make it yours"
        ) from error


def _failed_start(paths: Paths, begin: int, code: int) -> PalingenesisError:
    """What the child said before it ended, as an error with the child's own exit code."""
    with paths.log.open("rb") as stream:
        stream.seek(begin if os.fstat(stream.fileno()).st_size >= begin else 0)  # it was rotated
        said = stream.read()[-_LOG_TAIL_BYTES:].decode("utf-8", "replace").splitlines()
    if not said and _is_full(paths.log.parent):
        return PalingenesisError(
            f"the disk is full: nothing can be written to {paths.log.parent}",
            hint="free some space, and start again",
        )
    told = [line[7:] for line in said if line.startswith("error: ")]
    hints = [line[6:] for line in said if line.startswith("hint: ")]
    error = PalingenesisError(
        told[-1] if told else f"the daemon ended at once (exit code {code})",
        hint=hints[-1] if hints else f"see {paths.log}",
    )
    error.problems = tuple(  # type: ignore[attr-defined]
        line
        for line in said
        if not line.startswith(("error: ", "hint: ")) and not _is_in_passing(line)
    )
    if code in set(ExitCode):
        error.exit_code = ExitCode(code)
    return error


def _is_in_passing(line: str) -> bool:
    """Whether it was logged, and not because something is wrong."""
    record = read_line(line)
    return record is not None and record.level in {"debug", "info"}


def _is_full(folder: Path) -> bool:
    space = os.statvfs(folder)
    return space.f_bavail * space.f_frsize < _LOG_TAIL_BYTES
