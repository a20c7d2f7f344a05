"""The world and the journal as a surface shows them: plain data, no judgement of its own.

The same functions serve the daemon's door and a surface that reads the journal while the daemon is
down, so both say the same.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

from palingenesis.core import events
from palingenesis.core.copies import replace
from palingenesis.core.effects import Effect, Notify, name_of
from palingenesis.core.errors import JournalError, PalingenesisError
from palingenesis.core.events import Event
from palingenesis.core.facts import show
from palingenesis.core.plans import Ask, Delegate, Restart, Wait, word_of
from palingenesis.core.record import from_plain
from palingenesis.core.safety import touched
from palingenesis.core.values import AgentId, FactValue, Status
from palingenesis.core.world import Decision, Plan, Session, World
from palingenesis.runtime import door
from palingenesis.runtime.command_words import typed
from palingenesis.runtime.ports import Recorded
from palingenesis.runtime.refusals import refusal


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """One entry of the journal, decoded."""

    seq: int
    event: Event
    decisions: Sequence[Decision]
    effects: Sequence[Effect]


def decoded(recorded: Recorded) -> Written:
    """An entry with its decisions; one of an unknown version is left out."""
    decisions: list[Decision] = []
    for plain in recorded.decisions:
        with suppress(JournalError):
            decisions.append(from_plain(Decision, plain))
    return Written(
        seq=recorded.seq, event=recorded.event, decisions=decisions, effects=recorded.effects
    )


def instant(at: datetime) -> str:
    """RFC 3339 in UTC, to the second."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


# ── status ────────────────────────────────────────────────────────────────────────────────────


def session_status(session: Session, at: datetime) -> door.SessionStatus:
    """One session: what it does, and if it waits: for what, until when, and what then."""
    plan, stop, block = session.plan, session.stop, session.block
    blocked = session.status is Status.BLOCKED and block is not None
    shown = session.status not in {Status.WORKING, Status.DISCOVERING}
    reason = block.kind.value if blocked and block else stop.reason.value if stop else None
    message = block.text if blocked and block else stop.message if stop else None
    return {
        "id": session.id,
        "title": session.title,
        "directory": session.directory,
        "agent": session.agent,
        "status": session.status.value,
        "supervised": session.supervised,
        "since": instant(session.since),
        "reason": reason if shown else None,
        "message": (message or None) if shown else None,
        "for": session.outlook or None,
        "until": _until(session),
        "next": words_of_rest(plan, session),
        "rule": plan.rule if plan else None,
        "decision": plan.decision if plan else None,
        "rails": list(touched(session, at)),
        "attempts": session.episode.attempts if session.episode else 0,
        "context_used": _ratio(session.facts.get("session.context_used")),
        "work": _work(session.facts),
        "successor": session.successor,
        "question": plan.question or None if plan else None,
    }


def _until(session: Session) -> str | None:
    waits = session.status in {Status.WAITING, Status.ASKING}
    if waits and session.plan and session.plan.deadline:
        return instant(session.plan.deadline)
    if session.status is Status.VERIFYING and session.verify_until:
        return instant(session.verify_until)
    if session.status is Status.ATTENTION and session.reopen_at:
        return instant(session.reopen_at)
    if session.status is Status.HOLDING and session.holds:
        return instant(session.holds[0].deadline)
    return None


def words_of_rest(plan: Plan | None, session: Session) -> str | None:
    """What is done after the step at hand, in words; None: nothing, or nothing is under way."""
    if plan is None or session.status not in {Status.WAITING, Status.ACTING, Status.ASKING}:
        return None
    at_hand = plan.steps[plan.index] if plan.index < len(plan.steps) else None
    skip = 1 if isinstance(at_hand, Ask | Wait | Delegate) or session.status is Status.ACTING else 0
    rest = [word_of(step) for step in plan.steps[plan.index + skip :]]
    return ", then ".join(rest) or None


def _work(facts: Mapping[str, FactValue]) -> door.WorkStatus:
    step = facts.get("work.step")
    return {
        "state": str(facts.get("work.state", "absent")),
        "step": str(step) if step is not None else None,
        "completed": _whole(facts.get("work.steps_completed")),
        "total": _whole(facts.get("work.steps_total")),
    }


def _whole(value: FactValue | None) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _ratio(value: FactValue | None) -> float | None:
    return float(value) if isinstance(value, int | float) else None


def supervised(world: World, at: datetime) -> list[door.SessionStatus]:
    """The sessions that are ours, the ones that need somebody first."""
    order = [Status.ATTENTION, Status.BLOCKED, Status.PAUSED, Status.WAITING, Status.ACTING]

    def urgency(session: Session) -> tuple[int, str]:
        place = order.index(session.status) if session.status in order else len(order)
        return place, session.id

    ours = (s for s in world.sessions.values() if s.supervised and s.successor is None)
    return [session_status(session, at) for session in sorted(ours, key=urgency)]


def warnings(world: World) -> list[str]:
    """What a person should know although nothing has stopped."""
    lines = [
        f"{agent.id}: {agent.assistant} {agent.version} was not tested: observed, never acted on"
        for agent in world.agents.values()
        if agent.up and not agent.supported
    ]
    if world.policy_problems:
        lines.append(refusal(world.policy_problems))
    if world.shadow is not None:
        lines.append(
            f"{world.shadow.name} decides in shadow beside the policy: "
            "palingenesis policy shadow report"
        )
    if world.held:
        first = min(held.until for held in world.held)
        lines.append(f"{_count(len(world.held), 'notice')} held, the next until {instant(first)}")
    lines += (
        f"the sensor of {name} broke, it is begun anew again and again: {why}"
        for name, why in world.unseen.items()
        if AgentId(name) not in world.agents
    )
    if world.paused:
        lines.append("paused: nothing is done until `palingenesis resume`")
    return lines


def pending_notices(world: World) -> int:
    """How many notifications have not been delivered yet."""
    return sum(1 for effect in world.open.values() if isinstance(effect, Notify))


# ── the journal ───────────────────────────────────────────────────────────────────────────────


def _count(number: int, word: str) -> str:
    return f"{number} {word}" if number == 1 else f"{number} {word}s"


_TOLD_MOST = 3
"""Of more decisions at once the rules are only listed: the nearest miss takes its time."""


class Consider(Protocol):
    """Recomputes what became of every rule in a decision, from its facts and its policy."""

    def __call__(self, decision: Decision) -> Sequence[door.Considered]:
        """Every rule, in order."""
        ...

    def told(self, decision: Decision) -> Sequence[str]:
        """The telling ones with their values, as text."""
        ...


def explanations(
    entries: Iterable[Recorded],
    consider: Consider,
    *,
    session: str | None,
    decision: int | None,
    limit: int,
    removed_at: datetime | None = None,
) -> list[door.Explanation]:
    """Why decisions were made, and what came of each of their steps; oldest first.

    Args:
        entries: the newest part of the journal, oldest first.
        consider: recomputes what became of every rule.
        session: only decisions about this session.
        decision: only this decision.
        limit: at most that many, the newest; what the kernel only told people is left out, unless
            there is nothing else.
        removed_at: when the journal removed older entries last, if it ever did.

    Raises:
        PalingenesisError: there is no such decision among the entries.
    """
    written = [decoded(one) for one in entries]
    meant = [
        _as_typed(one, entry.event)
        for entry in written
        for one in entry.decisions
        if decision in (None, one.id) and session in (None, one.session) and _is_ours(one)
    ]
    if decision is not None and not meant:
        raise no_decision(decision, removed_at)
    if decision is None:
        meant = [one for one in meant if one.kind != "told"] or meant
    titles = {
        entry.event.session: entry.event.title
        for entry in written
        if isinstance(entry.event, events.SessionSeen)
    }
    outcomes = {
        entry.event.effect: entry.event
        for entry in written
        if isinstance(entry.event, events.EffectEnded)
    }
    ordered: dict[int, list[Effect]] = {}
    for entry in written:
        for effect in entry.effects:
            ordered.setdefault(effect.decision, []).append(effect)
    return [
        {
            "decision": one.id,
            "at": instant(one.at),
            "session": one.session,
            "title": titles.get(one.session, "") if one.session else "",
            "kind": one.kind,
            "event": one.event,
            "rule": one.rule,
            "why": one.why,
            "policy": one.policy,
            "limited": one.limited,
            "facts": {name: show(name, value) for name, value in one.facts.items()},
            "considered": list(consider(one)) if one.kind == "decided" else [],
            "told": list(consider.told(one))
            if one.kind == "decided" and limit <= _TOLD_MOST
            else [],
            "plan": list(_steps(one, ordered.get(one.id, []), outcomes)),
        }
        for one in meant[-limit:]
    ]


def no_decision(number: int, removed_at: datetime | None) -> PalingenesisError:
    """There is none with that number; perhaps there is none any more."""
    hint = "palingenesis events"
    if removed_at is not None:
        hint += f"; older entries were removed on {removed_at.astimezone():%Y-%m-%d}"
    return PalingenesisError(f"no decision {number} in the journal", hint)


def _as_typed(decision: Decision, event: Event) -> Decision:
    """With the word that she typed as its reason, where the kernel has one of its own for it."""
    if decision.kind != "commanded" or not isinstance(event, events.CommandGiven):
        return decision
    return replace(decision, why=f"{typed(event.command)} by {event.by}")


def _is_ours(decision: Decision) -> bool:
    """Whether it was made; a candidate's bears the number of the one that was."""
    return decision.kind != "candidate"


def _steps(
    decision: Decision,
    effects_of: Sequence[Effect],
    outcomes: Mapping[str, events.EffectEnded],
) -> Iterator[door.Step]:
    done: dict[int, Effect] = {}
    for effect in effects_of:
        # `3` is the third step, `3s` a backup made for it, `3r…` a restart that it needed.
        number, _, restart = effect.id.rpartition(".")[2].partition("r")
        if number.isdigit() and (not restart or _is_restart(decision, int(number))):
            done[int(number)] = effect
    if not decision.plan:
        for effect in effects_of:
            yield _step(name_of(effect), effect, outcomes)
        return
    for index, step in enumerate(decision.plan):
        yield _step(word_of(step), done.get(index), outcomes)


def _is_restart(decision: Decision, index: int) -> bool:
    return index < len(decision.plan) and isinstance(decision.plan[index], Restart)


def _step(
    what: str, effect: Effect | None, outcomes: Mapping[str, events.EffectEnded]
) -> door.Step:
    ended = outcomes.get(effect.id) if effect else None
    return {
        "what": what,
        "result": ended.result.value if ended else ("under way" if effect else None),
        "detail": ended.detail if ended else "",
    }
