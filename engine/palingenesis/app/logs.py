"""The daemon's own log: one line for one record, without secrets, whoever wrote what is in it.

Where it goes is where stderr goes. There are three places, told apart by the file that stderr is:
systemd's journal, which stamps every line itself and is told how important it is; our own log file,
which is rotated while we run; and anything else, such as a terminal.
"""

import logging
import os
import sys
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, TextIO

from palingenesis.runtime.foreign_text import plain
from palingenesis.runtime.log_file import LOG_BYTES_MAX, open_log, rotate
from palingenesis.runtime.log_form import LEVELS, Record, as_json, as_text
from palingenesis.wire.redaction import redact

_LINE_MAX = 4000
_PRIORITIES: Final = {"debug": 7, "info": 6, "warning": 4, "error": 3, "critical": 2}
"""What syslog calls them; systemd reads `<3>` at the beginning of a line."""


class OneLine(logging.Formatter):
    """A record on one line; of a traceback each line is marked, so that none can pass for a record.

    What is redacted is the finished text: a secret may be in an argument, or in a traceback.
    """

    def format(self, record: logging.LogRecord) -> str:
        """The line, or the lines."""
        return self.written(self._read(record))

    def written(self, record: Record) -> str:
        """The record in this form."""
        return as_text(record)

    def _read(self, record: logging.LogRecord) -> Record:
        told = redact(self.formatException(record.exc_info)) if record.exc_info else ""
        return Record(
            at=datetime.fromtimestamp(record.created, UTC),
            level=_level_of(record.levelno),
            logger=record.name,
            message=plain(redact(record.getMessage()), _LINE_MAX),
            traceback=tuple(plain(line, _LINE_MAX) for line in told.splitlines()),
        )


class OneDocument(OneLine):
    """A record as one JSON document on one line."""

    def written(self, record: Record) -> str:
        """The record in this form."""
        return as_json(record)


class ForJournald(OneLine):
    """A record for systemd's journal, which knows the time: each line behind its priority."""

    def written(self, record: Record) -> str:
        """The record in this form."""
        first = f"{record.logger}: {record.message}"
        lines = [first, *(f"  | {line}" for line in record.traceback)]
        return "\n".join(f"<{_PRIORITIES[record.level]}>{line}" for line in lines)


def _level_of(number: int) -> str:
    """The name of a level; one between two of them counts as the lower one."""
    return LEVELS[max(0, min(number // 10, len(LEVELS)) - 1)]


class _Quiet(logging.StreamHandler[TextIO]):
    """Does not complain, a traceback for each record, when nothing can be written any more."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802  logging's own name
        """Let the record go."""


class Rotating(_Quiet):
    """Writes to stderr, which is the file at `path`, and gives it a new one when that is full.

    The descriptors themselves are moved, so that what the interpreter writes when it crashes is in
    the newest file too. A file that somebody moved away or removed is begun anew.
    """

    def __init__(self, stream: TextIO, path: Path, *, bytes_max: int = LOG_BYTES_MAX) -> None:
        super().__init__(stream)
        self._path = path
        self._bytes_max = bytes_max

    def emit(self, record: logging.LogRecord) -> None:
        """Write it down, in a new file if the old one is full."""
        with suppress(OSError, ValueError):
            self._turn_over()
        super().emit(record)

    def _turn_over(self) -> None:
        number = self.stream.fileno()
        is_there = is_file(number, self._path)
        if is_there and os.fstat(number).st_size < self._bytes_max:
            return
        if is_there:
            rotate(self._path)
        old = os.fstat(number)
        fresh = open_log(self._path)
        try:
            for other in {1, 2, number}:
                with suppress(OSError):
                    if os.path.samestat(os.fstat(other), old):
                        os.dup2(fresh, other)
        finally:
            os.close(fresh)


def is_file(number: int, path: Path) -> bool:
    """Whether the descriptor is that file, the one that has this name now."""
    try:
        return os.path.samestat(os.fstat(number), path.stat(follow_symlinks=False))
    except OSError:
        return False


def is_journald(number: int, environ: Mapping[str, str]) -> bool:
    """Whether what is written to the descriptor reaches systemd's journal; see systemd.exec(5)."""
    try:
        status = os.fstat(number)
    except OSError:
        return False
    return environ.get("JOURNAL_STREAM", "") == f"{status.st_dev}:{status.st_ino}"


def begin_log(
    level: str | int, *, path: Path, environ: Mapping[str, str], form: str = "text"
) -> None:
    """Log to stderr from now on.

    Args:
        level: the least important level that is written.
        path: our log file; when stderr is that file, it is rotated.
        environ: tells whether stderr is systemd's journal.
        form: `text`, or `json`.
    """
    number = sys.stderr.fileno()
    handler: logging.Handler = (
        Rotating(sys.stderr, path) if is_file(number, path) else _Quiet(sys.stderr)
    )
    formatter = OneDocument() if form == "json" else OneLine()
    handler.setFormatter(ForJournald() if is_journald(number, environ) else formatter)
    logging.basicConfig(handlers=[handler], level=level, force=True)
    logging.getLogger("transitions").setLevel(logging.WARNING)  # it narrates every move
