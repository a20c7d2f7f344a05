"""Which session a person means: a whole id, a unique prefix, or the title."""

from collections.abc import Sequence

from palingenesis.core.errors import ExitCode, PalingenesisError
from palingenesis.runtime.door import SessionStatus
from palingenesis.runtime.foreign_text import plain
from palingenesis.surfaces.cli.wording import short_ids

_LISTED_MAX = 5


class UnclearSessionError(PalingenesisError):
    """No session, or more than one, is meant by what the person said."""

    exit_code = ExitCode.USAGE


def choose_session(rows: Sequence[SessionStatus], asked: str | None) -> SessionStatus:
    """The session that `asked` means; None means the only one there is.

    Raises:
        UnclearSessionError: none fits, or more than one.
    """
    if asked is not None and not asked.strip():
        # Every id begins with it, and a script whose variable is empty means none of them.
        raise UnclearSessionError("the session's name is empty", hint="palingenesis sessions")
    if asked is None:
        found = list(rows)
        said = "no session given"
    else:
        said = f"'{plain(asked, 60)}'"
        found = [row for row in rows if row["id"] == asked]
        found = found or [row for row in rows if row["title"] == asked]
        found = found or [row for row in rows if row["id"].startswith(asked)]
        folded = asked.casefold()
        found = found or [row for row in rows if row["title"].casefold().startswith(folded)]
    if len(found) == 1:
        return found[0]
    if not found:
        what = "there is no session for it" if asked is None else "no such session"
        raise UnclearSessionError(f"{said}: {what}", hint="palingenesis sessions")
    short = short_ids(row["id"] for row in rows)
    names = [f"{short[row['id']]} ({plain(row['title'], 30)})" for row in found[:_LISTED_MAX]]
    more = f", and {len(found) - _LISTED_MAX} more" if len(found) > _LISTED_MAX else ""
    raise UnclearSessionError(
        f"{said}: it could be any of {len(found)} sessions", hint=f"{', '.join(names)}{more}"
    )
