"""`completion`: the script that makes a shell complete our words."""

from pathlib import PurePath
from typing import Final

import click

from palingenesis.surfaces.cli.desk import Desk

SHELLS: Final = ("bash", "zsh", "fish", "powershell")
PROGRAMS: Final = ("palingenesis", "palin")

EXAMPLES = """\b
Examples:
  palingenesis completion bash > ~/.local/share/bash-completion/completions/palingenesis
  palingenesis completion zsh > "${fpath[1]}/_palingenesis"
  palingenesis completion fish > ~/.config/fish/completions/palingenesis.fish
  palingenesis completion powershell >> $PROFILE
"""


@click.command(epilog=EXAMPLES, short_help="The script that makes a shell complete our words.")
@click.argument("shell", required=False, type=click.Choice(SHELLS))
@click.option(
    "--for",
    "program",
    type=click.Choice(PROGRAMS),
    default=PROGRAMS[0],
    show_default=True,
    help="Which of our two names it completes.",
)
@click.pass_obj
def completion(desk: Desk, shell: str | None, program: str) -> None:
    """Print the script that makes a SHELL complete our words; without SHELL, for yours.

    A package that a distribution or pip installs puts those of bash, zsh and fish in place.
    """
    chosen = shell or _own_shell(desk)
    click.echo(script(chosen, program))


def script(shell: str, program: str) -> str:
    """The script for one shell and one of our names."""
    from click.shell_completion import get_completion_class

    from palingenesis.surfaces.cli.program import cli

    kind = get_completion_class(shell)
    assert kind is not None, shell
    complete = kind(cli, {}, program, f"_{program.upper()}_COMPLETE")
    # `source` would run bash to look at its version, which whoever reads the script knows better.
    return (complete.source_template % complete.source_vars()).strip()


def _own_shell(desk: Desk) -> str:
    """The shell of the environment.

    Raises:
        UsageError: it is none that we can complete in.
    """
    name = PurePath(desk.environ.get("SHELL", "")).name
    if name in SHELLS:
        return name
    said = f"your shell ({name}) is none of them" if name else "SHELL does not say which"
    raise click.UsageError(f"which shell? {said}: {', '.join(SHELLS)}")
