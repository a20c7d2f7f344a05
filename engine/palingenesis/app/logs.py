"""The daemon's own log: one line for one record, without secrets, whoever wrote what is in it."""

import logging
import sys
from typing import TextIO

from palingenesis.runtime.foreign_text import plain
from palingenesis.wire.redaction import redact

_LINE_MAX = 4000
_FORM = "%(asctime)s %(levelname)s %(name)s: %(message)s"


class OneLine(logging.Formatter):
    """A record on one line; of a traceback each line is marked, so that none can pass for a record.

    What is redacted is the finished text: a secret may be in an argument, or in a traceback.
    """

    def __init__(self) -> None:
        super().__init__(_FORM)

    def format(self, record: logging.LogRecord) -> str:
        """The line, or the lines."""
        first = redact(f"{self._begun(record)}{record.getMessage()}")
        lines = [plain(first, _LINE_MAX)]
        if record.exc_info:
            told = redact(self.formatException(record.exc_info))
            lines += [f"  | {plain(line, _LINE_MAX)}" for line in told.splitlines()]
        return "\n".join(lines)

    def _begun(self, record: logging.LogRecord) -> str:
        return f"{self.formatTime(record)} {record.levelname} {record.name}: "


class _Quiet(logging.StreamHandler[TextIO]):
    """Does not complain, a traceback for each record, when nothing can be written any more."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802  logging's own name
        """Let the record go."""


def begin_log(level: str | int) -> None:
    """Log to stderr from now on."""
    handler = _Quiet(sys.stderr)
    handler.setFormatter(OneLine())
    logging.basicConfig(handlers=[handler], level=level, force=True)
    logging.getLogger("transitions").setLevel(logging.WARNING)  # it narrates every move
