"""The answers of OpenCode's list endpoints."""

from collections.abc import Mapping

from palingenesis.assistants.opencode.signals import (
    Asked,
    Busy,
    Idle,
    Retry,
    SessionSummary,
    read_asked,
    read_status,
    read_summary,
)
from palingenesis.assistants.opencode.untrusted import items, table, text, whole
from palingenesis.core.values import BlockKind


def read_statuses(value: object, *, directory: str = "") -> Mapping[str, Busy | Retry]:
    """`GET /session/status`: the sessions that work, by id; who is absent is idle.

    Whose status is of no known kind is at work for all we know: only "idle" is idle.
    """
    found: dict[str, Busy | Retry] = {}
    for session, one in table(value).items():
        status = read_status(one, session=session, directory=directory)
        if not isinstance(status, Idle):
            found[session] = status or Busy(session=session, directory=directory)
    return found


def read_permissions(value: object, *, directory: str = "") -> tuple[Asked, ...]:
    """`GET /permission`: what waits for a person's permission."""
    return _read_asked(BlockKind.PERMISSION, value, directory)


def read_questions(value: object, *, directory: str = "") -> tuple[Asked, ...]:
    """`GET /question`: what waits for a person's answer."""
    return _read_asked(BlockKind.QUESTION, value, directory)


def read_sessions(value: object) -> tuple[SessionSummary, ...]:
    """`GET /session` or `GET /experimental/session`, newest first."""
    found = map(read_summary, items({"sessions": value}, "sessions"))
    return tuple(summary for summary in found if summary is not None)


def read_limits(value: object) -> Mapping[tuple[str, str], int]:
    """`GET /config/providers`: context windows in tokens by (provider, model), where known."""
    limits: dict[tuple[str, str], int] = {}
    for provider in items(value, "providers"):
        for model, about in table(provider, "models").items():
            context = whole(about, "limit", "context")
            if context is not None and context > 0:
                limits[text(provider, "id"), model] = context
    return limits


def _read_asked(kind: BlockKind, value: object, directory: str) -> tuple[Asked, ...]:
    found = (read_asked(kind, one, directory=directory) for one in items({"asked": value}, "asked"))
    return tuple(asked for asked in found if asked is not None)
