"""Notices of a policy: sent, held until a calendar's window ends, left out, or not repeated.

A held notice is part of the world, so it outlives us; it is delivered once, when its window has
ended. Whatever becomes of a notice that is not sent at once is written down as `hushed`.
"""

from datetime import datetime
from hashlib import sha256
from typing import Final

from palingenesis.core import effects, plans
from palingenesis.core.copies import replace
from palingenesis.core.kernel.caps import ANNOUNCED, NOTIFICATIONS, full, room_for, use, used_since
from palingenesis.core.kernel.draft import Draft
from palingenesis.core.kernel.telling import say
from palingenesis.core.kernel.touching import say_touched
from palingenesis.core.safety import NOTICES_PER_HOUR_IN_ALL
from palingenesis.core.values import SessionId, Severity
from palingenesis.core.world import Held, Plan, Session

_HELD_MOST: Final = 200
_TOLD_MOST: Final = 500


def observe(draft: Draft, session: Session, plan: Plan, step: plans.Notify | plans.Log) -> None:
    """Notify and log: ordered at once, never waited for."""
    text = say(draft, session, plan, step.message)
    key = draft.effect_id(plan.decision, str(plan.index))
    if isinstance(step, plans.Log):
        draft.order(effects.Log(id=key, decision=plan.decision, session=session.id, message=text))
        return
    notice = effects.Notify(
        id=key,
        decision=plan.decision,
        session=session.id,
        severity=step.severity,
        title=say(draft, session, plan, step.title) or session.title or session.id,
        message=text,
        channels=step.channels,
    )
    why = _instead(draft, session, plan, step, notice)
    if why:
        draft.decide("hushed", event=plan.event, rule=plan.rule, why=why, session=session)


def _instead(
    draft: Draft, session: Session, plan: Plan, step: plans.Notify, notice: effects.Notify
) -> str:
    """Send the notice, or say what is done instead."""
    told = _told_as(plan.rule, notice)
    before = draft.world.told.get(told)
    if step.dedupe is not None and any(
        _told_as(held.rule, held.notice) == told for held in draft.world.held
    ):
        return "not repeated: it is held already"
    if step.dedupe is not None and before is not None and draft.at < before + step.dedupe:
        return f"not repeated: it was told at {before:%Y-%m-%dT%H:%M:%SZ}"
    closes = None
    if notice.severity is not Severity.CRITICAL and step.quiet != "send":
        closes = _closes(draft, session.id, step.calendar)
    if closes is not None and step.quiet == "drop":
        return f"left out: it is {step.calendar}"
    if closes is not None and len(draft.world.held) >= _HELD_MOST:
        return f"left out: {_HELD_MOST} notices are held already"
    if closes is None and (refused := _refused(draft, plan, notice)):
        return refused
    if step.dedupe is not None:
        _remember(draft, told)
    if closes is None:
        _send(draft, notice)
        return ""
    held = Held(notice=notice, rule=plan.rule, calendar=step.calendar or "", until=closes)
    draft.world = replace(draft.world, held=(*draft.world.held, held))
    return f"held until {closes:%Y-%m-%dT%H:%M:%SZ}: it is {step.calendar}"


def deliver_due(draft: Draft) -> None:
    """Send every held notice whose window has ended; each once, and as the limits have room."""
    if not any(held.until <= draft.at for held in draft.world.held):
        return
    kept = []
    for held in draft.world.held:
        later = held.until if held.until > draft.at else _not_before(draft, held)
        if later is None:
            _send(draft, held.notice)
            told = _told_as(held.rule, held.notice)
            if told in draft.world.told:
                _remember(draft, told)  # it is told only now, and not repeated from here on
        else:
            kept.append(replace(held, until=later))
    draft.world = replace(draft.world, held=tuple(kept))


def reconsider(draft: Draft) -> None:
    """The calendars may be others now: look again until when notices are held."""
    again = (
        replace(held, until=_closes(draft, held.notice.session, held.calendar) or draft.at)
        for held in draft.world.held
    )
    draft.world = replace(draft.world, held=tuple(again))
    deliver_due(draft)


def _not_before(draft: Draft, held: Held) -> datetime | None:
    closes = _closes(draft, held.notice.session, held.calendar)
    if closes is not None:
        return closes
    reached = full(draft, (NOTIFICATIONS,))
    return reached.until if reached is not None else None


def _closes(draft: Draft, session: SessionId | None, calendar: str | None) -> datetime | None:
    """When the calendar's window that is open now ends; None: none is open."""
    whose = draft.sessions.get(session) if session is not None else None
    policy = draft.policy_of(whose) if whose is not None else draft.policy
    known = policy.calendars.get(calendar or "")
    return known.ends(draft.at) if known is not None else None


def _refused(draft: Draft, plan: Plan, notice: effects.Notify) -> str:
    """Why it is one too many; "" when it is not. The limit's own `then:` has a notice once."""
    if notice.severity is Severity.CRITICAL:
        return ""
    if room_for(draft, NOTIFICATIONS, NOTICES_PER_HOUR_IN_ALL) is not None:
        rail = f"{NOTICES_PER_HOUR_IN_ALL} notices an hour in all"
        say_touched(draft, None, plan.rule, rail)
        return f"left out: {rail}"
    reached = full(draft, (NOTIFICATIONS,))
    if reached is None:
        return ""
    if plan.capped == NOTIFICATIONS and not used_since(draft, ANNOUNCED, reached.cap.per):
        use(draft, (ANNOUNCED,))
        return ""
    return f"left out: {reached.why}"


def _send(draft: Draft, notice: effects.Notify) -> None:
    draft.order(notice)
    use(draft, (NOTIFICATIONS,))


def _told_as(rule: str, notice: effects.Notify) -> str:
    text = sha256(notice.message.encode()).hexdigest()[:16]
    return f"{rule}:{notice.session}:{text}"


def _remember(draft: Draft, told: str) -> None:
    others = [(key, at) for key, at in draft.world.told.items() if key != told]
    kept = dict(others[-_TOLD_MOST + 1 :])
    draft.world = replace(draft.world, told={**kept, told: draft.at})
