"""That a session is there, and that it is there no more."""

from palingenesis.core import events
from palingenesis.core.copies import replace
from palingenesis.core.kernel.deciding import cancel
from palingenesis.core.kernel.draft import Draft
from palingenesis.core.kernel.forgetting import forget_old
from palingenesis.core.kernel.owning import may_own
from palingenesis.core.lifecycle import ACTIVE
from palingenesis.core.world import Session


def session_seen(draft: Draft, event: events.SessionSeen) -> None:
    """A session exists: list it. A program of the person's own never takes over one of ours."""
    known = draft.sessions.get(event.session)
    if known is None:
        forget_old(draft)  # what grows by coming shrinks by coming
        draft.put(
            Session(
                id=event.session,
                agent=event.agent,
                title=event.title,
                directory=event.directory,
                parent=event.parent,
                since=event.at,
                seen_at=event.at,
                created=event.created,
            )
        )
        return
    if event.parent is not None and known.parent is None:
        known = _left_to_its_parent(draft, known)
    agent = event.agent if may_own(draft, known, event) else known.agent
    draft.put(
        replace(
            known,
            agent=agent,
            title=event.title or known.title,
            directory=event.directory or known.directory,
            parent=event.parent or known.parent,
            created=event.created or known.created,
        )
    )


def session_gone(draft: Draft, event: events.SessionGone) -> None:
    """A deleted session has no future; its plan ends with it, and it is forgotten."""
    session = draft.sessions.get(event.session)
    if session is not None:
        cancel(draft, session, "the session was deleted")
        del draft.sessions[session.id]


def _left_to_its_parent(draft: Draft, session: Session) -> Session:
    """It turns out to be a subagent's: whoever began it goes on with it, and nobody else does."""
    if not session.supervised:
        return session
    session = cancel(draft, session, "it is a subagent's, and left to its parent")
    session = draft.put(replace(session, supervised=False, aborting=False, holds=()))
    if session.status in ACTIVE:
        return draft.move(session, "stand_down", "a subagent's: left to its parent")
    return session
