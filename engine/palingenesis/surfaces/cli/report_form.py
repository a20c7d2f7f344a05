"""The forms in which a command tells what it found: for people, and for three kinds of program."""

from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from typing import TYPE_CHECKING, Any, Final

import click

from palingenesis.surfaces.cli.wording import say_json

if TYPE_CHECKING:
    from palingenesis.core.policy.diagnostics import Diagnostic

_Found = Sequence[tuple[str, "tuple[Diagnostic, ...]"]]


def form_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add --json, --github and --sarif; the command gets `form`, which is "text" without them."""

    @wraps(command)
    def formed(*args: Any, **given: Any) -> Any:
        asked = {flag: given.pop(flag) for flag, _ in _OPTIONS}
        return command(*args, form=one_form(**asked), **given)

    for flag, doc in reversed(_OPTIONS):
        formed = click.option(f"--{flag}", flag, is_flag=True, help=doc)(formed)
    return formed


def one_form(**asked: bool) -> str:
    """The form that is asked for, of these flags; "text": none is.

    Raises:
        UsageError: two are.
    """
    chosen = [name for name, is_set in asked.items() if is_set]
    if len(chosen) > 1:
        raise click.UsageError(f"--{chosen[0]} and --{chosen[1]} are two forms; choose one")
    return chosen[0] if chosen else "text"


_OPTIONS = (
    ("json", "The same facts as JSON."),
    ("github", "As workflow commands, which annotate a pull request."),
    ("sarif", "As SARIF 2.1.0, for code scanning."),
)


def say_github(found: _Found) -> None:
    """Print workflow commands, one line a diagnostic."""
    from palingenesis.core.policy.reports import Checked, as_workflow_commands

    checked = [Checked(file=file, diagnostics=diagnostics) for file, diagnostics in found]
    for line in as_workflow_commands(checked):
        click.echo(line)


def say_sarif(found: _Found) -> None:
    """Print a SARIF log."""
    from palingenesis import __version__
    from palingenesis.core.policy.reports import Checked, as_sarif

    checked = [Checked(file=file, diagnostics=diagnostics) for file, diagnostics in found]
    say_json(as_sarif(checked, version=__version__))


FORMS: Final[Mapping[str, Callable[[_Found], None]]] = {"github": say_github, "sarif": say_sarif}
"""The forms that are the same for every command that finds something."""
