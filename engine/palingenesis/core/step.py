"""The kernel: `step(world, event, policy)` is one turn of everything palingenesis does.

Theory of operation. Sensors turn the world into events; the loop hands them to `step` one after
the other. `step` folds the event into the world; when an event asks for a decision it takes a
snapshot of the facts, lets the policy rule on them, and walks the winning plan up to its next wait
or effect. Rails (core.safety) stand between a plan and every effect. Nothing here does anything:
effects are returned, written down by the loop, and then carried out.

One event may concern several sessions (a server that dies stops all of them), so a turn has any
number of decisions. Replaying the same events under the same policies gives the same turns.
"""

from datetime import datetime
from typing import NamedTuple, assert_never

from palingenesis.core import events
from palingenesis.core.copies import replace
from palingenesis.core.counting import counted
from palingenesis.core.effects import Effect
from palingenesis.core.events import Event
from palingenesis.core.kernel.agents import agent_down, agent_up
from palingenesis.core.kernel.candidates import decide_beside, shadow_started, shadow_stopped
from palingenesis.core.kernel.draft import Draft
from palingenesis.core.kernel.forgetting import forget_old
from palingenesis.core.kernel.holding import hold_safe, taken_in_safe_hold
from palingenesis.core.kernel.listing import session_gone, session_seen
from palingenesis.core.kernel.operating import command_given
from palingenesis.core.kernel.outcomes import effect_ended
from palingenesis.core.kernel.quota import learn
from palingenesis.core.kernel.quota_turns import take_turns
from palingenesis.core.kernel.revising import policy_adopted
from palingenesis.core.kernel.sensing import sensor_broke, sensor_mended
from palingenesis.core.kernel.sessions import (
    person_prompted,
    session_alive,
    session_blocked,
    session_progressed,
    session_stopped,
    session_unblocked,
    session_working,
)
from palingenesis.core.kernel.spending import count_cost, lasting
from palingenesis.core.kernel.stepping import clock_stepped, daemon_started, machine_slept
from palingenesis.core.kernel.ticking import deadlines, look_again, ticked
from palingenesis.core.kernel.writing import tell_of_journal
from palingenesis.core.policy.model import Policy
from palingenesis.core.tallying import tallied
from palingenesis.core.world import Decision, World


class Turn(NamedTuple):
    """What came of one event."""

    world: World
    decisions: tuple[Decision, ...]
    effects: tuple[Effect, ...]


def step(world: World, event: Event, policy: Policy, candidate: Policy | None = None) -> Turn:
    """Fold one event into the world, decide about it, and say what should happen.

    A `candidate` decides beside the policy while the world says that one is in shadow.

    Pure and total: the same arguments give the same turn, and no event raises.
    """
    draft = Draft(world, policy, event.at)
    learn(draft, event)
    if world.safe_hold is not None:
        if not taken_in_safe_hold(draft, event):
            _fold(draft, event)
        return _turn(world, event, draft)
    _fold(draft, event)
    look_again(draft, time_only=isinstance(event, events.Ticked))
    take_turns(draft)
    if candidate is not None and draft.world.shadow is not None:
        decide_beside(draft, candidate)
    return _turn(world, event, draft)


def _turn(before: World, event: Event, draft: Draft) -> Turn:
    savings = counted(before.savings, event, draft.decisions, draft.effects)
    tally = tallied(before, event, draft.decisions, draft.effects)
    after = replace(draft.frozen(), savings=savings, tally=tally)
    return Turn(after, tuple(draft.decisions), tuple(draft.effects))


def next_deadline(world: World, policy: Policy) -> datetime | None:
    """When time alone will next change something; None: not before another event."""
    if world.safe_hold is not None:
        return None
    return min(deadlines(world, policy), default=None)


def _fold(draft: Draft, event: Event) -> None:
    match event:
        case events.Ticked():
            ticked(draft)
        case events.FactsObserved():
            _facts_observed(draft, event)
        case events.SessionSeen():
            session_seen(draft, event)
        case events.SessionWorking():
            session_working(draft, event)
        case events.SessionAlive():
            session_alive(draft, event)
        case events.SessionProgressed():
            session_progressed(draft, event)
        case events.SessionStopped():
            session_stopped(draft, event)
        case events.SessionBlocked():
            session_blocked(draft, event)
        case events.SessionUnblocked():
            session_unblocked(draft, event)
        case events.SessionGone():
            session_gone(draft, event)
        case events.PersonPrompted():
            person_prompted(draft, event)
        case events.EffectEnded():
            effect_ended(draft, event)
        case events.AgentUp() | events.AgentDown() | events.SensorBroke() | events.SensorMended():
            _fold_agents(draft, event)
        case _:
            _fold_ours(draft, event)


def _fold_agents(
    draft: Draft,
    event: events.AgentUp | events.AgentDown | events.SensorBroke | events.SensorMended,
) -> None:
    match event:
        case events.AgentUp():
            agent_up(draft, event)
        case events.AgentDown():
            agent_down(draft, event)
        case events.SensorBroke():
            sensor_broke(draft, event)
        case events.SensorMended():
            sensor_mended(draft, event)
        case _:
            assert_never(event)


def _fold_ours(
    draft: Draft,
    event: events.DaemonStarted
    | events.DaemonStopped
    | events.WritingFailed
    | events.WritingResumed
    | events.JournalMended
    | events.InvariantBroken
    | events.PolicyAdopted
    | events.PolicyRefused
    | events.ConfigurationChanged
    | events.ConfigurationRefused
    | events.ShadowStarted
    | events.ShadowStopped
    | events.ClockStepped
    | events.MachineSlept
    | events.CommandGiven,
) -> None:
    match event:
        case events.DaemonStarted():
            daemon_started(draft, event)
            forget_old(draft)
        case events.DaemonStopped() | events.ConfigurationChanged() | events.ConfigurationRefused():
            pass
        case events.WritingFailed() | events.WritingResumed() | events.JournalMended():
            tell_of_journal(draft, event)
        case events.InvariantBroken():
            hold_safe(draft, event)
        case events.PolicyAdopted():
            policy_adopted(draft, event)
        case events.PolicyRefused():
            draft.world = replace(draft.world, policy_problems=event.problems)
        case events.ShadowStarted():
            shadow_started(draft, event)
        case events.ShadowStopped():
            shadow_stopped(draft)
        case events.ClockStepped():
            clock_stepped(draft, event.by)
        case events.MachineSlept():
            machine_slept(draft, event.span)
        case events.CommandGiven():
            command_given(draft, event)
        case _:
            assert_never(event)


def _facts_observed(draft: Draft, event: events.FactsObserved) -> None:
    """Remember external facts; None means that a fact is no longer known."""
    if event.session is None:
        known = {**draft.world.host, **event.facts}
        host = {name: value for name, value in known.items() if value is not None}
        draft.world = replace(draft.world, host=host)
        return
    session = draft.sessions.get(event.session)
    if session is not None:
        count_cost(draft, session, event.facts)
        known = {**session.facts, **lasting(event.facts)}
        facts = {name: value for name, value in known.items() if value is not None}
        draft.put(replace(session, facts=facts))
