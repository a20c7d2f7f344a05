"""`help`: a command's help, or a page about what all commands have in common."""

from collections.abc import Mapping
from typing import Final

import click

from palingenesis.surfaces.cli.command_words import command_of
from palingenesis.surfaces.cli.naming import KnownWord

TOPICS: Final[Mapping[str, str]] = {
    "exit-codes": "What each exit code means.",
    "environment": "The variables that it listens to.",
    "formats": "JSON, YAML, times, spans and colours.",
}
"""Pages of the reference that `help` prints."""

EXAMPLES = """\b
Examples:
  palingenesis help exit-codes
  palingenesis help environment
  palingenesis help daemon start
"""


def _words() -> tuple[str, ...]:
    from palingenesis.surfaces.cli.program import cli

    return (*TOPICS, *cli.list_commands(click.Context(cli)))


@click.command("help", epilog=EXAMPLES, short_help="A command's help, or a page: exit-codes, …")
@click.argument("about", required=False, nargs=-1, type=KnownWord("about", _words))
@click.pass_context
def show_help(ctx: click.Context, about: tuple[str, ...]) -> None:
    """The help of a command, or a page: exit-codes, environment, formats.

    Without a word: the help of palingenesis, and the pages there are.
    """
    root = ctx.find_root()
    if len(about) == 1 and about[0] in TOPICS:
        _show_page(about[0], ctx.terminal_width or 80)
        return
    command, place = command_of(root, about, tuple(TOPICS))
    click.echo(command.get_help(place), color=ctx.color)
    if not about:
        click.echo("\nPages, with 'palingenesis help PAGE':")
        for topic, line in TOPICS.items():
            click.echo(f"  {topic:12} {line}")


def _show_page(topic: str, width: int) -> None:
    from palingenesis import shipped
    from palingenesis.surfaces.cli.page_text import as_text

    page = shipped.folder("docs/reference") / f"{topic}.md"
    click.echo(as_text(page.read_text(encoding="utf-8"), width), nl=False)
