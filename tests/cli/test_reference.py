"""The reference pages say what the program does."""

import ast
import re
import shlex
import tomllib
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from palingenesis.core.errors import ExitCode
from palingenesis.core.policy.codes.registry import CODES, page
from palingenesis.runtime.config import Config
from palingenesis.runtime.config_file import parse_config
from palingenesis.runtime.config_keys import SECTIONS
from palingenesis.surfaces.cli.program import cli

PAGES = Path(__file__).parents[2] / "docs" / "reference"


def test_every_exit_code_is_documented():
    page = (PAGES / "exit-codes.md").read_text()

    assert {int(code) for code in re.findall(r"^\| (\d+) ", page, re.MULTILINE)} == set(ExitCode)


def test_every_key_of_the_configuration_is_documented_and_the_example_is_valid():
    page = (PAGES / "configuration.md").read_text()
    example = re.search(r"```toml\n(.*?)```", page, re.DOTALL)
    assert example is not None
    tree = tomllib.loads(example[1])

    config = parse_config(example[1], Path("config.toml"))

    assert config.warnings == ()
    for section, keys in SECTIONS.items():
        for key in keys:
            assert key in tree[section] or f"`{key}`" in page, f"{section}.{key}"


def test_the_example_shows_the_defaults():
    page = (PAGES / "configuration.md").read_text()
    example = re.search(r"```toml\n(.*?)```", page, re.DOTALL)
    assert example is not None

    config = parse_config(example[1], Path("config.toml"))

    assert config.daemon == Config().daemon
    assert config.otel == Config().otel


def test_every_command_is_documented():
    page = (PAGES / "command-line.md").read_text()
    context = click.Context(cli)

    for name in cli.list_commands(context):
        command = cli.get_command(context, name)
        inner = command.list_commands(context) if isinstance(command, click.Group) else []
        for word in [name, *inner]:
            assert re.search(rf"`([\w-]+ )?{word}\b", page), word


def test_every_variable_that_is_heard_or_set_is_documented():
    page = (PAGES / "environment.md").read_text()
    engine = PAGES.parents[1] / "engine"
    texts = [path.read_text(encoding="utf-8") for path in engine.rglob("*.py")]
    names = {name for text in texts for name in re.findall(r'"(PALINGENESIS_[A-Z_]+)"', text)}

    missing = sorted(name for name in names - INTERNAL if f"`{name}`" not in page)

    assert names
    assert not missing


INTERNAL = {"PALINGENESIS_STAND_IN_SPEED", "PALINGENESIS_COMPLETE"}
"""Between our own processes, and between a shell's script and us."""


def test_every_option_stands_in_the_row_of_its_command():
    page = (PAGES / "command-line.md").read_text()
    rows = [line for line in page.splitlines() if line.startswith("| `")]

    missing = [
        f"{words} {option.opts[0]}"
        for words, command in commands(cli)
        for option in command.params
        if isinstance(option, click.Option) and not option.hidden
        if not any(name in row for row in rows_of(words, rows) for name in names_of(option))
    ]

    assert missing == []


def commands(group: click.Group, before: str = "") -> Iterator[tuple[str, click.Command]]:
    """Every command that does something, with the words that call it."""
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        if isinstance(command, click.Group):
            yield from commands(command, f"{before}{name} ")
        yield f"{before}{name}", command


def rows_of(words: str, rows: list[str]) -> list[str]:
    """The rows that begin with a command; those of its group tell of several at once."""
    group, _, name = words.rpartition(" ")
    together = [row for row in rows if row.startswith(f"| `{group} ") and f"`{name}" in row]
    return [row for row in rows if re.match(rf"\| `{words}[ `]", row)] + (together if group else [])


def names_of(option: click.Option) -> list[str]:
    """How an option may be written: one of a pair is enough."""
    every = [*option.opts, *option.secondary_opts]
    return [name for name in every if name.startswith("--")] or every


def test_every_code_that_is_said_is_registered_and_every_registered_code_is_said():
    codes = {constant for path in SOURCES for constant in codes_in(path)}

    unknown, unused = sorted(codes - set(CODES)), sorted(set(CODES) - codes)

    assert not unknown, (
        f"{', '.join(unknown)}: explain each in its family under core/policy/codes/, with an "
        "example that has it, and write docs/reference/diagnostics.md with "
        "REWRITE=1 pytest tests/policy/test_codes.py"
    )
    assert not unused, f"{', '.join(unused)}: nothing says this any more; take it out of its family"


def test_the_diagnostics_page_is_what_the_registry_says():
    written = (PAGES / "diagnostics.md").read_text(encoding="utf-8")

    assert written == page(), "REWRITE=1 pytest tests/policy/test_codes.py"


SOURCES = [
    path
    for path in (PAGES.parents[1] / "engine" / "palingenesis").rglob("*.py")
    if path.parent.name != "codes"
]


def codes_in(path):
    """Every text in a module that is a code and nothing else."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    texts = (node.value for node in ast.walk(tree) if isinstance(node, ast.Constant))
    return [text for text in texts if isinstance(text, str) and re.fullmatch(r"[YSELT]\d{3}", text)]


def leaves(command, path=()):
    """Every command that does something, by what is typed."""
    context = click.Context(command)
    if not isinstance(command, click.Group):
        yield " ".join(path), command
        return
    for name in command.list_commands(context):
        yield from leaves(command.get_command(context, name), (*path, name))


COMMANDS = dict(leaves(cli))


@pytest.mark.parametrize("path", COMMANDS)
def test_every_option_of_a_command_is_documented(path):
    page = (PAGES / "command-line.md").read_text()
    group = path.rpartition(" ")[0] or path
    rows = [line for line in page.splitlines() if line.startswith("|")]
    own = [row for row in rows if f"`{path} " in row or f"`{path}`" in row]
    told = "\n".join(own or [row for row in rows if f"`{group} " in row])
    options = [
        (*param.opts, *param.secondary_opts)
        for param in COMMANDS[path].params
        if isinstance(param, click.Option) and not param.hidden
    ]

    missing = [names for names in options if not any(name in told for name in names)]

    assert told, "it has no row"
    assert not missing


@pytest.mark.parametrize("path", COMMANDS)
def test_every_command_has_examples_that_can_be_typed(path):
    epilog = COMMANDS[path].epilog or ""
    typed = re.findall(r"palingenesis (.*?)(?: {2,}.*| +(?:[|>]|&&).*)?$", epilog, re.MULTILINE)

    assert typed, f"say in its epilog how '{path}' is typed"
    for line in typed:
        inner = line.removesuffix("'") if line.count("'") % 2 else line  # within another's quotes
        words = shlex.split(inner, comments=True)
        found = max((name for name in COMMANDS if f"{inner} ".startswith(f"{name} ")), default="")
        assert found, line
        known = {name for param in COMMANDS[found].params for name in (*param.opts, "--help")}
        used = {word.partition("=")[0] for word in words if word.startswith("--")}
        assert used <= known, line
