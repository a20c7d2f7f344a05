"""The stage: the world of a night as it really is, with servers, conversations, limits, a person.

Effects of the policy act on it, and it answers with events, as sensors and actuators would. It is
the truth that the invariants are held against.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, Protocol

from palingenesis.core import events
from palingenesis.core.events import Event
from palingenesis.core.values import AgentId, BlockKind, DownCause, SessionId, StopReason, Way
from palingenesis.simulation.conversation import Conversation, Doing
from palingenesis.simulation.dice import Dice
from palingenesis.simulation.house import Asking
from palingenesis.simulation.provider import Provider, Refusal
from palingenesis.simulation.setting import AgentPart, FailurePart, SessionPart, Setting

_OUTAGES: Final = {
    "network": "Cannot connect to API",
    "server_error": "Internal server error",
    "timeout": "The operation timed out.",
    "overloaded": "Overloaded",
}
_STATUS: Final = {"server_error": 500, "overloaded": 529, "auth": 401, "billing": 402}
_CAUSES: Final = {
    (True, False): DownCause.ENDED,
    (False, True): DownCause.STOPPED,
    (False, False): DownCause.EXITED,
}


class Clockwork(Protocol):
    """What the stage needs of the night: time, and somebody to tell."""

    @property
    def now(self) -> datetime:
        """What the machine's clock shows."""
        ...

    @property
    def clock(self) -> datetime:
        """The true time."""
        ...

    def later(self, span: timedelta, do: Callable[[], None]) -> None:
        """Have something happen on the machine when a span has passed."""
        ...

    def at(self, instant: datetime, do: Callable[[], None]) -> None:
        """Have something happen at a true instant, wherever the machine is."""
        ...

    def tell(self, event: Event) -> None:
        """Tell what a sensor sees."""
        ...


@dataclass(eq=False, slots=True)
class Server:
    """An agent in the course of the night."""

    part: AgentPart
    id: AgentId
    up: bool = True
    broken_until: datetime | None = None
    """It does not come up before."""


@dataclass(eq=False)
class Stage:
    """The world of one night."""

    setting: Setting
    dice: Dice
    clockwork: Clockwork
    start: datetime
    servers: dict[AgentId, Server] = field(default_factory=dict)
    talks: dict[SessionId, Conversation] = field(default_factory=dict)
    lineage: dict[str, SessionId] = field(default_factory=dict)
    """Which conversation carries on a session of the scenario, by its name there."""
    _failing: list[tuple[FailurePart, datetime]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.provider = Provider(self.setting.limits, self.start)
        for agent in self.setting.agents:
            server = Server(agent, AgentId(agent.id))
            self.servers[server.id] = server
        for session in self.setting.sessions:
            self._add(session)

    # ── what conversations ask of their house ─────────────────────────────────────────────────

    @property
    def now(self) -> datetime:
        """See `House`."""
        return self.clockwork.now

    @property
    def clock(self) -> datetime:
        """See `House`."""
        return self.clockwork.clock

    def later(self, span: timedelta, do: Callable[[], None]) -> None:
        """See `House`."""
        self.clockwork.later(span, do)

    def tell(self, event: Event) -> None:
        """See `House`."""
        self.clockwork.tell(event)

    def spend(self, model: str, tokens: float) -> None:
        """See `House`."""
        self.provider.spend(model, tokens, self.clock)

    def refusal(self, asking: Asking) -> Refusal | None:
        """See `House`."""
        clock = self.clock
        for failure, until in self._failing:
            if clock < until and self._concerns(failure, asking):
                return refusal_of(failure)
        return self.provider.ask(asking.asks_for, clock)

    # ── the beginning ─────────────────────────────────────────────────────────────────────────

    def open(self) -> None:
        """Let everything that the setting names begin."""
        for server in self.servers.values():
            self.tell(self._up(server))
        for part in self.setting.sessions:
            talk = self.of(part.id)
            self.tell(self._seen(talk))
            if part.starts is not None:
                self.clockwork.at(part.starts, lambda talk=talk: self.prompt(talk))  # type: ignore[misc]
            else:
                talk.begin(ours=False)
            if part.given:
                self.tell(
                    events.FactsObserved(at=self.now, session=talk.id, facts=dict(part.given))
                )
        for number, failure in enumerate(self.setting.failures):
            for instant in failure.at:
                self.clockwork.at(instant, lambda f=failure, n=number: self._strike(f, n))  # type: ignore[misc]
            if failure.per_hour > 0:
                self._again(failure, number, 0, self.start)

    def of(self, name: str) -> Conversation:
        """The conversation that carries on a session of the scenario now."""
        return self.talks[self.lineage[name]]

    def _add(self, part: SessionPart) -> None:
        agent = AgentId(part.agent or self.setting.agents[0].id)
        talk = Conversation(house=self, part=part, id=SessionId(f"ses_{part.id}"), agent=agent)
        talk.context = (part.context or 0.0) * part.context_used
        talk.progress.steps = part.work.done if part.work is not None else 0
        talk.retries = self.servers[agent].part.retries
        self.talks[talk.id] = talk
        self.lineage[part.id] = talk.id

    def _up(self, server: Server) -> events.AgentUp:
        return events.AgentUp(
            at=self.now,
            agent=server.id,
            assistant="opencode",
            way=server.part.way,
            version=server.part.version,
            supported=server.part.supported,
            started_at=self.now,
        )

    def _seen(self, talk: Conversation) -> events.SessionSeen:
        title = talk.part.title or talk.part.id
        return events.SessionSeen(
            at=self.now, session=talk.id, agent=talk.agent, title=title, directory="/work"
        )

    # ── failures ──────────────────────────────────────────────────────────────────────────────

    def _again(self, failure: FailurePart, number: int, turn: int, after: datetime) -> None:
        """The next time of a failure that comes at random."""
        instant = after + self.dice.gap(failure.per_hour, f"failure:{number}:{turn}")

        def happen() -> None:
            self._strike(failure, number, turn)
            self._again(failure, number, turn + 1, instant)

        self.clockwork.at(instant, happen)

    def _strike(self, failure: FailurePart, number: int, turn: int = 0) -> None:
        lasts = self.dice.span(failure.lasts, f"failure:{number}:{turn}:lasts")
        self.fail(failure, lasts)

    def fail(self, failure: FailurePart, lasts: timedelta = timedelta(0)) -> None:
        """Something goes wrong now, and for a while."""
        what = failure.what
        if what in {"crash", "user_exit"}:
            for server in list(self.servers.values()):
                if not failure.agent or server.id == failure.agent:
                    self.kill(server, lasts, signal="SIGKILL", ended=what == "user_exit")
            return
        if lasts > timedelta(0) and what in set(StopReason):
            self._failing.append((failure, self.clock + lasts))
        for talk in list(self.talks.values()):
            if talk.doing is Doing.REST or not self._concerns(failure, talk):
                continue
            if what == "silence":
                talk.fall_silent()
            elif what in {"permission", "question"}:
                self.question(talk, BlockKind(what), failure.text or "May I?", failure.tool)
            elif what == "user_abort":
                talk.end_by_abort()
            elif talk.doing is Doing.WORKING:
                talk.strike(refusal_of(failure))

    def _concerns(self, failure: FailurePart, talk: Asking) -> bool:
        if failure.session and self.lineage.get(failure.session) != talk.id:
            return False
        return not failure.agent or failure.agent == talk.agent

    # ── servers ───────────────────────────────────────────────────────────────────────────────

    def kill(
        self,
        server: Server,
        lasts: timedelta,
        *,
        signal: str | None = None,
        exit_code: int | None = None,
        ended: bool = False,
        by_us: bool = False,
    ) -> None:
        """The server dies; somebody else's comes back by itself when that is over.

        A program of the person's own does not: she opens it again, or not.
        """
        if not server.up:
            return
        server.up = False
        if lasts > timedelta(0):
            server.broken_until = self.clock + lasts
        for talk in self.talks.values():
            if talk.agent == server.id:
                talk.die()
        self.tell(
            events.AgentDown(
                at=self.now,
                agent=server.id,
                cause=_CAUSES[ended, by_us],
                exit_code=0 if ended else exit_code,
                signal=None if ended else signal,
            )
        )
        if server.part.way is Way.ATTACHED and lasts > timedelta(0):
            self.clockwork.at(self.clock + lasts, lambda: self._come_back(server))

    def _come_back(self, server: Server) -> None:
        self.start_up(server)

    def start_up(self, server: Server) -> bool:
        """Start the server; False: it does not come up."""
        if server.broken_until is not None and self.clock < server.broken_until:
            return False
        if not server.up:
            server.up, server.broken_until = True, None
            self.tell(self._up(server))
        return True

    def wake(self) -> None:
        """The machine wakes: connections that were open are broken."""
        broken = Refusal(reason=StopReason.NETWORK, message="Connection reset by server")
        for talk in list(self.talks.values()):
            if talk.doing is Doing.WORKING and not talk.silent:
                talk.strike(broken)

    # ── the person ────────────────────────────────────────────────────────────────────────────

    def prompt(self, talk: Conversation) -> None:
        """The person prompts: her session, her turn."""
        if not self.servers[talk.agent].up:
            return
        talk.end_by_abort()
        self.tell(
            events.PersonPrompted(at=self.now, session=talk.id, message=f"person:{self.clock}")
        )
        talk.begin(ours=False)

    def question(self, talk: Conversation, kind: BlockKind, text: str, tool: str) -> None:
        """The session asks; awake she answers in her time, asleep when she is up."""
        block = talk.ask(kind, text, tool)
        answers = self.setting.person.answers
        if block is None or answers is None:
            return
        instant = self.awake_from(self.clock + answers)
        self.clockwork.at(instant, lambda: talk.answered(block.id))

    def awake_from(self, instant: datetime) -> datetime:
        """The first moment at or after an instant at which the person is awake."""
        sleeps = self.setting.person.sleeps
        if sleeps is None:
            return instant
        from palingenesis.core.policy.calendars import Calendar

        night = Calendar(
            name="sleep",
            days=frozenset(range(7)),
            start=sleeps[0],
            end=sleeps[1],
            zone=self.setting.zone,
        )
        return night.ends(instant) or instant


def refusal_of(failure: FailurePart) -> Refusal:
    """A failure, as the assistant is told of it."""
    return Refusal(
        reason=StopReason(failure.what),
        message=failure.message or _OUTAGES.get(failure.what, ""),
        http_status=failure.http_status or _STATUS.get(failure.what),
        retry_in=failure.retry_after,
    )
