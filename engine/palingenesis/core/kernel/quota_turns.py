"""Whose turn it is: at the end of every turn of the kernel the line is looked at.

A sign of life, a refusal, an abort, a server that dies, or time: whatever happened may be what the
line waits for. The first in line goes if it may, and whoever stays has its reason and its deadline
brought up to date, quietly: what it waits for is the same.
"""

from datetime import datetime

from palingenesis.core.copies import replace
from palingenesis.core.kernel.draft import Draft
from palingenesis.core.kernel.quota import PROMPTS, gap_after
from palingenesis.core.kernel.quota_line import held_back, in_line, is_refused_by, rank
from palingenesis.core.kernel.walking import again
from palingenesis.core.safety import Later
from palingenesis.core.world import Plan, Session


def take_turns(draft: Draft) -> None:
    """Let whoever's turn it is go, and tell the others what they wait for now."""
    _asked_anew(draft)
    if not draft.world.quota:
        return
    line = [one for one in draft.sessions.values() if in_line(one)]
    if not line:
        return
    line.sort(key=rank)
    stuck: dict[tuple[str, bool], Later] = {}
    for session in line:
        plan = _plan(session)
        kind = (plan.line, is_refused_by(session, plan.line))
        if kind in stuck:
            continue
        later = held_back(draft, session, plan, plan.steps[plan.index])
        if later is None:
            again(draft, session)
        else:
            stuck[kind] = later
    _asked_anew(draft)
    _bring_up_to_date(draft, [draft.sessions[one.id] for one in line])


def _asked_anew(draft: Draft) -> None:
    """Whoever was prompted in this turn has not been answered yet."""
    for effect in draft.effects:
        session = draft.sessions.get(effect.session) if isinstance(effect, PROMPTS) else None
        if session is not None and session.answered_at is not None:
            draft.put(replace(session, answered_at=None))


def _plan(session: Session) -> Plan:
    assert session.plan is not None, "only a session with a plan is in line"
    return session.plan


def _bring_up_to_date(draft: Draft, line: list[Session]) -> None:
    """Reason and deadline of everybody who is left."""
    told: dict[tuple[str, bool], Later | None] = {}
    slots: dict[str, list[datetime]] = {}
    for session in line:
        if not in_line(session):
            continue
        plan = _plan(session)
        kind = (plan.line, is_refused_by(session, plan.line))
        if kind not in told:
            told[kind] = held_back(draft, session, plan, plan.steps[plan.index])
        later = told[kind]
        if later is None:
            continue
        until = later.until
        quota = draft.world.quota[plan.line]
        if not quota.closed:  # in an open line everyone has a slot
            taken = slots.setdefault(plan.line, [])
            if taken:
                until = taken[-1] + gap_after(draft, plan.line, quota, len(taken) - 1)
            taken.append(until)
        if (until, later.rail) != (plan.deadline, plan.because):
            waiting = replace(plan, deadline=until, because=later.rail, boot=draft.world.boot_id)
            draft.put(replace(session, plan=waiting, rails=(later.rail,), outlook=later.rail))
