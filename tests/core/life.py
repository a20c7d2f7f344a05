"""A session's life as a play: events go in with `>>`, expected orders come out with `<<`.

Life(policy) >> stopped("rate_limit", retry_after=90) << waiting(90) >> passed(90) << "resume"
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Self

from palingenesis.core import effects, events
from palingenesis.core.effects import Effect, name_of
from palingenesis.core.events import Event
from palingenesis.core.policy.model import Policy
from palingenesis.core.step import Turn, step
from palingenesis.core.values import (
    AgentId,
    Block,
    BlockKind,
    DownCause,
    FactValue,
    Result,
    SessionId,
    Status,
    Stop,
    StopReason,
    Way,
)
from palingenesis.core.world import Decision, Session, World

START = datetime(2026, 2, 5, 2, 0, tzinfo=UTC)
AGENT = AgentId("opencode")
SES = SessionId("ses_1")

Act = Callable[["Life"], Event | None]


@dataclass
class Life:
    """One world, driven by hand; every order of the kernel has to be expected."""

    policy: Policy
    way: Way = Way.MANAGED
    supported: bool = True
    now: datetime = START
    world: World = field(default_factory=World)
    orders: list[Effect] = field(default_factory=list)
    decisions: list[Decision] = field(default_factory=list)
    last: dict[str, Effect] = field(default_factory=dict)
    candidate: Policy | None = None
    """What decides beside the policy while the world has a shadow."""

    def __post_init__(self) -> None:
        self.take(events.DaemonStarted(at=self.now, version="test", seed="5eed5eed5eed"))
        self.take(agent_up(self))
        self.work(SES)
        self.orders.clear()
        self.decisions.clear()

    def work(self, session: SessionId) -> None:
        self.take(events.SessionSeen(at=self.now, session=session, agent=AGENT, title="night"))
        self.take(events.SessionWorking(at=self.now, session=session, agent=AGENT))

    def take(self, event: Event) -> Turn:
        turn = step(self.world, event, self.policy, self.candidate)
        self.world = turn.world
        self.orders += turn.effects
        self.decisions += turn.decisions
        for effect in turn.effects:
            self.last[name_of(effect)] = effect
        return turn

    @property
    def session(self) -> Session:
        return self.world.sessions[SES]

    def names(self) -> list[str]:
        return [name_of(effect) for effect in self.orders]

    def __rshift__(self, act: Act) -> Self:
        event = act(self)
        if event is not None:
            self.take(event)
        return self

    def __lshift__(self, expected: "str | Status | timedelta") -> Self:
        if isinstance(expected, Status):
            assert self.session.status is expected, (self.session.status, self.session.outlook)
        elif isinstance(expected, timedelta):
            plan = self.session.plan
            assert self.session.status is Status.WAITING, self.session.status
            assert plan is not None
            assert plan.deadline is not None
            assert plan.deadline - self.now == expected
        else:
            assert self.names(), f"expected {expected}, but nothing was ordered"
            assert self.names()[0] == expected, self.names()
            self.orders.pop(0)
        return self

    def claim_nothing_more(self) -> Self:
        assert self.names() == []
        return self


# ── what happens ──────────────────────────────────────────────────────────────────────────────


def agent_up(life: Life) -> Event:
    return events.AgentUp(
        at=life.now,
        agent=AGENT,
        assistant="opencode",
        way=life.way,
        version="1.18.33",
        supported=life.supported,
        started_at=life.now,
    )


def stopped(
    reason: str,
    *,
    retry_after: float | None = None,
    key: str = "",
    session: SessionId = SES,
    retrying: bool = False,
    words: bool = False,
    evidence: Mapping[str, str | int | float | bool] | None = None,
) -> Act:
    def act(life: Life) -> Event:
        at = life.now
        retry_at = None if retry_after is None else at + timedelta(seconds=retry_after)
        stop = Stop(
            key=key or f"{reason}@{at.isoformat()}",
            reason=StopReason(reason),
            retry_at=retry_at,
            retrying=retrying,
            words=words,
            message=f"the provider says {reason}",
            evidence=evidence or {},
        )
        return events.SessionStopped(at=at, session=session, agent=AGENT, stop=stop)

    return act


def passed(seconds: float) -> Act:
    """Time passes; what is due at its end is due."""

    def act(life: Life) -> Event:
        life.now += timedelta(seconds=seconds)
        return events.Ticked(at=life.now)

    return act


def ended(name: str, result: str = "ok", **data: str) -> Act:
    """The last ordered effect of that name ends."""

    def act(life: Life) -> Event:
        return events.EffectEnded(
            at=life.now, effect=life.last[name].id, result=Result(result), detail=result, data=data
        )

    return act


def alive(life: Life) -> Event:
    return events.SessionAlive(at=life.now, session=SES, what="text")


def progressed(life: Life) -> Event:
    return events.SessionProgressed(at=life.now, session=SES, what="a turn")


def working(life: Life) -> Event:
    return events.SessionWorking(at=life.now, session=SES, agent=AGENT)


def person_prompts(life: Life) -> Event:
    return events.PersonPrompted(at=life.now, session=SES, message="msg_person")


def asked(kind: str = "permission", text: str = "rm -rf build?") -> Act:
    def act(life: Life) -> Event:
        block = Block(id="per_1", kind=BlockKind(kind), text=text, tool="bash", since=life.now)
        return events.SessionBlocked(at=life.now, session=SES, agent=AGENT, block=block)

    return act


def answered(life: Life) -> Event:
    return events.SessionUnblocked(at=life.now, session=SES, block="per_1")


def died(cause: str = "exited", signal: str | None = "SIGKILL") -> Act:
    def act(life: Life) -> Event:
        return events.AgentDown(at=life.now, agent=AGENT, cause=DownCause(cause), signal=signal)

    return act


def known(**facts: FactValue | None) -> Act:
    """External facts; `work__state="valid"` means `work.state`."""

    def act(life: Life) -> Event:
        named = {name.replace("__", "."): value for name, value in facts.items()}
        return events.FactsObserved(at=life.now, session=SES, facts=named)

    return act


def told_to(command: object, by: str = "anna") -> Act:
    def act(life: Life) -> Event:
        return events.CommandGiven(at=life.now, command=command, by=by)  # type: ignore[arg-type]

    return act


def text_of(effect: Effect) -> str:
    assert isinstance(effect, effects.Notify | effects.Log)
    return effect.message
