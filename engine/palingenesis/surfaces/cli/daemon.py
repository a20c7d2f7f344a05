"""`daemon`: run it here, start it in the background, stop it, have it read its files again."""

import contextlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from palingenesis.core.errors import (
    ExitCode,
    InvalidConfigError,
    NotRunningError,
    PalingenesisError,
)
from palingenesis.runtime.door import SCHEMA_VERSION
from palingenesis.runtime.foreign_text import plain
from palingenesis.runtime.paths import expanded
from palingenesis.surfaces.cli.acting_again import act_again
from palingenesis.surfaces.cli.desk import Desk
from palingenesis.surfaces.cli.resident import refuse_sudo
from palingenesis.surfaces.cli.running import run, with_policy, with_server
from palingenesis.surfaces.cli.wording import say_json

if TYPE_CHECKING:
    from palingenesis.surfaces.cli.starting import Started

START_EXAMPLES = """\b
Examples:
  palingenesis daemon start
  palingenesis daemon start && palingenesis wait --timeout 30s
  palingenesis daemon start --policy my-policy.yaml
  palingenesis daemon start --server http://127.0.0.1:4096
"""
STOP_EXAMPLES = """\b
Examples:
  palingenesis daemon stop             OpenCode runs on; the next daemon takes it over
  palingenesis daemon stop --agents    OpenCode ends as well
  palingenesis daemon stop --force     also when it hangs
"""
RESTART_EXAMPLES = """\b
Examples:
  palingenesis daemon restart          after an update, or when config.toml has changed
  palingenesis daemon restart --force  when it hangs
"""
RELOAD_EXAMPLES = """\b
Examples:
  palingenesis daemon reload
"""
STATUS_EXAMPLES = """\b
Examples:
  palingenesis daemon status
  palingenesis daemon status --json | jq -r .places.log
"""

_with_force = click.option(
    "--force", is_flag=True, help="End it the hard way when it does not go within 5 s."
)
_as_json = click.option("--json", "as_json", is_flag=True, help="The answer as JSON.")


@click.group()
def daemon() -> None:
    """Run, start, stop, restart, reload the daemon."""


daemon.add_command(run)


@daemon.command(short_help="Start the daemon in the background.", epilog=START_EXAMPLES)
@with_policy
@with_server
@click.option("--debug", is_flag=True, help="Log more.")
@click.option("--foreground", is_flag=True, help="The same as 'daemon run'.")
@click.option("--allow-root", is_flag=True, help="Run although sudo made you root.")
@_as_json
@click.pass_context
def start(
    ctx: click.Context,
    policy: Path | None,
    server: str | None,
    debug: bool,
    foreground: bool,
    allow_root: bool,
    as_json: bool,
) -> None:
    """Start the daemon in the background; does nothing when it runs already."""
    if foreground:
        ctx.invoke(run, policy=policy, server=server, debug=debug, allow_root=allow_root)
        return
    from palingenesis.surfaces.cli.starting import Started, came_up, start_daemon

    desk = ctx.ensure_object(Desk)
    refuse_sudo(desk, allow_root)
    with contextlib.suppress(NotRunningError):
        told = desk.client().status()
        _say_started(Started(told["pid"], is_other=True, opencode=came_up(told)), as_json=as_json)
        if policy or server or debug:
            click.echo("what you asked for is not in effect: it was running before", err=True)
            click.echo("hint: palingenesis daemon restart, with the same options", err=True)
        return
    _say_started(start_daemon(desk, _flags(policy, server, debug)), as_json=as_json)


def _say_started(began: "Started", *, as_json: bool) -> None:
    from palingenesis.surfaces.cli.starting import say_up

    if as_json:
        say_json(_as_json_started(began))
        return
    click.echo(f"the daemon runs{' already' if began.is_other else ''} (pid {began.pid})")
    if began.opencode is not None:
        click.echo(say_up(began.opencode))


def _as_json_started(began: "Started") -> dict[str, object]:
    agent = began.opencode
    opencode = agent and {
        "id": agent["id"],
        "way": agent["way"],
        "version": agent["version"],
        "pid": agent["pid"],
    }
    return {
        "schema_version": SCHEMA_VERSION,
        "pid": began.pid,
        "was_running": began.is_other,
        "opencode": opencode,
    }


@daemon.command(short_help="Stop the daemon; agents keep running.", epilog=STOP_EXAMPLES)
@click.option("--agents", is_flag=True, help="End the OpenCode server that it runs as well.")
@_with_force
@_as_json
@click.pass_obj
def stop(desk: Desk, agents: bool, force: bool, as_json: bool) -> None:
    """Stop the daemon; agents keep running. Does nothing when it does not run.

    One that hangs cannot be asked, and gets a signal.
    """
    from palingenesis.surfaces.cli.stopping import stop_daemon

    left = _left_running(desk) if not agents else ""
    pid = stop_daemon(desk, agents=agents, force=force)
    if as_json:
        say_json({"schema_version": SCHEMA_VERSION, "pid": pid, "was_running": pid is not None})
        return
    click.echo("the daemon is not running" if pid is None else f"the daemon stopped (pid {pid})")
    if pid is not None and left:
        click.echo(f"{left} runs on; the next daemon takes it over", err=True)


def _left_running(desk: Desk) -> str:
    """The managed server that will be left alone, for people."""
    with contextlib.suppress(PalingenesisError):
        for agent in desk.client(timeout_s=2.0).status()["agents"]:
            if agent["up"] and agent["way"] == "managed":
                return f"{agent['id']} (pid {agent['pid']})"
    return ""


@daemon.command(epilog=RESTART_EXAMPLES)
@with_policy
@with_server
@click.option("--debug", is_flag=True, help="Log more.")
@click.option("--allow-root", is_flag=True, help="Run although sudo made you root.")
@_with_force
@_as_json
@click.pass_obj
def restart(
    desk: Desk,
    policy: Path | None,
    server: str | None,
    debug: bool,
    allow_root: bool,
    force: bool,
    as_json: bool,
) -> None:
    """Stop the daemon if it runs, and start it.

    Where systemd runs it, systemd does both.
    """
    from palingenesis.surfaces.cli.starting import start_daemon
    from palingenesis.surfaces.cli.stopping import stop_daemon

    refuse_sudo(desk, allow_root)
    flags = _flags(policy, server, debug)
    as_service = _is_service(desk)
    _check_before_stopping(desk, policy, as_service=as_service)
    if as_service:
        began = _restart_service(desk, flags)
    else:
        stop_daemon(desk, force=force)
        began = start_daemon(desk, flags)
    if as_service and not as_json:
        click.echo(f"the service was restarted (pid {began.pid})")
    else:
        _say_started(began._replace(is_other=False), as_json=as_json)


def _is_service(desk: Desk) -> bool:
    """Whether systemd keeps the daemon that runs."""
    from palingenesis.surfaces.cli.service_texts import UNIT
    from palingenesis.surfaces.cli.systemd import keeps

    pid = desk.client().pid()
    return pid is not None and keeps(pid, UNIT)


def _restart_service(desk: Desk, flags: Sequence[str]) -> "Started":
    """Have systemd restart the daemon that it keeps.

    Raises:
        UsageError: the options would be lost.
    """
    from palingenesis.surfaces.cli.service_texts import UNIT
    from palingenesis.surfaces.cli.starting import Started, came_up
    from palingenesis.surfaces.cli.systemd import Systemd

    if flags:
        raise click.UsageError(
            "the daemon runs as a service, whose options are in its unit:"
            " palingenesis service install, with these options"
        )
    Systemd(desk.environ).order("restart", UNIT)
    told = desk.client().status()
    return Started(told["pid"], is_other=False, opencode=came_up(told))


def _check_before_stopping(desk: Desk, policy: Path | None, *, as_service: bool) -> None:
    """A daemon that watches over a night is not given up for one that will not start."""
    from palingenesis.app.starting import check_start
    from palingenesis.surfaces.cli.policy_text import usable
    from palingenesis.surfaces.cli.starting import check_log

    check_start(desk.paths, desk.environ, as_service=as_service)
    check_log(desk.paths)
    if policy is not None:
        usable(expanded(str(policy), "--policy").absolute(), hint="--policy names this file")


def _flags(policy: Path | None, server: str | None, debug: bool) -> list[str]:
    flags = ["--policy", str(expanded(str(policy), "--policy").absolute())] if policy else []
    flags += ["--server", server] if server else []
    return flags + (["--debug"] if debug else [])


@daemon.command(short_help="Have configuration and policy read again.", epilog=RELOAD_EXAMPLES)
@click.option("--json", "as_json", is_flag=True, help="The answer as JSON.")
@click.pass_obj
def reload(desk: Desk, as_json: bool) -> None:
    """Have configuration and policy read again; bad ones are refused, the last good ones stay."""
    answer = desk.reached().reload(desk.who)
    if as_json:
        say_json({"schema_version": SCHEMA_VERSION, **answer})
    if not answer["ok"]:
        kind = "config.toml" if "config.toml" in answer["message"] else "a policy"
        refusal = InvalidConfigError(
            answer["message"],
            hint=f"correct the file; {kind} is read again as soon as it is saved",
        )
        refusal.problems = tuple(answer.get("problems", ()))  # type: ignore[attr-defined]
        raise refusal
    if not as_json:
        click.echo(plain(answer["message"], 500))


@daemon.command(
    short_help="Whether the daemon runs, and where its things are.", epilog=STATUS_EXAMPLES
)
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
