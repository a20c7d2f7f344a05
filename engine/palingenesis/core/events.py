"""What happened: a closed union of frozen facts about the past, each with its instant `at`."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from palingenesis.core.commands import Command
from palingenesis.core.values import (
    AgentId,
    Block,
    DownCause,
    FactValue,
    Result,
    SessionId,
    Stop,
    Way,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Happened:
    at: datetime
    """When it happened, in UTC."""


# ── ourselves ─────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True, kw_only=True)
class DaemonStarted(_Happened):
    """We began to watch; `seed` feeds every die until the next start."""

    version: str
    seed: str
    boot_id: str = ""
    pid: int = 0
    booted_at: datetime | None = None
    """When the time since boot was zero, by the wall clock; None: the system does not tell."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DaemonStopped(_Happened):
    """We ceased to watch on purpose."""

    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class WritingFailed(_Happened):
    """The disk is full. This was written into the room that is kept for it; nothing is done now."""

    why: str
    told: bool = False
    """People were told of the same trouble a moment ago."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WritingResumed(_Happened):
    """The journal can be written again: what happened meanwhile is taken now."""

    since: datetime
    why: str
    """What was in the way."""
    told: bool
    """People were told while it lasted, or a moment before."""
    dropped: int = 0
    """Events that were dropped meanwhile, because a later one says the same."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalMended(_Happened):
    """The journal was found damaged when it was opened; the rest of it is used."""

    what: str
    """What was wrong and what is lost, in one line."""
    kept_as: tuple[str, ...]
    """Names of the damaged files, which are kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InvariantBroken(_Happened):
    """Something was about to happen that must never happen: from now on we only watch."""

    what: str
    """What broke, in one line."""
    where: str
    """At which place in palingenesis, and over which event."""
    version: str
    """The version that made the mistake."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyAdopted(_Happened):
    """A policy took effect; `resolved` is its plain, self-contained form (see core.policy.read)."""

    name: str
    digest: str
    resolved: Mapping[str, Any]
    file: str = ""
    """Where it was read from; an older version did not write it down."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyRefused(_Happened):
    """A policy file could not be used; the last good one stays."""

    name: str
    digest: str
    problems: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigurationChanged(_Happened):
    """The configuration file was read again; keys with their new values, secrets hidden."""

    changed: tuple[str, ...]
    """What holds from now on."""
    later: tuple[str, ...] = ()
    """What holds after the next start."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigurationRefused(_Happened):
    """The configuration file could not be used; what held before holds on."""

    problems: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ShadowStarted(_Happened):
    """A candidate decides beside the policy in force from now on, and never acts."""

    name: str
    digest: str
    resolved: Mapping[str, Any]
    path: str
    """The file it was read from, for its promotion."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShadowStopped(_Happened):
    """The candidate decides no more; `why`: `stopped` or `promoted`."""

    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticked(_Happened):
    """Time passed; whatever is due now is due."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockStepped(_Happened):
    """The wall clock was set, by the network, a person or a virtual machine; `at` is after it."""

    by: timedelta
    """Forward, or (below zero) back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineSlept(_Happened):
    """The machine was suspended, and is back."""

    span: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandGiven(_Happened):
    """A person (or her tool) asked for something."""

    command: Command
    by: str


# ── agents ────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentUp(_Happened):
    """An agent answers."""

    agent: AgentId
    assistant: str
    way: Way
    version: str
    supported: bool
    """False: a version that was not tested. It is observed and told about, never acted on."""
    started_at: datetime
    pid: int | None = None
    detail: str = ""
    ends_itself: bool = False
    """It has one prompt to run, and ends with that: its end is nobody's word."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentDown(_Happened):
    """An agent is gone, or does not answer any more."""

    agent: AgentId
    cause: DownCause
    exit_code: int | None = None
    signal: str | None = None
    """Name of the signal that ended it; None when the way it ended is not known."""
    detail: str = ""
    assistant: str = ""
    way: Way | None = None
    """These two tell who an agent would be that was never up; not needed for a known one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SensorBroke(_Happened):
    """A sensor of ours broke: what it watches cannot be seen, so nothing may be done there."""

    sensor: str
    """Its name: an agent's, or `host`, `programs`, `missing programs`, `plugins`, `policy file`."""
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SensorMended(_Happened):
    """A sensor that broke watches again."""

    sensor: str


# ── sessions ──────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True, kw_only=True)
class _OfSession(_Happened):
    session: SessionId


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionSeen(_OfSession):
    """A session exists. Seeing one is not a reason to touch it."""

    agent: AgentId
    title: str = ""
    directory: str = ""
    parent: SessionId | None = None
    created: datetime | None = None
    """When it was begun, as its assistant says."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionWorking(_OfSession):
    """A session began to work, or was found working."""

    agent: AgentId


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionAlive(_OfSession):
    """A sign of life (a step, text, a tool): verifies an effect. Coalesced by the sensor."""

    what: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionProgressed(_OfSession):
    """Real progress (a completed turn, changed work, a changed tree): resets counters."""

    what: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionStopped(_OfSession):
    """A session ceased to work, or its assistant waits by itself (`stop.retrying`)."""

    agent: AgentId
    stop: Stop


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionBlocked(_OfSession):
    """A session waits for a person's permission or answer."""

    agent: AgentId
    block: Block


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionUnblocked(_OfSession):
    """The permission or question was answered, or is gone."""

    block: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionGone(_OfSession):
    """A session was deleted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonPrompted(_OfSession):
    """A genuine message of a person reached a session; it outranks every plan of ours."""

    message: str
    """The assistant's id of that message, not its text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FactsObserved(_Happened):
    """External facts about a session, an agent, or (neither) the host; None: no longer known."""

    facts: Mapping[str, FactValue | None]
    session: SessionId | None = None
    agent: AgentId | None = None


# ── effects ───────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True, kw_only=True)
class EffectEnded(_Happened):
    """The outcome of an effect; `data` carries what later steps need (the new session's id, …)."""

    effect: str
    result: Result
    detail: str = ""
    data: Mapping[str, str] = field(default_factory=dict)


Event = (
    DaemonStarted
    | DaemonStopped
    | WritingFailed
    | WritingResumed
    | JournalMended
    | InvariantBroken
    | PolicyAdopted
    | PolicyRefused
    | ConfigurationChanged
    | ConfigurationRefused
    | ShadowStarted
    | ShadowStopped
    | Ticked
    | ClockStepped
    | MachineSlept
    | CommandGiven
    | AgentUp
    | AgentDown
    | SensorBroke
    | SensorMended
    | SessionSeen
    | SessionWorking
    | SessionAlive
    | SessionProgressed
    | SessionStopped
    | SessionBlocked
    | SessionUnblocked
    | SessionGone
    | PersonPrompted
    | FactsObserved
    | EffectEnded
)
