import os
import subprocess
import sys
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from palingenesis.core.errors import ExitCode, InvalidConfigError
from palingenesis.runtime.config import (
    Config,
    ConfigProblemsError,
    Listen,
    Secret,
    choose_policy,
)
from palingenesis.runtime.config_file import load_config, parse_config
from palingenesis.runtime.paths import Paths

FILE = Path("config.toml")

FROM_THE_REQUIREMENTS = """
[daemon]
check_interval = "5s"
log_level = "info"               # debug, info, warn, error

[opencode]
auto_restart = true
serve_port = 4096
serve_hostname = "127.0.0.1"
restart_delay_ms = 1000
health_check_interval = "5s"

[monitoring]
assistants = ["claude-code"]
session_dir = "~/.opencode"

[resume]
rate_limit_strategy = "wait"     # wait, skip, new-session
context_strategy = "new-session" # new-session, abort
backup_before_new = true
max_retries = 3

[notifications]
discord_webhook = ""
slack_webhook = ""
ntfy_topic = ""
webhook_url = ""

[otel]
enabled = false
endpoint = "http://localhost:4317"
service_name = "palingenesis"
"""


def problems(text: str | bytes) -> tuple[str, ...]:
    with pytest.raises(ConfigProblemsError) as caught:
        parse_config(text, FILE)
    assert caught.value.exit_code is ExitCode.INVALID
    return caught.value.problems


def paths_in(folder: Path) -> Paths:
    folder.chmod(0o700)
    return Paths(state=folder, config=folder, runtime=folder, cache=folder)


def test_no_file_means_the_defaults(tmp_path: Path):
    assert load_config(paths_in(tmp_path)) == Config()


def test_the_configuration_of_the_requirements_is_accepted_and_says_what_is_not_there_yet():
    config = parse_config(FROM_THE_REQUIREMENTS, FILE)

    assert config.daemon == Config().daemon
    assert config.opencode == Config().opencode
    assert config.notifications == Config().notifications
    assert config.resume.max_retries == 3
    assert config.warnings == (
        "config.toml:14:1: warning: the assistant 'claude-code' is known, and not available yet",
        ("config.toml:14:1: warning: none of them is available: whatever is found is supervised"),
    )


def test_values_get_their_types():
    config = parse_config(
        """
        [daemon]
        check_interval = "1m30s"
        [opencode]
        restart_delay_ms = 250
        executable = "/opt/opencode"
        [notifications]
        webhook_url = "https://example.org/hook"
        webhook_secret = { env = "HOOK_SECRET" }
        ntfy_topic = { file = "~/topic" }
        [policy]
        path = "night.yaml"
        """,
        FILE,
    )

    assert config.daemon.check_interval == timedelta(seconds=90)
    assert config.opencode.restart_delay == timedelta(milliseconds=250)
    assert config.opencode.executable == "/opt/opencode"
    assert config.notifications.webhook_url == "https://example.org/hook"
    assert config.notifications.webhook_secret == Secret(env="HOOK_SECRET")
    assert config.notifications.ntfy_topic == Secret(file="~/topic")
    assert config.policy == "night.yaml"


def test_an_unknown_key_is_refused_with_its_place_and_a_suggestion():
    assert problems("[daemon]\nlog_levle = 'info'\n") == (
        "config.toml:2:1: error: unknown key 'daemon.log_levle'\n  help: did you mean 'log_level'?",
    )


def test_an_unknown_section_is_refused_with_a_suggestion():
    assert problems("[notification]\n") == (
        (
            "config.toml:1:2: error: unknown section 'notification'\n"
            "  help: did you mean 'notifications'?"
        ),
    )


def test_all_problems_are_told_at_once():
    assert problems("[daemon]\ncheck_interval = 5\n[opencode]\nserve_port = 'http'\n") == (
        (
            "config.toml:2:1: error: 'daemon.check_interval' has a wrong value\n"
            '  help: expected a span from 100ms to 1h with its unit, such as "5s"'
        ),
        (
            "config.toml:4:1: error: 'opencode.serve_port' has a wrong value\n"
            "  help: expected a whole number from 0 to 65535"
        ),
    )


def test_a_secret_in_the_file_itself_is_refused_without_being_repeated():
    (problem,) = problems('[notifications]\nwebhook_secret = "whsec_c2VjcmV0"\n')

    assert "c2VjcmV0" not in problem
    assert "{ env =" in problem


def test_broken_toml_is_told_with_line_and_column():
    (problem,) = problems("[daemon]\ncheck_interval = \n")

    assert problem.startswith("config.toml:2:18: error: invalid value")


@pytest.mark.parametrize(
    "text", [b"\xff\xfe", b"[" * 100_000, b"x" * 300_000, b"a=" + b"[" * 60_000, b"\0", b"\x1b[31m"]
)
def test_garbage_is_one_clear_problem_and_never_a_crash(text: bytes):
    (problem,) = problems(text)

    assert problem.startswith("config.toml")
    assert "\x1b" not in problem


@pytest.mark.parametrize("section", ["daemon", "opencode", "monitoring", "notifications", "otel"])
@pytest.mark.parametrize("value", ["5", "[1]", "[[1]]", "''", "{a=1}", "1979-05-27", "nan"])
def test_a_wrong_shape_anywhere_is_a_problem_or_harmless(section: str, value: str):
    for text in (f"{section} = {value}", f"[{section}]\nassistants = {value}\nwebhook_url={value}"):
        problems(text)


@given(st.text())
def test_no_text_at_all_crashes_the_reader(text: str):
    with suppress(ConfigProblemsError):
        parse_config(text, FILE)


def test_an_address_never_shows_in_a_repr():
    config = parse_config('[notifications]\nwebhook_url = "https://h.example/s3cret"\n', FILE)

    assert "s3cret" not in repr(config)


def test_a_file_that_others_can_write_to_is_refused(tmp_path: Path):
    (tmp_path / "config.toml").write_text("")
    (tmp_path / "config.toml").chmod(0o666)

    with pytest.raises(InvalidConfigError, match="can be written by other users"):
        load_config(paths_in(tmp_path))


def test_a_readable_webhook_address_is_warned_about(tmp_path: Path):
    (tmp_path / "config.toml").write_text('[notifications]\nwebhook_url = "https://h.example/x"\n')
    (tmp_path / "config.toml").chmod(0o644)

    (warning,) = load_config(paths_in(tmp_path)).warnings

    assert "chmod 600" in warning


def test_a_secret_is_found_in_the_environment_or_in_a_file(tmp_path: Path):
    (tmp_path / "secret").write_text("from the file\n")

    assert Secret(env="HOOK").reveal({"HOOK": "from the environment"}) == "from the environment"
    assert Secret(file=str(tmp_path / "secret")).reveal({}) == "from the file"


def test_a_secret_in_a_file_that_others_can_write_is_refused_with_the_way_out(tmp_path: Path):
    path = tmp_path / "secret"
    path.write_text("from a stranger")
    path.chmod(0o666)

    with pytest.raises(InvalidConfigError) as told:
        Secret(file=str(path)).reveal({})

    assert "can be written by other users" in told.value.message
    assert told.value.hint == f"chmod go-w {path}"


@pytest.mark.parametrize("value", ["two\nlines", "tab\there", "bell\x07", "ünïcode", "x" * 4097])
def test_a_secret_that_could_not_travel_in_a_header_is_refused_without_being_repeated(
    tmp_path: Path, value: str
):
    (tmp_path / "secret").write_text(value)

    for secret, environ in (
        (Secret(env="HOOK"), {"HOOK": value}),
        (Secret(file=str(tmp_path / "secret")), {}),
    ):
        with pytest.raises(InvalidConfigError) as told:
            secret.reveal(environ)
        assert value not in told.value.message


def test_a_secret_in_a_pipe_that_nobody_writes_into_does_not_hang_us(tmp_path: Path):
    os.mkfifo(tmp_path / "secret")

    with pytest.raises(InvalidConfigError, match="cannot read a secret"):
        Secret(file=str(tmp_path / "secret")).reveal({})


def test_the_variables_that_hold_our_secrets_are_known():
    config = parse_config(
        """
        [notifications]
        webhook_url = { env = "HOOK_URL" }
        webhook_secret = { file = "/run/secret" }
        ntfy_topic = "night"
        ntfy_token = { env = "NTFY_TOKEN" }
        """,
        FILE,
    )

    assert config.notifications.secret_variables == {"HOOK_URL", "NTFY_TOKEN"}


@pytest.mark.parametrize("secret", [Secret(env="HOOK"), Secret(file="/nonexistent/secret")])
def test_a_missing_secret_is_named_by_its_place(secret: Secret):
    with pytest.raises(InvalidConfigError, match=r"HOOK|/nonexistent/secret"):
        secret.reveal({})


def test_the_policy_is_chosen_by_flag_then_environment_then_configuration_then_own_file(
    tmp_path: Path,
):
    paths = paths_in(tmp_path)
    config = parse_config('[policy]\npath = "night.yaml"\n', tmp_path / "config.toml")
    said = {"PALINGENESIS_POLICY": "/env.yaml"}

    def chosen(flag: Path | None, environ: dict[str, str], config: Config) -> Path | None:
        return choose_policy(flag=flag, environ=environ, config=config, paths=paths).path

    assert chosen(Path("/flag.yaml"), said, config) == Path("/flag.yaml")
    assert chosen(None, said, config) == Path("/env.yaml")
    assert chosen(None, {}, config) == tmp_path / "night.yaml"
    assert chosen(None, {}, Config()) is None

    paths.policy_file.write_text("version: 1\n")

    assert chosen(None, {}, Config()) == paths.policy_file


# ── the journal's bounds ──────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("written", "count"),
    [("16MiB", 16 << 20), ("64 MiB", 64 << 20), ("2GiB", 2 << 30)],
)
def test_the_journals_bound_is_a_size_with_its_unit(written: str, count: int):
    config = parse_config(f'[journal]\nmax_size = "{written}"\nretention = "30d"\n', FILE)

    assert config.journal.max_size == count
    assert config.journal.keep == timedelta(days=30)


@pytest.mark.parametrize(
    "written", ['"15MiB"', '"65GiB"', '"64MB"', '"64"', "64", "true", '"٦٤MiB"']
)
def test_a_size_that_is_none_is_told_with_an_example(written: str):
    (problem,) = problems(f"[journal]\nmax_size = {written}\n")

    assert problem.startswith("config.toml:2:1: error: 'journal.max_size' has a wrong value")
    assert 'such as "64MiB"' in problem


@pytest.mark.parametrize("written", ['"23h"', '"0d"', '"101y"', "90", '"-5d"'])
def test_what_happened_stays_for_at_least_a_day(written: str):
    (problem,) = problems(f"[journal]\nretention = {written}\n")

    assert "expected a span of at least a day" in problem


@pytest.mark.parametrize(
    ("written", "host", "port"),
    [("127.0.0.1:9464", "127.0.0.1", 9464), ("localhost:0", "127.0.0.1", 0), ("[::1]:1", "::1", 1)],
)
def test_metrics_are_told_at_an_address_of_this_machine_alone(written: str, host: str, port: int):
    config = parse_config(f'[metrics]\nlisten = "{written}"\n', FILE)

    assert config.metrics.listen == Listen(host=host, port=port)


@pytest.mark.parametrize(
    "written", ["0.0.0.0:9464", "192.168.1.4:9464", "9464", "127.0.0.1", "127.0.0.1:65536", ":1"]
)
def test_metrics_are_told_to_no_other_machine(written: str):
    (problem,) = problems(f'[metrics]\nlisten = "{written}"\n')

    assert 'expected an address of this machine and a port, such as "127.0.0.1:9464"' in problem


def test_a_misspelt_assistant_is_an_error_with_the_one_that_was_meant():
    assert problems('[monitoring]\nassistants = ["opencod"]\n') == (
        "config.toml:2:1: error: there is no assistant 'opencod'\n  help: did you mean 'opencode'?",
    )


def test_nobody_is_said_alone():
    config = parse_config('[monitoring]\nassistants = ["none"]\n', FILE)
    (problem,) = problems('[monitoring]\nassistants = ["none", "opencode"]\n')

    assert not config.monitoring.has_somebody
    assert Config().monitoring.has_somebody
    assert "'none' stands alone" in problem


def script(folder: Path, text: str) -> Secret:
    folder.chmod(0o700)
    file = folder / "tell"
    file.write_text(f"#!/bin/sh\n{text}\n")
    file.chmod(0o700)
    return Secret(command=(str(file), "show"))


def test_a_secret_may_be_what_a_program_prints(tmp_path: Path):
    assert script(tmp_path, 'echo "  $1-secret "').reveal({}) == "show-secret"


def test_a_secrets_program_sees_little_of_our_environment(tmp_path: Path):
    told = script(tmp_path, 'echo "$HOME:$OPENAI_API_KEY:$PATH"')

    assert told.reveal({"HOME": "/home/ada", "OPENAI_API_KEY": "sk-1", "PATH": "/evil"}) == (
        "/home/ada::/usr/local/bin:/usr/bin:/bin"
    )


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("exit 3", "ended with 3"),
        ("true", "is empty"),
        ("echo one; echo two", "holds no secret that could be sent"),
        ("yes", "ended with|holds no secret"),
        ("head -c 100000 /dev/zero", "ended with|holds no secret"),
    ],
)
def test_what_is_no_secret_is_refused_without_being_repeated(tmp_path: Path, text: str, why: str):
    with pytest.raises(InvalidConfigError, match=why):
        script(tmp_path, text).reveal({})


def test_a_program_that_never_ends_is_ended_with_all_that_it_started(tmp_path: Path):
    with pytest.raises(InvalidConfigError, match=r"did not end within 0\.2 s"):
        script(tmp_path, "sleep 60 & sleep 60").reveal({}, patience_s=0.2)


def test_a_program_that_others_could_exchange_is_not_run(tmp_path: Path):
    told = script(tmp_path, "echo secret")
    (tmp_path / "tell").chmod(0o777)

    with pytest.raises(InvalidConfigError, match="is not run"):
        told.reveal({})


def test_a_program_that_is_not_there_is_named():
    with pytest.raises(InvalidConfigError, match="there is no program no-such-thing"):
        Secret(command=("no-such-thing",)).reveal({})


def test_a_file_that_the_machine_cannot_open_just_now_is_no_wrong_configuration(tmp_path: Path):
    (tmp_path / "config.toml").write_text("", encoding="utf-8")
    (tmp_path / "config.toml").chmod(0o600)
    program = """
import os, resource, sys
from pathlib import Path
from palingenesis.core.errors import PalingenesisError
from palingenesis.runtime.config_file import read_config_file
_, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (os.open("/", os.O_RDONLY), hard))
try:
    read_config_file(Path(sys.argv[1]))
except PalingenesisError as error:
    print(int(error.exit_code), error.message)
"""
    file = str(tmp_path / "config.toml")

    done = subprocess.run(
        [sys.executable, "-c", program, file],
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )

    assert done.stdout == f"75 cannot read {file}: too many open files\n"
