"""`config` and `monitors`, as a person types them."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.cli.test_commands import Say, environment, say

__all__ = ["say"]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    tmp_path.chmod(0o700)
    (tmp_path / "c").mkdir(mode=0o700, exist_ok=True)
    return tmp_path / "c" / "config.toml"


def write(file: Path, text: str) -> None:
    file.write_text(text)
    file.chmod(0o600)


def test_a_value_is_set_shown_with_its_origin_and_taken_out_again(say: Say, file: Path):
    assert say("config", "set", "daemon.log_level", "debug").out == 'daemon.log_level = "debug"\n'
    again = say("config", "set", "daemon.log_level", "debug")
    shown = say("config", "show", "--origin", PALINGENESIS_DAEMON_CHECK_INTERVAL="9s")
    unset = say("config", "unset", "daemon.log_level")

    assert again.out == 'daemon.log_level = "debug" (so it was already)\n'
    assert shown.out.splitlines()[:3] == [
        "[daemon]",
        'check_interval = "9s"  # PALINGENESIS_DAEMON_CHECK_INTERVAL',
        f'log_level = "debug"  # {file}:2',
    ]
    assert 'mode = "managed"  # default' in shown.out
    assert unset.out == "daemon.log_level is not set any more\n"
    assert file.read_text() == "[daemon]\n"


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("daemon.log_levl", "daemon.log_level"),
        ("log_level", "daemon.log_level"),
        ("deamon.log_level", "daemon.log_level"),
        ("journal.retenton", "journal.retention"),
    ],
)
def test_a_misspelt_key_is_refused_with_the_one_that_was_meant(
    say: Say, file: Path, typed: str, meant: str
):
    said = say("config", "set", typed, "x")

    assert said.code == 2
    assert f"did you mean '{meant}'?" in said.err
    assert not file.exists()


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        ("daemon.nope", "[daemon] has check_interval, log_level, log_format"),
        ("daemon", "'daemon' is a section: [daemon] has check_interval, log_level, log_format"),
        ("hooks.backup.prog", "[hooks.NAME] has argv, timeout"),
        ("hooks", "[hooks.NAME] has argv, timeout"),
        ("nope", "sections: daemon, opencode, "),
        ("hooks.backup.arg", "did you mean 'hooks.backup.argv'?"),
    ],
)
def test_a_key_that_is_like_none_is_refused_with_those_that_there_are(
    say: Say, file: Path, typed: str, told: str
):
    for words in (("set", typed, "x"), ("unset", typed)):
        said = say("config", *words)

        assert said.code == 2
        assert f"error: there is no key '{typed}'\nhint: {told}" in said.err
        assert not file.exists()


def test_a_value_that_the_key_cannot_have_is_refused(say: Say, file: Path):
    said = say("config", "set", "daemon.check_interval", "5")

    assert said.code == 5
    assert "expected a span from 100ms to 1h" in said.err
    assert not file.exists()


def test_a_key_of_earlier_days_is_set_under_its_name_of_today(say: Say, file: Path):
    assert say("config", "set", "journal.keep", "30d").code == 0

    assert file.read_text() == '[journal]\nretention = "30d"\n'


def test_a_variable_that_wins_over_what_was_set_is_told(say: Say, file: Path):
    said = say("config", "set", "daemon.log_level", "warn", PALINGENESIS_DAEMON_LOG_LEVEL="debug")

    assert said.code == 0
    assert "PALINGENESIS_DAEMON_LOG_LEVEL is set, and wins over the file" in said.err


def test_an_address_is_never_printed(say: Say, file: Path):
    url = "https://hooks.slack.com/services/T0/B0/sesame"

    told = say("config", "set", "notifications.slack_webhook", url)
    shown = say("config", "show")
    document = json.loads(say("config", "show", "--json").out)

    assert "sesame" not in told.out + told.err + shown.out + shown.err + json.dumps(document)
    assert document["values"]["notifications"]["slack_webhook"]["hidden"] is True
    assert url in file.read_text()


def test_init_writes_a_commented_file_once(say: Say, file: Path):
    first, second = say("config", "init"), say("config", "init")

    assert first.out.startswith(f"wrote {file}\n")
    assert second.code == 1
    assert "is there already" in second.err
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.read_text().startswith("#:schema file://")
    assert say("config", "validate").code == 0


def test_the_forms_tell_the_same(say: Say, file: Path):
    write(file, '[hooks.backup]\nargv = ["/bin/true"]\n')

    as_json = json.loads(say("config", "show", "--json").out)
    as_yaml = yaml.safe_load(say("config", "show", "--yaml").out)

    assert as_json == as_yaml
    assert as_json["values"]["hooks.backup"]["argv"] == {
        "value": ["/bin/true"],
        "hidden": False,
        "origin": {"kind": "file", "file": str(file), "line": 2, "column": 1},
        "live": True,
    }
    assert say("config", "show", "--json", "--yaml").code == 2


def test_validate_tells_every_mistake_with_its_place_and_says_so_by_its_exit_code(
    say: Say, file: Path
):
    write(file, '[daemon]\nlog_levl = "info"\n[opencode]\nserve_port = "x"\n')

    said = say("config", "validate")
    document = json.loads(say("config", "validate", "--json").out)

    assert said.code == 5
    assert f"{file}:2:1: error: unknown key 'daemon.log_levl'" in said.err
    assert f"{file}:4:1: error: 'opencode.serve_port' has a wrong value" in said.err
    assert document["valid"] is False
    assert len(document["problems"]) == 2


def test_validate_says_which_policy_decides_and_that_it_wins_over_the_short_hands(
    say: Say, file: Path
):
    write(file, "[resume]\nmax_retries = 3\n")

    short = say("config", "validate")
    (file.parent / "policy.yaml").write_text("version: 1\n")
    own = say("config", "validate")

    assert "policy: " in short.out
    assert short.out.rstrip().endswith("from-config.yaml ([resume] in config.toml)")
    assert f"warning: [resume] has no effect: your own policy {file.parent}/policy.yaml" in own.out
    assert own.code == 0


def test_validate_warns_about_what_is_named_and_is_not_there(say: Say, file: Path):
    write(
        file,
        '[policy]\npath = "gone.yaml"\n[notifications]\nntfy_token = { env = "NOBODY" }\n'
        'slack_webhook = { command = ["touch", "/nowhere/at/all"] }\n',
    )

    said = say("config", "validate")

    assert said.code == 0
    assert f"warning: the policy {file.parent}/gone.yaml is not there" in said.out
    assert "warning: notifications.ntfy_token: a secret is missing" in said.out
    assert "slack_webhook" not in said.out


def test_validate_warns_once_of_telemetry_that_cannot_be_sent(file: Path, tmp_path: Path):
    write(file, "[otel]\nenabled = true\nendpoint = 'http://127.0.0.1:4317'\n")
    without_grpc = (
        "import sys; sys.modules['grpc'] = None\n"
        "from palingenesis.surfaces.cli.program import run\n"
        "sys.exit(run(['config', 'validate']))"
    )

    said = subprocess.run(
        [sys.executable, "-c", without_grpc],
        env={**environment(tmp_path), "PYTHONPATH": "engine"},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )

    (warning,) = (line for line in said.stdout.splitlines() if "[otel]" in line)
    assert warning.startswith(f"{file}: warning: [otel] is on, and nothing would be sent: port")


def test_a_wrong_variable_is_blamed_and_not_the_file(say: Say, file: Path):
    variable = {"PALINGENESIS_DAEMON_LOG_LEVEL": "loud"}

    alone = say("config", "validate", **variable)
    write(file, "[daemon]\nlog_levl = 'info'\n")
    both = say("config", "validate", **variable)

    assert alone.code == both.code == 5
    assert "PALINGENESIS_DAEMON_LOG_LEVEL: error: it has a wrong value" in alone.err
    assert alone.err.endswith(
        "error: the environment has a problem\n"
        "hint: correct PALINGENESIS_DAEMON_LOG_LEVEL, or unset it\n"
    )
    assert both.err.endswith(
        f"error: the configuration {file} and the environment have 2 problems\n"
        "hint: correct the file, and correct or unset PALINGENESIS_DAEMON_LOG_LEVEL\n"
    )


def test_a_secret_that_a_start_would_miss_is_a_mistake_with_its_place(say: Say, file: Path):
    write(
        file,
        '[notifications]\nntfy_topic = "night"\nntfy_token = { env = "NOBODY" }\n'
        'discord_webhook = { env = "DISCORD" }\nslack_webhook = { command = ["false"] }\n',
    )
    discord = "http://example.org/x"

    said = say("config", "validate", DISCORD=discord)
    document = json.loads(say("config", "validate", "--json", DISCORD=discord).out)

    assert said.code == 5
    assert f"{file}:3:1: error: notifications.ntfy_token: a secret is missing" in said.err
    assert f"{file}:4:1: error: notifications.discord_webhook: a notification addr" in said.err
    assert "slack_webhook" not in said.err
    assert len(document["problems"]) == 2
    assert say("config", "validate", DISCORD="https://e.org/x", NOBODY="here").code == 0


def test_a_secret_that_only_the_service_has_is_no_mistake(say: Say, file: Path):
    write(file, '[notifications]\nwebhook_url = { env = "HOOK" }\n')
    write(file.parent / "environment", "HOOK=https://example.org/x\n")

    said = say("config", "validate")

    assert said.code == 0
    assert "warning: notifications.webhook_url: a secret is missing" in said.out


@pytest.mark.parametrize("key", ["webhook_url", "discord_webhook", "slack_webhook", "ntfy_url"])
@pytest.mark.parametrize(
    "url", ["http://example.org/x", "https://me:sesame@example.org/", "https://example.org:99999/"]
)
def test_an_address_that_the_daemon_would_refuse_cannot_be_set(
    say: Say, file: Path, key: str, url: str
):
    said = say("config", "set", f"notifications.{key}", url)

    assert said.code == 5
    assert "expected an address that begins with https://, unless it is on this machine" in said.err
    assert url not in said.err
    assert not file.exists()


@pytest.mark.parametrize("url", ["http://localhost:8080/x", "http://127.0.0.1", "http://[::1]/x"])
def test_an_address_of_this_machine_may_be_a_plain_one(say: Say, file: Path, url: str):
    assert say("config", "set", "notifications.webhook_url", url).code == 0

    assert say("config", "validate").code == 0


def test_a_missing_file_is_valid(say: Say, file: Path):
    said = say("config", "validate")

    assert said.code == 0
    assert f"{file}: there is no such file; the defaults hold" in said.out


@pytest.mark.parametrize("kind", ["folder", "pipe", "huge", "bytes", "foreign"])
def test_a_file_that_is_none_is_one_clear_error_for_every_command(say: Say, file: Path, kind: str):
    match kind:
        case "folder":
            file.mkdir(mode=0o700)
        case "pipe":
            os.mkfifo(file, 0o600)
        case "huge":
            write(file, "#" * 10_000_000)
        case "bytes":
            file.write_bytes(b"\xff\xfe")
            file.chmod(0o600)
        case _:
            write(file, "")
            file.chmod(0o666)

    for command in (("validate",), ("show",), ("set", "daemon.log_level", "debug"), ("migrate",)):
        said = say("config", *command)
        if kind == "pipe" and said.code == 0:
            continue  # a pipe that nobody writes into may read as empty
        assert said.code == 5, (command, said)
        assert said.err.count("error:") >= 1
        assert "Traceback" not in said.err


def test_the_editor_is_the_persons_and_the_file_is_checked_after(
    say: Say, file: Path, tmp_path: Path
):
    editor = tmp_path / "my editor"
    editor.write_text('#!/bin/sh\necho "$2" >> "$3"\n')
    editor.chmod(0o700)

    good = say("config", "edit", VISUAL=f"'{editor}' -x '[hooks]'", EDITOR="false")
    bad = say("config", "edit", VISUAL=f"'{editor}' -x '[demon]'")

    assert (good.code, good.out) == (0, f"{file}: valid\n")
    assert bad.code == 5
    assert "did you mean 'daemon'?" in bad.err
    assert "[demon]" in file.read_text()


def test_an_editor_that_fails_or_is_not_there_is_told(say: Say, file: Path):
    assert "the editor ended with 1" in say("config", "edit", EDITOR="false").err
    gone = say("config", "edit", EDITOR="no-such-editor")
    none = say("config", "edit", PATH="/nowhere")
    nobody = say("config", "edit", PATH="/usr/bin:/bin")

    assert "cannot run the editor no-such-editor" in gone.err
    assert "hint: set EDITOR" in none.err
    assert nobody.err.startswith("error: there is no terminal for an editor here\nhint: set EDITOR")
    assert {gone.code, none.code, nobody.code} == {1}


def test_a_migration_keeps_the_file_of_before(say: Say, file: Path):
    write(file, '[journal]\nkeep = "30d"  # a month\n')

    dry = say("config", "migrate", "--dry-run")
    done = say("config", "migrate")
    again = say("config", "migrate")

    assert '+retention = "30d"  # a month' in dry.out
    assert done.code == 0
    assert file.read_text() == '[journal]\nretention = "30d"  # a month\n'
    (copy,) = file.parent.glob("config-backup-*.toml")
    assert copy.read_text() == '[journal]\nkeep = "30d"  # a month\n'
    assert again.out == f"{file}: nothing to do\n"


def test_a_schema_is_printed_for_the_editor(say: Say):
    assert json.loads(say("config", "schema").out)["title"] == "palingenesis: config.toml"


# ── monitors ──────────────────────────────────────────────────────────────────────────────────


def test_what_was_found_of_each_assistant_is_listed(say: Say, file: Path, tmp_path: Path):
    program = tmp_path / "bin" / "claude"
    program.parent.mkdir()
    shutil.copy("/bin/true", program)
    (tmp_path / ".codex").mkdir()

    said = say("monitors", "list", PATH=str(program.parent))
    document = json.loads(say("monitors", "list", "--json", PATH=str(program.parent)).out)

    rows = {row["name"]: row for row in document["assistants"]}
    assert f"program    {program}" in said.out
    assert rows["claude-code"]["program"] == str(program)
    assert rows["codex"]["state"] == str(tmp_path / ".codex")
    assert rows["opencode"]["supervised"] is True
    assert "claude-code  not available yet" in said.out


def test_an_assistant_is_removed_and_added_and_both_may_be_said_twice(say: Say, file: Path):
    assert say("monitors", "add", "opencode").out == (
        "opencode is supervised (so it was already)\n"
    )
    assert not file.exists()

    assert say("monitors", "remove", "opencode").out == "opencode is not supervised\n"
    assert file.read_text() == '[monitoring]\nassistants = ["none"]\n'
    assert say("monitors", "remove", "opencode").out == (
        "opencode is not supervised (so it was already)\n"
    )
    assert say("monitors", "add", "opencode").out == "opencode is supervised\n"
    assert file.read_text() == '[monitoring]\nassistants = ["opencode"]\n'


def test_an_assistant_that_is_known_and_not_available_is_said_to_be_so(say: Say, file: Path):
    said = say("monitors", "add", "claude-code")

    assert said.code == 0
    assert said.out == "claude-code is known, and not available yet: it is not supervised\n"
    assert file.read_text() == '[monitoring]\nassistants = ["opencode", "claude-code"]\n'


def test_a_misspelt_assistant_is_refused_with_the_one_that_was_meant(say: Say, file: Path):
    said = say("monitors", "add", "claud-code")

    assert said.code == 2
    assert "did you mean 'claude-code'?" in said.err
