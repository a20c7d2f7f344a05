"""`policy actions`: what may stand under `do:`."""

from collections.abc import Iterable
from itertools import groupby
from typing import TYPE_CHECKING, Any

import click

from palingenesis.runtime.door import SCHEMA_VERSION
from palingenesis.surfaces.cli.examples import examples
from palingenesis.surfaces.cli.naming import KnownWord, choose_name
from palingenesis.surfaces.cli.wording import say_json

if TYPE_CHECKING:
    from palingenesis.core.policy.steps import Option


def _names() -> Iterable[str]:
    from palingenesis.core.policy.steps import ACTIONS

    return ACTIONS


@click.command(
    short_help="What a rule may do, each with its options and an example.",
    epilog=examples("policy actions", "policy actions wait"),
)
@click.argument("name", required=False, type=KnownWord("name", _names))
@click.option("--json", "as_json", is_flag=True, help="The same facts as JSON.")
def actions(name: str | None, as_json: bool) -> None:
    """The actions that may stand under `do:`; with NAME one of them, with its options."""
    from palingenesis.core.policy.steps import ACTIONS

    names = list(ACTIONS)
    if name is not None:
        hint = "palingenesis policy actions"
        names = [choose_name(name, ACTIONS, what="action", hint=hint)]
    if as_json:
        rows = [_plain(one) for one in names]
        say_json({"schema_version": SCHEMA_VERSION, "actions": rows})
    elif name is not None:
        _tell(names[0])
    else:
        for group, members in groupby(names, key=lambda one: ACTIONS[one].group):
            click.secho(group, bold=True)
            for one in members:
                click.echo(f"  {click.style(f'{one:12}', fg='cyan')}  {ACTIONS[one].doc}")


def _tell(name: str) -> None:
    from palingenesis.core.policy.examples import STEPS
    from palingenesis.core.policy.steps import ACTIONS

    action = ACTIONS[name]
    click.echo(f"{name}: {action.group}{', ends a plan' if action.ends else ''}\n{action.doc}")
    if action.options:
        click.echo("")
    for key, option in action.options.items():
        required = ", required" if option.required else ""
        click.echo(f"  {click.style(f'{key:13}', fg='cyan')} {option.doc}")
        click.echo(f"  {'':13} {_form(option)}{required}")
    click.echo(f"\n    - {STEPS[name]}")


def _form(option: "Option") -> str:
    listed = " | ".join(option.values)
    return f"{option.form.value}: {listed}" if listed else option.form.value


def _plain(name: str) -> dict[str, Any]:
    from palingenesis.core.policy.examples import STEPS
    from palingenesis.core.policy.steps import ACTIONS

    action = ACTIONS[name]
    return {
        "name": name,
        "group": action.group,
        "ends": action.ends,
        "doc": action.doc,
        "options": [
            {
                "name": key,
                "form": option.form.value,
                "required": option.required,
                "values": list(option.values),
                "doc": option.doc,
            }
            for key, option in action.options.items()
        ],
        "example": f"- {STEPS[name]}",
    }
