"""`monitors`: which assistants there are, and which of them are supervised."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import click

from palingenesis.runtime.door import SCHEMA_VERSION
from palingenesis.runtime.foreign_text import plain
from palingenesis.surfaces.cli.desk import Desk
from palingenesis.surfaces.cli.naming import KnownWord, choose_name
from palingenesis.surfaces.cli.wording import say_json

if TYPE_CHECKING:
    from palingenesis.app.detecting import Detected

_WIDE = 200
_LATER = "a running daemon takes this up when it is restarted"

EXAMPLES = """\b
Examples:
  palingenesis monitors list
  palingenesis monitors remove opencode     nothing is supervised from the next start on
  palingenesis monitors add opencode        and now it is again
"""


def _names() -> list[str]:
    from palingenesis.runtime.config_keys import ASSISTANTS, ASSISTANTS_TO_COME

    return [*ASSISTANTS, *ASSISTANTS_TO_COME]


_Assistant = KnownWord("name", _names)


@click.group(epilog=EXAMPLES)
def monitors() -> None:
    """See which assistants there are, and say which of them are supervised.

    Without any of this, whatever is found and can be supervised is.
    """


LIST_EXAMPLES = """\b
Examples:
  palingenesis monitors list
  palingenesis monitors list --json | jq '.assistants[] | select(.supervised).name'
"""
ADD_EXAMPLES = """\b
Examples:
  palingenesis monitors add opencode
"""
REMOVE_EXAMPLES = """\b
Examples:
  palingenesis monitors remove opencode
"""


@monitors.command("list", epilog=LIST_EXAMPLES)
@click.option("--json", "as_json", is_flag=True, help="The same facts as JSON.")
@click.pass_obj
def list_monitors(desk: Desk, as_json: bool) -> None:
    """List the assistants: what was found of each, and whether it is supervised.

    Looked for are programs, running processes, and the directories of their state.
    """
    from palingenesis.app.detecting import detect
    from palingenesis.runtime.config_file import load_config

    config = load_config(desk.paths, desk.environ)
    found = detect(config, desk.environ)
    if as_json:
        say_json(_document(found))
        return
    for line in _lines(found):
        click.echo(line)


@monitors.command(epilog=ADD_EXAMPLES)
@click.argument("name", type=_Assistant)
@click.option("--json", "as_json", is_flag=True, help="What was changed, as JSON.")
@click.pass_obj
def add(desk: Desk, name: str, as_json: bool) -> None:
    """Supervise the assistant NAME, in addition to those that are supervised."""
    from palingenesis.runtime.config_keys import ASSISTANTS

    chosen, before = _chosen(desk, name), _listed(desk)
    if chosen in before or (not before and chosen in ASSISTANTS):
        after = before
    else:
        after = [*(before or ASSISTANTS), chosen]
    _write(desk, chosen, before, [one for one in after if one != "none"], as_json=as_json)


@monitors.command(epilog=REMOVE_EXAMPLES)
@click.argument("name", type=_Assistant)
@click.option("--json", "as_json", is_flag=True, help="What was changed, as JSON.")
@click.pass_obj
def remove(desk: Desk, name: str, as_json: bool) -> None:
    """Supervise the assistant NAME no more; of its sessions nothing is touched."""
    from palingenesis.runtime.config_keys import ASSISTANTS

    chosen, before = _chosen(desk, name), _listed(desk)
    left = [one for one in before or ASSISTANTS if one != chosen]
    nobody = not set(left) & set(ASSISTANTS)
    after = before if chosen not in (before or ASSISTANTS) else (["none"] if nobody else left)
    _write(desk, chosen, before, after, as_json=as_json)


def _chosen(desk: Desk, name: str) -> str:
    names = _names()
    return choose_name(name, names, what="assistant", hint=f"one of: {', '.join(names)}")


def _listed(desk: Desk) -> list[str]:
    """What stands in the configuration; empty: whatever is found."""
    from palingenesis.runtime.config_file import load_config

    return list(load_config(desk.paths, desk.environ).monitoring.assistants)


def _write(
    desk: Desk, name: str, before: Sequence[str], after: Sequence[str], *, as_json: bool
) -> None:
    """Write the list, and say what is true of the one it was about."""
    from palingenesis.app.detecting import is_meant
    from palingenesis.runtime.config_environment import variable_of
    from palingenesis.runtime.config_keys import ASSISTANTS
    from palingenesis.surfaces.cli.config_change import change_key

    changed = list(before) != list(after)
    if changed:
        change_key(desk, "monitoring", "assistants", list(after))
    available = name in ASSISTANTS
    supervised = available and is_meant(name, tuple(after))
    if as_json:
        say_json(
            {
                "schema_version": SCHEMA_VERSION,
                "name": name,
                "available": available,
                "supervised": supervised,
                "assistants": list(after),
                "changed": changed,
            }
        )
        return
    if not available:
        click.echo(f"{name} is known, and not available yet: it is not supervised")
    else:
        already = "" if changed else " (so it was already)"
        click.echo(f"{name} {'is' if supervised else 'is not'} supervised{already}")
    if changed:
        click.echo(_LATER, err=True)
    if desk.environ.get(variable := variable_of("monitoring", "assistants")):
        click.echo(f"warning: {variable} is set, and wins over the file", err=True)


def _lines(found: "Sequence[Detected]") -> Iterator[str]:
    width = max(len(one.name) for one in found)
    for one in found:
        if one.is_supervised:
            word = click.style("supervised", fg="green")
        elif one.is_available:
            word = click.style("not supervised", fg="yellow")
        else:
            word = click.style("not available yet", dim=True)
        yield f"{one.name:{width}}  {word}"
        yield from (f"  {line}" for line in _evidence(one))


def _evidence(one: "Detected") -> Iterator[str]:
    if not one.is_found:
        yield "not found"
    if one.program:
        yield f"program    {plain(one.program, _WIDE)}"
    if one.processes:
        yield f"running    as pid {', '.join(str(pid) for pid in one.processes[:8])}"
    if one.state:
        yield f"sessions   {plain(one.state, _WIDE)}"


def _document(found: "Sequence[Detected]") -> dict[str, object]:
    rows = [
        {
            "name": one.name,
            "available": one.is_available,
            "supervised": one.is_supervised,
            "found": one.is_found,
            "program": one.program,
            "processes": list(one.processes),
            "state": one.state,
        }
        for one in found
    ]
    return {"schema_version": SCHEMA_VERSION, "assistants": rows}
