"""What a long life leaves behind is not carried along for ever.

A session that has been at rest for a month is forgotten; should it work again, it is met anew. One
that the person stopped, or told us to leave alone, is remembered by that word and little else, so
that it stays left alone. An agent that is gone is forgotten with its last session.
"""

from datetime import timedelta
from typing import Final

from palingenesis.core.kernel.draft import Draft
from palingenesis.core.values import AgentId, Status
from palingenesis.core.world import Session

REMEMBERED_FOR: Final = timedelta(days=30)
"""How long a session is remembered in which nothing happens any more."""
WORDS_MAX: Final = 1_000
"""How many sessions are remembered for the person's word alone, the newest."""
_AGENT_FOR: Final = timedelta(days=1)
_AT_REST: Final = frozenset(
    {Status.DISCOVERING, Status.ATTENTION, Status.STOOD_DOWN, Status.COMPLETED, Status.DETACHED}
)


def forget_old(draft: Draft) -> None:
    """Forget sessions long at rest, and agents that are gone."""
    busy = {getattr(effect, "session", None) for effect in draft.open.values()}
    for session in list(draft.sessions.values()):
        if session.id in busy or not _is_over(session, draft):
            continue
        if _is_her_word(session):
            draft.put(_word(session))
        else:
            del draft.sessions[session.id]
    words = [one for one in draft.sessions.values() if _is_her_word(one) and one == _word(one)]
    for session in sorted(words, key=lambda one: (one.since, one.id))[:-WORDS_MAX]:
        del draft.sessions[session.id]
    _forget_agents(draft)


def _is_over(session: Session, draft: Draft) -> bool:
    """Whether nothing has been or will be done about it for long."""
    if session.status not in _AT_REST or session.plan is not None or session.watches:
        return False
    if session.status is Status.ATTENTION and session.reopen_at is not None:
        return False
    latest = (session.since, session.alive_at, session.person_at)
    return all(at is None or draft.at - at > REMEMBERED_FOR for at in latest)


def _is_her_word(session: Session) -> bool:
    return session.latched or session.status is Status.DETACHED


def _word(session: Session) -> Session:
    """What the person said of it, and what it is."""
    return Session(
        id=session.id,
        agent=session.agent,
        title=session.title,
        directory=session.directory,
        parent=session.parent,
        status=session.status,
        since=session.since,
        outlook=session.outlook,
        supervised=session.supervised,
        latched=session.latched,
        predecessor=session.predecessor,
        successor=session.successor,
    )


def _forget_agents(draft: Draft) -> None:
    named: set[AgentId | None] = {session.agent for session in draft.sessions.values()}
    named |= {getattr(effect, "agent", None) for effect in draft.open.values()}
    for agent in list(draft.agents.values()):
        is_gone = not agent.up and draft.at - agent.since > _AGENT_FOR
        if is_gone and agent.way.is_hers and agent.id not in named:
            del draft.agents[agent.id]
