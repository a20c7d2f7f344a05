"""`config init`, `set`, `unset`, `edit`, `migrate`: changing the file; a bad change is refused."""

import os
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING

import click

from palingenesis import shipped
from palingenesis.core.errors import InvalidConfigError, PalingenesisError
from palingenesis.runtime.door import SCHEMA_VERSION
from palingenesis.runtime.foreign_text import plain
from palingenesis.surfaces.cli.desk import Desk
from palingenesis.surfaces.cli.examples import examples
from palingenesis.surfaces.cli.naming import KnownWord, UnknownNameError
from palingenesis.surfaces.cli.rewriting import difference
from palingenesis.surfaces.cli.wording import say_json

if TYPE_CHECKING:
    from palingenesis.runtime.config_keys import Key

_WIDE = 500


def _names() -> list[str]:
    from palingenesis.runtime.config_keys import all_names

    return all_names()


_KeyName = KnownWord("key", _names)

EXAMPLES = """\b
Examples:
  palingenesis config set daemon.log_level debug
  palingenesis config set daemon.check_interval 10s
  palingenesis config set notifications.ntfy_token '{ env = "NTFY_TOKEN" }'
  palingenesis config set hooks.backup.argv '["/usr/bin/restic", "backup"]'
"""


@click.command(short_help="A commented file to begin with.", epilog=examples("config init"))
@click.option("--json", "as_json", is_flag=True, help="What was written, as JSON.")
@click.pass_obj
def init(desk: Desk, as_json: bool) -> None:
    """Write a commented config.toml in which nothing is changed yet; never over a file."""
    file = desk.paths.config_file
    if not _create(file):
        raise PalingenesisError(f"{file} is there already", "palingenesis config edit")
    if as_json:
        say_json({"schema_version": SCHEMA_VERSION, "path": str(file)})
        return
    click.echo(f"wrote {plain(str(file), _WIDE)}")
    click.echo("  palingenesis config edit")
    click.echo("  palingenesis config show --origin")


@click.command("set", short_help="Change one value; comments stay.", epilog=EXAMPLES)
@click.argument("key", type=_KeyName)
@click.argument("value")
@click.option("--json", "as_json", is_flag=True, help="What was changed, as JSON.")
@click.pass_obj
def set_key(desk: Desk, key: str, value: str, as_json: bool) -> None:
    """Set KEY (such as daemon.log_level) to VALUE in config.toml.

    VALUE needs no quotes: 10s, true, 4096, a,b for a list; TOML for everything else. What the
    daemon could not use is refused, and the file stays as it was.
    """
    from palingenesis.runtime.config_environment import typed

    section, name, known = _known(key)
    try:
        chosen = typed(known.kind, value)
    except ValueError as expected:
        raise InvalidConfigError(
            f"'{section}.{name}' cannot be set to that: expected {expected}",
            f"palingenesis config set {section}.{name} VALUE",
        ) from expected
    _change(desk, section, name, chosen, as_json=as_json)


@click.command(
    short_help="Take one value out: the default holds again.",
    epilog=examples("config unset daemon.log_level"),
)
@click.argument("key", type=_KeyName)
@click.option("--json", "as_json", is_flag=True, help="What was changed, as JSON.")
@click.pass_obj
def unset(desk: Desk, key: str, as_json: bool) -> None:
    """Take KEY out of config.toml, so that its default holds again."""
    section, name, _ = _known(key)
    _change(desk, section, name, None, as_json=as_json)


@click.command(
    short_help="Open it in your editor, and check it after.", epilog=examples("config edit")
)
@click.pass_obj
def edit(desk: Desk) -> None:
    """Open config.toml in $VISUAL or $EDITOR, and check it when the editor ends.

    Where there is no file a commented one is written first. What cannot be used is told (exit code
    5) and stays as you wrote it; a running daemon keeps what it has.
    """
    from palingenesis.app.starting import check_secrets
    from palingenesis.runtime.config_file import load_config

    file = desk.paths.config_file
    words = _editor(desk.environ)
    _create(file)
    try:
        code = subprocess.run([*words, str(file)], check=False).returncode
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise PalingenesisError(
            f"cannot run the editor {words[0]}: {reason}", "set EDITOR to a program that you have"
        ) from error
    if code != 0:
        raise PalingenesisError(f"the editor ended with {code}", "palingenesis config validate")
    config = load_config(desk.paths, desk.environ)
    check_secrets(config, desk.paths, desk.environ)
    for warning in config.warnings:
        click.echo(plain(warning, _WIDE))
    click.echo(f"{plain(str(file), _WIDE)}: valid")


@click.command(
    short_help="Bring an older file to the names of today.",
    epilog=examples("config migrate --dry-run", "config migrate"),
)
@click.option("--dry-run", is_flag=True, help="Only show what would change.")
@click.option("--json", "as_json", is_flag=True, help="What was changed, as JSON.")
@click.pass_obj
def migrate(desk: Desk, dry_run: bool, as_json: bool) -> None:
    """Exchange keys of earlier days for those of today; the file of before is kept as a copy."""
    from palingenesis.runtime.clock import SystemClock
    from palingenesis.runtime.config_edit import change_file, keep_copy, migrated
    from palingenesis.runtime.config_file import read_config_file

    file = desk.paths.config_file
    before = (read_config_file(file) or b"").decode("utf-8", "replace").removeprefix("\ufeff")
    after = _as_asked(lambda: migrated(before), file, before)
    rows = list(difference(before, after, str(file)))
    copy: Path | None = None
    if rows and not dry_run:
        copy = keep_copy(file, SystemClock().now())
        change_file(file, migrated)
    if as_json:
        say_json(
            {
                "schema_version": SCHEMA_VERSION,
                "path": str(file),
                "changed": bool(rows),
                "copy": str(copy) if copy is not None else None,
            }
        )
    elif not rows:
        click.echo(f"{plain(str(file), _WIDE)}: nothing to do")
    else:
        for row in rows:
            click.echo(row)
        kept = f"the one of before is {copy}" if copy is not None else "nothing was changed"
        click.echo(plain(kept, _WIDE), err=True)


def change_key(desk: Desk, section: str, name: str, value: object) -> bool:
    """Set a key in the file to a plain value (None: take it out); False: it was so already.

    Raises:
        InvalidConfigError: what would come of it could not be used.
        PalingenesisError: the file cannot be written.
    """
    from palingenesis.runtime.config_edit import change_file, changed

    file = desk.paths.config_file

    def change(text: str) -> str:
        return _as_asked(lambda: changed(text, section, name, value), file, text)

    return change_file(file, change)


def _change(desk: Desk, section: str, name: str, value: object, *, as_json: bool) -> None:
    from palingenesis.runtime.config_environment import variable_of
    from palingenesis.runtime.config_shown import HIDDEN, as_toml

    done = change_key(desk, section, name, value)
    _, _, key = _known(f"{section}.{name}")
    shown = HIDDEN if key.private and isinstance(value, str) else value
    variable = variable_of(section, name)
    if as_json:
        say_json(
            {
                "schema_version": SCHEMA_VERSION,
                "path": str(desk.paths.config_file),
                "key": f"{section}.{name}",
                "value": None if shown == HIDDEN else shown,
                "changed": done,
                "live": key.live,
            }
        )
    else:
        now = f" = {as_toml(shown)}" if value is not None else " is not set any more"
        already = "" if done else " (so it was already)"
        click.echo(plain(f"{section}.{name}{now}{already}", _WIDE))
        if done and not key.live:
            click.echo("a running daemon takes this up when it is restarted", err=True)
    if desk.environ.get(variable):
        click.echo(f"warning: {variable} is set, and wins over the file", err=True)


def _as_asked(change: Callable[[], str], file: Path, text: str) -> str:
    """The changed text; a file that is no TOML is told about as everywhere."""
    from palingenesis.runtime.config_file import parse_config

    parse_config(text, file)
    return change()


def _known(key: str) -> "tuple[str, str, Key]":
    """The key that was typed.

    Raises:
        UnknownNameError: there is none, with the nearest one.
    """
    from palingenesis.runtime.config_keys import RENAMED, find_key

    section, _, name = key.strip().rpartition(".")
    section, name = RENAMED.get((section, name), (section, name))
    if (found := find_key(section, name)) is not None:
        return section, name, found
    hint = _meant(section, name)
    raise UnknownNameError(f"there is no key '{plain(key, 60)}'", hint=hint)


def _meant(section: str, name: str) -> str:
    """Which key may have been meant, else which there are; each part is looked for by itself."""
    from palingenesis.runtime.config_keys import HOOK, HOOK_NAME, SECTIONS, all_names

    if not section and name in SECTIONS:
        return f"'{name}' is a section: {_those_of(name, SECTIONS[name])}"
    first, _, hook = f"{section or name}.".partition(".")
    if first == "hooks":
        near = _nearest(name, HOOK) if HOOK_NAME.fullmatch(hook.rstrip(".")) else ""
        return f"did you mean '{section}.{near}'?" if near else _those_of("hooks.NAME", HOOK)
    meant = section if section in SECTIONS else _nearest(section, SECTIONS)
    if meant and (near := _nearest(name, SECTIONS[meant])):
        return f"did you mean '{meant}.{near}'?"
    if section in SECTIONS:
        return _those_of(section, SECTIONS[section])
    named = {one.rpartition(".")[2]: one for one in reversed(all_names())}
    if near := _nearest(name, named):
        return f"did you mean '{named[near]}'?"
    return f"sections: {', '.join(SECTIONS)}; palingenesis config show lists their keys"


def _nearest(word: str, known: Iterable[str]) -> str:
    return next(iter(get_close_matches(word[:80], list(known), n=1, cutoff=0.6)), "")


def _those_of(section: str, names: Iterable[str]) -> str:
    return f"[{section}] has {', '.join(names)}"


def _create(file: Path) -> bool:
    from palingenesis.runtime.config_edit import create
    from palingenesis.runtime.config_schema import template

    return create(file, template(shipped.schema("config").as_uri()))


def _editor(environ: Mapping[str, str]) -> list[str]:
    for variable in ("VISUAL", "EDITOR"):
        if text := environ.get(variable, "").strip():
            try:
                words = shlex.split(text)
            except ValueError as error:
                raise PalingenesisError(f"{variable} cannot be read: {error}") from error
            if words:
                return words
    if sys.stdin is None or not sys.stdin.isatty():
        raise PalingenesisError(
            "there is no terminal for an editor here",
            "set EDITOR to a program that needs none, or palingenesis config set KEY VALUE",
        )
    for usual in ("editor", "nano", "vi"):
        for folder in environ.get("PATH", os.defpath).split(os.pathsep):
            if os.access(Path(folder) / usual, os.X_OK):
                return [usual]
    raise PalingenesisError("there is no editor", "set EDITOR to the one that you like")
