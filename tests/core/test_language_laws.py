"""Laws of the kernel under any policy that the language can say, over any sequence of events."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from palingenesis.core import commands, effects, events
from palingenesis.core.effects import Effect
from palingenesis.core.plans import Notify
from palingenesis.core.policy.model import Policy
from palingenesis.core.record import from_plain, to_plain
from palingenesis.core.step import next_deadline, step
from palingenesis.core.values import FactValue, Result, Severity, Status
from palingenesis.core.world import Session, World
from tests.core.any_policy import any_policy
from tests.core.life import SES, Act, Life, known, passed, progressed, stopped, told_to
from tests.core.policies import NIGHT, STUBBORN, shadow
from tests.core.test_laws import ACTS, CONTROL, PROMPTING, an_end


def host(**facts: FactValue | None) -> Act:
    def act(life: Life) -> events.Event:
        named = {name.replace("__", "."): value for name, value in facts.items()}
        return events.FactsObserved(at=life.now, facts=named)

    return act


ANSWERS = st.builds(
    lambda number, yes: told_to(commands.Answer(question=f"q{number}", yes=yes)),
    st.integers(1, 12),
    st.booleans(),
)
STOPS = st.builds(
    stopped,
    st.sampled_from(["network", "quota", "rate_limit", "crash", "completed"]),
    retry_after=st.none() | st.integers(0, 900),
)
MORE = st.one_of(
    STOPS,
    st.builds(an_end, st.just(Result.OK)),
    st.builds(passed, st.sampled_from([1, 61, 601, 3700])),
    st.builds(host, host__network=st.none() | st.booleans()),
    ANSWERS,
    st.just(progressed),
    st.builds(known, session__cost=st.floats(0, 50)),
    ACTS,
)
LIVES = st.builds(
    lambda network, acts: [host(host__network=network), *acts],
    st.booleans(),
    st.lists(MORE, min_size=5, max_size=30),
)
BUSY = st.lists(
    st.one_of(
        STOPS,
        st.builds(an_end, st.just(Result.OK)),
        st.sampled_from([progressed, passed(61), passed(601)]),
    ),
    min_size=10,
    max_size=50,
)
"""Much to do, and it goes well: what limits are for."""
COMMANDLESS = LIVES.map(lambda acts: [act for act in acts if not _is_command(act)])


def _is_command(act: Act) -> bool:
    return getattr(act, "__qualname__", "").startswith("told_to")


def adopts(policy: Policy) -> Act:
    def act(life: Life) -> events.Event:
        life.policy = policy
        return events.PolicyAdopted(
            at=life.now, name="new", digest=policy.digest, resolved=policy.resolved
        )

    return act


def deadline_of(session: Session) -> datetime | None:
    """When a session that waits for time will be looked at."""
    if session.status in {Status.WAITING, Status.ASKING}:
        return session.plan.deadline if session.plan is not None else None
    if session.status is Status.HOLDING:
        return min((hold.deadline for hold in session.holds), default=None)
    return session.verify_until


def ticked(life: Life, times: int) -> None:
    """Let time run from deadline to deadline."""
    for _ in range(times):
        due = next_deadline(life.world, life.policy)
        if due is None:
            return
        life.now = max(life.now, due)
        life.take(events.Ticked(at=life.now))


@settings(max_examples=250, deadline=None)
@given(any_policy(), LIVES, st.sampled_from([None, NIGHT, STUBBORN, shadow(NIGHT)]))
def test_under_any_policy_nothing_raises_and_whatever_is_pending_has_an_end(chosen, acts, then):
    life = Life(chosen)
    if then is not None:
        acts = [*acts[:15], adopts(then), *acts[15:]]

    for act in acts:
        life.orders.clear()
        life >> act
        session = life.session
        mine = [one for one in life.orders if isinstance(one, CONTROL) and one.session == SES]
        waited_for = [one for one in mine if not getattr(one, "aside", False)]

        assert len(waited_for) <= 1, "one effect at a time"
        if session.block is not None:
            assert not [one for one in mine if isinstance(one, PROMPTING)]
        assert session.status is not Status.DECIDING
        if session.status in {Status.WAITING, Status.ASKING, Status.HOLDING, Status.VERIFYING}:
            assert deadline_of(session) is not None, session.status
        if session.status is Status.ASKING:
            assert session.plan is not None
            assert session.plan.question
            assert session.plan.question not in life.world.questions
        if session.status is Status.ACTING:
            assert session.plan is not None
            assert session.plan.effect in life.world.open
        due = next_deadline(life.world, life.policy)
        for held in life.world.held:
            assert due is not None
            assert due <= held.until


@settings(max_examples=150, deadline=None)
@given(any_policy(), LIVES)
def test_time_goes_on_whatever_is_pending(chosen, acts):
    life = Life(chosen)
    for act in acts:
        life >> act

    due = next_deadline(life.world, chosen)
    if due is not None and due > life.now:
        calm = step(life.world, events.Ticked(at=life.now), chosen)
        assert (calm.world, calm.effects) == (life.world, ())
    for _ in range(60):
        due = next_deadline(life.world, chosen)
        if due is None:
            return
        life.now = max(life.now, due)
        life.take(events.Ticked(at=life.now))
        after = next_deadline(life.world, chosen)
        assert after is None or after > life.now, "something due was not done"


@settings(max_examples=100, deadline=None)
@given(any_policy(), LIVES)
def test_the_world_is_what_the_journal_says(chosen, acts):
    life, again = Life(chosen), Life(chosen)
    for act in acts:
        event = act(life)
        if event is not None:
            life.take(event)
            again.take(from_plain(events.Event, to_plain(event)))
            again.world = from_plain(World, to_plain(again.world))

    assert again.world == life.world
    assert again.decisions == life.decisions
    assert again.orders == life.orders


@settings(max_examples=150, deadline=None)
@given(any_policy(mode="shadow"), COMMANDLESS)
def test_a_policy_in_shadow_never_acts_and_never_tells(chosen, acts):
    life = Life(chosen)
    for act in acts:
        life >> act
    ticked(life, 30)

    told = {one.decision for one in life.orders if isinstance(one, effects.Notify)}
    kernels = {one.id for one in life.decisions if one.kind == "told"}
    assert [one for one in life.orders if not isinstance(one, effects.Notify)] == []
    assert told <= kernels
    assert not [one for one in life.decisions if one.kind in {"decided", "observed", "revised"}]


@settings(max_examples=200, deadline=None)
@given(any_policy(), st.one_of(BUSY, BUSY, LIVES))
def test_no_limit_is_exceeded_in_any_window(chosen, acts):
    life = Life(chosen)
    made: list[tuple[datetime, Effect]] = []
    for act in (*acts, *(_next_tick for _ in range(40))):
        life.orders.clear()
        life >> act
        made += [(life.now, one) for one in life.orders]

    by_rules = {one.id for one in life.decisions if one.rule not in {"operator", "kernel"}}
    for cap in chosen.caps:
        at = [when for when, one in made if one.decision in by_rules and cap.what in used_by(one)]
        # A limit of notices may say once in its own time that it is reached.
        announced = cap.what == "notifications" and any(isinstance(s, Notify) for s in cap.then)
        for first in at:
            inside = [when for when in at if first <= when < first + cap.per]
            assert len(inside) <= cap.most + announced, (cap.what, at)


def _next_tick(life: Life) -> events.Event | None:
    due = next_deadline(life.world, life.policy)
    if due is None:
        return None
    life.now = max(life.now, due)
    return events.Ticked(at=life.now)


def used_by(effect: Effect) -> Iterator[str]:
    """What a limit counts of an effect; questions and critical notices have to get through.

    What a prompt needs first (the end of the assistant's own retry) is part of the prompt.
    """
    if effect.id.endswith("i"):
        return
    if isinstance(effect, effects.Notify):
        if effect.severity is not Severity.CRITICAL and "palingenesis answer" not in effect.message:
            yield "notifications"
        return
    if isinstance(effect, effects.Restart):
        yield from ("actions", "restarts")
    elif isinstance(effect, effects.Compact | effects.Interrupt | effects.Stop):
        yield "actions"
    elif isinstance(effect, PROMPTING):
        yield from ("actions", "prompts")
        if isinstance(effect, effects.NewSession):
            yield "new-sessions"


@settings(max_examples=150, deadline=None)
@given(any_policy(), LIVES)
def test_a_held_notice_is_delivered_once_and_no_effect_is_ordered_twice(chosen, acts):
    life = Life(chosen)
    held: set[str] = set()
    for act in acts:
        life >> act
        held |= {one.notice.id for one in life.world.held}
    begun = life.now
    while life.world.held and life.now - begun < timedelta(days=20):
        ticked(life, 1)
        held |= {one.notice.id for one in life.world.held}

    ordered = [one.id for one in life.orders]
    assert len(ordered) == len(set(ordered))
    assert held <= set(ordered)
    for notice in (one for one in life.orders if one.id in held):
        assert isinstance(notice, effects.Notify)
        assert notice.severity is not Severity.CRITICAL


@settings(max_examples=100, deadline=None)
@given(any_policy(), LIVES)
def test_exactly_one_rule_decides_and_a_rule_beside_it_never_does(chosen, acts):
    life = Life(chosen)
    beside = {rule.id for rule in chosen.rules if rule.observes or rule.mode == "shadow"}
    for act in acts:
        life.decisions.clear()
        life >> act
        decided = [one for one in life.decisions if one.kind == "decided"]
        assert not [one for one in decided if one.rule in beside]
        assert all(
            one.rule in beside for one in life.decisions if one.kind in {"observed", "shadowed"}
        )
