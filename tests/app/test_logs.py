"""The daemon's log: a record is a line, and nobody else's text can make another one of it."""

import io
import json
import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TextIO

import pytest

from palingenesis.app.logs import (
    ForJournald,
    OneDocument,
    OneLine,
    Rotating,
    is_file,
    is_journald,
)
from palingenesis.app.secrecy import leave_no_core, remember_environment
from palingenesis.runtime.log_file import KEPT, log_files
from palingenesis.runtime.log_form import read_line
from palingenesis.wire.redaction import forget

HOSTILE = (
    "x\n2026-01-01 00:00:00,000 INFO palingenesis: all is well\r"
    "\x1b[2J\x9b31m\u202e\U000e0041\x00\x85\u2028y"
)


def logged(
    message: str,
    *args: object,
    error: BaseException | None = None,
    form: type[OneLine] = OneLine,
    level: int = logging.INFO,
) -> str:
    out = io.StringIO()
    handler = logging.StreamHandler(out)
    handler.setFormatter(form())
    exc_info = (type(error), error, error.__traceback__) if error is not None else None
    record = logging.LogRecord("palingenesis.x", level, "f", 1, message, args, exc_info)
    handler.emit(record)
    return out.getvalue()


def raised(text: str) -> BaseException:
    """An error that was really raised, so that it has a traceback."""
    with pytest.raises(ValueError) as caught:  # noqa: PT011  any text will do
        int(text)
    return caught.value


def test_a_record_is_one_line_whatever_is_in_it():
    told = logged("the title is %s", HOSTILE)

    assert told.count("\n") == 1
    assert told.rstrip("\n").isprintable()
    assert " INFO palingenesis.x: the title is x" in told


def test_the_lines_of_a_traceback_cannot_pass_for_records():
    first, *rest = logged("it broke", error=raised(HOSTILE)).splitlines()

    assert first.endswith("INFO palingenesis.x: it broke")
    assert len(rest) > 2
    assert all(line.startswith("  | ") and line.isprintable() for line in rest)


def test_a_secret_in_an_argument_or_a_traceback_is_redacted():
    error = raised("Authorization: Bearer abcdefghijkl")

    told = logged("called %s", "https://ada:pa55word@example.org", error=error)

    assert "pa55word" not in told
    assert "abcdefghijkl" not in told


def test_what_the_environment_calls_a_secret_is_one_for_the_log():
    remember_environment(
        {"MYPROVIDER_API_KEY": "0a1b2c3d4e5f6a7b", "SSH_AUTH_SOCK": "/run/agent.1"}
    )
    try:
        told = logged("it said: key 0a1b2c3d4e5f6a7b is not known at /run/agent.1")
    finally:
        forget("0a1b2c3d4e5f6a7b")

    assert "0a1b2c3d4e5f6a7b" not in told
    assert "/run/agent.1" in told


@pytest.mark.skipif(sys.platform == "win32", reason="there are no such limits")
def test_no_image_of_our_memory_is_left_when_we_crash():
    import resource

    before = resource.getrlimit(resource.RLIMIT_CORE)
    try:
        leave_no_core()

        assert resource.getrlimit(resource.RLIMIT_CORE)[0] == 0
    finally:
        resource.setrlimit(resource.RLIMIT_CORE, before)


def test_in_systemds_journal_every_line_has_its_priority_and_no_time():
    told = logged("it broke", error=raised("x"), form=ForJournald, level=logging.ERROR)

    first, *rest = told.splitlines()
    assert first == "<3>palingenesis.x: it broke"
    assert len(rest) > 2
    assert all(line.startswith("<3>  | ") for line in rest)


def test_as_a_document_it_says_the_same():
    told = logged("it %s", HOSTILE, error=raised("x"), form=OneDocument, level=logging.WARNING)

    assert told.count("\n") == 1
    document = json.loads(told)
    assert document["level"] == "warning"
    assert document["logger"] == "palingenesis.x"
    assert document["traceback"][-1].startswith("ValueError")


@pytest.mark.parametrize(
    ("number", "level"),
    [(10, "debug"), (25, "info"), (30, "warning"), (50, "critical"), (5, "debug")],
)
def test_a_record_says_how_important_it_is(number: int, level: str):
    record = read_line(logged("x", level=number).rstrip())

    assert record is not None
    assert record.level == level


def test_stderr_is_systemds_journal_only_if_it_is_the_very_stream():
    reader, writer = os.pipe()
    try:
        status = os.fstat(writer)
        named = {"JOURNAL_STREAM": f"{status.st_dev}:{status.st_ino}"}

        assert is_journald(writer, named)
        assert not is_journald(writer, {})
        assert not is_journald(2, named)
    finally:
        os.close(reader)
        os.close(writer)


# ── rotation ──────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "daemon.log"


@pytest.fixture
def stream(log: Path) -> Iterator[TextIO]:
    with ExitStack() as stack:
        yield stack.enter_context(log.open("a"))


def write(handler: logging.Handler, *numbers: int) -> None:
    handler.setFormatter(OneLine())
    for number in numbers:
        text = f"record {number}"
        handler.emit(logging.LogRecord("x", logging.INFO, "f", 1, text, (), None))


def told_in(path: Path) -> list[str]:
    return [line.rpartition(": ")[2] for line in path.read_text().splitlines()]


def test_a_full_log_is_rotated_while_it_is_written(log: Path, stream: TextIO):
    handler = Rotating(stream, log, bytes_max=1)

    write(handler, 1, 2, 3)

    assert [told_in(file) for file in log_files(log)] == [["record 1"], ["record 2"], ["record 3"]]
    assert log.stat().st_mode & 0o077 == 0
    assert is_file(stream.fileno(), log)


def test_however_much_is_logged_only_so_much_is_kept(log: Path, stream: TextIO):
    handler = Rotating(stream, log, bytes_max=1_000)

    write(handler, *range(1_000))

    files = list(log_files(log))
    assert len(files) == KEPT + 1
    assert sum(file.stat().st_size for file in files) < (KEPT + 1) * 1_100
    assert told_in(log)[-1] == "record 999"


def test_a_log_that_somebody_moved_away_is_begun_anew(log: Path, stream: TextIO):
    handler = Rotating(stream, log)
    write(handler, 1)
    log.rename(log.with_name("elsewhere"))

    write(handler, 2)

    assert told_in(log) == ["record 2"]
    assert told_in(log.with_name("elsewhere")) == ["record 1"]


def test_where_there_cannot_be_a_new_file_the_old_one_goes_on(log: Path, stream: TextIO):
    handler = Rotating(stream, log)
    write(handler, 1)
    moved = log.with_name("elsewhere")
    log.rename(moved)
    log.symlink_to(moved.with_name("trap"))  # never followed

    write(handler, 2)

    assert told_in(moved) == ["record 1", "record 2"]


def test_what_the_interpreter_writes_when_it_crashes_is_in_the_newest_file(log: Path):
    program = (
        "import faulthandler, logging, os, sys; from pathlib import Path;"
        "from palingenesis.app import logs;"
        "faulthandler.enable();"
        "path = Path(sys.argv[1]);"
        "logs.begin_log('INFO', path=path, environ=os.environ);"
        "handler = logging.getLogger().handlers[0];"
        "handler._bytes_max = 1;"
        "logging.info('one'); logging.info('two'); faulthandler._sigabrt()"
    )
    with log.open("wb") as file:
        done = subprocess.run(
            [sys.executable, "-c", program, str(log)],
            stdout=file,
            stderr=file,
            timeout=60,
            check=False,
        )

    older, newest = log_files(log)
    assert done.returncode == -6
    assert told_in(older) == ["one"]
    assert told_in(newest)[0] == "two"
    assert "Fatal Python error: Aborted" in newest.read_text()


def test_a_terminal_is_not_rotated(log: Path):
    program = (
        "import logging, os, sys; from pathlib import Path; from palingenesis.app import logs;"
        "logs.begin_log('INFO', path=Path(sys.argv[1]), environ=os.environ, form='json');"
        "logging.info('one')"
    )
    words = [sys.executable, "-c", program, str(log)]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)

    assert json.loads(done.stderr)["message"] == "one"
    assert not log.exists()
