"""Which plugins are named like other drivers, in whatever way OpenCode is told of them."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from palingenesis.assistants.opencode.competitors import (
    Competitor,
    competing_drivers,
    configuration_folders,
)


def names(folder: Path) -> list[str]:
    return [one.name for one in competing_drivers([folder])]


def test_a_plugin_is_found_in_the_list_of_a_file_with_comments(tmp_path: Path):
    place = tmp_path / "opencode.jsonc"
    place.write_text(
        """{
          // "plugin": ["opencode-auto-retry"],
          "theme": "a // b, ]",  /* not
          this */
          "plugin": [
            "opencode-auto-resume@1.2.0",
            "@mte90/opencode-continue",
            ["opencode-ralph", {"max": 3}],
            "file:///home/anna/plugins/nudge/index.js",
            "opencode-gemini-auth", 7, {"a": 1}, [],
          ],
        }"""
    )

    found = competing_drivers([tmp_path])

    assert found[0] == Competitor(name="opencode-auto-resume", place=place)
    assert [one.name for one in found] == [
        "opencode-auto-resume",
        "opencode-continue",
        "opencode-ralph",
        "nudge",
    ]


@pytest.mark.parametrize("folder", ["plugin", "plugins"])
def test_a_plugin_is_found_where_it_lies(tmp_path: Path, folder: str):
    (tmp_path / folder / "ralph-loop").mkdir(parents=True)
    for name in (
        "auto_resume.js",
        "autoContinue.ts",
        "theme.js",
        "resume.md",
        "Palingenesis.js",
    ):
        (tmp_path / folder / name).write_text("")

    assert names(tmp_path) == ["autoContinue", "auto_resume", "ralph-loop"]


@pytest.mark.parametrize(
    ("name", "drives"),
    [
        ("opencode-auto-resume", True),
        ("auto-continue", True),
        ("ralph-wiggum", True),
        ("todo-continuation", True),
        ("keepalive", True),
        ("oh-my-opencode", True),
        ("opencode-queue", True),
        ("resumes-pdf", False),
        ("develooper", False),
        ("opencode-wakatime", False),
        ("palingenesis-resume", False),
        ("", False),
    ],
)
def test_a_name_tells_whether_it_is_one(tmp_path: Path, name: str, drives: bool):
    folder = tmp_path / "opencode"
    folder.mkdir()
    (folder / "opencode.json").write_text(f'{{"plugin": ["{name}"]}}')

    assert bool(names(folder)) is drives


@given(st.binary(max_size=200))
def test_a_file_of_any_content_is_read_or_is_none(tmp_path_factory, content: bytes):
    folder = tmp_path_factory.mktemp("config")
    (folder / "opencode.json").write_bytes(content)

    assert competing_drivers([folder]) == ()


def test_what_is_not_there_has_no_plugins(tmp_path: Path):
    (tmp_path / "opencode.json").mkdir()
    (tmp_path / "plugin").write_text("a file")
    (tmp_path / "config.json").write_text('{"plugin": "ralph"}')

    assert names(tmp_path) == []
    assert names(tmp_path / "nowhere") == []


def test_where_opencode_looks(tmp_path: Path):
    own = {"HOME": "/home/anna"}

    assert configuration_folders(own, [tmp_path]) == [
        Path("/home/anna/.config/opencode"),
        Path("/home/anna/.opencode"),
        tmp_path,
        tmp_path / ".opencode",
    ]
    moved = {**own, "XDG_CONFIG_HOME": "/c", "OPENCODE_CONFIG_DIR": "/d"}
    assert configuration_folders(moved, []) == [
        Path("/c/opencode"),
        Path("/home/anna/.opencode"),
        Path("/d"),
    ]
