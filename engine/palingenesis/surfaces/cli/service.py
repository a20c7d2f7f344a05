"""`service`: let systemd (or launchd) run the daemon, from boot to boot."""

import os
import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import click

from palingenesis.core.errors import BusyError, ExitCode, PalingenesisError
from palingenesis.runtime.foreign_text import plain
from palingenesis.surfaces.cli.desk import Desk
from palingenesis.surfaces.cli.examples import examples
from palingenesis.surfaces.cli.integrate import plugin_of
from palingenesis.surfaces.cli.running import with_policy, with_server
from palingenesis.surfaces.cli.service_file import ServiceFile, Standing
from palingenesis.surfaces.cli.service_report import LOG, SCHEMA_VERSION, Report, report
from palingenesis.surfaces.cli.service_texts import (
    LABEL,
    UNIT,
    Program,
    program_here,
    property_list,
    unit,
)
from palingenesis.surfaces.cli.systemd import Systemd, is_here
from palingenesis.surfaces.cli.wording import say_json

_LINGER = "loginctl enable-linger"

EXAMPLES = """\b
Examples:
  palingenesis service install --dry-run    what would be written and run
  palingenesis service install
  palingenesis service status
"""


@click.group(epilog=EXAMPLES)
def service() -> None:
    """Let systemd (on macOS: launchd) run the daemon, and start it again when it dies."""


@service.command(
    epilog=examples(
        "service install", "service install --dry-run", "service install --policy my-policy.yaml"
    )
)
@with_policy
@with_server
@click.option("--strict", is_flag=True, help="Shut the daemon and its agents in: see the manual.")
@click.option("--force", is_flag=True, help="Replace a file that others wrote or changed.")
@click.option("--dry-run", is_flag=True, help="Show what would be written and run; do nothing.")
@click.option("--json", "as_json", is_flag=True, help="The same facts as JSON.")
@click.pass_obj
def install(
    desk: Desk,
    policy: Path | None,
    server: str | None,
    strict: bool,
    force: bool,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Write the service's file, switch it on and start it; twice does no harm."""
    flags = ["--policy", str(policy.expanduser().absolute())] if policy else []
    flags += ["--server", server] if server else []
    program = program_here(desk.environ, desk.paths, tuple(flags), strict=strict)
    file, orders = _wanted(desk, program)
    standing, difference = file.standing(), file.difference()
    left = _NOTHING_LEFT
    if not dry_run:
        _check_before(desk, policy)
        _put(file, standing, force=force, as_json=as_json)
        try:
            _obey(desk, orders)
        except PalingenesisError as error:
            raise _why_it_does_not_run(desk, file) or error from error
        left = _what_is_left(desk, file)
    if as_json:
        told = _told_of(file, standing, orders, changed=standing != "same", dry_run=dry_run)
        say_json({**told, "difference": difference.splitlines(), **left.document()})
    elif dry_run:
        _show(file, orders, written=standing != "same")
    else:
        _say_what_is_left(desk, left)


@service.command(epilog=examples("service uninstall", "service uninstall --dry-run"))
@click.option("--force", is_flag=True, help="Remove a file that others wrote or changed, too.")
@click.option("--dry-run", is_flag=True, help="Show what would be run and removed; do nothing.")
@click.option("--json", "as_json", is_flag=True, help="The same facts as JSON.")
@click.pass_obj
def uninstall(desk: Desk, force: bool, dry_run: bool, as_json: bool) -> None:
    """Stop the service and remove its file. Agents and all that was recorded stay."""
    program = program_here(desk.environ, desk.paths, (), strict=False)
    file, _ = _wanted(desk, program)
    standing = file.standing()
    before, after = _ending(file) if standing != "absent" else ([], [])
    if standing in ("edited", "foreign") and not force and not dry_run:
        raise PalingenesisError(
            f"{file.path} is not as we wrote it, and is left as it is", hint="say --force"
        )
    if standing != "absent" and not dry_run:
        _obey(desk, before)
        file.remove()
        _obey(desk, after)
    if as_json:
        orders, there = [*before, *after], standing != "absent"
        told = _told_of(file, standing, orders, changed=there, dry_run=dry_run)
        say_json({**told, "plugin_stays": plugin_of(desk) is not None})
    elif standing == "absent":
        click.echo(f"no service is installed: there is no {file.path}")
    elif dry_run:
        _show_orders(before)
        click.echo(f"would remove {file.path}")
        _show_orders(after)
    else:
        _say_removed(desk, file)


@service.command(epilog=examples("service status", "service status --json | jq -r .next"))
@click.option("--json", "as_json", is_flag=True, help="The same facts as JSON.")
@click.pass_context
def status(ctx: click.Context, as_json: bool) -> None:
    """Whether the service is installed, switched on and running, and what to do next.

    Exit code 3 when it does not run.
    """
    desk = ctx.ensure_object(Desk)
    if sys.platform == "darwin":
        raise PalingenesisError(
            "on macOS launchd tells that itself", hint=f"launchctl print gui/{os.getuid()}/{LABEL}"
        )
    told = service_report(desk)
    if as_json:
        say_json(told.document())
    else:
        for name, value in told.lines():
            click.echo(f"{name:11}{plain(value, 500)}")
        click.echo(f"{'next':11}{told.next}")
    if not told.is_running:
        ctx.exit(ExitCode.NOT_RUNNING)


def service_report(desk: Desk) -> Report:
    """How the service of this user is.

    Raises:
        PalingenesisError: there is no systemd, or it does not answer.
    """
    program = program_here(desk.environ, desk.paths, (), strict=False)
    file, _ = _wanted(desk, program)
    return report(file, Systemd(desk.environ))


# ── what is to be done ────────────────────────────────────────────────────────────────────────


def _wanted(desk: Desk, program: Program) -> tuple[ServiceFile, list[list[str]]]:
    """The file for this machine's service manager, and the orders that put it into effect.

    Raises:
        PalingenesisError: there is no service manager that we know.
    """
    home = Path(desk.environ.get("HOME") or Path.home())
    if sys.platform == "darwin":
        path = home / "Library" / "LaunchAgents" / f"{LABEL}.plist"
        file = ServiceFile(path=path, text=property_list(program))
        return file, [["launchctl", "bootstrap", f"gui/{os.getuid()}", str(path)]]
    if not is_here(desk.environ):
        run = shlex.join(program.words("daemon", "run"))
        raise PalingenesisError(
            "there is no systemd here, and no launchd",
            hint=f"have your init run `{run}`, again unless it ends with 0, 2, 4 or 5",
        )
    config = desk.environ.get("XDG_CONFIG_HOME") or str(home / ".config")
    path = Path(config) / "systemd" / "user" / UNIT
    systemctl = ["systemctl", "--user"]
    file = ServiceFile(path=path, text=unit(program))
    start = "start" if file.standing() == "same" else "restart"
    return file, [
        [*systemctl, "daemon-reload"],
        [*systemctl, "enable", UNIT],
        [*systemctl, start, UNIT],
    ]


def _ending(file: ServiceFile) -> tuple[list[list[str]], list[list[str]]]:
    """The orders before and after the file is removed."""
    if sys.platform == "darwin":
        return [["launchctl", "bootout", f"gui/{os.getuid()}", str(file.path)]], []
    systemctl = ["systemctl", "--user"]
    return [[*systemctl, "disable", "--now", UNIT]], [[*systemctl, "daemon-reload"]]


def _put(file: ServiceFile, standing: Standing, *, force: bool, as_json: bool) -> None:
    """Write the file where it is not as it should be, and say so; on stdout JSON stays alone.

    Raises:
        PalingenesisError: it is somebody else's, or cannot be written.
    """
    if standing in ("edited", "foreign") and not force:
        click.echo(file.difference(), err=as_json)
        whose = "was changed by hand" if standing == "edited" else "is not ours"
        raise PalingenesisError(
            f"{file.path} {whose}, and is left as it is",
            hint="say --force to replace it; changes of your own belong into"
            " `systemctl --user edit palingenesis`",
        )
    if standing == "ours" and not as_json:
        click.echo(file.difference())
    if standing != "same":
        file.write()
        if not as_json:
            click.echo(f"wrote {file.path}")


def _show(file: ServiceFile, orders: Sequence[Sequence[str]], *, written: bool) -> None:
    if written:
        click.echo(f"would write {file.path}:")
        click.echo(file.text, nl=False)
    else:
        click.echo(f"{file.path} is as it should be")
    _show_orders(orders)


def _show_orders(orders: Sequence[Sequence[str]]) -> None:
    for order in orders:
        click.echo(f"would run: {_told(order)}")


def _told(order: Sequence[str]) -> str:
    return shlex.join(order)


def _obey(desk: Desk, orders: Sequence[Sequence[str]]) -> None:
    systemd = Systemd(desk.environ)
    for order in orders:
        if order[0] == "systemctl":
            systemd.order(*order[2:])
        else:
            _launchctl(order)


def _launchctl(order: Sequence[str]) -> None:
    import subprocess

    done = subprocess.run(list(order), capture_output=True, text=True, timeout=60, check=False)
    if done.returncode:
        raise PalingenesisError(f"`{_told(order)}` was refused: {done.stderr.strip()}")


def _check_before(desk: Desk, policy: Path | None) -> None:
    """What the daemon would refuse is refused here, and nobody's daemon is stood beside.

    Raises:
        PalingenesisError: the service would not work.
    """
    from palingenesis.core.errors import NotRunningError
    from palingenesis.runtime.config_file import load_config
    from palingenesis.surfaces.cli.policy_text import usable

    load_config(desk.paths)
    if policy is not None:
        usable(policy.expanduser().absolute(), hint="--policy names this file")
    if sys.platform == "darwin":
        return
    kept = Systemd(desk.environ).shown(UNIT).get("MainPID")
    try:
        pid = desk.client().status()["pid"]
    except NotRunningError:
        return
    if kept != str(pid):
        raise BusyError(
            f"a daemon runs already (pid {pid}), and not as a service",
            hint="palingenesis daemon stop; its agents run on, and the service takes them over",
        )


def _why_it_does_not_run(desk: Desk, file: ServiceFile) -> PalingenesisError | None:
    """More than systemd says of a start that failed; None where nothing more is known."""
    if sys.platform == "darwin":
        return None
    told = report(file, Systemd(desk.environ))
    if not told.last_exit:
        return None
    return PalingenesisError(f"the service did not start: {told.last_exit}", hint=LOG)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Left:
    """How the service came up, and what is left to its person."""

    active: str | None
    """In words; None where it was not started, or launchd does not tell."""
    lingers: bool | None
    left_out: tuple[str, ...]
    """Variables with a provider's key that are set here, and that the service does not have."""

    def document(self) -> dict[str, object]:
        """For scripts."""
        return {"active": self.active, "lingers": self.lingers, "left_out": list(self.left_out)}


_NOTHING_LEFT = _Left(active=None, lingers=None, left_out=())


def _what_is_left(desk: Desk, file: ServiceFile) -> _Left:
    """One look at the service that was started.

    Raises:
        PalingenesisError: systemd does not answer.
    """
    if sys.platform == "darwin":
        return _NOTHING_LEFT
    systemd = Systemd(desk.environ)
    told = report(file, systemd)
    left_out = tuple(_left_out(desk, systemd.variables()))
    return _Left(active=told.active, lingers=told.lingers, left_out=left_out)


def _say_what_is_left(desk: Desk, left: _Left) -> None:
    """How it went, and what else there is to know."""
    if left.active is None:
        click.echo("launchd runs it from now on")
        return
    click.echo(f"the service is {left.active}")
    for name in left.left_out:
        click.echo(
            f"warning: {name} is set here, and the service does not have it: unless OpenCode keeps"
            f" its own login, write it into {desk.paths.config / 'environment'} (mode 0600)",
            err=True,
        )
    if left.lingers is False:
        click.echo("it ends when you log out; to have it run always:", err=True)
        click.echo(f"hint: {_LINGER}", err=True)


def _say_removed(desk: Desk, file: ServiceFile) -> None:
    click.echo(f"removed {file.path}; the daemon has stopped, its OpenCode server runs on")
    if plugin_of(desk) is not None:
        click.echo("the plugin in your own OpenCode stays, and is silent; to remove it:", err=True)
        click.echo("hint: palingenesis integrate opencode --remove", err=True)


def _told_of(
    file: ServiceFile,
    standing: Standing,
    orders: Sequence[Sequence[str]],
    *,
    changed: bool,
    dry_run: bool,
) -> dict[str, object]:
    """For scripts: what lay in the file's place, and what was done, or would be in a dry run."""
    return {
        "schema_version": SCHEMA_VERSION,
        "path": str(file.path),
        "file": standing,
        "changed": changed and not dry_run,
        "dry_run": dry_run,
        "orders": [_told(order) for order in orders],
    }


def _left_out(desk: Desk, known: frozenset[str]) -> list[str]:
    """Variables that look like a provider's key, and that the service will not see."""
    from palingenesis.app.starting import variables_of_the_service

    there = known | variables_of_the_service(desk.paths)
    return sorted(
        name
        for name, value in desk.environ.items()
        if value and name.endswith(("_API_KEY", "_AUTH_TOKEN")) and name not in there
    )
