"""The command that words name, such as `policy validate`, for what is told about commands."""

from collections.abc import Sequence

import click


def command_of(
    root: click.Context, words: Sequence[str], others: Sequence[str] = ()
) -> tuple[click.Command, click.Context]:
    """The command and its place; without words that of `root`.

    Raises:
        NoSuchCommand: there is none; its way out is the help that lists those there are. `others`
            may be meant by the first word as well.
    """
    command, place = root.command, root
    for word in words:
        if not isinstance(command, click.Group):
            told = f"'{place.command_path}' has no commands, and so none named '{word}'"
            raise click.NoSuchCommand(word, told, ctx=place)
        inner = command.get_command(place, word)
        if inner is None:
            more = others if place is root else ()
            known = [*more, *command.list_commands(place)]
            raise click.NoSuchCommand(word, possibilities=known, ctx=place)
        place = click.Context(inner, info_name=word, parent=place)
        command = inner
    return command, place
