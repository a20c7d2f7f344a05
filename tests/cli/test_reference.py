"""The reference pages say what the program does."""

import re
import tomllib
from pathlib import Path

import click

from palingenesis.core.errors import ExitCode
from palingenesis.runtime.config import Config
from palingenesis.runtime.config_file import SECTIONS, parse_config
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
