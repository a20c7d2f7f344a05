"""A journal that a night has left behind: a scenario, written down as the daemon does it."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from palingenesis.core import events
from palingenesis.core.effects import Effect
from palingenesis.core.policy.build import build
from palingenesis.core.policy.model import Policy
from palingenesis.core.record import to_plain
from palingenesis.core.step import step
from palingenesis.core.world import World
from palingenesis.journal import SqliteJournal
from palingenesis.runtime.ports import Entry
from palingenesis.runtime.recovery import NOTHING_YET
from palingenesis.simulation.performance import perform
from palingenesis.simulation.rehearsal import Happening
from palingenesis.simulation.scenario import Scenario, read_scenario
from tests.core.policies import NIGHT


def scenario(text: str) -> Scenario:
    """A scenario from its text.

    Raises:
        AssertionError: it cannot be used.
    """
    from palingenesis.runtime.zones import zones_of

    found = read_scenario(text.encode(), zones=zones_of({}))
    assert found.scenario is not None, found.diagnostics
    return found.scenario


def live(
    path: Path, *nights: Scenario, policy: Policy = NIGHT, snapshot_every: int = 500
) -> datetime:
    """Play them, one after the other, write them down at `path`; returns when the last ended."""
    ids: dict[str, str] = {}
    world, in_force, end = World(), build(NOTHING_YET), nights[0].at
    with SqliteJournal.open(path) as journal:
        journal._ready().execute("PRAGMA synchronous = OFF")  # no power is cut here
        for night in nights:
            performance = perform(policy, night)
            end = performance.end
            for happened, effects in with_policy(policy, performance.past):
                event = happened
                if isinstance(event, events.PolicyAdopted):
                    in_force = build(event.resolved)
                elif isinstance(event, events.EffectEnded):
                    event = replace(event, effect=ids.get(event.effect, event.effect))
                turn = step(world, event, in_force)
                ids |= {old.id: new.id for old, new in zip(effects, turn.effects, strict=False)}
                is_idle = isinstance(event, events.Ticked) and not (turn.decisions or turn.effects)
                has_moved = turn.world.sessions != world.sessions
                world = turn.world
                if is_idle and not has_moved:
                    continue
                decisions = tuple(to_plain(one) for one in turn.decisions)
                seq = journal.append(Entry(event=event, decisions=decisions, effects=turn.effects))
                if seq % snapshot_every == 0:
                    journal.remember(to_plain(world), seq)
    return end


def with_policy(
    policy: Policy, past: Sequence[Happening]
) -> Iterator[tuple[events.Event, Sequence[Effect]]]:
    """A simulated night begins with its policy in force; a journal tells that first."""
    adopted = events.PolicyAdopted(
        at=past[0].at, name=policy.name, digest=policy.digest, resolved=policy.resolved
    )
    for number, one in enumerate(past):
        if number == isinstance(past[0].event, events.DaemonStarted):
            yield adopted, ()
        yield one.event, one.turn.effects
