"""`daemon`: run it here, start it in the background, stop it, have it read its files again."""

import contextlib
import os
import select
import subprocess
import sys
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import click

from palingenesis.control.client import ControlClient
from palingenesis.core.errors import (
    DeadlineError,
    ExitCode,
    InvalidConfigError,
    NotRunningError,
    PalingenesisError,
)
from palingenesis.runtime.door import SCHEMA_VERSION, AgentStatus, Status
from palingenesis.runtime.foreign_text import plain
from palingenesis.runtime.log_file import open_log
from palingenesis.runtime.log_form import read_line
from palingenesis.runtime.paths import Paths, expanded
from palingenesis.surfaces.cli.acting_again import act_again
from palingenesis.surfaces.cli.desk import Desk
from palingenesis.surfaces.cli.running import refuse_sudo, run, with_policy, with_server
from palingenesis.surfaces.cli.wording import read_time, say_json

_LOG_TAIL_BYTES = 4096
_START_SPAN = timedelta(seconds=30)
_AGENT_SPAN = timedelta(seconds=10)
_STOP_S = 30


@click.group()
def daemon() -> None:
    """Run, start, stop, restart, reload the daemon."""


daemon.add_command(run)


@daemon.command(short_help="Start the daemon in the background.")
@with_policy
@with_server
@click.option("--debug", is_flag=True, help="Log more.")
@click.option("--foreground", is_flag=True, help="The same as 'daemon run'.")
@click.option("--allow-root", is_flag=True, help="Run although sudo made you root.")
@click.pass_context
def start(
    ctx: click.Context,
    policy: Path | None,
    server: str | None,
    debug: bool,
    foreground: bool,
    allow_root: bool,
) -> None:
    """Start the daemon in the background; does nothing when it runs already."""
    if foreground:
        ctx.invoke(run, policy=policy, server=server, debug=debug, allow_root=allow_root)
        return
    desk = ctx.ensure_object(Desk)
    refuse_sudo(desk, allow_root)
    with contextlib.suppress(NotRunningError):
        click.echo(f"the daemon runs already (pid {desk.client().status()['pid']})")
        if policy or server or debug:
            click.echo("what you asked for is not in effect: it was running before", err=True)
            click.echo("hint: palingenesis daemon restart, with the same options", err=True)
        return
    _start(desk, _flags(policy, server, debug))


@daemon.command(short_help="Stop the daemon; agents keep running.")
@click.option("--agents", is_flag=True, help="End the OpenCode server that it runs as well.")
@click.pass_obj
def stop(desk: Desk, agents: bool) -> None:
    """Stop the daemon; agents keep running. Does nothing when it does not run."""
    left = _left_running(desk) if not agents else ""
    pid = _stop(desk, agents=agents)
    click.echo("the daemon is not running" if pid is None else f"the daemon stopped (pid {pid})")
    if pid is not None and left:
        click.echo(f"{left} runs on; the next daemon takes it over", err=True)


def _left_running(desk: Desk) -> str:
    """The managed server that will be left alone, for people."""
    with contextlib.suppress(PalingenesisError):
        for agent in desk.client().status()["agents"]:
            if agent["up"] and agent["way"] == "managed":
                return f"{agent['id']} (pid {agent['pid']})"
    return ""


@daemon.command()
@with_policy
@with_server
@click.option("--debug", is_flag=True, help="Log more.")
@click.option("--allow-root", is_flag=True, help="Run although sudo made you root.")
@click.pass_obj
def restart(
    desk: Desk, policy: Path | None, server: str | None, debug: bool, allow_root: bool
) -> None:
    """Stop the daemon if it runs, and start it."""
    refuse_sudo(desk, allow_root)
    _check_before_stopping(desk, policy)
    flags = _flags(policy, server, debug)
    if _restart_service(desk, flags):
        return
    _stop(desk)
    _start(desk, flags)


def _restart_service(desk: Desk, flags: Sequence[str]) -> bool:
    """Have systemd restart the daemon that it keeps; False: it keeps none.

    Raises:
        UsageError: the options would be lost.
    """
    from palingenesis.surfaces.cli.service_texts import UNIT
    from palingenesis.surfaces.cli.systemd import Systemd, keeps

    try:
        pid = desk.client().status()["pid"]
    except PalingenesisError:
        return False
    if not keeps(pid, UNIT):
        return False
    if flags:
        raise click.UsageError(
            "the daemon runs as a service, whose options are in its unit:"
            " palingenesis service install, with these options"
        )
    Systemd(desk.environ).order("restart", UNIT)
    click.echo(f"the service was restarted (pid {desk.client().status()['pid']})")
    return True


def _check_before_stopping(desk: Desk, policy: Path | None) -> None:
    """A daemon that watches over a night is not given up for one that will not start."""
    from palingenesis.runtime.config_file import load_config
    from palingenesis.surfaces.cli.policy_text import usable

    load_config(desk.paths)
    if policy is not None:
        usable(expanded(str(policy), "--policy").absolute(), hint="--policy names this file")


def _flags(policy: Path | None, server: str | None, debug: bool) -> list[str]:
    flags = ["--policy", str(expanded(str(policy), "--policy").absolute())] if policy else []
    flags += ["--server", server] if server else []
    return flags + (["--debug"] if debug else [])


@daemon.command(short_help="Have configuration and policy read again.")
@click.option("--json", "as_json", is_flag=True, help="The answer as JSON.")
@click.pass_obj
def reload(desk: Desk, as_json: bool) -> None:
    """Have configuration and policy read again; bad ones are refused, the last good ones stay."""
    answer = desk.client().reload()
    if as_json:
        say_json({"schema_version": SCHEMA_VERSION, **answer})
    if not answer["ok"]:
        refusal = InvalidConfigError(
            answer["message"],
            hint="correct the file; a policy is read again as soon as it is saved",
        )
        refusal.problems = tuple(answer.get("problems", ()))  # type: ignore[attr-defined]
        raise refusal
    if not as_json:
        click.echo(plain(answer["message"], 500))


@daemon.command(short_help="Whether the daemon runs, and where its things are.")
@click.option("--json", "as_json", is_flag=True, help="The same facts as JSON.")
@click.pass_context
def status(ctx: click.Context, as_json: bool) -> None:
    """Whether the daemon runs, since when, and where its things are; exit code 3 when not."""
    desk = ctx.ensure_object(Desk)
    paths = desk.paths
    places = {
        "socket": str(paths.socket),
        "state": str(paths.state),
        "config": str(paths.config_file),
        "log": str(paths.log),
    }
    try:
        told = desk.client().status()
    except NotRunningError:
        if as_json:
            say_json({"schema_version": SCHEMA_VERSION, "running": False, "places": places})
            ctx.exit(ExitCode.NOT_RUNNING)
        raise
    if as_json:
        facts = {name: told[name] for name in ("pid", "version", "since", "policy", "safe_hold")}
        say_json(
            {"schema_version": SCHEMA_VERSION, "running": True, **facts, "places": places},
        )
        return
    holds = ", but holds itself: see 'palingenesis status'" if told["safe_hold"] else ""
    click.echo(f"palingenesis {plain(told['version'])} runs (pid {told['pid']}){holds}")
    for name, place in places.items():
        click.echo(f"  {name:7}{plain(place, 500)}")


daemon.add_command(act_again)


def _start(desk: Desk, flags: Sequence[str]) -> None:
    from palingenesis.processes.supervisor import Supervisor
    from palingenesis.runtime.config_file import load_config
    from palingenesis.surfaces.cli.patience import Patience

    paths, environ = desk.paths, dict(desk.environ)
    Supervisor.of(environ)  # whoever keeps the shell that we are typed into does not keep it
    config = load_config(paths)  # its problems are told here, not in a log
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
            _accept_another(client, _failed_start(paths, begin, child.returncode))
            return
        with contextlib.suppress(NotRunningError, DeadlineError):
            told = client.status()
            if config.opencode.mode == "managed" or "--server" in flags:
                told = _once_an_agent_is_told(client, told, child)
                if child.poll() is not None:
                    _accept_another(client, _failed_start(paths, begin, child.returncode))
                    return
            child.returncode = child.returncode or 0  # it outlives us, and is not waited for
            click.echo(f"the daemon runs (pid {told['pid']})")
            _warn_about_start(told)
            return
        if not patience.lasts():
            child.returncode = child.returncode or 0
            raise DeadlineError(
                f"the daemon (pid {child.pid}) started but does not answer", hint=f"see {paths.log}"
            )


def _accept_another(client: ControlClient, failure: PalingenesisError) -> None:
    """Be content with a daemon that was started at the same moment and was quicker.

    Raises:
        PalingenesisError: `failure`, when it is another one or no daemon answers.
    """
    from palingenesis.surfaces.cli.patience import Patience

    patience = Patience(_AGENT_SPAN)
    while failure.exit_code == ExitCode.TRY_AGAIN:
        with contextlib.suppress(NotRunningError, DeadlineError):
            click.echo(f"the daemon runs already (pid {client.status()['pid']})")
            return
        if not patience.lasts():
            break
    raise failure


def _warn_about_start(told: Status) -> None:
    """What a person must know who believes that everything began as she wrote it."""
    for problem in told["policy"]["stale"]:
        click.echo(plain(problem, 500), err=True)
    if told["policy"]["stale"]:
        click.echo("warning: the policy was refused; the last good one is in force", err=True)
        place = plain(told["policy"]["path"], 500)
        click.echo(f"hint: palingenesis policy validate {place}", err=True)
    for agent in told["agents"]:
        if not agent["up"] and _is_told(agent, told["since"]):
            click.echo(f"warning: no OpenCode yet: {plain(agent['detail'], 500)}", err=True)
            click.echo("hint: it is tried again by itself; palingenesis status", err=True)


def _once_an_agent_is_told(
    client: ControlClient, told: Status, child: "subprocess.Popen[bytes]"
) -> Status:
    """The status once our OpenCode runs, or it is known that it does not."""
    from palingenesis.surfaces.cli.patience import Patience

    patience = Patience(_AGENT_SPAN)
    with contextlib.suppress(PalingenesisError):
        while child.poll() is None and patience.lasts():
            if any(_is_told(agent, told["since"]) for agent in told["agents"]):
                break
            told = client.status()
    return told


def _is_told(agent: AgentStatus, since: str) -> bool:
    """Whether it is our OpenCode, and known to this run: the journal tells of earlier ones."""
    at, began = read_time(agent["since"]), read_time(since)
    is_new = at is not None and began is not None and at >= began
    return agent["way"] != "observed" and (agent["up"] or is_new)


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


def _stop(desk: Desk, *, agents: bool = False) -> int | None:
    """Stop the daemon and wait until it is gone; its pid, or None when it did not run."""
    client = desk.client()
    try:
        pid = client.status()["pid"]
        ended = _watch(pid)
    except (NotRunningError, ProcessLookupError):
        return None
    try:
        client.stop(agents=agents)
        ready, _, _ = select.select([ended], [], [], _STOP_S)
    finally:
        os.close(ended)
    if not ready:
        raise DeadlineError(
            f"the daemon (pid {pid}) did not stop within {_STOP_S} s", hint=f"kill {pid}"
        )
    return pid


def _watch(pid: int) -> int:
    """A descriptor that becomes readable when the process has ended (Linux)."""
    return os.pidfd_open(pid)
