"""The environment that it finds itself in changes nothing of what a command says."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.test_commands import environment

ENGINE = Path(__file__).parents[2] / "engine"
COMMANDS = (
    ("policy", "validate", "default"),
    ("policy", "simulate", "--reason", "quota"),
    ("status", "--json"),
    ("policy", "validate", "/nonexistent.yaml"),
)
HOSTILE: dict[str, dict[str, str | None]] = {
    "a proxy": dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"), "http://127.0.0.1:9"),
    "no home": {"HOME": None, "XDG_CONFIG_HOME": None},
    "no language": {"LANG": "C", "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    "a zone that is none": {"TZ": "../../etc/passwd"},
    "certificates that are none": {"SSL_CERT_FILE": "/nonexistent", "SSLKEYLOGFILE": "/x/y"},
    "narrow and dumb": {"COLUMNS": "1", "LINES": "0", "TERM": "dumb"},
    "Python's own": {"PYTHONWARNINGS": "error", "PYTHONHASHSEED": "7", "PYTHONOPTIMIZE": ""},
    "odd bytes": {"ODD": "\udcff\udcfe", "OPENAI_API_KEY": "\udcff" * 20},
}


def said(
    folder: Path, hostile: dict[str, str | None], words: tuple[str, ...]
) -> tuple[object, ...]:
    variables: dict[str, str | None] = {**environment(folder), "PYTHONPATH": str(ENGINE), **hostile}
    done = subprocess.run(
        [sys.executable, "-m", "palingenesis", *words],
        env={name: value for name, value in variables.items() if value is not None},
        cwd=folder,
        capture_output=True,
        timeout=60,
        check=False,
    )
    told = done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace")
    return done.returncode, *(" ".join(text.split()) for text in told)


@pytest.mark.parametrize("hostile", HOSTILE)
def test_a_hostile_environment_changes_nothing(tmp_path: Path, hostile: str):
    for words in COMMANDS:
        as_ever = said(tmp_path, {}, words)

        assert said(tmp_path, HOSTILE[hostile], words) == as_ever
        assert "Traceback" not in str(as_ever)


@pytest.mark.parametrize("errors", ["strict", "surrogateescape"])
def test_a_file_whose_name_is_no_text_is_named_as_it_is(tmp_path: Path, errors: str):
    name = os.fsdecode(b"n\xe4cht.yaml")
    strict = {"PYTHONIOENCODING": f"utf-8:{errors}"}
    for words, told in (
        (("policy", "init", name), b"wrote n\xe4cht.yaml (from own)\n"),
        (
            ("policy", "migrate", name),
            b"n\xe4cht.yaml: nothing to do; it is written in version 1\n",
        ),
    ):
        done = subprocess.run(
            [sys.executable, "-m", "palingenesis", *words],
            env={**environment(tmp_path), "PYTHONPATH": str(ENGINE), **strict},
            cwd=tmp_path,
            capture_output=True,
            timeout=60,
            check=False,
        )

        assert (done.returncode, done.stderr) == (0, b"")
        assert done.stdout.startswith(told)


def test_a_folder_named_like_us_where_we_stand_is_not_imported(tmp_path: Path):
    (tmp_path / "palingenesis").mkdir()
    (tmp_path / "palingenesis" / "__init__.py").write_text("raise SystemExit('owned')\n")
    script = Path(sys.executable).with_name("palingenesis")
    if not script.exists():
        pytest.skip("palingenesis is not installed here as a command")

    done = subprocess.run(
        [script, "policy", "validate", "default"],
        env={**environment(tmp_path), "PATH": os.environ["PATH"]},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert "owned" not in done.stdout + done.stderr
    assert done.returncode == 0
