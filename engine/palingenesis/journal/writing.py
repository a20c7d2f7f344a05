"""The statements that add to the journal; each is part of somebody's transaction."""

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from palingenesis.journal.rows import COLUMNS, PolicyText, Row, as_key, seal_of, sessions_of

_INSERT_ROW = f"INSERT INTO entries ({COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"  # noqa: S608


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """All or nothing; on the disk when it ends without an error."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        with suppress(sqlite3.Error):
            connection.execute("ROLLBACK")
        raise


def insert_row(connection: sqlite3.Connection, row: Row) -> None:
    """Add one entry."""
    connection.execute(_INSERT_ROW, row.values())


def insert_policy(connection: sqlite3.Connection, policy: PolicyText) -> None:
    """Keep a policy's text, once."""
    connection.execute(
        "INSERT OR IGNORE INTO policies (content, digest, name, resolved) VALUES (?, ?, ?, ?)",
        (policy.content, policy.digest, policy.name, policy.resolved),
    )


def insert_indexes(
    connection: sqlite3.Connection,
    seq: int,
    event: Mapping[str, Any],
    decisions: Sequence[Any],
    effects: Sequence[Any],
) -> None:
    """Note what an entry is about: its sessions, the effects it orders, the one that ended.

    Raises:
        sqlite3.IntegrityError: one of its effects has been ordered before.
    """
    sessions = sessions_of(event, decisions, effects)
    if event["is"] == "EffectEnded":
        key = as_key(event["effect"])
        connection.execute(
            "INSERT OR IGNORE INTO outcomes VALUES (?, ?, ?)", (key, seq, seal_of(key, seq))
        )
        found = connection.execute("SELECT session FROM intents WHERE effect = ?", (key,))
        sessions.update(session for (session,) in found if session is not None)
    for session in sorted(sessions):
        connection.execute("INSERT INTO about VALUES (?, ?)", (session, seq))
    for effect in effects:
        session = effect.get("session")
        values = (as_key(effect["id"]), seq, as_key(session) if session is not None else None)
        connection.execute("INSERT INTO intents VALUES (?, ?, ?, ?)", (*values, seal_of(*values)))
