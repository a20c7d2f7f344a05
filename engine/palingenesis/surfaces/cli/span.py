"""A span on the command line, such as `--timeout 90s`."""

from datetime import timedelta

import click

from palingenesis.core.errors import InvalidConfigError


class Span(click.ParamType[timedelta]):
    """A text with its unit, as in a policy."""

    name = "span"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> timedelta:
        """The span; a usage error when it is none."""
        from palingenesis.core.facts import parse_duration

        if isinstance(value, timedelta):
            return value
        try:
            return parse_duration(str(value))
        except InvalidConfigError as error:
            way_out = f" ({error.hint})" if error.hint else ""
            self.fail(f"{error.message}{way_out}", param, ctx)
