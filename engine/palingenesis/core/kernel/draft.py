"""One turn of the kernel while it is being worked out: the only mutable thing in the core.

A draft is made from a world, changed by the functions of this room, and frozen again at the end.
Nobody outside `step` ever sees one, so from outside the core stays a function.
"""

from collections.abc import Mapping
from datetime import datetime
from hashlib import sha256
from typing import Final

from palingenesis.core.copies import replace
from palingenesis.core.effects import Effect, Notify
from palingenesis.core.lifecycle import move
from palingenesis.core.plans import Step
from palingenesis.core.policy.model import Policy
from palingenesis.core.values import AgentId, FactValue, SessionId, Severity, Status
from palingenesis.core.world import Agent, Decision, Session, World

_REMEMBERED: Final = 200


class Draft:
    """A world in the making, with the decisions and effects of this turn."""

    def __init__(self, world: World, policy: Policy, at: datetime) -> None:
        self.at = at
        self.policy = policy
        self.world = world
        self.agents: dict[AgentId, Agent] = dict(world.agents)
        self.sessions: dict[SessionId, Session] = dict(world.sessions)
        self.open: dict[str, Effect] = dict(world.open)
        self.decisions: list[Decision] = []
        self.effects: list[Effect] = []
        self.acts = world.safe_hold is None
        """Whether anything may be ordered; in safe hold nothing is."""
        self._count = world.decisions

    def frozen(self) -> World:
        """The world after this turn."""
        return replace(
            self.world,
            decisions=self._count,
            agents=self.agents,
            sessions=self.sessions,
            open=self.open,
        )

    def now(self) -> World:
        """The world as it is within this turn, for the rails to look at."""
        return replace(self.world, agents=self.agents, sessions=self.sessions, open=self.open)

    def policy_of(self, session: Session) -> Policy:
        """The policy for a session: where its directory has an overlay, that one."""
        return self.policy.for_directory(session.directory)

    @property
    def ordered_at(self) -> datetime:
        """When what is ordered now is ordered: no sooner than the journal could be written again.

        What waited for that happened before, and is only decided about now.
        """
        return max(self.at, self.world.caught_up or self.at)

    # ── sessions ──────────────────────────────────────────────────────────────────────────────

    def put(self, session: Session) -> Session:
        """Remember the session as it is now."""
        self.sessions[session.id] = session
        return session

    def move(self, session: Session, trigger: str, outlook: str = "") -> Session:
        """Take the session along the table of its life."""
        status = move(session.status, trigger)
        since = session.since if status is session.status else self.at
        return self.put(replace(session, status=status, since=since, outlook=outlook))

    def note(self, session: Session, *names: str) -> Session:
        """Remember that these events or stop reasons happened to the session."""
        happened = (*session.happened, *((name, self.at) for name in names))
        return self.put(replace(session, happened=happened[-_REMEMBERED:]))

    def to_deciding(self, session: Session) -> Session:
        """Bring a session with a plan back to the point where its next step is chosen."""
        if session.status is Status.DECIDING:
            return session
        return self.move(session, "due" if session.status is not Status.VERIFYING else "decide")

    # ── decisions and effects ─────────────────────────────────────────────────────────────────

    def decide(
        self,
        kind: str,
        *,
        event: str,
        rule: str,
        why: str,
        session: Session | None = None,
        facts: Mapping[str, FactValue] | None = None,
        plan: tuple[Step, ...] = (),
        limited: bool = False,
        tries: int = 0,
    ) -> Decision:
        """Write a decision down."""
        self._count += 1
        decision = Decision(
            id=self._count,
            at=self.at,
            kind=kind,
            event=event,
            rule=rule,
            why=why,
            session=session.id if session else None,
            policy=self.policy.digest,
            seed=f"{self.world.seed}:{self._count}",
            limited=limited,
            facts=dict(facts or {}),
            plan=plan,
            tries=tries,
        )
        self.decisions.append(decision)
        return decision

    def note_candidate(
        self,
        real: Decision,
        *,
        rule: str,
        why: str,
        policy: str,
        limited: bool,
        plan: tuple[Step, ...],
        tries: int,
    ) -> None:
        """Write down what a candidate makes of a decision, under its number, on its facts."""
        decision = replace(
            real,
            kind="candidate",
            rule=rule,
            why=why,
            policy=policy,
            seed="",
            limited=limited,
            facts={},
            plan=plan,
            tries=tries,
        )
        self.decisions.append(decision)

    def effect_id(self, decision: int, step: str) -> str:
        """The idempotency key of a step: unique across journals, the same in every replay."""
        return f"{self.world.seed[:8]}-{decision}.{step}"

    def order(self, effect: Effect) -> None:
        """Order an effect; it stays open until its outcome is known. In safe hold: nothing."""
        if not self.acts:
            return
        self.open[effect.id] = effect
        self.effects.append(effect)

    def tell(
        self, session: Session | None, severity: Severity, title: str, message: str, why: str
    ) -> None:
        """Tell people on the kernel's own account, with a decision that says why."""
        if not self.acts:
            return
        decision = self.decide("told", event="", rule="kernel", why=why, session=session)
        self.order(
            Notify(
                id=self.effect_id(decision.id, "0"),
                decision=decision.id,
                session=session.id if session else None,
                severity=severity,
                title=title,
                message=message,
            )
        )


def fraction(seed: str, purpose: str) -> float:
    """A number in [0, 1) that the seed determines: the core's only dice."""
    digest = sha256(f"{seed}:{purpose}".encode()).digest()
    return int.from_bytes(digest[:6], "big") / float(1 << 48)
