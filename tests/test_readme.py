"""What the README shows has been run: its policy is valid, its outputs are what comes out."""

import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from palingenesis.core.policy.compile import compile_text
from palingenesis.surfaces.cli.desk import Desk
from palingenesis.surfaces.cli.policy import policy as policy_group

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
SCHEMA = (ROOT / "schemas" / "policy.schema.json").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", README, re.DOTALL)


def shown(command: str) -> str:
    """The output that the README shows under a command."""
    (text,) = [body for kind, body in BLOCKS if body.startswith(f"$ {command}\n")]
    return text.partition("\n")[2]


def test_the_policy_in_the_readme_is_valid():
    (text,) = [body for kind, body in BLOCKS if kind == "yaml"]

    compiled = compile_text(text, name="readme", schema=SCHEMA)

    assert compiled.policy is not None
    assert compiled.diagnostics == ()


def test_the_simulation_in_the_readme_is_what_comes_out(tmp_path):
    desk = Desk(environ={"HOME": str(tmp_path), "PALINGENESIS_CONFIG_DIR": str(tmp_path)})
    arguments = ["simulate", "--reason", "rate_limit", "--retry-after", "90s"]

    said = CliRunner().invoke(policy_group, arguments, obj=desk)

    assert said.output == shown(f"palingenesis policy {' '.join(arguments)}")


def test_the_mistake_in_the_readme_is_told_like_that(tmp_path):
    text = (
        "version: 1\nrules:\n  - id: a\n    when: stop.resaon == 'rate_limit'\n"
        "    do: [resume]\ndefault: {do: [attention]}\n"
    )
    (tmp_path / "my.yaml").write_text(text)
    desk = Desk(environ={"HOME": str(tmp_path)})

    said = CliRunner().invoke(policy_group, ["validate", str(tmp_path / "my.yaml")], obj=desk)

    assert said.output.replace(f"{tmp_path}/", "") == shown("palingenesis policy validate my.yaml")


@pytest.mark.parametrize("target", sorted(set(re.findall(r"\]\(([^):#]+)\)", README))))
def test_every_page_that_the_readme_names_is_there(target):
    assert (ROOT / target).exists()


def test_the_test_command_is_the_one_that_ci_runs():
    command = "python3 -m venv .venv && .venv/bin/pip install"

    assert command in README
    assert "-e '.[dev]' && .venv/bin/python -m pytest" in (ROOT / ".ci" / "run").read_text()
