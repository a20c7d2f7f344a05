"""`help`, `man` and `completion`: what is said about the commands is what they are."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import click
import pytest

from palingenesis.surfaces.cli.completion import PROGRAMS, SHELLS, script
from palingenesis.surfaces.cli.page_text import as_text
from palingenesis.surfaces.cli.program import cli, text_width
from palingenesis.surfaces.cli.roff import page_file, page_names, page_of
from tests.cli.test_commands import Say, environment, say

__all__ = ["say"]

ROOT = Path(__file__).parents[2]
PAGES = ROOT / "man"
SCRIPTS = ROOT / "completions"
FILES = {"bash": "{}", "zsh": "_{}", "fish": "{}.fish"}


# ── help ──────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("topic", ["exit-codes", "environment", "formats"])
@pytest.mark.parametrize("columns", [40, 80, 200])
def test_a_page_is_printed_as_wide_as_the_terminal(say: Say, topic: str, columns: int):
    said = say("help", topic, COLUMNS=str(columns))

    assert said.code == 0
    most = max(len(line) for line in said.out.splitlines())
    assert most <= min(columns, 100)
    assert "`" not in said.out
    assert "|--" not in said.out


def test_every_exit_code_is_in_the_help(say: Say):
    words = say("help", "exit-codes").out.split()

    assert {"0", "1", "2", "3", "4", "5", "6", "75", "130"} <= set(words)


def test_help_of_a_command_is_its_own_help(say: Say):
    assert say("help", "daemon", "start").out == say("daemon", "start", "--help").out
    assert say("help", "policy").out == say("policy", "--help").out


def test_help_alone_is_the_help_of_all_and_names_the_pages(say: Say):
    said = say("help").out

    assert said.startswith("Usage: palingenesis [OPTIONS]")
    assert "environment" in said.partition("Pages, with")[2]


def test_help_for_a_misspelt_word_says_which_might_be_meant(say: Say):
    assert "'environment'" in say("help", "enviroment").err
    assert "'start'" in say("help", "daemon", "strat").err
    assert say("help", "enviroment").code == 2


@pytest.mark.parametrize("columns", [30, 40, 60])
def test_help_fits_a_narrow_terminal(say: Say, columns: int):
    said = say("--help", COLUMNS=str(columns)).out.partition("Examples:")[0]

    assert max(len(line) for line in said.splitlines()) <= columns


@pytest.mark.parametrize(("columns", "width"), [("40", 38), ("1", 28), ("x", 78), ("9999", 98)])
def test_help_is_as_wide_as_can_be_read(columns: str, width: int):
    assert text_width({"COLUMNS": columns}) == width


def test_a_table_becomes_its_rows_and_what_is_said_about_them():
    page = "# T\n\n| name | what | without it |\n|---|---|---|\n| `A\\|B` | is [a](b.md) | no |\n"

    assert click.unstyle(as_text(page, 60)) == "T\n\n  A|B  is a (without it: no)\n"


# ── man ───────────────────────────────────────────────────────────────────────────────────────


def test_the_manual_pages_say_what_the_commands_say():
    """`REWRITE=1 pytest tests/cli/test_lookup.py` writes them anew."""
    wanted = {page_file(name): page_of(cli, name) for name in page_names(cli)}
    if os.environ.get("REWRITE"):
        for old in PAGES.glob("*.1"):
            old.unlink()
        for file, page in wanted.items():
            (PAGES / file).write_text(page, encoding="utf-8")

    written = {path.name: path.read_text(encoding="utf-8") for path in PAGES.glob("*.1")}

    assert written == wanted, "REWRITE=1 pytest tests/cli/test_lookup.py"


@pytest.mark.parametrize("name", [*page_names(cli), "policy validate", "policy shadow start"])
def test_man_finds_nothing_to_complain_about(name: str):
    if shutil.which("groff") is None:
        pytest.skip("groff is not installed here")

    done = subprocess.run(
        ["groff", "-man", "-Tutf8", "-ww", "-z"],
        input=page_of(cli, name),
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stderr == ""


def test_the_page_of_a_group_has_every_command_and_option_in_it():
    page = page_of(cli, "daemon").replace("\\-", "-")

    for word in ("palingenesis daemon start", "palingenesis daemon act-again", "--foreground"):
        assert word in page


def test_a_command_of_a_group_has_a_page_too(say: Say):
    said = say("man", "policy", "validate", "--roff")

    page = said.out.replace("\\-", "-")
    assert said.code == 0
    assert "palingenesis-policy-validate - Check the policy in use" in page
    assert "\\fBpalingenesis policy validate\\fR [OPTIONS] [FILE...]" in page
    assert "policy simulate" not in page
    assert page.endswith(".SH SEE ALSO\n.BR palingenesis (1),\n.BR palingenesis-policy (1)\n")


@pytest.mark.parametrize("about", ["man", "help"])
@pytest.mark.parametrize(
    ("words", "told", "way_out"),
    [
        (("nosuch",), "no such command 'nosuch'", "palingenesis --help"),
        (("policy", "nosuch"), "no such command 'nosuch'", "palingenesis policy --help"),
        (
            ("status", "more"),
            "'palingenesis status' has no commands, and so none named 'more'",
            "palingenesis status --help",
        ),
    ],
)
def test_what_is_no_command_is_told_with_where_they_are_listed(
    say: Say, about: str, words: tuple[str, ...], told: str, way_out: str
):
    said = say(about, *words)

    assert (said.code, said.out) == (2, "")
    assert said.err == f"error: {told}\nhint: {way_out}\n"


def test_the_manual_is_printed_as_text_into_a_pipe(tmp_path: Path):
    if shutil.which("man") is None:
        pytest.skip("man is not installed here")

    done = in_a_process(tmp_path, "man", "health")

    assert done.returncode == 0
    assert "SYNOPSIS" in done.stdout
    assert "palingenesis health [OPTIONS]" in done.stdout


def test_the_manual_of_no_command_is_a_usage_error(say: Say):
    said = say("man", "statsu")

    assert said.code == 2
    assert "Did you mean 'status'?" in said.err


def test_without_man_the_help_is_named(say: Say, tmp_path: Path):
    said = say("man", "status", PATH=str(tmp_path))

    assert (said.code, said.out) == (1, "")
    assert said.err.endswith("hint: palingenesis help status\n")


# ── completion ────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize("program", PROGRAMS)
def test_a_script_is_for_the_program_that_it_names(say: Say, shell: str, program: str):
    said = say("completion", shell, "--for", program)

    assert said.code == 0
    assert f"_{program.upper()}_COMPLETE" in said.out
    assert program in said.out


def test_the_own_shell_need_not_be_named(say: Say):
    assert say("completion", SHELL="/usr/bin/fish").out == say("completion", "fish").out


@pytest.mark.parametrize("shell", ["/bin/tcsh", ""])
def test_a_shell_that_is_not_known_is_asked_for(say: Say, shell: str):
    said = say("completion", SHELL=shell)

    assert said.code == 2
    assert "bash, zsh, fish, powershell" in said.err


def test_the_scripts_that_ship_are_those_that_are_printed():
    wanted = {
        form.format(program): script(shell, program) + "\n"
        for shell, form in FILES.items()
        for program in PROGRAMS
    }
    if os.environ.get("REWRITE"):
        for file, text in wanted.items():
            (SCRIPTS / file).write_text(text, encoding="utf-8")

    for file in wanted:
        written = (SCRIPTS / file).read_text(encoding="utf-8")
        assert "_COMPLETE=" in written, file
        assert "Traceback" not in written


def test_bash_completes_our_words(tmp_path: Path):
    """The script as it ships, in a real bash, with the program that it asks."""
    program = tmp_path / "palingenesis"
    program.write_text(f"#!/bin/sh\nexec '{sys.executable}' -m palingenesis \"$@\"\n")
    program.chmod(0o755)
    asked = (
        f". '{SCRIPTS / 'palingenesis'}'; COMP_WORDS=(palingenesis daemon st); COMP_CWORD=2;"
        " _palingenesis_completion palingenesis; printf '%s\\n' \"${COMPREPLY[@]}\""
    )

    done = subprocess.run(
        ["bash", "-c", asked],
        env={
            **environment(tmp_path),
            "PYTHONPATH": str(ROOT / "engine"),
            "PATH": f"{tmp_path}:{os.environ['PATH']}",
        },
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )

    assert done.stdout.split() == ["start", "status", "stop"]


def in_a_process(folder: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "palingenesis", *words],
        env={**environment(folder), "PYTHONPATH": str(ROOT / "engine"), "MANWIDTH": "80"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_every_command_can_be_asked_for_help_and_has_its_one_line():
    context = click.Context(cli)
    for name in cli.list_commands(context):
        assert cli.summary(name).endswith((".", "?")), name
        assert len(cli.summary(name)) <= 66, name


def test_the_json_of_health_has_its_word(say: Say):
    said = say("health", "--json")

    assert said.code == 3
    assert json.loads(said.out)["health"] == "down"
