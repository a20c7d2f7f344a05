"""The setting of a night: everything a scenario's `world:` and `faults:` may say, as plain data.

A *part* is what the file says about one agent, session, limit, …; what becomes of it in the course
of the night is the business of the stage.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from typing import Final

from palingenesis.core.policy.calendars import UTC_ZONE, Zone
from palingenesis.core.values import FactValue, StopReason, Way
from palingenesis.simulation.dice import Range
from palingenesis.simulation.rehearsal import VERSION

_TAKES: Final = Range(120.0, 360.0)
_TOKENS: Final = Range(20_000, 60_000)
_TURNS: Final = Range(2, 4)
_GROWS: Final = Range(4_000, 12_000)
_NO_TIME: Final = Range(0.0, 0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentPart:
    """One server of an assistant."""

    id: str
    way: Way = Way.MANAGED
    version: str = VERSION
    supported: bool = True
    retries: bool = True
    """Whether the assistant tries again by itself before it gives a turn up, as OpenCode does."""
    starts_in: timedelta = timedelta(seconds=3)


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkPart:
    """The document of a session's work."""

    steps: int
    done: int = 0
    torn: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionPart:
    """One conversation and how it works: turns that take time, tokens and context."""

    id: str
    agent: str = ""
    title: str = ""
    model: str = "anthropic/claude-sonnet-4-5"
    starts: datetime | None = None
    """When the person sets it to work; None: it is at work when the night begins."""
    work: WorkPart | None = None
    turns: int | None = None
    """Turns until a session without a document is through; None: it goes on for ever."""
    takes: Range = _TAKES
    """Seconds of a turn."""
    tokens: Range = _TOKENS
    """Tokens of a turn."""
    turns_per_step: Range = _TURNS
    pauses: float = 0.0
    """The share of steps after which the assistant ends its turn although steps are open."""
    price: float = 3.0
    """Dollars for a million tokens."""
    context: float | None = None
    """Tokens that the model's window holds; None: it never fills."""
    context_used: float = 0.05
    """Share of the window in use when the night begins, and in every new session."""
    grows: Range = _GROWS
    """Tokens by which a turn fills the window, if it can be filled."""
    signs: bool = True
    """Whether a long turn shows signs of life while it runs."""
    given: Mapping[str, FactValue] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Resets:
    """When a window of the calendar begins anew: at a time of day, on some days."""

    at: time
    days: frozenset[int]
    zone: Zone = UTC_ZONE


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitPart:
    """What a provider allows: so many tokens or requests in a window, over all sessions.

    A window opens with the first use and closes `per` later, or at `resets` of the calendar.
    """

    models: str = "*"
    """A pattern of `provider/model`, as in `anthropic/*`."""
    tokens: float | None = None
    requests: float | None = None
    per: timedelta = timedelta(hours=5)
    resets: Resets | None = None
    reason: StopReason = StopReason.RATE_LIMIT
    message: str = ""
    tells: bool = True
    """Whether the refusal names the time at which the window closes."""
    lies: timedelta = timedelta(0)
    """How far the named time is from the true one."""
    late: timedelta = timedelta(0)
    """How long the provider still refuses after its window has closed."""
    used: float = 0.0
    """Share that is used when the night begins."""
    used_for: timedelta | None = None
    """With `used`: how long before the night the window was opened; None: just now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FailurePart:
    """Something that goes wrong: at fixed times, or so often in an hour.

    `what` is a stop reason, or `silence`, `permission`, `question`.
    """

    what: str
    at: tuple[datetime, ...] = ()
    per_hour: float = 0.0
    lasts: Range = _NO_TIME
    """Seconds for which whatever is tried meets the same failure."""
    session: str = ""
    agent: str = ""
    message: str = ""
    http_status: int | None = None
    retry_after: timedelta | None = None
    text: str = ""
    tool: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonPart:
    """The person. Asleep she answers nothing."""

    sleeps: tuple[time, time] | None = None
    answers: timedelta | None = None
    """How soon she answers a permission or question while she is awake; None: never."""
    says: bool = True
    """What she answers when a policy asks her (`ask:`)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Suspend:
    """The machine sleeps: everything on it stands still, the world outside goes on."""

    at: datetime
    span: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockStep:
    """The machine's clock is set: it jumps by a span that may be negative."""

    at: datetime
    by: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultPart:
    """What is injected between the world and us."""

    duplicates: float = 0.0
    """Share of events that come twice."""
    late: float = 0.0
    """Share of events that come too late, and so out of order."""
    late_by: timedelta = timedelta(seconds=3)
    lost: float = 0.0
    """Share of effects that happen while their outcome never reaches us."""
    lost_of: frozenset[str] = frozenset()
    """The effects whose outcomes get lost; empty: all that touch an agent."""
    suspends: tuple[Suspend, ...] = ()
    clock_steps: tuple[ClockStep, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """The whole setting."""

    agents: tuple[AgentPart, ...] = (AgentPart(id="opencode"),)
    sessions: tuple[SessionPart, ...] = ()
    limits: tuple[LimitPart, ...] = ()
    failures: tuple[FailurePart, ...] = ()
    person: PersonPart = field(default_factory=PersonPart)
    faults: FaultPart = field(default_factory=FaultPart)
    zone: Zone = UTC_ZONE
