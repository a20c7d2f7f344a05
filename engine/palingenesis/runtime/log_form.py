"""A log record as a line, and back: the one place that knows how the daemon's log is written.

    2026-01-31T22:00:00.123+01:00 INFO palingenesis.loop: what it says
    {"at": "2026-01-31T21:00:00.123Z", "level": "info", "logger": "palingenesis.loop", …}

The first form is for people, the second for programs (`[daemon] log_format = "json"`); a file may
hold both. In the first, the lines of a traceback follow their record, each behind a mark, so that
none can pass for a record. What is in neither form was written by somebody else: the interpreter
when it crashes, or a library. It belongs to the record before it.
"""

import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

MARK: Final = "  | "
"""Before each line of a traceback."""

LEVELS: Final = ("debug", "info", "warning", "error", "critical")

_RECORD: Final = re.compile(
    r"(\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d[.,]\d{3}(?:[+-]\d\d:\d\d)?) ([A-Z]+) ([\w.]+): (.*)"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One record of the log."""

    at: datetime
    level: str
    """In lower case, one of `LEVELS`."""
    logger: str
    message: str
    traceback: tuple[str, ...] = ()


def as_text(record: Record) -> str:
    """The record for people: a line, and one more for each of its traceback."""
    at = record.at.astimezone().isoformat(timespec="milliseconds")
    first = f"{at} {record.level.upper()} {record.logger}: {record.message}"
    return "\n".join([first, *(MARK + line for line in record.traceback)])


def as_json(record: Record) -> str:
    """The record for programs, in one line of ASCII."""
    at = record.at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    document: dict[str, object] = {
        "at": at,
        "level": record.level,
        "logger": record.logger,
        "message": record.message,
    }
    if record.traceback:
        document["traceback"] = list(record.traceback)
    return json.dumps(document, ensure_ascii=True)


def read_line(line: str) -> Record | None:
    """The record that a line begins; None: it belongs to the one before it."""
    if line.startswith("{"):
        return _read_json(line)
    found = _RECORD.fullmatch(line)
    if found is None or (level := found[2].lower()) not in LEVELS:
        return None
    try:
        at = datetime.fromisoformat(found[1].replace(",", "."))
    except ValueError:
        return None
    at = at.astimezone() if at.tzinfo is None else at  # an older version's has no offset
    return Record(at=at, level=level, logger=found[3], message=found[4])


def _read_json(line: str) -> Record | None:
    try:
        held = json.loads(line)
        return Record(
            at=datetime.fromisoformat(held["at"]).astimezone(),
            level=LEVELS[LEVELS.index(held["level"])],
            logger=str(held["logger"]),
            message=str(held["message"]),
            traceback=tuple(map(str, held.get("traceback", ()))),
        )
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
