"""`man`: the manual pages, also where they were not installed beside the program."""

import shutil
import subprocess
import sys

import click

from palingenesis.core.errors import PalingenesisError
from palingenesis.surfaces.cli.desk import Desk
from palingenesis.surfaces.cli.naming import KnownWord

EXAMPLES = """\b
Examples:
  palingenesis man
  palingenesis man policy
  palingenesis man policy validate
  palingenesis man policy --roff > palingenesis-policy.1
"""


def _commands() -> tuple[str, ...]:
    from palingenesis.surfaces.cli.program import cli
    from palingenesis.surfaces.cli.roff import page_names

    return page_names(cli)[1:]


@click.command(epilog=EXAMPLES, short_help="The manual page of a command, or of all.")
@click.argument("command", required=False, nargs=-1, type=KnownWord("command", _commands))
@click.option("--roff", is_flag=True, help="Print the page as man reads it.")
@click.pass_obj
def man(desk: Desk, command: tuple[str, ...], roff: bool) -> None:
    """Open the manual page of a COMMAND, or of palingenesis; into a pipe it is printed as text.

    The page of a group, such as policy, has all of its commands; `policy validate` has its own.
    """
    from palingenesis.surfaces.cli.program import cli
    from palingenesis.surfaces.cli.roff import page_of

    page = page_of(cli, " ".join(command))
    if roff:
        click.echo(page, nl=False)
        return
    reader = shutil.which("man", path=desk.environ.get("PATH", ""))
    if reader is None:
        raise PalingenesisError(
            "there is no 'man' here to show the page with",
            hint=f"palingenesis help {' '.join(command)}".rstrip(),
        )
    on_screen = sys.stdout is not None and sys.stdout.isatty()
    shown = subprocess.run(
        [reader, "-l", "-"],
        input=page.encode(),
        env=dict(desk.environ),
        stdout=None if on_screen else subprocess.PIPE,  # man does not notice a full disk
        check=False,
    )
    if shown.returncode:
        raise PalingenesisError(
            f"man could not show the page (exit code {shown.returncode})",
            hint="palingenesis man --roff prints it",
        )
    if not on_screen:
        click.echo(shown.stdout, nl=False)
