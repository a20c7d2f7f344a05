"""A whole number on the command line, such as `--limit 20`."""

import click


class Whole(click.IntRange):
    """A whole number within bounds; what is none is told with them, in words."""

    name = "number"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> int:
        """The number; a usage error when it is none, or out of bounds."""
        try:
            number = int(str(value))
        except ValueError:
            number = None
        least, most = self.min, self.max
        if number is None or (least is not None and number < least):
            self.fail(self._wanted(value), param, ctx)
        if most is not None and number > most:
            self.fail(self._wanted(value), param, ctx)
        return number

    def _wanted(self, value: object) -> str:
        bounds = f"from {self.min} to {self.max}" if self.max is not None else f"from {self.min} on"
        return f"'{value}' is no whole number {bounds}"
