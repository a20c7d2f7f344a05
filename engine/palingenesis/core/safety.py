"""The rails that no policy can switch off.

A policy may do less than they allow, never more. Each verdict says in words which rail spoke, so
that `status` and `explain` can repeat it. The numbers are promises (docs/reference/rails.md).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from palingenesis.core.effects import Effect, Log, Notify, Restart, Run, Snapshot, Stop
from palingenesis.core.values import NOBODY_ANSWERED, NOT_NOW, Status, Way
from palingenesis.core.world import Agent, Session, World

PROMPTS_PER_HOUR: Final = 12
"""Prompts to one session in any hour."""
PROMPTS_PER_HOUR_IN_ALL: Final = 60
"""Prompts to all sessions together in any hour."""
EARLY_PROBES_PER_HOUR: Final = 1
"""Prompts to one session in any hour before the time that the provider asked to wait until."""
NEW_SESSIONS_PER_HOUR_IN_ALL: Final = 20
"""New sessions begun in any hour, whichever they continue."""
RESTARTS_PER_HOUR_IN_ALL: Final = 30
"""Restarts of all servers together in any hour, progress or not."""
NOTICES_PER_HOUR_IN_ALL: Final = 120
"""Notices of rules in any hour; critical ones, and what the kernel tells, are always sent."""
HOOKS_PER_HOUR_IN_ALL: Final = 120
"""Hooks of rules in any hour."""
BACKUPS_PER_HOUR_IN_ALL: Final = 120
"""Backups in any hour that rules make beside what they decide."""
UNPRODUCTIVE_MAX: Final = 3
"""Prompts in a row after which nothing was achieved."""
PROBE: Final = timedelta(minutes=10)
"""How long the next prompt waits after so many, where nobody answered: outages end."""
RESTARTS_MAX: Final = 5
"""Restarts of one agent within `RESTARTS_WITHIN` before the breaker opens."""
RESTARTS_WITHIN: Final = timedelta(minutes=10)
BREAKER: Final = timedelta(minutes=30)
"""How long an open breaker waits before one more restart is tried."""
REOPEN_MIN: Final = timedelta(seconds=30)
"""No session that waits for a person is looked at again by itself any sooner."""
WAIT_MAX: Final = timedelta(days=8)
"""No wait is longer; whatever the server said, it is probed then."""
SIGNS_EVERY: Final = timedelta(seconds=10)
"""Sensors tell signs of life no more often: the latest one may be so much younger than told."""
DRIVEN_AFTER: Final = 3
"""Stops in a row after which somebody else went on within seconds: another program drives it."""
YIELD: Final = timedelta(minutes=2)
"""How long a session that another program drives is left to that after each stop."""
OTHER_DRIVER: Final = "another driver goes on with this session: it goes first"
RECHECK: Final = timedelta(minutes=5)
"""How soon a step that needs an agent looks for it again."""

LET_IN_AGAIN: Final = timedelta(minutes=1)
"""How long a program that let us in, and is only observed now, is waited for."""

_HOUR: Final = timedelta(hours=1)

PROVIDER_REFUSED: Final = NOT_NOW
"""Stops after which no number of fruitless prompts counts."""

OUTAGES: Final = NOBODY_ANSWERED
"""Stops after which fruitless prompts only make the next one wait."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowed:
    """No rail is touched."""


class Told(StrEnum):
    """Whom a rail that asks to wait concerns, so that a person is told of it once."""

    NOBODY = "nobody"  # it is a matter of minutes, or was told otherwise
    SESSION = "session"
    ALL = "all"


@dataclass(frozen=True, slots=True, kw_only=True)
class Later:
    """A rail asks to wait until an instant."""

    until: datetime
    rail: str
    line: str = ""
    """Key of the quota in whose line it waits, when it is for its turn."""
    told: Told = Told.NOBODY


@dataclass(frozen=True, slots=True, kw_only=True)
class NeedsAgent:
    """The agent's server has to run first."""

    rail: str = "the agent does not run"


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """A rail says no. `quiet`: because of the person; nobody needs to be told."""

    rail: str
    quiet: bool = False


Verdict = Allowed | Later | NeedsAgent | Refused

HER_STOP: Final = Refused(rail="the person stopped this session", quiet=True)
"""The person said stop: neither the session nor, on its behalf, its server is touched."""


NOBODY_GOES_ON: Final = Refused(rail="its program has ended, and no server of ours goes on with it")
ONLY_OBSERVED: Final = Refused(rail="this agent is only observed: told about, not touched")


def no_answer(agent: str) -> str:
    """The rail that puts off what would be done where nobody answers."""
    return f"{agent} does not answer"


def cannot_see(agent: str) -> str:
    """The rail that holds back what would be done where our sensor broke."""
    return f"{agent} cannot be watched now, so nothing is done there"


def may_touch(world: World, session: Session, at: datetime, *, by_person: bool = False) -> Verdict:
    """Whether anything at all may be done to the session."""
    if session.latched and not by_person:
        return HER_STOP
    agent = world.agents.get(session.agent)
    if agent is None:
        return Refused(rail="its agent is not known")
    if not agent.supported:
        return Refused(
            rail=f"{agent.assistant} {agent.version} was not tested: observed, never acted on"
        )
    if agent.way is Way.OBSERVED:
        back_by = agent.let_in_until + LET_IN_AGAIN if agent.let_in_until is not None else at
        return Later(until=back_by, rail=no_answer(agent.id)) if at < back_by else ONLY_OBSERVED
    if agent.id in world.unseen:
        return Later(until=at + RECHECK, rail=cannot_see(agent.id))
    return Allowed() if agent.up else NeedsAgent()


def may_prompt(world: World, session: Session, at: datetime, *, by_person: bool = False) -> Verdict:
    """Whether a prompt may be sent to the session now."""
    verdict = may_touch(world, session, at, by_person=by_person)
    if not isinstance(verdict, Allowed):
        return verdict
    if session.block is not None:
        return Refused(rail=f"a {session.block.kind} waits for a person; nothing is typed into it")
    if by_person:
        return verdict
    if len(session.driven) >= DRIVEN_AFTER and session.stopped_at is not None:
        their_turn = session.stopped_at + YIELD
        if at < their_turn:
            return Later(until=their_turn, rail=OTHER_DRIVER)
    stop, plan = session.stop, session.plan
    stalled = plan is not None and plan.event == "stalled"  # whatever it stopped for before
    fruitless = stalled or stop is None or stop.reason not in PROVIDER_REFUSED
    if fruitless and session.unproductive >= UNPRODUCTIVE_MAX:
        rail = f"{session.unproductive} prompts in a row achieved nothing"
        if stalled or stop is None or stop.reason not in OUTAGES or not session.prompts:
            return Refused(rail=rail)
        if at < session.prompts[-1] + PROBE:
            return Later(until=session.prompts[-1] + PROBE, rail=rail)
    if (probe := _too_early(session, at)) is not None:
        return Later(until=probe, rail="the provider asked to wait; it is probed once an hour")
    full = room_at(session.prompts, PROMPTS_PER_HOUR, at)
    if full is not None:
        rail = f"{PROMPTS_PER_HOUR} prompts an hour for one session"
        return Later(until=full, rail=rail, told=Told.SESSION)
    full = room_at(world.prompted, PROMPTS_PER_HOUR_IN_ALL, at)
    if full is not None:
        rail = f"{PROMPTS_PER_HOUR_IN_ALL} prompts an hour in all"
        return Later(until=full, rail=rail, told=Told.ALL)
    return verdict


def _too_early(session: Session, at: datetime) -> datetime | None:
    """Until when a prompt has to wait that comes before the time the provider named.

    One an hour is let through: that time may be wrong, and a policy may want to know. Another
    model than the one that was refused is another matter.
    """
    floor = session.floor
    if floor is None or at >= floor.until:
        return None
    if session.model and floor.model and not session.model.endswith(floor.model):
        return None
    probes = (instant for instant in session.prompts if instant >= floor.since)
    later = room_at(probes, EARLY_PROBES_PER_HOUR, at)
    return min(later, floor.until) if later is not None else None


def may_begin(world: World, session: Session, at: datetime, *, by_person: bool = False) -> Verdict:
    """Whether a new session may be begun now that continues this one."""
    verdict = may_prompt(world, session, at, by_person=by_person)
    if not isinstance(verdict, Allowed) or by_person:
        return verdict
    full = room_at(world.begun, NEW_SESSIONS_PER_HOUR_IN_ALL, at)
    if full is not None:
        rail = f"{NEW_SESSIONS_PER_HOUR_IN_ALL} new sessions an hour in all"
        return Later(until=full, rail=rail, told=Told.ALL)
    return verdict


def why_void(world: World, effect: Effect) -> str:
    """Why an effect that was ordered must not be carried out any more; "" while it stands.

    Asked right before it is carried out: the person may have spoken since it was ordered, also
    while we did not run.
    """
    if isinstance(effect, Notify | Log):
        return ""
    if world.safe_hold is not None:
        return "palingenesis holds itself"
    if isinstance(effect, Restart | Stop | Run):
        return ""
    session = world.sessions.get(effect.session)
    beside = isinstance(effect, Snapshot) and effect.aside
    if session is None or not (beside or (session.plan and session.plan.effect == effect.id)):
        return "it was called off before it was carried out"
    if session.status is Status.PAUSED:
        return "the operator holds the session"
    return ""


def may_stop(agent: Agent | None) -> Verdict:
    """Whether the agent's server may be ended for good: only one that is our own."""
    if agent is None:
        return Refused(rail="its agent is not known")
    if agent.way is not Way.MANAGED:
        return Refused(rail=f"{_not_ours(agent)} is never stopped by us")
    if not agent.supported:
        return Refused(rail=f"{agent.assistant} {agent.version} was not tested")
    return Allowed()


def _not_ours(agent: Agent) -> str:
    """What it is, for sentences."""
    if agent.way.is_hers:
        return "a program of the person's own"
    return f"a server that is {agent.way}"


def may_restart(world: World, agent: Agent, at: datetime, *, by_person: bool = False) -> Verdict:
    """Whether the agent's server may be restarted now."""
    if agent.way is not Way.MANAGED:
        return Refused(rail=f"{_not_ours(agent)} is never restarted by us")
    if not agent.supported:
        return Refused(rail=f"{agent.assistant} {agent.version} was not tested")
    if agent.stopped and not by_person:
        return Refused(rail="a rule stopped this server; no rule starts it again")
    if agent.id in world.unseen:
        return Later(until=at + RECHECK, rail=cannot_see(agent.id))
    if (until := breaker_until(agent)) is not None and at < until:
        return Later(until=until, rail=BREAKER_OPEN)
    full = room_at(world.restarted, RESTARTS_PER_HOUR_IN_ALL, at)
    if full is not None:
        rail = f"{RESTARTS_PER_HOUR_IN_ALL} restarts an hour in all"
        return Later(until=full, rail=rail, told=Told.ALL)
    return Allowed()


BREAKER_OPEN: Final = (
    f"{RESTARTS_MAX} restarts within {RESTARTS_WITHIN.seconds // 60} minutes: breaker open"
)


def breaker_until(agent: Agent) -> datetime | None:
    """When an open breaker lets one more restart through, as a probe; None: it is closed."""
    return agent.restarts[-1] + BREAKER if agent.tripped and agent.restarts else None


def caps_reached(world: World, at: datetime) -> tuple[Later, ...]:
    """What concerns everything together and is full now."""
    caps = (
        (world.prompted, PROMPTS_PER_HOUR_IN_ALL, "prompts"),
        (world.begun, NEW_SESSIONS_PER_HOUR_IN_ALL, "new sessions"),
        (world.restarted, RESTARTS_PER_HOUR_IN_ALL, "restarts"),
        (world.used.get("notifications", ()), NOTICES_PER_HOUR_IN_ALL, "notices"),
        (world.used.get("hooks", ()), HOOKS_PER_HOUR_IN_ALL, "hooks"),
        (world.used.get("backups beside", ()), BACKUPS_PER_HOUR_IN_ALL, "backups beside"),
    )
    found = (
        (room_at(instants, most, at), f"{most} {what} an hour in all")
        for instants, most, what in caps
    )
    return tuple(Later(until=until, rail=rail) for until, rail in found if until is not None)


def touched(session: Session, at: datetime) -> tuple[str, ...]:
    """The rails that would hold a prompt to this session back now, or did when it last tried."""
    rails = list(session.rails)
    if session.latched:
        rails.append(HER_STOP.rail)
    if session.unproductive >= UNPRODUCTIVE_MAX:
        rails.append(f"{session.unproductive} prompts in a row achieved nothing")
    if room_at(session.prompts, PROMPTS_PER_HOUR, at) is not None:
        rails.append(f"{PROMPTS_PER_HOUR} prompts an hour for one session")
    return tuple(dict.fromkeys(rails))


def trips(restarts: tuple[datetime, ...]) -> bool:
    """Whether the newest restarts came so fast that the breaker opens."""
    if len(restarts) < RESTARTS_MAX:
        return False
    return restarts[-1] - restarts[-RESTARTS_MAX] <= RESTARTS_WITHIN


def room_at(instants: Iterable[datetime], most: int, at: datetime) -> datetime | None:
    """When a sliding hour has room for one more; None: it has now."""
    inside = sorted(instant for instant in instants if instant > at - _HOUR)
    return inside[-most] + _HOUR if len(inside) >= most else None
