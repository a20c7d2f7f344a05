"""A candidate beside the policy in force: it decides whatever is decided, and never acts.

Every decision that a rule of the policy in force makes is made again by the candidate, on the same
facts, and written down right after it. What would have followed another action cannot be known, so
decisions after the first different one of an episode count as neither the same nor different.
"""

from datetime import datetime, timedelta
from typing import Final

from palingenesis.core import events
from palingenesis.core.copies import replace
from palingenesis.core.kernel.draft import Draft
from palingenesis.core.kernel.snapshot import count
from palingenesis.core.plans import StandDown
from palingenesis.core.policy.calendars import within_key
from palingenesis.core.policy.decide import DEFAULT, decide
from palingenesis.core.policy.model import Policy
from palingenesis.core.policy.terms import count_key
from palingenesis.core.values import FactValue
from palingenesis.core.world import Decision, Session, Shadow

SAME: Final = "as decided"
DIFFERENT: Final = "otherwise"
UNCERTAIN: Final = "after a first difference"
_REMEMBERED: Final = 200


def shadow_started(draft: Draft, event: events.ShadowStarted) -> None:
    """From now on the candidate decides beside the policy in force; it replaces another one."""
    shadow = Shadow(name=event.name, digest=event.digest, path=event.path, since=event.at)
    draft.world = replace(draft.world, shadow=shadow)


def shadow_stopped(draft: Draft) -> None:
    """No candidate decides any more."""
    draft.world = replace(draft.world, shadow=None)


def decide_beside(draft: Draft, candidate: Policy) -> None:
    """Make every decision of this turn again with the candidate."""
    for real in tuple(draft.decisions):
        session = draft.sessions.get(real.session) if real.session is not None else None
        if real.kind == "decided" and real.facts and session is not None:
            _decide(draft, candidate, real, session)


def _decide(draft: Draft, candidate: Policy, real: Decision, session: Session) -> None:
    shadow = draft.world.shadow
    assert shadow is not None, "a candidate decides only while one is in shadow"
    mine = shadow.decided.get(session.id, ())
    ruling = decide(
        candidate,
        _facts(draft, candidate, real, session),
        lambda rule, per: sum(1 for name, at in mine if name == rule and at > draft.at - per),
    )
    if session.latched and ruling.rule == DEFAULT:
        # As the kernel does: where no rule says more, a person's own stop is hers.
        ruling = replace(ruling, steps=(StandDown(),))
    began = session.episode.started_at if session.episode is not None else draft.at
    verdict = SAME if ruling.steps == real.plan else DIFFERENT
    parted = shadow.parted
    if parted.get(session.id) == began:
        verdict = UNCERTAIN
    elif verdict is DIFFERENT:
        parted = {**parted, session.id: began}
    draft.note_candidate(
        real,
        rule=ruling.rule,
        why=verdict,
        policy=candidate.digest,
        limited=ruling.limited,
        plan=ruling.steps,
        tries=_tries(mine, ruling.rule, began, session),
    )
    known = {id_: them for id_, them in shadow.decided.items() if id_ in draft.sessions}
    decided = {**known, session.id: (*mine, (ruling.rule, draft.at))[-_REMEMBERED:]}
    draft.world = replace(
        draft.world,
        shadow=replace(
            shadow,
            decided=decided,
            parted={id_: at for id_, at in parted.items() if id_ in draft.sessions},
            same=shadow.same + (verdict is SAME),
            different=shadow.different + (verdict is DIFFERENT),
            uncertain=shadow.uncertain + (verdict is UNCERTAIN),
        ),
    )


def _facts(
    draft: Draft, candidate: Policy, real: Decision, session: Session
) -> dict[str, FactValue]:
    """The facts that were decided on, and what only the candidate counts or looks up."""
    counted = {
        count_key(what, window): count(session, what, draft.at - window)
        for what, window in candidate.windows
    }
    open_now = {
        within_key(name): calendar.covers(draft.at)
        for name, calendar in candidate.calendars.items()
    }
    return {**counted, **real.facts, **open_now}


def _tries(
    mine: tuple[tuple[str, datetime], ...], rule: str, began: datetime, session: Session
) -> int:
    """How often the candidate's rule has decided since the last progress of this trouble."""
    progressed = session.progressed_at or began
    since = max(began, progressed) - timedelta(microseconds=1)
    return sum(1 for name, at in mine if name == rule and at > since)
