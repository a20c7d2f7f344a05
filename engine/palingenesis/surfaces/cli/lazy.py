"""A group of commands that are imported when they are asked for: start-up is a promise."""

from collections.abc import Mapping
from importlib import import_module
from typing import Any

import click

Sections = Mapping[str, Mapping[str, tuple[str, str]]]
"""Every command by section and name: `module:attribute` in this room, and its one line of help."""

_HOME = "palingenesis.surfaces.cli"


class LazyGroup(click.Group):
    """A group whose commands are imported when they are asked for."""

    def __init__(self, *args: Any, sections: Sections, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.sections = sections

    def summary(self, name: str) -> str:
        """The one line of help of a command."""
        return next(section[name][1] for section in self.sections.values() if name in section)

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: D102
        return [name for section in self.sections.values() for name in section]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: D102
        for section in self.sections.values():
            if cmd_name in section:
                module, _, name = section[cmd_name][0].partition(":")
                command = getattr(import_module(f"{_HOME}.{module}"), name)
                assert isinstance(command, click.Command)
                return command
        return None

    def resolve_command(  # noqa: D102
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        try:
            return super().resolve_command(ctx, args)
        except click.NoSuchCommand as error:  # click would suggest only what is imported
            known = self.list_commands(ctx)
            raise click.NoSuchCommand(error.command_name, possibilities=known, ctx=ctx) from None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: D102
        for title, section in self.sections.items():
            with formatter.section(title):
                formatter.write_dl([(name, line) for name, (_, line) in section.items()])
