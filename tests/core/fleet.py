"""Several sessions that share a limit, driven by hand: who is asked, and when."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from palingenesis.core import commands, effects, events
from palingenesis.core.effects import Effect
from palingenesis.core.events import Event
from palingenesis.core.ledger import Quota
from palingenesis.core.policy.model import Policy
from palingenesis.core.step import Turn, next_deadline, step
from palingenesis.core.values import AgentId, Result, SessionId, Stop, StopReason, Way
from palingenesis.core.world import Decision, Session, World
from tests.core.life import START

SONNET = ("anthropic", "claude-sonnet-4-5")
GPT = ("openai", "gpt-5.2")
PROMPTS = effects.Resume | effects.Retry | effects.NewSession
RESET = timedelta(hours=5)


@dataclass
class Fleet:
    """Sessions by number. Whatever is ordered on them is carried out at once."""

    policy: Policy
    count: int = 10
    agents: int = 1
    model: str = ""
    """What the sessions' facts say of their model."""
    now: datetime = START
    world: World = field(default_factory=World)
    asked: list[tuple[datetime, int]] = field(default_factory=list)
    """Every prompt: when, and of which session."""
    orders: list[Effect] = field(default_factory=list)
    decisions: list[Decision] = field(default_factory=list)
    told: list[Event] = field(default_factory=list)
    slow: bool = False
    """Outcomes come only when somebody tells them."""
    watch: Callable[[Event, Turn], None] = lambda _event, _turn: None

    def __post_init__(self) -> None:
        self.take(events.DaemonStarted(at=self.now, version="test", seed="5eed5eed5eed"))
        for number in range(self.agents):
            self.up(number)
        for number in range(self.count):
            at, id_, agent = self.now, self.id(number), self.agent(number)
            self.take(events.SessionSeen(at=at, session=id_, agent=agent))
            self.take(events.SessionWorking(at=at, session=id_, agent=agent))
            known = {"session.model": self.model or None}
            self.take(events.FactsObserved(at=at, session=id_, facts=known))

    # ── names ─────────────────────────────────────────────────────────────────────────────────

    def id(self, number: int) -> SessionId:
        return SessionId(f"ses_{number:03}")

    def agent(self, number: int) -> AgentId:
        return AgentId(f"opencode-{number % self.agents}")

    def of(self, number: int) -> Session:
        return self.world.sessions[self.id(number)]

    def number(self, session: Session | SessionId) -> int:
        id_ = session.id if isinstance(session, Session) else session
        return int(id_.removeprefix("ses_"))

    @property
    def ledger(self) -> Quota:
        (only,) = self.world.quota.values()
        return only

    # ── what happens ──────────────────────────────────────────────────────────────────────────

    def take(self, event: Event) -> Turn:
        turn = step(self.world, event, self.policy)
        self.world = turn.world
        self.told.append(event)
        self.orders += turn.effects
        self.decisions += turn.decisions
        self.watch(event, turn)
        for effect in turn.effects:
            if isinstance(effect, PROMPTS):
                self.asked.append((self.now, self.number(effect.session)))
            if not self.slow or isinstance(effect, effects.Notify):
                self.end(effect)
        return turn

    def end(self, effect: Effect, result: Result = Result.OK) -> None:
        data = {"path": "backup.md"}
        if isinstance(effect, effects.NewSession):
            data = {"session": f"{effect.session}9"}
        self.take(events.EffectEnded(at=self.now, effect=effect.id, result=result, data=data))

    def up(self, number: int) -> None:
        self.take(
            events.AgentUp(
                at=self.now,
                agent=self.agent(number),
                assistant="opencode",
                way=Way.MANAGED,
                version="1.18.33",
                supported=True,
                started_at=self.now,
            )
        )

    def refuse(
        self,
        number: int,
        reason: str = "quota",
        *,
        resets: datetime | None = None,
        at: tuple[str, str] | None = SONNET,
        scope: str = "",
        retrying: bool = False,
        account: str = "",
    ) -> None:
        evidence = {"scope": scope, "account": account}
        stop = Stop(
            key=f"{number}@{self.now.isoformat()}:{len(self.told)}",
            reason=StopReason(reason),
            provider=at[0] if at else None,
            model=at[1] if at else None,
            retry_at=resets,
            retrying=retrying,
            evidence={name: value for name, value in evidence.items() if value},
        )
        self.take(
            events.SessionStopped(
                at=self.now, session=self.id(number), agent=self.agent(number), stop=stop
            )
        )

    def refuse_all(self, reason: str = "quota", *, resets: datetime | None = None) -> None:
        for number in range(self.count):
            self.refuse(number, reason, resets=resets)
            self.now += timedelta(seconds=1)

    def answer(self, number: int, what: str = "text") -> None:
        self.take(events.SessionAlive(at=self.now, session=self.id(number), what=what))

    def complete(self, number: int) -> None:
        self.take(events.SessionProgressed(at=self.now, session=self.id(number), what="turn"))

    def command(self, command: commands.Command) -> None:
        self.take(events.CommandGiven(at=self.now, command=command, by="anna"))

    def until(self, instant: datetime) -> None:
        """Time passes; whatever is due on the way happens in its time."""
        for _ in range(10_000):
            due = next_deadline(self.world, self.policy)
            if due is None or due > instant:
                break
            self.now = max(self.now, due)
            self.take(events.Ticked(at=self.now))
        self.now = instant
        self.take(events.Ticked(at=instant))

    def after(self, seconds: float) -> None:
        self.until(self.now + timedelta(seconds=seconds))

    def asked_since(self, instant: datetime) -> Sequence[int]:
        return [number for at, number in self.asked if at >= instant]
