"""`integrate`: let the daemon into the person's own OpenCode, by one plugin file, or out again."""

import os
import sys
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from palingenesis.core.errors import PalingenesisError
from palingenesis.runtime.foreign_text import plain
from palingenesis.surfaces.cli.desk import Desk
from palingenesis.surfaces.cli.naming import KnownWord, choose_name
from palingenesis.surfaces.cli.rewriting import difference
from palingenesis.surfaces.cli.wording import say_json

if TYPE_CHECKING:
    from palingenesis.app.integrating import Installed, Integration, Plan
    from palingenesis.runtime.door import Status

SCHEMA_VERSION: Final = 1
_NAMES: Final = ("opencode",)
_WIDE: Final = 500
_STANDINGS: Final = {
    "absent": ("not integrated: in a terminal of its own it is only watched", "yellow"),
    "current": ("integrated", "green"),
    "outdated": ("integrated, and not up to date", "yellow"),
    "edited": ("the plugin was changed by hand, and is left as it is", "yellow"),
    "foreign": ("not integrated: the file in the plugin's place is not ours", "red"),
}

EXAMPLES = """\b
Examples:
  palingenesis integrate                      what can be integrated, and what is
  palingenesis integrate opencode --dry-run   what would be written, and where
  palingenesis integrate opencode
  palingenesis integrate opencode --remove
"""


@click.command(epilog=EXAMPLES)
@click.argument("name", required=False, type=KnownWord("name", lambda: _NAMES))
@click.option("--remove", is_flag=True, help="Take the plugin away again, without a trace.")
@click.option("--dry-run", is_flag=True, help="Show what would be written and where; do nothing.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--json", "as_json", is_flag=True, help="The same facts as JSON.")
@click.pass_obj
def integrate(
    desk: Desk, name: str | None, remove: bool, dry_run: bool, yes: bool, as_json: bool
) -> None:
    """Let the daemon into your own OpenCode: one plugin file, in OpenCode's folder of plugins.

    An OpenCode that you start in a terminal, or with `run` or `serve`, is then supervised as one
    that the daemon started, and ends only when you end it. Without NAME: what is integrated.
    """
    from palingenesis.app.integrating import Integration

    if name is None and (remove or dry_run or yes):
        raise click.UsageError("say what is meant: opencode")
    if name is not None:
        choose_name(name, _NAMES, what="integration", hint=f"one of: {', '.join(_NAMES)}")
    if name is None:
        _list(Integration.find(desk.environ, desk.paths.socket), as_json=as_json)
        return
    if not remove:
        _check_assistant(desk, running_it=not dry_run)
    found = Integration.find(desk.environ, desk.paths.socket)
    plan = found.removal() if remove else found.installation()
    _carry_out(desk, found, plan, dry_run=dry_run, yes=yes, as_json=as_json)


def plugin_of(desk: Desk) -> "Installed | None":
    """Our plugin in the person's own OpenCode, if it is there."""
    from palingenesis.app.integrating import Integration

    try:
        return Integration.find(desk.environ, desk.paths.socket).place.installed
    except PalingenesisError:
        return None


def _check_assistant(desk: Desk, *, running_it: bool) -> None:
    """For an OpenCode that is not there, or is another, nothing is installed.

    Raises:
        PalingenesisError: so it is.
    """
    from palingenesis.app.integrating import check_assistant
    from palingenesis.runtime.config_file import load_config

    configured = load_config(desk.paths).opencode.executable
    check_assistant(configured, desk.environ, running_it=running_it)


def _carry_out(
    desk: Desk, found: "Integration", plan: "Plan", *, dry_run: bool, yes: bool, as_json: bool
) -> None:
    """Tell the plan, ask, do it, and tell what came of it."""
    from palingenesis.app.integrating import Deed, carry_out, running

    if plan.deed is not Deed.NOTHING:
        asking = not (dry_run or yes)
        if asking or not as_json:
            _show(found, plan, whole=dry_run, on_stderr=as_json)
        if asking:
            _ask()
        if not dry_run:
            carry_out(plan)
    status = _daemon(desk)
    ways = {"managed", "integrated"} if plan.deed is Deed.INSTALL else {"managed"}
    besides = _reached(status, ways)
    pids = [one.identity.pid for one in running(plan.path, besides=besides)]
    if as_json:
        say_json(_document(found, plan, dry_run=dry_run, daemon=status is not None, pids=pids))
        return
    for line in _outcome(plan, pids, dry_run=dry_run):
        click.echo(line)
    if status is not None:
        click.echo(f"the daemon runs (pid {status['pid']})")
    elif plan.after:
        click.echo("the daemon is not running: until it runs, the plugin is silent", err=True)
        click.echo("hint: palingenesis daemon start", err=True)


def _ask() -> None:
    """Have a person say yes.

    Raises:
        UsageError: nobody is there.
        Abort: she said no.
    """
    if sys.stdin is None or not sys.stdin.isatty():
        raise click.UsageError("nobody can be asked here: say --yes")
    click.confirm("go on?", abort=True, err=True)


def _daemon(desk: Desk) -> "Status | None":
    """What the daemon says; None: it does not run, or not as it should."""
    try:
        return desk.client().status()
    except PalingenesisError:
        return None


def _reached(status: "Status | None", ways: Collection[str]) -> Collection[int]:
    """What the daemon reaches already, in one of these ways."""
    agents = status["agents"] if status is not None else ()
    return {one["pid"] for one in agents if one["pid"] and one["way"] in ways}


# ── as text ───────────────────────────────────────────────────────────────────────────────────


def _show(found: "Integration", plan: "Plan", *, whole: bool, on_stderr: bool) -> None:
    """What will be done: `whole` with every line of the file."""
    if whole:
        for row in _difference(plan):
            click.echo(row, err=on_stderr)
    for label, said in _plan(found, plan):
        click.echo(f"{label:9} {plain(said, _WIDE)}", err=on_stderr)


def _difference(plan: "Plan") -> Iterator[str]:
    """What becomes of the file; an empty text stands for none."""
    return difference(plan.before or None, plan.after or None, str(plan.path))


def _plan(found: "Integration", plan: "Plan") -> Iterator[tuple[str, str]]:
    from palingenesis.app.integrating import Deed

    real = Path(os.path.realpath(plan.path))
    if plan.deed is Deed.REMOVE:
        yield "removes", str(plan.path)
    else:
        verb = "writes" if plan.deed is Deed.INSTALL else "replaces"
        yield verb, f"{plan.path} (version {found.version}, {len(plan.after.encode())} bytes)"
    if real != plan.path:
        yield "which is", str(real)
    for folder in reversed(plan.folders) if plan.after else ():
        yield "makes", f"the folder {folder}"
    for folder in plan.folders if not plan.after else ():
        yield "and", f"the folder {folder}, if it is empty: it was made for this"
    if plan.deed is Deed.UPDATE:
        for said in found.differences or ("other words of the same version",):
            yield "which was", said
    if plan.after:
        yield "speaks to", f"{found.socket}, and to nobody else"
        yield "sees", "every event of each OpenCode that loads it"


def _outcome(plan: "Plan", pids: Collection[int], *, dry_run: bool) -> Iterator[str]:
    from palingenesis.app.integrating import Deed

    path = plain(str(plan.path), _WIDE)
    if plan.deed is Deed.NOTHING:
        yield f"already integrated: {path}" if plan.after else f"not integrated: there is no {path}"
        return
    if dry_run:
        yield "nothing was done"
        return
    yield f"{'removed' if plan.deed is Deed.REMOVE else 'wrote'} {path}"
    which = f"OpenCode (pid {', '.join(map(str, pids))})"
    if plan.deed is Deed.REMOVE:
        yield from [f"{which} keeps it until it ends"] if pids else []
    elif pids:
        yield f"{which} must be started anew to load it"
    else:
        yield "OpenCode loads it when it is started next"


def _list(found: "Integration", *, as_json: bool) -> None:
    if as_json:
        say_json({"schema_version": SCHEMA_VERSION, "integrations": [_row(found)]})
        return
    said, colour = _STANDINGS[found.standing]
    click.echo(f"opencode  {click.style(said, fg=colour)}")
    for label, text in _facts(found):
        click.echo(f"  {label:10} {plain(text, _WIDE)}")


def _facts(found: "Integration") -> Iterator[tuple[str, str]]:
    installed = found.place.installed
    if found.place.text is not None or found.place.is_odd:
        yield "plugin", str(found.place.path)
    if installed is not None:
        yield "version", f"{installed.version}"
        yield "speaks to", installed.socket or "nobody"
    for said in found.differences:
        yield "but", said
    for copy in found.copies:
        yield "loaded too", str(copy)
    if way := _next(found):
        yield "next", way


def _next(found: "Integration") -> str:
    """The one command that helps most; "": none is needed."""
    from palingenesis.app.integrating import Standing

    if found.standing is Standing.CURRENT:
        return ""
    try:
        found.installation()
    except PalingenesisError as error:
        return error.hint
    return "palingenesis integrate opencode"


# ── as JSON ───────────────────────────────────────────────────────────────────────────────────


def _row(found: "Integration") -> dict[str, Any]:
    installed = found.place.installed
    return {
        "name": "opencode",
        "standing": found.standing.value,
        "path": str(found.place.path),
        "version": installed.version if installed is not None else None,
        "newest": found.version,
        "socket": installed.socket if installed is not None else None,
        "daemons_socket": str(found.socket),
        "copies": [str(one) for one in found.copies],
        "next": _next(found),
    }


def _document(
    found: "Integration", plan: "Plan", *, dry_run: bool, daemon: bool, pids: Collection[int]
) -> dict[str, Any]:
    from palingenesis.app.integrating import Deed

    return {
        "schema_version": SCHEMA_VERSION,
        "name": "opencode",
        "deed": plan.deed.value,
        "path": str(plan.path),
        "version": found.version,
        "socket": str(found.socket),
        "difference": list(map(click.unstyle, _difference(plan))),
        "changed": not dry_run and plan.deed is not Deed.NOTHING,
        "dry_run": dry_run,
        "daemon_running": daemon,
        "pids": list(pids),
    }
