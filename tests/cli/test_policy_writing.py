"""`policy init`, `fmt` and `migrate` change files carefully."""

import json
from pathlib import Path

import pytest

from palingenesis import shipped
from tests.cli.test_commands import Say, in_a_process, say
from tests.policy.test_formatting import TIDY, UNTIDY
from tests.policy.test_migration import DRAFT, TODAY
from tests.policy.texts import compiled

__all__ = ["say"]


@pytest.mark.parametrize("name", ["own", "minimal", "default"])
def test_a_policy_to_begin_with_is_valid_tidy_and_needs_no_migration(
    say: Say, tmp_path: Path, name: str
):
    file = tmp_path / "mine.yaml"

    said = say("policy", "init", str(file), "--from", name)

    assert said.code == 0
    assert said.out.startswith(f"wrote {file} (from {name})\n  palingenesis policy validate {file}")
    assert say("policy", "validate", str(file), "--strict").code == 0
    assert say("policy", "lint", str(file)).code == 0
    assert say("policy", "fmt", "--check", str(file)).code == 0
    assert "nothing to do" in say("policy", "migrate", str(file)).out


def test_a_file_that_is_there_is_kept(say: Say, tmp_path: Path):
    file = tmp_path / "mine.yaml"
    file.write_text("mine")

    said = say("policy", "init", str(file))

    assert said.code == 1
    assert said.err == f"error: {file} is there already\nhint: --force writes over it\n"
    assert file.read_text() == "mine"
    assert say("policy", "init", str(file), "--force", "--from", "minimal").code == 0
    assert compiled(file.read_bytes()).policy is not None


def test_what_to_begin_with_is_answered_with_the_nearest(say: Say, tmp_path: Path):
    said = say("policy", "init", str(tmp_path / "x.yaml"), "--from", "minmal")

    assert said.code == 2
    assert "hint: did you mean 'minimal'?" in said.err
    assert not (tmp_path / "x.yaml").exists()


def test_every_start_is_offered_and_its_tests_are_not(say: Say):
    said = say("policy", "init", "--from", "nothing-like-it")

    offered = said.err.splitlines()[1].removeprefix("hint: ").split(", ")
    assert offered == ["minimal", "own", *shipped.policy_names()]
    assert not any("test" in name for name in offered)


# ── fmt ───────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def untidy(tmp_path: Path) -> Path:
    file = tmp_path / "untidy.yaml"
    file.write_text(UNTIDY)
    file.chmod(0o640)
    return file


def test_fmt_prints_the_canonical_layout_and_changes_nothing(say: Say, untidy: Path):
    assert say("policy", "fmt", str(untidy)).out == TIDY
    assert untidy.read_text() == UNTIDY


def test_fmt_lays_out_what_is_piped_in(tmp_path: Path):
    assert in_a_process(tmp_path, "policy", "fmt", "-", input=UNTIDY).stdout == TIDY


def test_fmt_checks_without_writing(say: Say, untidy: Path):
    said = say("policy", "fmt", "--check", str(untidy), "default")

    assert said.code == 1
    assert [line.split(":")[0] for line in said.out.splitlines()] == [str(untidy)]
    assert untidy.read_text() == UNTIDY


def test_fmt_writes_in_place_through_a_link_and_keeps_permissions(say: Say, untidy: Path):
    link = untidy.with_name("link.yaml")
    link.symlink_to(untidy)

    assert say("policy", "fmt", "--write", str(link)).code == 0

    assert untidy.read_text() == TIDY
    assert link.is_symlink()
    assert untidy.stat().st_mode & 0o777 == 0o640
    assert say("policy", "fmt", "--check", str(untidy)).code == 0
    assert list(untidy.parent.glob(".*")) == []


def test_fmt_shows_the_difference(say: Say, untidy: Path):
    said = say("policy", "fmt", "--diff", str(untidy))

    assert said.code == 0
    assert "-    - {restart: {}}" in said.out.splitlines()
    assert "+      - restart" in said.out.splitlines()


def test_fmt_refuses_what_is_no_yaml(say: Say, tmp_path: Path):
    (tmp_path / "bad.yaml").write_text("a: [\n")

    said = say("policy", "fmt", "--write", str(tmp_path / "bad.yaml"))

    assert said.code == 5
    assert "Y001" in said.err
    assert (tmp_path / "bad.yaml").read_text() == "a: [\n"


@pytest.mark.parametrize("args", [("-", "--write"), ("default", "default")])
def test_fmt_says_what_makes_no_sense(say: Say, args: tuple[str, ...]):
    assert say("policy", "fmt", *args).code == 2


def test_scripts_are_told_which_files_are_laid_out(say: Say, untidy: Path):
    before = say("policy", "fmt", "--check", "--json", str(untidy), "default")
    written = json.loads(say("policy", "fmt", "--write", "--json", str(untidy)).out)

    assert before.code == 1
    assert json.loads(before.out)["files"] == [
        {"file": str(untidy), "laid_out": False, "written": False},
        {"file": "default", "laid_out": True, "written": False},
    ]
    assert written["files"] == [{"file": str(untidy), "laid_out": True, "written": True}]
    assert untidy.read_text() == TIDY


def test_scripts_are_told_what_was_begun_with(say: Say, tmp_path: Path):
    file = tmp_path / "mine.yaml"

    document = json.loads(say("policy", "init", str(file), "--json").out)

    assert document == {"schema_version": 1, "file": str(file), "from": "own"}


# ── migrate ───────────────────────────────────────────────────────────────────────────────────


def test_migrate_shows_the_difference_and_writes_when_told_to(say: Say, tmp_path: Path):
    file = tmp_path / "draft.yaml"
    file.write_text(DRAFT)

    shown = say("policy", "migrate", str(file))

    assert shown.code == 0
    assert "-    hold: 5m" in shown.out.splitlines()
    assert "+    for: 5m" in shown.out.splitlines()
    assert file.read_text() == DRAFT
    assert say("policy", "migrate", str(file), "--write").code == 0
    assert file.read_text() == TODAY
    assert say("policy", "migrate", str(file)).out == (
        f"{file}: nothing to do; it is written in version 1\n"
    )


def test_migrate_tells_scripts_each_word(say: Say, tmp_path: Path):
    file = tmp_path / "draft.yaml"
    file.write_text(DRAFT)

    document = json.loads(say("policy", "migrate", str(file), "--json").out)

    assert document["written"] is False
    assert document["version"] == 1
    assert {"line": 9, "before": "hold", "after": "for"} in document["changes"]


def test_migrate_refuses_a_version_of_the_future(say: Say, tmp_path: Path):
    (tmp_path / "new.yaml").write_text("version: 7\nrules: []\n")

    said = say("policy", "migrate", str(tmp_path / "new.yaml"))

    assert said.code == 5
    assert "version 7 is newer" in said.err
