"""`wait`: until the daemon answers."""

from datetime import timedelta
from typing import Final

import click

from palingenesis.core.errors import DeadlineError, NotRunningError
from palingenesis.runtime.door import SCHEMA_VERSION
from palingenesis.runtime.spans import say_span
from palingenesis.surfaces.cli.desk import Desk
from palingenesis.surfaces.cli.span import Span
from palingenesis.surfaces.cli.wording import say_json

WAIT_EXAMPLES: Final = """\b
Examples:
  palingenesis daemon start && palingenesis wait --timeout 30s
"""


@click.command(epilog=WAIT_EXAMPLES)
@click.option(
    "--timeout", default="30s", show_default=True, type=Span(), metavar="SPAN", help="How long."
)
@click.option("--json", "as_json", is_flag=True, help="The answer as JSON.")
@click.pass_obj
def wait(desk: Desk, timeout: timedelta, as_json: bool) -> None:
    """Wait until the daemon answers; exit code 6 when it does not."""
    pid = _waited_for(desk, timeout)
    if as_json:
        say_json({"schema_version": SCHEMA_VERSION, "running": True, "pid": pid})


def _waited_for(desk: Desk, timeout: timedelta) -> int:
    """The daemon's pid, once it answers.

    Raises:
        DeadlineError: it did not.
    """
    from palingenesis.surfaces.cli.patience import Patience

    patience = Patience(timeout)
    while True:
        try:
            return desk.client(timeout_s=2.0).status()["pid"]
        except (NotRunningError, DeadlineError):
            if not patience.lasts():
                raise DeadlineError(
                    f"the daemon did not answer within {say_span(patience.span)}",
                    hint="palingenesis daemon start",
                ) from None
