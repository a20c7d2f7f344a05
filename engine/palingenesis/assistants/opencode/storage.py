"""OpenCode's database, read-only: how the sessions of a program without a port are seen.

Theory of operation: OpenCode keeps its sessions in SQLite with a write-ahead log, which a reader
never blocks. Each look opens the file read-only, asks, and closes it again, so that nothing of
ours ever keeps the person's log from being checkpointed. A row's JSON lacks the ids that the HTTP
interface adds; they are put back, so that the same reading serves both.
"""

import json
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from palingenesis.assistants.opencode.signals import SessionSummary
from palingenesis.core.errors import AssistantError

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_WAIT_S = 1.0
_SESSIONS_MAX = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A session, as the database has it."""

    info: SessionSummary
    cost: float
    updated_ms: int


class Storage:
    """One database file. Every call may raise an AssistantError."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def sessions_since(self, since: datetime, directories: Sequence[str]) -> list[Row]:
        """The sessions of these directories that changed since then, newest first; no children."""
        marks = ",".join("?" * len(directories))
        ask = (
            "SELECT id, directory, title, version, cost, time_created, time_updated FROM session"  # noqa: S608
            f" WHERE directory IN ({marks}) AND time_updated >= ? AND parent_id IS NULL"
            " AND time_archived IS NULL ORDER BY time_updated DESC LIMIT ?"
        )
        since_ms = (since - _EPOCH) // _MILLISECOND
        return [_row(found) for found in self._ask(ask, (*directories, since_ms, _SESSIONS_MAX))]

    def session(self, session: str) -> Row | None:
        """One session; None: there is none of that id."""
        ask = (
            "SELECT id, directory, title, version, cost, time_created, time_updated"
            " FROM session WHERE id = ?"
        )
        return next((_row(found) for found in self._ask(ask, (session,))), None)

    def messages(self, session: str, limit: int) -> list[Mapping[str, object]]:
        """The newest messages as raw `{info, parts}`, oldest first."""
        with self._open() as db:
            said = db.execute(
                "SELECT id, data FROM message WHERE session_id = ?"
                " ORDER BY time_created DESC, id DESC LIMIT ?",
                (session, limit),
            ).fetchall()
            out: list[Mapping[str, object]] = []
            for message, data in reversed(said):
                parts = db.execute(
                    "SELECT id, data FROM part WHERE message_id = ? ORDER BY id", (message,)
                ).fetchall()
                info = {**_object(data), "id": message, "sessionID": session}
                told = [
                    {**_object(part), "id": key, "messageID": message, "sessionID": session}
                    for key, part in parts
                ]
                out.append({"info": info, "parts": told})
        return out

    def _ask(self, ask: str, values: Sequence[object]) -> list[tuple[object, ...]]:
        with self._open() as db:
            return db.execute(ask, tuple(values)).fetchall()

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        try:
            uri = f"{self.path.absolute().as_uri()}?mode=ro"
            with closing(sqlite3.connect(uri, uri=True, timeout=_WAIT_S)) as db:
                yield db
        except sqlite3.Error as error:
            raise AssistantError(
                f"cannot read OpenCode's database {self.path}: {error}",
                "is this a version of OpenCode that keeps its sessions elsewhere?",
            ) from error


def _row(found: tuple[object, ...]) -> Row:
    session, directory, title, version, cost, created, updated = found
    return Row(
        info=SessionSummary(
            id=str(session),
            directory=str(directory),
            title=str(title),
            version=str(version),
            created=_instant(created),
            updated=_instant(updated),
        ),
        cost=float(cost) if isinstance(cost, int | float) else 0.0,
        updated_ms=updated if isinstance(updated, int) else 0,
    )


def _instant(value: object) -> datetime | None:
    return _EPOCH + value * _MILLISECOND if isinstance(value, int) else None


def _object(data: object) -> dict[str, object]:
    try:
        value = json.loads(data) if isinstance(data, str) else {}
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}
