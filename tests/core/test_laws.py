"""Laws of the kernel, over any sequence of events under any policy at hand."""

from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from palingenesis.core import commands, effects, events
from palingenesis.core.effects import Effect
from palingenesis.core.step import next_deadline, step
from palingenesis.core.values import Result, SessionId, Status, StopReason
from palingenesis.core.world import Session
from tests.core.life import (
    SES,
    Act,
    Life,
    agent_up,
    alive,
    answered,
    asked,
    died,
    known,
    passed,
    person_prompts,
    progressed,
    stopped,
    told_to,
    working,
)
from tests.core.policies import CONTEXT, CRASH, NIGHT, RATE, STUBBORN, policy, rule

PROMPTING = (effects.Resume, effects.Retry, effects.NewSession, effects.Compact)
CONTROL = (*PROMPTING, effects.Interrupt, effects.Snapshot)
DELEGATING = policy(
    rule("short", "stop.retrying and default(stop.retry_after, 0s) <= 5m", {"delegate": {}}),
    rule("remind", "", {"notify": {"message": "?"}}, event=["blocked"]) | {"for": "2m"},
    rule("stall", "progress.age > 15m", {"interrupt": {}}, {"resume": {}}, event=["stalled"]),
    rule("held", "stop.reason == 'network'", {"resume": {}}) | {"for": "1m"},
    RATE | {"limit": {"max": 2, "per": "1h", "then": [{"attention": {"reopen-after": "1h"}}]}},
    CRASH,
    CONTEXT,
    rule("failed", "", {"wait": {"for": "30s"}}, {"resume": {}}, event=["action_failed"]),
)
POLICIES = (NIGHT, STUBBORN, DELEGATING)


def an_end(result: Result) -> Act:
    def act(life: Life) -> events.Event | None:
        for id_, effect in life.world.open.items():
            data = {"session": f"ses_{id_}", "path": "p"}
            return events.EffectEnded(at=life.now, effect=effect.id, result=result, data=data)
        return None

    return act


ACTS = st.one_of(
    st.builds(
        stopped,
        st.sampled_from([reason.value for reason in StopReason]),
        retry_after=st.none() | st.integers(0, 20_000),
        key=st.sampled_from(["", "a", "b", "c"]),
        retrying=st.booleans(),
        words=st.booleans(),
    ),
    st.builds(passed, st.sampled_from([0.1, 1, 15, 61, 601, 3700, 90_000])),
    st.builds(an_end, st.sampled_from(list(Result))),
    st.builds(an_end, st.just(Result.OK)),
    st.sampled_from([alive, progressed, working, person_prompts, answered, agent_up]),
    st.builds(asked, st.sampled_from(["permission", "question"])),
    st.builds(died, st.sampled_from(["exited", "unreachable", "refused", "stopped", "ended"])),
    st.builds(known, work__state=st.sampled_from(["valid", "absent", "torn"])),
    st.builds(
        told_to,
        st.sampled_from(
            [
                commands.Hold(),
                commands.Hold(session=SES),
                commands.Release(),
                commands.Release(session=SES),
                commands.Abort(session=SES),
                commands.Skip(session=SES),
                commands.Renew(session=SES),
                commands.Enrol(session=SES),
                commands.Detach(session=SES),
            ]
        ),
    ),
)
NIGHTS = st.tuples(st.sampled_from(POLICIES), st.lists(ACTS, max_size=40))


def orders_of(life: Life, act: Act) -> tuple[Session, list[Effect]]:
    before = life.session
    life.orders.clear()
    life >> act
    return before, life.orders


@settings(max_examples=300, deadline=None)
@given(NIGHTS)
def test_no_event_breaks_the_kernel_and_every_invariant_holds(night):
    chosen, acts = night
    life = Life(chosen)

    for act in acts:
        before, ordered = orders_of(life, act)
        session = life.session
        mine = [o for o in ordered if isinstance(o, CONTROL) and o.session == SES]
        by_operator = any(d.kind == "commanded" for d in life.decisions[-3:])

        assert len(mine) <= 1, "one effect at a time"
        if session.latched and not by_operator:
            assert not mine, "nothing after the person said stop"
        if session.block is not None:
            assert not [o for o in mine if isinstance(o, PROMPTING)], "no text into a question"
        if session.status in {Status.PAUSED, Status.COMPLETED, Status.DETACHED}:
            assert not mine, session.status
        if session.status is Status.WAITING:
            assert session.plan is not None
            assert session.plan.deadline is not None
            assert session.plan.deadline - life.now <= timedelta(days=8)
        assert session.status is not Status.DECIDING, "no session stays undecided"
        if session.status is Status.ACTING:
            assert session.plan is not None
            assert session.plan.effect in life.world.open
        if session.status is Status.VERIFYING:
            assert session.verify_until is not None
        assert before.id == session.id


@settings(max_examples=100, deadline=None)
@given(NIGHTS)
def test_the_same_events_make_the_same_world_decisions_and_effects(night):
    chosen, acts = night
    first = Life(chosen)
    told: list[events.Event] = []
    for act in acts:
        event = act(first)
        if event is not None:
            told.append(event)
            first.take(event)

    second = Life(chosen)
    for event in told:
        second.take(event)

    assert second.world == first.world
    assert second.decisions == first.decisions
    assert second.orders == first.orders


@settings(max_examples=100, deadline=None)
@given(NIGHTS)
def test_a_tick_before_the_next_deadline_changes_nothing(night):
    chosen, acts = night
    life = Life(chosen)
    for act in acts:
        life >> act

    due = next_deadline(life.world, chosen)
    at = life.now if due is None or due > life.now else None
    if at is not None:
        turn = step(life.world, events.Ticked(at=at), chosen)
        assert turn.world == life.world
        assert turn.effects == ()


@settings(max_examples=100, deadline=None)
@given(NIGHTS)
def test_what_is_due_is_done_so_that_time_never_stands_still(night):
    chosen, acts = night
    life = Life(chosen)
    for act in acts:
        life >> act

    for _ in range(300):
        due = next_deadline(life.world, chosen)
        if due is None:
            return
        life.now = max(life.now, due)
        turn = life.take(events.Ticked(at=life.now))
        after = next_deadline(turn.world, chosen)
        assert after is None or after > life.now, "something due was not done"


def test_an_unknown_session_or_effect_is_no_error():
    life = Life(NIGHT)
    nobody = SessionId("ses_nobody")

    for event in (
        events.SessionAlive(at=life.now, session=nobody, what="text"),
        events.SessionGone(at=life.now, session=nobody),
        events.PersonPrompted(at=life.now, session=nobody, message="m"),
        events.SessionUnblocked(at=life.now, session=nobody, block="b"),
        events.EffectEnded(at=life.now, effect="none", result=Result.OK),
        events.FactsObserved(at=life.now, session=nobody, facts={"work.state": "valid"}),
        events.CommandGiven(at=life.now, command=commands.Abort(session=nobody), by="anna"),
    ):
        assert life.take(event).effects == ()
