"""OpenCode's isolated home."""

import json
from pathlib import Path

from palingenesis.demo.opencode_home import OpenCodeHome, merged


def test_everything_that_opencode_writes_lies_below_the_root(tmp_path: Path):
    home = OpenCodeHome(tmp_path)

    home.build("http://127.0.0.1:1/v1")

    variables = home.environment()
    places = [variables[name] for name in variables if name == "HOME" or name.startswith("XDG_")]
    assert len(places) == 5
    assert all(Path(place).is_relative_to(tmp_path) for place in places)
    assert home.config_file.is_relative_to(tmp_path)
    assert (home.project / ".git").is_dir()


def test_the_configuration_knows_only_the_scripted_provider(tmp_path: Path):
    home = OpenCodeHome(tmp_path)

    config = home.build("http://127.0.0.1:1/v1", {"compaction": {"auto": False}})

    assert json.loads(home.config_file.read_text(encoding="utf-8")) == config
    assert sorted(config["provider"]) == sorted(config["enabled_providers"])
    assert {entry["options"]["baseURL"] for entry in config["provider"].values()} == {
        "http://127.0.0.1:1/v1"
    }
    assert config["compaction"] == {"auto": False}


def test_secrets_of_the_person_are_not_handed_on(tmp_path: Path):
    variables = OpenCodeHome(tmp_path).environment({"A": "1", "PATH": None})

    assert variables["A"] == "1"
    assert "PATH" not in variables
    assert not any("KEY" in name or "TOKEN" in name for name in variables)


def test_building_twice_keeps_the_project(tmp_path: Path):
    home = OpenCodeHome(tmp_path)
    home.build("http://127.0.0.1:1/v1")
    (home.project / "README.md").write_text("changed", encoding="utf-8")

    home.build("http://127.0.0.1:2/v1")

    assert (home.project / "README.md").read_text(encoding="utf-8") == "changed"


def test_none_removes_a_key_at_any_depth():
    assert merged({"a": {"b": 1, "c": 2}, "d": 3}, {"a": {"b": None}, "d": None}) == {"a": {"c": 2}}
