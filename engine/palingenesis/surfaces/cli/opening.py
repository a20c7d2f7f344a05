"""`open`: the person's own screen, attached to the managed server."""

import os
import shlex
import sys
from pathlib import Path

import click

from palingenesis.core.errors import PalingenesisError
from palingenesis.runtime.door import SCHEMA_VERSION
from palingenesis.surfaces.cli.choosing import SessionWord, choose_session
from palingenesis.surfaces.cli.desk import Desk
from palingenesis.surfaces.cli.wording import say_json

EXAMPLES = """\b
Examples:
  palingenesis open                     a new session on the watched server
  palingenesis open 'Write the docs'
  palingenesis open --print             for a shell, password included
"""


@click.command("open", epilog=EXAMPLES)
@click.argument("session", required=False, type=SessionWord())
@click.option(
    "--print", "only_print", is_flag=True, help="Print the command, password included, instead."
)
@click.option("--json", "as_json", is_flag=True, help="The same as JSON, password included.")
@click.pass_obj
def open_session(desk: Desk, session: str | None, only_print: bool, as_json: bool) -> None:
    """Open OpenCode's own screen on the managed server, at a SESSION or at a new one.

    A new session works in the folder where you stand.
    """
    client = desk.client()
    chosen = choose_session(client.sessions(), session)["id"] if session is not None else None
    entrance = client.open(chosen)
    argv = list(entrance["argv"])
    folder = entrance["directory"]
    if argv and chosen is None:
        folder = _here()
        argv += ["--dir", folder]
    if as_json:
        said = {**entrance, "directory": folder, "argv": argv}
        say_json({"schema_version": SCHEMA_VERSION, **said})
        return
    if only_print:
        secrets = [f"{name}={_quoted(value)}" for name, value in entrance["env"].items()]
        click.echo(" ".join([*secrets, *map(_quoted, argv)]))
        return
    if not argv:
        raise PalingenesisError("the daemon does not know how to open this session")
    _check_terminal()
    try:
        if folder:
            os.chdir(folder)
        os.execvpe(argv[0], argv, {**desk.environ, **entrance["env"]})  # noqa: S606
    except (OSError, ValueError) as error:
        reason = (getattr(error, "strerror", None) or str(error)).lower()
        raise PalingenesisError(f"cannot run {argv[0]}: {reason}") from error


def _check_terminal() -> None:
    """OpenCode draws its screen into whatever it is given, a pipe too, and waits for keys.

    Raises:
        PalingenesisError: there is no terminal.
    """
    if not all(stream is not None and stream.isatty() for stream in (sys.stdin, sys.stdout)):
        raise PalingenesisError(
            "OpenCode's screen needs a terminal, and this is none",
            "`palingenesis open --print` tells the command, password included",
        )


def _here() -> str:
    """Where the person stands.

    Raises:
        PalingenesisError: that folder is gone.
    """
    try:
        return str(Path.cwd())
    except OSError as error:
        raise PalingenesisError("the folder where you stand is gone", "cd to another") from error


def _quoted(word: str) -> str:
    """A word as a shell reads it; what must not reach a terminal as it is, is written escaped."""
    if word.isprintable():
        return shlex.quote(word)
    escaped = word.encode("unicode_escape").decode("ascii").replace("'", "\\'")
    return f"$'{escaped}'"
