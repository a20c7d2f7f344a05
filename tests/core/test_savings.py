"""What a night was worth, as stories and as laws."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from palingenesis.core import effects, events, plans
from palingenesis.core.effects import Effect
from palingenesis.core.events import Event
from palingenesis.core.savings import Savings, Written, counted, savings
from palingenesis.core.values import AgentId, Result, SessionId, Severity
from palingenesis.core.world import Decision

EVENING = datetime(2026, 11, 21, 23, tzinfo=UTC)
ONE, TWO = SessionId("one"), SessionId("two")
AGENT = AgentId("opencode")
GO_ON = (plans.Resume(),)
GIVE_UP = (plans.Notify(message="help"), plans.Attention())
LEAVE = (plans.StandDown(),)
FINISH = (plans.Finish(),)


def at(minutes: float) -> datetime:
    return EVENING + timedelta(minutes=minutes)


def tick(minutes: float = 0) -> Event:
    return events.Ticked(at=at(minutes))


def decided(
    minutes: float,
    plan: tuple[plans.Step, ...] = GO_ON,
    *,
    kind: str = "decided",
    event: str = "stopped",
    session: SessionId = ONE,
    reason: str = "overloaded",
) -> Decision:
    return Decision(
        id=1, at=at(minutes), kind=kind, event=event, rule="a-rule", why="because",
        session=session, plan=plan, facts={"stop.reason": reason},
    )  # fmt: skip


def verified(minutes: float, session: SessionId = ONE) -> Decision:
    return decided(minutes, (), kind="verified", event="progress", session=session)


def resume(id_: str = "1.0", *, words: bool = True, session: SessionId = ONE) -> Effect:
    return effects.Resume(
        id=id_, decision=1, session=session, agent=AGENT, stop="k", words=words, text="on"
    )


def new_session(id_: str = "1.1") -> Effect:
    return effects.NewSession(
        id=id_, decision=1, session=ONE, agent=AGENT, stop="k", source="Next-step.md",
        if_missing="summary",
    )  # fmt: skip


def ended(effect: str, result: Result = Result.OK, **data: str) -> Event:
    return events.EffectEnded(at=at(1), effect=effect, result=result, data=data)


def test_a_stop_that_became_verified_work_is_a_save_and_its_time_is_counted():
    night: list[Written] = [
        (tick(), [decided(0)], [resume()]),
        (ended("1.0"), [], []),
        (tick(120), [verified(120)], []),
    ]

    found = savings(night)

    assert (found.saves, found.waited) == (1, timedelta(minutes=120))
    assert (found.prompts, found.reruns, found.success_rate) == (1, 0, 1.0)
    assert found.stops == {"overloaded": 1}


def test_work_that_goes_on_in_a_new_session_is_a_save_of_the_stop_of_the_old_one():
    night: list[Written] = [
        (tick(), [decided(0, reason="context_exhausted")], [new_session()]),
        (ended("1.1", session="two"), [verified(3, TWO)], []),
    ]

    assert savings(night).saves == 1
    assert savings(night).waited == timedelta(minutes=3)


def test_what_is_given_to_a_person_lowers_the_success_rate_and_her_own_stop_does_not():
    night: list[Written] = [
        (tick(), [decided(0)], []),
        (tick(), [verified(1)], []),
        (tick(), [decided(2, GIVE_UP)], []),
        (tick(), [decided(3, LEAVE, session=TWO, reason="user_abort")], []),
        (tick(), [decided(4, FINISH, session=TWO, reason="completed")], []),
    ]

    found = savings(night)

    assert (found.saves, found.handed_over, found.success_rate) == (1, 1, 0.5)
    assert found.stopped == 4


def test_a_turn_that_is_run_again_without_a_word_is_no_prompt():
    found = savings([(tick(), [decided(0)], [resume(words=False)])])

    assert (found.prompts, found.reruns) == (0, 1)


def test_a_prompt_that_was_superseded_was_not_sent():
    night: list[Written] = [(tick(), [], [resume()]), (ended("1.0", Result.SUPERSEDED), [], [])]

    assert savings(night).prompts == 0


def test_work_that_nothing_had_stopped_is_no_save():
    assert savings([(tick(), [verified(1)], [])]).saves == 0


def test_a_night_without_stops_has_no_success_rate():
    assert savings([]).success_rate is None


# ── laws ──────────────────────────────────────────────────────────────────────────────────────

SESSIONS = st.sampled_from([ONE, TWO])
MINUTES = st.floats(0, 600)
PLANS = st.sampled_from([(), GO_ON, GIVE_UP, LEAVE, FINISH])
DECISIONS = st.one_of(
    st.builds(verified, MINUTES, SESSIONS),
    st.builds(
        decided, MINUTES, PLANS, session=SESSIONS,
        kind=st.sampled_from(["decided", "kept", "cancelled", "refused", "told"]),
        event=st.sampled_from(["stopped", "stalled", "action_failed"]),
        reason=st.sampled_from(["quota", "crash", "completed"]),
    ),
)  # fmt: skip
IDS = st.sampled_from(["1.0", "2.0", "3.0"])
NOTICE = effects.Notify(
    id="n", decision=1, session=None, severity=Severity.INFO, title="t", message="m"
)
RESTART = effects.Restart(id="r", decision=1, agent=AGENT)
EFFECTS = st.one_of(
    st.builds(resume, IDS, words=st.booleans(), session=SESSIONS),
    st.builds(new_session, IDS),
    st.sampled_from([NOTICE, RESTART]),
)
EVENTS = st.one_of(
    st.just(tick()),
    st.builds(ended, IDS, st.sampled_from(list(Result)), session=st.sampled_from(["", "two"])),
)
NIGHTS = st.lists(
    st.tuples(EVENTS, st.lists(DECISIONS, max_size=3), st.lists(EFFECTS, max_size=3)), max_size=20
)


@given(NIGHTS)
def test_nothing_is_ever_saved_that_had_not_stopped(night: list[Written]):
    found = savings(night)

    assert found.saves + len(found.troubled) <= found.stopped
    assert found.waited >= timedelta(0)
    assert found.success_rate is None or 0 <= found.success_rate <= 1


@given(NIGHTS)
def test_no_more_prompts_are_counted_than_were_ordered(night: list[Written]):
    ordered = [one for _, _, given_ in night for one in given_]
    prompts = [one for one in ordered if isinstance(one, effects.Resume | effects.NewSession)]

    found = savings(night)

    assert found.prompts + found.reruns <= len(prompts)
    assert found.notices == ordered.count(NOTICE)
    assert found.restarts == ordered.count(RESTART)


@given(NIGHTS, st.integers(0, 20))
def test_counting_may_be_interrupted_anywhere(night: list[Written], cut: int):
    so_far: Savings = savings(night[:cut])

    for event, decisions, ordered in night[cut:]:
        so_far = counted(so_far, event, decisions, ordered)

    assert so_far == savings(night)
