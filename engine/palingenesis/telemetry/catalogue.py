"""Every metric there is: its name, its meaning, and its value in a world.

Counters are the world's savings and its tally, which are folds over the journal: they outlive a
restart, a crash, and the entries that the journal removes to stay within its bounds. What is now
(how many sessions wait, whether all is paused) is only told while a daemon runs: of a daemon that
is down nobody knows.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from palingenesis.core.safety import touched
from palingenesis.core.values import BlockKind, Status, StopReason
from palingenesis.core.world import World
from palingenesis.runtime.touched import is_up
from palingenesis.telemetry.live import LIVE, Live, measured
from palingenesis.telemetry.metric import Family, Kind, Metric, Sample, spans

_PREFIX: Final = "palingenesis_"

Values = Callable[[World, datetime], Iterator[Sample]]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Entry:
    metric: Metric
    values: Values


def families(world: World, *, seq: int, at: datetime, live: Live | None = None) -> Iterator[Family]:
    """All metrics in a world.

    Args:
        world: what the journal comes to.
        seq: the number of its newest entry.
        at: the present.
        live: what the running daemon itself knows; None: what is now is left out.
    """
    yield Family(metric=UP, samples=(Sample(value=float(live is not None)),))
    yield Family(metric=ENTRIES, samples=(Sample(value=seq),))
    for entry in COUNTED:
        yield Family(metric=entry.metric, samples=tuple(entry.values(world, at)))
    if live is not None:
        for entry in NOW:
            yield Family(metric=entry.metric, samples=tuple(entry.values(world, at)))
        yield from measured(live)


def metrics() -> Iterator[Metric]:
    """All metrics, in the order in which they are told."""
    yield from (UP, ENTRIES)
    yield from (entry.metric for entry in (*COUNTED, *NOW))
    yield from LIVE


def _entry(
    name: str, kind: Kind, told: str, values: Values, labels: Mapping[str, str] | None = None
) -> _Entry:
    metric = Metric(name=_PREFIX + name, kind=kind, help=told, labels=labels or {})
    return _Entry(metric=metric, values=values)


def _one(value: Callable[[World, datetime], float]) -> Values:
    return lambda world, at: iter((Sample(value=value(world, at)),))


def _by(
    label: str, counts: Callable[[World], Mapping[str, int]], known: Iterable[str] = ()
) -> Values:
    """A sample for each word that was counted, and for each that is known beforehand."""
    words = tuple(known)

    def values(world: World, _at: datetime) -> Iterator[Sample]:
        found = {**dict.fromkeys(words, 0), **counts(world)}
        return (Sample(value=number, labels={label: one}) for one, number in found.items())

    return values


def _effects(world: World, _at: datetime) -> Iterator[Sample]:
    for key, number in world.tally.effects.items():
        effect, _, result = key.partition(":")
        yield Sample(value=number, labels={"effect": effect, "result": result})


def _reloads(world: World) -> Mapping[str, int]:
    return {"adopted": world.savings.policies, "refused": world.savings.policies_refused}


def _timestamp(at: datetime | None) -> Iterator[Sample]:
    return iter(()) if at is None else iter((Sample(value=at.timestamp()),))


_REASONS: Final = tuple(reason.value for reason in StopReason)
_REASON: Final = {"reason": "the [stop reason](stop-reasons.md)"}
_COUNTER, _GAUGE, _HISTOGRAM = Kind.COUNTER, Kind.GAUGE, Kind.HISTOGRAM

UP: Final = Metric(
    name=f"{_PREFIX}up",
    kind=_GAUGE,
    help="Whether a daemon runs; 0: what is now is not told, and what is counted stands still.",
)
ENTRIES: Final = Metric(
    name=f"{_PREFIX}journal_entries_total", kind=_COUNTER, help="Entries of the journal, ever."
)

COUNTED: Final = (
    _entry(
        "stops_total", _COUNTER, "Stops that the policy decided about.",
        _by("reason", lambda it: it.savings.stops, _REASONS), _REASON,
    ),
    _entry(
        "saves_total", _COUNTER, "Stops that became verified work again without a person.",
        _by("reason", lambda it: it.savings.saves_by, _REASONS),
        {"reason": "that of the stop that began the trouble"},
    ),
    _entry(
        "handed_over_total", _COUNTER, "Stops that the policy gave to a person.",
        _one(lambda it, _: it.savings.handed_over),
    ),
    _entry(
        "taken_over_total", _COUNTER, "Stops that a person ended herself before they were a save.",
        _one(lambda it, _: it.savings.taken_over),
    ),
    _entry(
        "saved_seconds_total", _COUNTER,
        "Time saved: work that was seen after a save, until the next stop.",
        _one(lambda it, _: it.savings.won.total_seconds()),
    ),
    _entry(
        "recovery_seconds", _HISTOGRAM, "From the stop that began the trouble until verified work.",
        lambda it, _: iter((Sample(value=spans(it.tally.recoveries)),)),
    ),
    _entry(
        "wait_seconds", _HISTOGRAM,
        "From the beginning of a wait until the effect was ordered that it was for.",
        lambda it, _: iter((Sample(value=spans(it.tally.waits)),)),
    ),
    _entry(
        "interventions_total", _COUNTER, "Times that a person was needed or stepped in.",
        _one(lambda it, _: it.savings.interventions),
    ),
    _entry(
        "blocks_total", _COUNTER, "Permissions and questions that a person had to answer.",
        _by("kind", lambda it: it.savings.blocks, (kind.value for kind in BlockKind)),
        {"kind": "`permission` or `question`"},
    ),
    _entry(
        "stopped_sessions_total", _COUNTER, "Sessions that stopped at least once.",
        _one(lambda it, _: it.savings.sessions),
    ),
    _entry(
        "interrupted_sessions_total", _COUNTER,
        "Of these, the ones in which a person was needed or stepped in.",
        _one(lambda it, _: it.savings.interrupted),
    ),
    _entry(
        "decisions_total", _COUNTER, "Decisions that were written down.",
        _by("kind", lambda it: it.tally.decisions, ("decided", "refused", "verified")),
        {"kind": "`decided`: a rule won; `refused`: a rail or a limit said no; `verified`: it "
                 "works again; and [others](journal.md)"},
    ),
    _entry(
        "rule_decisions_total", _COUNTER, "Decisions that a rule won.",
        _by("rule", lambda it: it.tally.rules),
        {"rule": "its id; of the first 100 rules that ever decided, `other` for all others"},
    ),
    _entry(
        "rail_refusals_total", _COUNTER, "Times that a rail or a limit said no, or not yet.",
        _one(lambda it, _: it.savings.refusals),
    ),
    _entry(
        "effects_total", _COUNTER, "Effects that ended.", _effects,
        {"effect": "the [effect](effects.md): `resume`, `new-session`, `notify`, …",
         "result": "`ok`, `failed`, `unknown` or `superseded`"},
    ),
    _entry(
        "prompts_total", _COUNTER, "Messages to sessions that were sent, or may have been.",
        _one(lambda it, _: it.savings.prompts),
    ),
    _entry(
        "reruns_total", _COUNTER, "Unanswered turns that were run again without a word.",
        _one(lambda it, _: it.savings.reruns),
    ),
    _entry(
        "restarts_total", _COUNTER, "Restarts of servers that were ordered.",
        _one(lambda it, _: it.savings.restarts),
    ),
    _entry(
        "notices_total", _COUNTER, "Notices that were ordered.",
        _one(lambda it, _: it.savings.notices),
    ),
    _entry(
        "agent_downs_total", _COUNTER, "Times that an agent was gone.",
        _by("cause", lambda it: it.tally.downs),
        {"cause": "`exited`, `unreachable`, `refused`, `stopped` or `ended`"},
    ),
    _entry(
        "commands_total", _COUNTER, "What people asked for.",
        _by("command", lambda it: it.tally.commands),
        {"command": "as in the journal: `hold` is `pause`, `release` is `resume`"},
    ),
    _entry(
        "policy_reloads_total", _COUNTER, "Policy files that were read and differed.",
        _by("result", _reloads), {"result": "`adopted` or `refused`"},
    ),
    _entry(
        "daemon_starts_total", _COUNTER, "Runs of the daemon.",
        _one(lambda it, _: it.tally.starts),
    ),
    _entry(
        "sensor_failures_total", _COUNTER, "Times that a sensor of ours broke.",
        _one(lambda it, _: it.tally.sensor_breaks),
    ),
    _entry(
        "safe_holds_total", _COUNTER, "Mistakes of palingenesis after which it only watched.",
        _one(lambda it, _: it.tally.safe_holds),
    ),
    _entry(
        "machine_sleep_seconds_total", _COUNTER, "For how long the machine slept while we watched.",
        _one(lambda it, _: it.tally.slept.total_seconds()),
    ),
    _entry(
        "counted_since_timestamp_seconds", _GAUGE, "When counting began.",
        lambda it, _: _timestamp(it.savings.since),
    ),
    _entry(
        "last_intervention_timestamp_seconds", _GAUGE,
        "When a person was needed, or stepped in, last; none: never.",
        lambda it, _: _timestamp(it.savings.intervened_at),
    ),
)  # fmt: skip
"""What only grows, and two instants."""


def _sessions(world: World, _at: datetime) -> Iterator[Sample]:
    found = dict.fromkeys((status.value for status in Status), 0)
    for session in world.sessions.values():
        if session.supervised and session.successor is None:
            found[session.status.value] += 1
    return (Sample(value=number, labels={"status": one}) for one, number in found.items())


def _agents(world: World, _at: datetime) -> Iterator[Sample]:
    up = sum(is_up(world, agent) for agent in world.agents.values())
    yield Sample(value=up, labels={"state": "up"})
    yield Sample(value=len(world.agents) - up, labels={"state": "down"})


def _railed(world: World, at: datetime) -> float:
    sessions = world.sessions.values()
    return sum(bool(touched(session, at)) for session in sessions if session.supervised)


def _policy(world: World, _at: datetime) -> Iterator[Sample]:
    yield Sample(value=1, labels={"name": world.policy_name, "digest": world.policy[:12]})


NOW: Final = (
    _entry(
        "supervised_sessions", _GAUGE, "Sessions that are supervised, by what they do.", _sessions,
        {"status": "where it is in its [life](lifecycle.md)"},
    ),
    _entry(
        "railed_sessions", _GAUGE, "Supervised sessions that a rail holds back.", _one(_railed),
    ),
    _entry("agents", _GAUGE, "Agents that are known.", _agents, {"state": "`up` or `down`"}),
    _entry(
        "closed_limits", _GAUGE, "Limits of providers that are used up.",
        _one(lambda it, _: sum(quota.closed for quota in it.quota.values())),
    ),
    _entry(
        "open_effects", _GAUGE, "Effects that were ordered and have no outcome yet.",
        _one(lambda it, _: len(it.open)),
    ),
    _entry(
        "paused", _GAUGE, "Whether a person paused everything.",
        _one(lambda it, _: float(it.paused)),
    ),
    _entry(
        "safe_hold", _GAUGE, "Whether it only watches, after a mistake of its own.",
        _one(lambda it, _: float(it.safe_hold is not None)),
    ),
    _entry(
        "policy_last_reload_successful", _GAUGE, "Whether the newest policy file is in force.",
        _one(lambda it, _: float(not it.policy_problems)),
    ),
    _entry(
        "policy_info", _GAUGE, "The policy in force; always 1.", _policy,
        {"name": "its name", "digest": "12 digits of its checksum"},
    ),
    _entry(
        "daemon_start_timestamp_seconds", _GAUGE, "When the daemon that runs was started.",
        lambda it, _: _timestamp(it.started_at),
    ),
)  # fmt: skip
"""What is now, as the world knows it."""
