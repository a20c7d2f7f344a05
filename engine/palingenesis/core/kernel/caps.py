"""A policy's `limits:`: how much all its rules together have done lately, over all sessions.

What a person asks for, and what the kernel does on its own account, is neither counted nor held
back. Notices are a case of their own: one too many is not worth a person's attention, so it is
left out, and the plan goes on unless the limit says `then:`; a critical one is always sent.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from palingenesis.core import plans
from palingenesis.core.copies import replace
from palingenesis.core.facts import show_duration
from palingenesis.core.kernel.draft import Draft
from palingenesis.core.kernel.leaving import end_plan
from palingenesis.core.kernel.touching import say_touched
from palingenesis.core.policy.model import Cap
from palingenesis.core.safety import room_at
from palingenesis.core.world import Plan, Session

_LONGEST: Final = timedelta(days=30)
"""No limit looks further back."""
_REMEMBERED: Final = 1000

ACTIONS, PROMPTS, NEW_SESSIONS = "actions", "prompts", "new-sessions"
RESTARTS, NOTIFICATIONS = "restarts", "notifications"
HOOKS, BACKUPS = "hooks", "backups beside"
"""What only rails count."""
ANNOUNCED: Final = "notifications announced"
"""The notice in which a limit of notices says that it is reached: one in the limit's own time."""


class Full(NamedTuple):
    """A limit that is reached, and when it has room again."""

    cap: Cap
    until: datetime

    @property
    def why(self) -> str:
        """The limit in words."""
        return f"limit of {self.cap.what}: {self.cap.most} within {show_duration(self.cap.per)}"


def counted_as(step: plans.Step) -> tuple[str, ...]:
    """What a step uses up."""
    match step:
        case plans.NewSession():
            return (ACTIONS, PROMPTS, NEW_SESSIONS)
        case plans.Resume() | plans.Retry():
            return (ACTIONS, PROMPTS)
        case plans.Restart():
            return (ACTIONS, RESTARTS)
        case plans.Compact() | plans.Interrupt() | plans.Stop():
            return (ACTIONS,)
        case plans.Notify():
            return (NOTIFICATIONS,)
        case _:
            return ()


def full(draft: Draft, uses: Iterable[str]) -> Full | None:
    """The first limit, in the order of the file, that what is wanted now would exceed."""
    wanted = frozenset(uses)
    for cap in draft.policy.caps:
        if cap.what not in wanted:
            continue
        since = draft.at - cap.per
        inside = [at for at in draft.world.used.get(cap.what, ()) if at > since]
        if len(inside) >= cap.most:
            return Full(cap, inside[-cap.most] + cap.per)
    return None


def used_since(draft: Draft, what: str, span: timedelta) -> int:
    """How often that was done within a span before now."""
    return sum(at > draft.at - span for at in draft.world.used.get(what, ()))


def room_for(draft: Draft, what: str, most: int) -> datetime | None:
    """When a rail's sliding hour has room for one more of what rules do; None: it has now."""
    return room_at(draft.world.used.get(what, ()), most, draft.at)


def use(draft: Draft, uses: Iterable[str]) -> None:
    """Count what is done now; also where no limit asks yet, for the next policy may."""
    used = dict(draft.world.used)
    for what in uses:
        most = max((cap.most for cap in draft.policy.caps if cap.what == what), default=0)
        since = draft.at - _LONGEST
        before = (at for at in used.get(what, ()) if at > since)
        used[what] = (*before, draft.at)[-max(most, _REMEMBERED) :]
    draft.world = replace(draft.world, used=used)


def divert(draft: Draft, session: Session, plan: Plan, reached: Full) -> Session:
    """A limit is reached: its `then:` takes the place of the plan, or a person has to look."""
    cap, why = reached.cap, reached.why
    session = draft.put(replace(session, rails=(why,)))
    decision = draft.decide(
        "refused",
        event=plan.event,
        rule=plan.rule,
        why=why,
        session=session,
        facts=plan.facts,
        plan=cap.then,
        limited=True,
    )
    if plan.capped or not cap.then:
        say_touched(draft, session, plan.rule, f"the policy's {why}")
        return end_plan(draft, session, "need_attention", why)
    instead = replace(
        plan,
        decision=decision.id,
        steps=cap.then,
        index=0,
        capped=cap.what,
        effect=None,
        acted=False,
        acted_at=None,
        wait_from=None,
        deadline=None,
        because="",
        line="",
    )
    return draft.put(replace(session, plan=instead))
