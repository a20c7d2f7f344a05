"""Invariants: what no policy and no fault may ever bring about, checked after every turn.

They are worked out from events and orders alone, with a memory of their own, so that a mistake in
the kernel's bookkeeping does not hide itself.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from palingenesis.core import commands, effects, events
from palingenesis.core.effects import Effect
from palingenesis.core.events import Event
from palingenesis.core.policy.model import Cap, Policy
from palingenesis.core.safety import (
    BREAKER,
    OUTAGES,
    PROMPTS_PER_HOUR,
    PROMPTS_PER_HOUR_IN_ALL,
    PROVIDER_REFUSED,
    RESTARTS_MAX,
    RESTARTS_WITHIN,
    UNPRODUCTIVE_MAX,
)
from palingenesis.core.step import Turn
from palingenesis.core.values import (
    HER_STOPS,
    AgentId,
    DownCause,
    Result,
    SessionId,
    Severity,
    Status,
    StopReason,
    Way,
)
from palingenesis.core.world import Decision, Session, World
from palingenesis.simulation.canaries import Canaries
from palingenesis.simulation.lateness import lost

INVARIANTS: Final = {
    "person-stop": "no prompt after the person's stop, until she prompts again",
    "one-prompt": "no second prompt for a stop that was answered and is over",
    "no-typing": "nothing is typed into a pending permission or question",
    "held": "nothing is done to a session that the operator holds",
    "owner": "a session is acted on through its owner, and nowhere while it works elsewhere",
    "rails": "the numbers of docs/reference/rails.md are kept",
    "deadlines": "whatever waits has a deadline, and no deadline passes unnoticed",
    "caps": "the policy's own limits are kept",
    "canary": "of sessions that share a limit one is asked after a refusal, until it was answered",
}
"""Every invariant, by name."""

_HOUR: Final = timedelta(hours=1)
_Prompt = effects.Resume | effects.Retry | effects.NewSession
_HOPELESS: Final = PROVIDER_REFUSED | OUTAGES


@dataclass(frozen=True, slots=True, kw_only=True)
class Breach:
    """An invariant that was broken, when, and how."""

    at: datetime
    name: str
    text: str


@dataclass(slots=True)
class _Memory:
    """What is remembered of one session, or of a whole line of sessions."""

    is_stopped: bool = False
    """The person said stop."""
    interrupt: str = ""
    """The order to end a turn that has no outcome yet."""
    aborting: bool = False
    """An abort of ours is under way or just over: the stop it causes is ours."""
    block: str = ""
    stopped_at: datetime | None = None
    """When it stopped last: what is older than that, and told later, is no news."""
    told: set[str] = field(default_factory=set)
    """Its stops: one that is told twice is one stop."""
    over: set[str] = field(default_factory=set)
    """Stops that were answered, and after which it worked again."""
    pending: str = ""
    """The stop that the newest prompt answered."""
    sent: _Prompt | None = None
    """The newest prompt, until its outcome is known."""
    prompts: list[datetime] = field(default_factory=list)
    vain: int = 0
    """Prompts in a row after which nothing was achieved."""
    at_work: AgentId | None = None
    """Who told last that it works on it, and has told no end of that."""


@dataclass
class Invariants:
    """Watches a night; `broken` says what went wrong."""

    policy: Policy
    broken: list[Breach] = field(default_factory=list)
    _of: dict[SessionId, _Memory] = field(default_factory=dict)
    _everyone: list[datetime] = field(default_factory=list)
    _restarts: dict[AgentId, list[datetime]] = field(default_factory=dict)
    _spent: list[tuple[str, datetime]] = field(default_factory=list)
    _seen: dict[SessionId, Session] = field(default_factory=dict)
    _hers: set[int] = field(default_factory=set)
    _reasons: dict[int, Decision] = field(default_factory=dict)
    _canaries: Canaries = field(default_factory=Canaries)

    def take(self, event: Event, turn: Turn) -> None:
        """Look at one turn."""
        self._learn(event, turn.world)
        for decision in turn.decisions:
            if decision.kind == "commanded":
                self._hers.add(decision.id)
            elif decision.kind == "verified" and decision.session is not None:
                memory = self._memory(decision.session)
                memory.over.add(memory.pending)
            if decision.plan:
                self._reasons[decision.id] = decision
        for effect in turn.effects:
            self._ordered(effect, event.at, turn.world)
        for text in self._canaries.take(event, turn, self._hers):
            self._break(event.at, "canary", text)
        self._look_at_deadlines(event, turn.world)

    # ── what happened ─────────────────────────────────────────────────────────────────────────

    def _memory(self, session: SessionId) -> _Memory:
        memory = self._of.get(session)
        if memory is None:
            memory = self._of[session] = _Memory()
        return memory

    def _learn(self, event: Event, world: World) -> None:
        match event:
            case events.SessionStopped(stop=stop):
                memory = self._memory(event.session)
                if memory.at_work == event.agent:
                    memory.at_work = None
                memory.block = ""
                again = stop.key in memory.told
                memory.stopped_at = event.at
                memory.told.add(stop.key)
                if stop.reason in PROVIDER_REFUSED and not again:
                    memory.vain = max(memory.vain - 1, 0)  # it says nothing about the prompt
                if stop.reason in HER_STOPS and not again:
                    known = world.sessions.get(event.session)
                    of_owner = known is not None and known.agent == event.agent
                    memory.is_stopped |= of_owner and not memory.aborting
                    memory.aborting = False
            case events.SessionWorking():
                memory = self._memory(event.session)
                if memory.stopped_at is None or event.at >= memory.stopped_at:
                    memory.block = ""
                    memory.aborting = bool(memory.interrupt)
                    memory.at_work = event.agent
            case events.SessionProgressed():
                self._progressed(event.session, world)
            case events.SessionBlocked():
                self._memory(event.session).block = event.block.id
            case events.SessionUnblocked():
                self._memory(event.session).block = ""
            case events.PersonPrompted():
                memory = self._memory(event.session)
                memory.is_stopped, memory.block, memory.vain = False, "", 0
            case events.AgentDown():
                self._died(event, world)
            case events.CommandGiven():
                self._commanded(event, world)
            case events.EffectEnded():
                self._ended(event, world)
            case _:
                pass

    def _died(self, event: events.AgentDown, world: World) -> None:
        """What its sessions waited for is gone with the agent, unless it is only out of reach."""
        agent = world.agents.get(event.agent)
        if agent is not None and agent.is_live:
            return
        for memory in self._of.values():
            if memory.at_work == event.agent:
                memory.at_work = None
        for session in world.sessions.values():
            before = self._seen.get(session.id, session)  # by now it may go on elsewhere
            if event.agent not in {before.agent, session.agent}:
                continue
            memory, stop = self._memory(session.id), session.stop
            memory.block = ""
            if event.cause is DownCause.ENDED and stop is not None:
                memory.is_stopped |= stop.reason is StopReason.USER_EXIT

    def _ended(self, event: events.EffectEnded, world: World) -> None:
        for session, memory in self._of.items():
            if memory.interrupt == event.effect:
                memory.interrupt = ""
            if memory.sent is not None and memory.sent.id == event.effect:
                self._taken(session, memory, memory.sent, event)
        if heir := event.data.get("session"):
            self._inherit(SessionId(heir), world)

    def _taken(
        self, session: SessionId, memory: _Memory, sent: _Prompt, event: events.EffectEnded
    ) -> None:
        """A prompt has reached its session, unless whoever carried it out saw that it is void."""
        memory.sent = None
        if event.result is not Result.OK:
            return
        if sent.stop and sent.stop in memory.over and not self._is_stall(sent):
            text = f"a second prompt reached {session} for {sent.stop}"
            self._break(event.at, "one-prompt", text)
        memory.pending = sent.stop

    def _is_stall(self, sent: _Prompt) -> bool:
        decision = self._reasons.get(sent.decision)
        return decision is not None and decision.event == "stalled"

    def _progressed(self, session: SessionId, world: World) -> None:
        self._memory(session).vain = 0
        known = world.sessions.get(session)
        if known is not None:
            self._restarts.pop(known.agent, None)

    def _commanded(self, event: events.CommandGiven, world: World) -> None:
        command = event.command
        if isinstance(command, commands.Abort):
            self._memory(command.session).is_stopped = True
            return
        if isinstance(
            command, commands.Answer | commands.ActAgain | commands.Greeted | commands.Order
        ):
            return
        one = command.session
        for session in [one] if one is not None else list(world.sessions):
            memory = self._memory(session)
            memory.vain = 0
            if one is not None and not isinstance(command, commands.Hold | commands.Detach):
                memory.is_stopped = False

    def _inherit(self, heir: SessionId, world: World) -> None:
        known = world.sessions.get(heir)
        if known is not None and known.predecessor is not None:
            before = self._memory(known.predecessor)
            memory = self._memory(heir)
            memory.prompts = [*before.prompts, *memory.prompts]
            memory.vain += before.vain

    # ── what was ordered ──────────────────────────────────────────────────────────────────────

    def _ordered(self, effect: Effect, at: datetime, world: World) -> None:
        if isinstance(effect, effects.Restart):
            self._restarted(effect, at, world)
        elif isinstance(effect, effects.SessionEffect):
            self._touched(effect, at, world)
        if not _asks(effect, world):
            self._cap(effect, at)

    def _touched(self, effect: effects.SessionEffect, at: datetime, world: World) -> None:
        memory, session = self._memory(effect.session), world.sessions.get(effect.session)
        hers = effect.decision in self._hers
        agent = world.agents.get(effect.agent)
        if agent is not None and (agent.way is Way.OBSERVED or not agent.supported):
            self._break(at, "rails", f"{effect.agent} is only watched, and was acted on")
        if session is not None and session.agent != effect.agent:
            self._break(at, "owner", f"{effect.session} is another's than {effect.agent}'s")
        if isinstance(effect, _Prompt) and self._works_elsewhere(effect, memory, world):
            self._break(at, "owner", f"{effect.session} is at work in {memory.at_work}")
        if session is not None and session.status is Status.PAUSED and not hers:
            self._break(at, "held", f"{effect.session} is held, and was acted on")
        if isinstance(effect, effects.Interrupt):
            memory.aborting, memory.interrupt = True, effect.id
        if not isinstance(effect, _Prompt):
            return
        if memory.block:
            self._break(at, "no-typing", f"a prompt to {effect.session}, where a question waits")
        if isinstance(effect, effects.NewSession) and not effect.snapshot:
            self._break(at, "rails", f"a new session for {effect.session} without a backup")
        if not hers:
            self._prompted(effect, at, memory)
        memory.prompts.append(at)
        self._everyone.append(at)
        memory.sent = effect

    def _works_elsewhere(self, effect: _Prompt, memory: _Memory, world: World) -> bool:
        other = world.agents.get(memory.at_work) if memory.at_work is not None else None
        acts = other is not None and other.up and other.way is not Way.OBSERVED
        return acts and other is not None and other.id != effect.agent

    def _prompted(self, effect: _Prompt, at: datetime, memory: _Memory) -> None:
        decision = self._reasons.get(effect.decision)
        stalled = self._is_stall(effect)
        if memory.is_stopped:
            self._break(at, "person-stop", f"a prompt to {effect.session} after the person's stop")
        self._room(memory.prompts, PROMPTS_PER_HOUR, at, f"prompts to {effect.session} in an hour")
        self._room(self._everyone, PROMPTS_PER_HOUR_IN_ALL, at, "prompts in an hour in all")
        reason = decision.facts.get("stop.reason") if decision is not None else None
        if stalled or reason not in _HOPELESS:
            memory.vain += 1
        if memory.vain > UNPRODUCTIVE_MAX:
            text = f"{memory.vain} prompts to {effect.session} in a row that achieved nothing"
            self._break(at, "rails", text)

    def _room(self, instants: list[datetime], most: int, at: datetime, what: str) -> None:
        recent = [instant for instant in instants if instant > at - _HOUR]
        instants[:] = recent
        if len(recent) >= most:
            self._break(at, "rails", f"more than {most} {what}")

    def _restarted(self, effect: effects.Restart, at: datetime, world: World) -> None:
        agent = world.agents.get(effect.agent)
        if agent is not None and (agent.way is not Way.MANAGED or not agent.supported):
            self._break(at, "rails", f"{effect.agent} is not ours to restart")
        past = self._restarts.setdefault(effect.agent, [])
        tripped = any(
            later - first <= RESTARTS_WITHIN
            for first, later in zip(past, past[RESTARTS_MAX - 1 :], strict=False)
        )
        if tripped and at < past[-1] + BREAKER:
            self._break(at, "rails", f"{effect.agent} is restarted again and again")
        past.append(at)

    def _cap(self, effect: Effect, at: datetime) -> None:
        """The policy's `limits:` hold over all sessions, for what its rules do."""
        if not self.policy.caps or effect.decision in self._hers:
            return
        decision = self._reasons.get(effect.decision)
        if decision is None:
            return
        is_sent_anyway = isinstance(effect, effects.Notify) and effect.severity is Severity.CRITICAL
        for what in () if is_sent_anyway else _kinds(effect):
            for cap in self.policy.caps:
                if cap.what == what and _used(self._spent, cap, at) >= cap.most:
                    self._break(at, "caps", f"more than {cap.most} {what}")
            self._spent.append((what, at))

    # ── deadlines ─────────────────────────────────────────────────────────────────────────────

    def _look_at_deadlines(self, event: Event, world: World) -> None:
        ticked = isinstance(event, events.Ticked)
        seen = self._seen
        for id_, session in world.sessions.items():
            if not ticked and seen.get(id_) is session:
                continue
            seen[id_] = session
            problem = lost(session, world, event.at if ticked else None)
            if problem:
                self._break(event.at, "deadlines", f"{id_} {problem}")

    def _break(self, at: datetime, name: str, text: str) -> None:
        self.broken.append(Breach(at=at, name=name, text=text))


def _asks(effect: Effect, world: World) -> bool:
    """Whether it puts a policy's question to the person: that counts for nothing."""
    if not isinstance(effect, effects.Notify) or effect.session is None:
        return False
    session = world.sessions.get(effect.session)
    plan = session.plan if session is not None else None
    return plan is not None and bool(plan.question) and plan.decision == effect.decision


def _kinds(effect: Effect) -> tuple[str, ...]:
    """What an effect counts as in a policy's `limits:`."""
    match effect:
        case effects.NewSession():
            return ("actions", "prompts", "new-sessions")
        case effects.Resume() | effects.Retry():
            return ("actions", "prompts")
        case effects.Restart():
            return ("actions", "restarts")
        case effects.Compact() | effects.Interrupt() | effects.Stop():
            return ("actions",)
        case effects.Notify():
            return ("notifications",)
        case _:
            return ()


def _used(spent: Iterable[tuple[str, datetime]], cap: Cap, at: datetime) -> int:
    return Counter(what for what, instant in spent if instant > at - cap.per)[cap.what]
