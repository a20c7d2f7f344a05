"""The daemon's log: a record is a line, and nobody else's text can make another one of it."""

import io
import logging
import sys

import pytest

from palingenesis.app.logs import OneLine
from palingenesis.app.secrecy import leave_no_core, remember_environment
from palingenesis.wire.redaction import forget

HOSTILE = (
    "x\n2026-01-01 00:00:00,000 INFO palingenesis: all is well\r"
    "\x1b[2J\x9b31m\u202e\U000e0041\x00\x85\u2028y"
)


def logged(message: str, *args: object, error: BaseException | None = None) -> str:
    out = io.StringIO()
    handler = logging.StreamHandler(out)
    handler.setFormatter(OneLine())
    exc_info = (type(error), error, error.__traceback__) if error is not None else None
    record = logging.LogRecord("palingenesis.x", logging.INFO, "f", 1, message, args, exc_info)
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
