"""Which session a person means: a whole id, a unique prefix, or the title; or a whole agent."""

from collections.abc import Sequence
from typing import TypedDict, TypeVar

import click
from click.shell_completion import CompletionItem

from palingenesis.core.errors import ExitCode, PalingenesisError
from palingenesis.runtime.door import SessionStatus
from palingenesis.runtime.foreign_text import plain
from palingenesis.surfaces.cli.naming import Word
from palingenesis.surfaces.cli.wording import short_ids

_LISTED_MAX = 5
_COMPLETE_S = 1.0
_CLOSE = 0.75
"""Ids begin alike, so that half a likeness says nothing."""


class Called(TypedDict):
    """What a session is called."""

    id: str
    title: str


_Row = TypeVar("_Row", bound=Called)


class UnclearSessionError(PalingenesisError):
    """No session, or more than one, is meant by what the person said."""

    exit_code = ExitCode.USAGE


class SessionWord(Word):
    """What a person types for a session; a shell completes the ids that the daemon knows."""

    name = "session"

    def shell_complete(  # noqa: D102
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        from palingenesis.surfaces.cli.desk import Desk

        try:
            rows = Desk().client(timeout_s=_COMPLETE_S).sessions()
        except PalingenesisError:
            return []
        return [
            CompletionItem(row["id"], help=plain(row["title"], 40))
            for row in rows
            if row["id"].startswith(incomplete)
        ]


def choose_session(rows: Sequence[_Row], asked: str | None) -> _Row:
    """The session that `asked` means; None means the only one there is.

    Raises:
        UnclearSessionError: none fits, or more than one.
    """
    found = list(rows) if asked is None else _fitting(rows, asked)
    said = "no session given" if asked is None else f"'{plain(asked, 60)}'"
    if len(found) == 1:
        return found[0]
    if not found and asked is None:
        raise UnclearSessionError(
            f"{said}: there is no session for it", hint="palingenesis sessions"
        )
    if not found:
        raise UnclearSessionError(f"{said}: no such session", hint=_perhaps(rows, asked or ""))
    short = short_ids(row["id"] for row in rows)
    names = [f"{short[row['id']]} ({plain(row['title'], 30)})" for row in found[:_LISTED_MAX]]
    more = f", and {len(found) - _LISTED_MAX} more" if len(found) > _LISTED_MAX else ""
    raise UnclearSessionError(
        f"{said}: it could be any of {len(found)} sessions", hint=f"{', '.join(names)}{more}"
    )


def sessions_of_agent(rows: Sequence[SessionStatus], asked: str) -> list[SessionStatus]:
    """The sessions of the agent whose id this is; none where a session has that name as well."""
    if not asked.strip() or _fitting(rows, asked):
        return []
    return [row for row in rows if row["agent"] == asked]


def _fitting(rows: Sequence[_Row], asked: str) -> list[_Row]:
    if not asked.strip():
        # Every id begins with it, and a script whose variable is empty means none of them.
        raise UnclearSessionError("the session's name is empty", hint="palingenesis sessions")
    folded = asked.casefold()
    return (
        [row for row in rows if row["id"] == asked]
        or [row for row in rows if row["title"] == asked]
        or [row for row in rows if row["id"].startswith(asked)]
        or [row for row in rows if row["title"].casefold().startswith(folded)]
    )


def _perhaps(rows: Sequence[_Row], asked: str) -> str:
    """The session with the nearest name, as a question; or where all of them are listed."""
    from difflib import get_close_matches

    names = {row["id"].casefold(): row for row in rows}
    names |= {row["title"].casefold(): row for row in rows if row["title"]}
    close = get_close_matches(asked.casefold()[:80], names, n=1, cutoff=_CLOSE)
    if not close:
        return "palingenesis sessions"
    row = names[close[0]]
    return f"did you mean {plain(row['id'])} ({plain(row['title'], 40) or 'no title'})?"
