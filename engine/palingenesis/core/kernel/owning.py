"""Whose a session is: one agent acts for it, however many programs may show it.

Theory of operation. Programs of one person share their sessions: what one of them works on, another
can list, open, and go on with. So what an agent tells of a session makes it no owner. A live owner
keeps the session until somebody begins to work on it while the owner does not: then the person has
opened it there. If both work on it, the owner keeps it as long as it works, and whoever else works
on it is remembered; what those tell of its end is not the end of the owner's work. When the owner
comes to rest and another still works, the session is at work, and is that one's from then on.

A program that is only observed owns what nobody else does, and never takes anything from an agent
through which something can be done. One that is out of reach is still there, and keeps what it has.
"""

from palingenesis.core import events
from palingenesis.core.copies import replace
from palingenesis.core.kernel.deciding import cancel
from palingenesis.core.kernel.draft import Draft
from palingenesis.core.lifecycle import ACTIVE
from palingenesis.core.values import AgentId, Status, Way
from palingenesis.core.world import Agent, Session


def may_own(
    draft: Draft,
    session: Session,
    event: events.SessionSeen
    | events.SessionWorking
    | events.SessionStopped
    | events.SessionBlocked,
) -> bool:
    """Whether the session is, from this event on, the agent's that tells of it."""
    owner, other = draft.agents.get(session.agent), draft.agents.get(event.agent)
    if owner is None or other is None or owner.id == other.id:
        return True
    works = isinstance(event, events.SessionWorking)
    if not owner.is_live:
        return works or (
            not isinstance(event, events.SessionSeen) and (owner.is_gone or not other.way.is_hers)
        )
    if not works:
        return False
    if owner.way is Way.OBSERVED:
        return True
    return other.way is not Way.OBSERVED and owner.id not in session.at_work


def works(draft: Draft, session: Session, agent: AgentId) -> Session:
    """The agent has told that it works on the session."""
    if agent in session.at_work or (agent != session.agent and not _acts(draft.agents.get(agent))):
        return session
    return draft.put(replace(session, at_work=(*session.at_work, agent)))


def rests(draft: Draft, session: Session, agent: AgentId) -> Session:
    """The agent does not work on the session any more."""
    if agent not in session.at_work:
        return session
    left = tuple(one for one in session.at_work if one != agent)
    return draft.put(replace(session, at_work=left))


def goes_on_elsewhere(draft: Draft, session: Session) -> bool:
    """Whether another agent works on it, now that its owner rests: then it is that one's."""
    others = (draft.agents[one] for one in session.at_work if one in draft.agents)
    other = next((one for one in others if one.is_live), None)
    if other is None:
        return False
    session = replace(session, agent=other.id, block=None, aborting=False)
    if session.plan is not None:
        session = cancel(draft, session, f"it is at work in {other.id}")
    if session.status is Status.PAUSED:
        draft.put(replace(session, paused_from=Status.WORKING))
    elif session.status in ACTIVE:
        draft.move(draft.put(replace(session, holds=())), "went_on")
    else:
        draft.put(session)
    return True


def _acts(agent: Agent | None) -> bool:
    return agent is not None and agent.way is not Way.OBSERVED
