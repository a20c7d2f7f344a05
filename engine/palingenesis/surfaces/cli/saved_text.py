"""The savings in one line, and the greeting of the first save."""

import sys
from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING, Final

import click

from palingenesis.core.errors import PalingenesisError
from palingenesis.runtime.spans import say_span
from palingenesis.surfaces.cli.wording import count_of

if TYPE_CHECKING:
    from palingenesis.control.client import ControlClient
    from palingenesis.runtime.door import Status
    from palingenesis.runtime.savings_status import SavingsStatus

GREETING: Final = (
    "Your first save: a session stopped, and works again without you.\n"
    "  palingenesis explain     why it did what it did\n"
    "  palingenesis report      the whole night, also as a page to look at\n"
)


def say_saved(told: "SavingsStatus") -> str:
    """What it was worth so far, in one line."""
    if not told["saves"]:
        return "savings · no save yet"
    parts = [count_of(told["saves"], "save")]
    if told["saved_s"] >= 1:
        parts.append(f"{say_span(timedelta(seconds=told['saved_s']))} of work saved")
    if told["success_rate"] is not None:
        parts.append(f"{told['success_rate']:.0%} without you")
    if told["days_without"]:
        parts.append(f"{count_of(told['days_without'], 'day')} without intervention")
    return " · ".join(["savings", *parts])


def greet_once(told: "Status", client: "ControlClient") -> None:
    """Greet the first save, on a terminal, and have it written down that it was done."""
    found = told.get("savings")
    if found is None or not found["saves"] or found["greeted"] or not sys.stdout.isatty():
        return
    with suppress(PalingenesisError):  # then it is greeted another time
        client.command("greeted", None, "cli")
        click.echo()
        click.secho(GREETING, fg="green", nl=False)
