"""Telling people that a rail is touched: once, not with every turn.

A rail that was told about is not told about again for a day, whatever a rule tries meanwhile,
unless the person has been there: what stops a session after that is news to her.
"""

from datetime import timedelta
from hashlib import sha256
from typing import Final

from palingenesis.core.copies import replace
from palingenesis.core.kernel.draft import Draft
from palingenesis.core.values import SessionId, Severity
from palingenesis.core.world import Session

TOLD_AGAIN: Final = timedelta(days=1)
_TOLD_MOST: Final = 500


def say_touched(
    draft: Draft, session: Session | None, rule: str, rail: str, more: str = ""
) -> None:
    """Tell people that a rail holds a rule back; `session` None: the rail concerns all of them."""
    key = f"{_prefix(session.id if session else None)}{sha256(rail.encode()).hexdigest()[:16]}"
    before = draft.world.told.get(key)
    if before is not None and draft.at < before + TOLD_AGAIN:
        return
    others = [(one, at) for one, at in draft.world.told.items() if one != key]
    draft.world = replace(draft.world, told={**dict(others[-_TOLD_MOST + 1 :]), key: draft.at})
    title = (session.title or session.id) if session is not None else "all sessions"
    told = f"Rule {rule} was stopped by a rail: {rail}{f' ({more})' if more else ''}."
    draft.tell(session, Severity.WARNING, title, told, rail)


def forget_touched(draft: Draft, session: SessionId) -> None:
    """The person has been there: whatever stops the session now is told again."""
    prefix = _prefix(session)
    kept = {key: at for key, at in draft.world.told.items() if not key.startswith(prefix)}
    if len(kept) < len(draft.world.told):
        draft.world = replace(draft.world, told=kept)


def hand_on_touched(draft: Draft, old: SessionId, new: SessionId) -> None:
    """What was told about a session was told about the one that continues it."""
    before, after = _prefix(old), _prefix(new)
    told = {
        after + key.removeprefix(before): at
        for key, at in draft.world.told.items()
        if key.startswith(before)
    }
    if told:
        kept = [*draft.world.told.items(), *told.items()][-_TOLD_MOST:]
        draft.world = replace(draft.world, told=dict(kept))


def _prefix(session: SessionId | None) -> str:
    return f"(rail):{session or ''}:"
