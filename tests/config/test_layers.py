"""Which layer a value is from: a variable wins over the file, the file over the default."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from palingenesis.runtime.config import Config, ConfigProblemsError, Origin
from palingenesis.runtime.config_environment import typed, variable_of
from palingenesis.runtime.config_file import load_config, parse_config
from palingenesis.runtime.config_keys import SECTIONS, all_names, find_key
from palingenesis.runtime.config_shown import HIDDEN, as_toml, shown
from palingenesis.runtime.paths import Paths
from palingenesis.runtime.project_config import told_of_project

FILE = Path("/home/ada/config.toml")


def test_a_variable_wins_over_the_file_and_the_file_over_the_default():
    text = '[daemon]\nlog_level = "warn"\ncheck_interval = "9s"\n'

    config = parse_config(text, FILE, {"PALINGENESIS_DAEMON_LOG_LEVEL": "debug"})

    origins = {(it.section, it.name): it.origin for it in shown(config)}
    assert config.daemon.log_level == "debug"
    assert origins["daemon", "log_level"] == Origin(variable="PALINGENESIS_DAEMON_LOG_LEVEL")
    assert str(origins["daemon", "check_interval"]) == "/home/ada/config.toml:3"
    assert origins["opencode", "serve_port"] is None


def test_a_variable_works_without_a_file(tmp_path: Path):
    paths = Paths(state=tmp_path, config=tmp_path, runtime=tmp_path, cache=tmp_path)

    config = load_config(paths, {"PALINGENESIS_OPENCODE_SERVE_PORT": "0"})

    assert config.opencode.serve_port == 0
    assert config.source is None
    assert load_config(paths, {}) == Config()


@pytest.mark.parametrize(
    ("variable", "text", "value"),
    [
        ("PALINGENESIS_OPENCODE_AUTO_RESTART", "false", False),
        ("PALINGENESIS_OPENCODE_SERVE_HOSTNAME", "::1", "::1"),
        ("PALINGENESIS_OPENCODE", "/opt/opencode", "/opt/opencode"),
        ("PALINGENESIS_OPENCODE_MODE", '"observed"', "observed"),
        ("PALINGENESIS_OPENCODE_EXECUTABLE", "", None),
    ],
)
def test_a_variable_needs_no_quotes_and_may_have_them(variable: str, text: str, value: object):
    opencode = parse_config("", FILE, {variable: text}).opencode

    found = {
        "PALINGENESIS_OPENCODE_AUTO_RESTART": opencode.auto_restart,
        "PALINGENESIS_OPENCODE_SERVE_HOSTNAME": opencode.serve_hostname,
        "PALINGENESIS_OPENCODE": opencode.executable,
        "PALINGENESIS_OPENCODE_MODE": opencode.mode,
        "PALINGENESIS_OPENCODE_EXECUTABLE": opencode.executable,
    }
    assert found[variable] == value


def test_a_variable_with_a_wrong_value_is_a_problem_that_names_it():
    with pytest.raises(ConfigProblemsError) as caught:
        parse_config("", FILE, {"PALINGENESIS_OPENCODE_SERVE_PORT": "http"})

    (problem,) = caught.value.problems
    assert problem == (
        "PALINGENESIS_OPENCODE_SERVE_PORT: error: it has a wrong value\n"
        "  help: expected a whole number from 0 to 65535"
    )


def test_a_misspelt_variable_is_told_with_the_one_that_was_meant():
    config = parse_config("", FILE, {"PALINGENESIS_DAEMON_LOG_LEVLE": "debug"})

    assert config.warnings == (
        (
            "PALINGENESIS_DAEMON_LOG_LEVLE: warning: no key has this variable;"
            " did you mean PALINGENESIS_DAEMON_LOG_LEVEL?"
        ),
    )


def test_every_key_has_a_variable_of_its_own():
    variables = [variable_of(section, key) for section, keys in SECTIONS.items() for key in keys]

    assert len(set(variables)) == len(variables) == len(all_names())


def test_a_list_may_be_typed_with_commas():
    key = find_key("monitoring", "assistants")
    assert key is not None

    assert typed(key.kind, "opencode, codex") == ["opencode", "codex"]
    assert typed(key.kind, '["opencode"]') == ["opencode"]
    assert typed(key.kind, "[]") == []


def test_an_address_that_is_a_secret_is_not_shown_and_a_reference_is():
    config = parse_config(
        "[notifications]\nwebhook_url = 'https://example.org/secret'\n"
        "slack_webhook = { command = ['pass', 'show', 'slack'] }\n",
        FILE,
    )

    values = {it.name: it.value for it in shown(config)}

    assert values["webhook_url"] == HIDDEN
    assert values["slack_webhook"] == {"command": ["pass", "show", "slack"]}


def test_what_is_shown_is_toml_that_means_the_same():
    text = (
        "[daemon]\ncheck_interval = '1m30s'\n[journal]\nmax_size = '2GiB'\nretention = '2w'\n"
        "[metrics]\nlisten = '[::1]:9464'\n[notifications]\nntfy_token = { env = 'X' }\n"
        "[hooks.backup]\nargv = ['/bin/true', \"a'\\n\\\"b\"]\n"
    )
    config = parse_config(text, FILE)

    again: dict[str, list[str]] = {}
    for it in shown(config):
        if it.value is not None:
            again.setdefault(it.section, []).append(f"{it.name} = {as_toml(it.value)}")
    told = "\n".join(f"[{section}]\n" + "\n".join(rows) for section, rows in again.items())

    assert parse_config(told, FILE) == config


@given(st.text(max_size=30))
def test_every_text_is_written_so_that_toml_reads_it_back(text: str):
    import tomllib

    safe = text.encode("utf-8", "replace").decode("utf-8")

    assert tomllib.loads(f"it = {as_toml(safe)}")["it"] == safe


def test_a_projects_file_is_not_read_and_that_is_said(tmp_path: Path):
    below = tmp_path / "project" / "src"
    below.mkdir(parents=True)
    assert told_of_project(below) == []

    (tmp_path / "project" / ".palingenesis").mkdir()
    (tmp_path / "project" / ".palingenesis" / "config.toml").write_text("[hooks.x]\nargv=['rm']")

    (told,) = told_of_project(below)
    assert "project/.palingenesis/config.toml: warning: it is not read" in told


def test_a_newer_version_is_refused_and_todays_is_not():
    assert parse_config("version = 1\n", FILE).warnings == ()
    with pytest.raises(ConfigProblemsError) as caught:
        parse_config("version = 2\n[future]\nkey = 1\n", FILE)

    (problem,) = caught.value.problems
    assert problem == (
        "/home/ada/config.toml: error: it is written in version 2, and this palingenesis reads"
        " version 1\n  help: update palingenesis"
    )


@pytest.mark.parametrize("version", ["0", "true", "'1'", "1.0", "[]"])
def test_a_version_that_is_none_is_refused(version: str):
    with pytest.raises(ConfigProblemsError, match="has a problem"):
        parse_config(f"version = {version}\n", FILE)


def test_a_key_of_earlier_days_still_works_and_says_its_name_of_today():
    config = parse_config("[journal]\nkeep = '30d'\n", FILE)

    assert config.journal.keep.days == 30
    assert config.warnings == (
        (
            "/home/ada/config.toml:2:1: warning: 'journal.keep' is called 'journal.retention' now:"
            " palingenesis config migrate"
        ),
    )
