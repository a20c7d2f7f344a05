"""An assistant says that it cannot take an order yet: the step is put off, and nothing was sent."""

from datetime import datetime

from palingenesis.core import effects, events
from palingenesis.core.copies import replace
from palingenesis.core.kernel.draft import Draft
from palingenesis.core.kernel.leaving import postpone
from palingenesis.core.safety import RECHECK, WAIT_MAX, Later, no_answer
from palingenesis.core.values import Result, Source, Way
from palingenesis.core.world import Plan, Session

NOT_BEFORE = "not_before"
"""What an outcome calls the instant, by the wall clock, before which it cannot be."""


def not_before(draft: Draft, event: events.EffectEnded) -> datetime | None:
    """Until when the assistant cannot do what failed; None: it does not say, or that is over."""
    try:
        until = datetime.fromisoformat(event.data.get(NOT_BEFORE, ""))
    except ValueError:
        return None
    if until.tzinfo is None or until <= draft.at:
        return None
    return min(until, draft.at + WAIT_MAX)


def put_off(
    draft: Draft, session: Session, plan: Plan, effect: effects.Effect, until: datetime, why: str
) -> Session:
    """It counts as never ordered, and the step is taken again then."""
    session, plan = _about_to(draft, *_never_ordered(session, plan, effect))
    session = postpone(draft, session, plan, Later(until=until, rail=why))
    assert session.plan is not None, "a step that is put off keeps its plan"
    # The assistant goes by the wall clock, whatever becomes of that.
    return draft.put(replace(session, plan=replace(session.plan, source=Source.DATE)))


def put_off_until_back(
    draft: Draft, session: Session, plan: Plan, effect: effects.Effect, event: events.EffectEnded
) -> Session:
    """The link to a program of hers was lost: the step is taken again when it answers.

    What failed was never sent. What may have arrived stays counted; the actuator looks for it
    before it sends anything more.
    """
    agent = draft.agents[session.agent]
    until = draft.at if agent.up and agent.way is Way.INTEGRATED else draft.at + RECHECK
    session, plan = once_more(draft, session, plan, effect, event)
    return postpone(draft, session, plan, Later(until=until, rail=no_answer(agent.id)))


def once_more(
    draft: Draft, session: Session, plan: Plan, effect: effects.Effect, event: events.EffectEnded
) -> tuple[Session, Plan]:
    """The session about to take the step again that came to nothing, wherever it can be taken."""
    if event.result is Result.FAILED:
        session, plan = _never_ordered(session, plan, effect)
    return _about_to(draft, session, plan)


def _never_ordered(session: Session, plan: Plan, effect: effects.Effect) -> tuple[Session, Plan]:
    if not isinstance(effect, effects.Resume | effects.Retry | effects.NewSession):
        return session, plan
    episode = session.episode
    session = replace(
        session,
        prompts=session.prompts[:-1],
        unproductive=max(session.unproductive - 1, 0),
        unjudged=False,
        episode=replace(episode, attempts=max(episode.attempts - 1, 0)) if episode else None,
    )
    return session, replace(plan, acted=False, acted_at=None)


def _about_to(draft: Draft, session: Session, plan: Plan) -> tuple[Session, Plan]:
    plan = replace(plan, effect=None, vain=plan.vain + 1)
    return draft.to_deciding(draft.put(replace(session, plan=plan))), plan
