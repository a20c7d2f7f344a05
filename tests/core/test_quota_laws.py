"""Laws of the ledger, over any sequence of events for sessions that share limits."""

from collections.abc import Callable
from datetime import timedelta

from hypothesis import example, given, settings
from hypothesis import strategies as st

from palingenesis.core import commands, effects, events
from palingenesis.core.kernel.leaving import is_hers
from palingenesis.core.kernel.quota import ROWS_MOST, asked_until, canary_of
from palingenesis.core.kernel.quota_line import in_line
from palingenesis.core.step import next_deadline, step
from palingenesis.core.values import Block, BlockKind, DownCause, Result, Status
from palingenesis.core.world import World
from palingenesis.simulation.invariants import Invariants
from tests.core.fleet import GPT, SONNET, Fleet
from tests.core.policies import CRASH, NIGHT, STUBBORN, policy, rule

COUNT = 4
DELEGATING = policy(
    rule("short", "stop.retrying and default(stop.retry_after, 0s) <= 5m", {"delegate": {}}),
    rule(
        "limit",
        "stop.reason in ('quota', 'rate_limit', 'overloaded')",
        {"wait": {"until": "retry_after", "else": "1m", "jitter": "2m"}},
        {"resume": {}},
    ),
    CRASH,
    rule("open", "stop.reason == 'completed'", {"resume": {}}),
    rule("full", "stop.reason == 'context_exhausted'", {"new-session": {}}),
)
POLICIES = {"night": NIGHT, "stubborn": STUBBORN, "delegating": DELEGATING}
LONGEST_IN_LINE = timedelta(days=8)
OFTEN_AN_HOUR = 10
"""A wait of a minute that is armed anew, and what is said of it, is not reached by this."""

Act = Callable[[Fleet], None]


def refused(number: int, reason: str, after_s: int | None, place: int, *, retrying: bool) -> Act:
    def act(ships: Fleet) -> None:
        resets = None if after_s is None else ships.now + timedelta(seconds=after_s)
        at = (SONNET, GPT, None)[place]
        ships.refuse(number, reason, resets=resets, at=at, retrying=retrying)

    return act


def met(number: int, what: str) -> Act:
    def act(ships: Fleet) -> None:
        at, id_, agent = ships.now, ships.id(number), ships.agent(number)
        block = Block(id=f"per_{number}", kind=BlockKind.PERMISSION, since=at)
        told: dict[str, events.Event] = {
            "text": events.SessionAlive(at=at, session=id_, what="text"),
            "step": events.SessionAlive(at=at, session=id_, what="step"),
            "progress": events.SessionProgressed(at=at, session=id_, what="turn"),
            "working": events.SessionWorking(at=at, session=id_, agent=agent),
            "person": events.PersonPrompted(at=at, session=id_, message="msg"),
            "blocked": events.SessionBlocked(at=at, session=id_, agent=agent, block=block),
            "unblocked": events.SessionUnblocked(at=at, session=id_, block=block.id),
            "down": events.AgentDown(at=at, agent=agent, cause=DownCause.EXITED),
            "gone": events.SessionGone(at=at, session=id_),
        }
        ships.take(told[what])

    return act


def commanded(number: int, kind: type[commands.SessionCommand]) -> Act:
    def act(ships: Fleet) -> None:
        ships.command(kind(session=ships.id(number)))

    return act


def up(number: int) -> Act:
    return lambda ships: ships.up(number)


def passed(seconds: float) -> Act:
    return lambda ships: ships.after(seconds)


def ended(result: Result) -> Act:
    def act(ships: Fleet) -> None:
        waiting = [one for one in ships.world.open.values() if isinstance(one, TOUCHING)]
        if waiting:
            ships.end(waiting[0], result)

    return act


TOUCHING = effects.SessionEffect | effects.Restart
NUMBERS = st.integers(0, COUNT - 1)
ACTS = st.one_of(
    st.builds(
        refused,
        NUMBERS,
        st.sampled_from(["quota", "quota", "rate_limit", "overloaded", "network", "completed"]),
        st.sampled_from([None, 20, 600, 18_000]),
        st.sampled_from([0, 0, 0, 1, 2]),
        retrying=st.booleans(),
    ),
    st.builds(
        met,
        NUMBERS,
        st.sampled_from(
            [
                "text",
                "text",
                "text",
                "step",
                "progress",
                "working",
                "person",
                "blocked",
                "unblocked",
                "down",
                "gone",
            ]
        ),
    ),
    st.builds(passed, st.sampled_from([0.5, 1, 5, 15, 61, 601, 3700, 18_001, 90_000])),
    st.builds(ended, st.sampled_from([Result.OK, Result.OK, *Result])),
    st.builds(up, NUMBERS),
    st.builds(
        commanded,
        NUMBERS,
        st.sampled_from(
            [
                commands.Hold,
                commands.Release,
                commands.Abort,
                commands.Skip,
                commands.Renew,
                commands.Enrol,
                commands.Detach,
            ]
        ),
    ),
)
NIGHTS = st.tuples(
    st.sampled_from(list(POLICIES)),
    st.sampled_from([1, 2]),
    st.lists(ACTS, max_size=40),
    st.booleans(),
)


HERS_IS_REFUSED = [
    met(0, "down"),
    commanded(2, commands.Detach),
    refused(0, "quota", None, 0, retrying=False),
    refused(2, "quota", None, 2, retrying=False),
    passed(5),
]
"""What a session that she has detached meets is nothing that the others are told."""


def lived(night: tuple[str, int, list[Act], bool]) -> tuple[Fleet, Invariants]:
    """A fleet through a night, with every turn watched."""
    chosen, agents, acts, slow = night
    ships = Fleet(POLICIES[chosen], COUNT, agents=agents, slow=slow)
    watch = Invariants(ships.policy)
    ships.watch = watch.take
    for act in acts:
        act(ships)
    return ships, watch


@settings(max_examples=200, deadline=None)
@given(NIGHTS)
@example(("night", 1, HERS_IS_REFUSED, False))
def test_no_second_session_is_asked_before_the_first_was_answered(night):
    _, watch = lived(night)

    assert [one for one in watch.broken if one.name == "canary"] == []


@settings(max_examples=150, deadline=None)
@given(NIGHTS)
def test_whoever_is_in_line_waits_for_something_that_comes(night):
    ships, _ = lived(night)

    for session in ships.world.sessions.values():
        if not in_line(session):
            continue
        plan = session.plan
        assert plan is not None
        assert plan.deadline is not None
        assert ships.now < plan.deadline <= ships.now + LONGEST_IN_LINE
        if "canary" in plan.because:
            sessions = ships.world.sessions.values()
            named = next(one for one in sessions if f"canary {one.id} of" in plan.because)
            if named.plan is not None and is_hers(named.plan):
                continue  # she took it over: its role ends at the deadline, if not before
            quota = ships.world.quota[plan.line]
            until = asked_until(ships.world, quota, named)
            assert until is not None, "it waits for one that is not asked"
            assert plan.deadline == until


@settings(max_examples=100, deadline=None)
@given(NIGHTS)
def test_nobody_waits_for_ever_for_a_canary_that_says_nothing(night):
    ships, _ = lived(night)
    line = [one.id for one in ships.world.sessions.values() if in_line(one)]
    canaries = len(ships.world.sessions) * timedelta(minutes=15)
    shown = [one.shown for one in ships.world.quota.values() if one.shown is not None]
    again = [one.again_at for one in ships.world.quota.values() if one.again_at is not None]

    ships.slow = False
    ships.until(max([ships.now, *shown, *again]) + timedelta(minutes=30) + canaries)

    for id_ in line:
        session = ships.world.sessions.get(id_)
        assert session is None or not in_line(session) or len(session.prompts) > 0, id_


@settings(max_examples=100, deadline=None)
@given(NIGHTS)
def test_the_ledger_is_a_fold_over_the_events(night):
    ships, _ = lived(night)

    world = World()
    for event in ships.told:
        world = step(world, event, ships.policy).world

    assert world == ships.world


@settings(max_examples=100, deadline=None)
@given(NIGHTS)
def test_the_ledger_is_small_and_has_one_canary_for_each_limit(night):
    ships, _ = lived(night)

    assert len(ships.world.quota) <= ROWS_MOST
    for quota in ships.world.quota.values():
        canary = canary_of(ships.world, quota, ships.now)
        if canary is not None:
            assert canary.status in {
                *(Status.ACTING, Status.VERIFYING, Status.WORKING, Status.STALLED, Status.WAITING)
            }


@settings(max_examples=100, deadline=None)
@given(NIGHTS)
def test_a_tick_before_the_next_deadline_changes_nothing(night):
    ships, _ = lived(night)

    due = next_deadline(ships.world, ships.policy)
    if due is None or due > ships.now:
        turn = step(ships.world, events.Ticked(at=ships.now), ships.policy)
        assert turn.world == ships.world
        assert turn.effects == ()


@settings(max_examples=100, deadline=None)
@given(NIGHTS, NUMBERS)
def test_what_the_person_asks_for_is_never_in_line(night, number):
    ships, _ = lived(night)
    ships.slow = False
    session = ships.world.sessions.get(ships.id(number))
    before = len(ships.asked)
    plan = session.plan if session is not None else None
    is_done_already = plan is not None and is_hers(plan) and session.status is Status.ACTING

    ships.command(commands.Skip(session=ships.id(number)))

    after = ships.world.sessions.get(ships.id(number))
    assert after is None or not in_line(after)
    agent = ships.world.agents[ships.agent(number)]
    if session is not None and agent.up and session.block is None:
        assert is_done_already or len(ships.asked) > before


@settings(max_examples=100, deadline=None)
@given(NIGHTS)
def test_an_hour_in_which_nothing_happens_has_few_deadlines(night):
    ships, _ = lived(night)
    ships.told.clear()

    ships.after(3600)

    ticks = sum(isinstance(one, events.Ticked) for one in ships.told)
    assert ticks <= COUNT * OFTEN_AN_HOUR
