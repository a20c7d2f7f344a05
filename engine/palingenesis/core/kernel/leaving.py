"""How a step is left: for the next one, for later, because a rail says no, or for good."""

from datetime import datetime
from typing import Final

from palingenesis.core.copies import replace
from palingenesis.core.kernel.draft import Draft
from palingenesis.core.kernel.touching import say_touched
from palingenesis.core.safety import Later, Refused, Told
from palingenesis.core.values import Source
from palingenesis.core.world import Plan, Session

OPERATOR: Final = "operator"
"""The rule name, and the event, of what a person asked for."""


def is_hers(plan: Plan) -> bool:
    """Whether the operator asked for it. The event tells: a rule may have any name."""
    return plan.event == OPERATOR


def onward(draft: Draft, session: Session, plan: Plan) -> Session:
    """The step is done at once: on to the next."""
    return draft.put(replace(session, plan=passed(plan)))


def passed(plan: Plan) -> Plan:
    """The plan at its next step, with nothing left of what the last one waited for."""
    return replace(
        plan,
        index=plan.index + 1,
        effect=None,
        vain=0,
        wait_from=None,
        deadline=None,
        because="",
        line="",
        awaits="",
        look_at=None,
        question="",
    )


def postpone(draft: Draft, session: Session, plan: Plan, verdict: Later) -> Session:
    """A rail asks to wait: the same step is taken again then."""
    waiting = replace(
        plan,
        deadline=verdict.until,
        because=verdict.rail,
        line=verdict.line,
        source=Source.RAIL,
        dated=None,
        boot=draft.world.boot_id,
    )
    session = draft.put(replace(session, plan=waiting, rails=(verdict.rail,)))
    draft.decide(
        "refused",
        event=plan.event,
        rule=plan.rule,
        why=f"not before {verdict.until:%Y-%m-%dT%H:%M:%SZ}: {verdict.rail}",
        session=session,
    )
    if verdict.told is Told.SESSION:
        say_touched(draft, session, plan.rule, verdict.rail, f"not before {_clock(verdict.until)}")
    elif verdict.told is Told.ALL:
        say_touched(draft, None, plan.rule, verdict.rail, f"not before {_clock(verdict.until)}")
    return draft.move(draft.sessions[session.id], "wait", verdict.rail)


def _clock(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"


def refuse(draft: Draft, session: Session, plan: Plan, verdict: Refused) -> Session:
    """A rail says no: the plan ends here, and a person is told unless it was her own stop."""
    session = draft.put(replace(session, rails=(verdict.rail,)))
    draft.decide("refused", event=plan.event, rule=plan.rule, why=verdict.rail, session=session)
    if verdict.quiet:
        return end_plan(draft, session, "stand_down", verdict.rail)
    say_touched(draft, session, plan.rule, verdict.rail)
    return end_plan(draft, session, "need_attention", verdict.rail)


def end_plan(draft: Draft, session: Session, trigger: str, outlook: str) -> Session:
    """The plan is over, and the session comes to where `trigger` leads."""
    ended = replace(session, plan=None, verify_until=None, reopen_at=None, half_open=False)
    return draft.move(draft.put(ended), trigger, outlook)
