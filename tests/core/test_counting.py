"""What a night was worth, as stories and as laws."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from palingenesis.core import commands, effects, events, plans
from palingenesis.core.counting import Written, before_each, counted, savings
from palingenesis.core.effects import Effect
from palingenesis.core.events import Event
from palingenesis.core.record import from_plain, to_plain
from palingenesis.core.savings import DAY, Savings
from palingenesis.core.values import AgentId, Block, BlockKind, Result, SessionId, Severity
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


def alive(minutes: float, session: SessionId = ONE) -> Event:
    return events.SessionAlive(at=at(minutes), session=session, what="text")


def prompted(minutes: float, session: SessionId = ONE) -> Event:
    return events.PersonPrompted(at=at(minutes), session=session, message="msg")


def blocked(minutes: float, session: SessionId = ONE, id_: str = "per_1") -> Event:
    block = Block(id=id_, kind=BlockKind.PERMISSION, since=at(minutes))
    return events.SessionBlocked(at=at(minutes), session=session, agent=AGENT, block=block)


def given_(minutes: float, command: commands.Command) -> Event:
    return events.CommandGiven(at=at(minutes), command=command, by="test")


def saved_at(minutes: float) -> list[Written]:
    """A stop at the beginning that is a save by then."""
    return [(tick(), [decided(0)], []), (alive(minutes), [verified(minutes)], [])]


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
    night: list[Written] = [(tick(), [decided(0)], [resume(words=False)]), (ended("1.0"), [], [])]

    found = savings(night)

    assert (found.prompts, found.reruns) == (0, 1)


def test_a_prompt_counts_once_it_is_known_that_it_was_sent_or_may_have_been():
    ordered: Written = (tick(), [], [resume()])

    assert savings([ordered]).prompts == 0
    assert savings([ordered, (ended("1.0"), [], [])]).prompts == 1
    assert savings([ordered, (ended("1.0", Result.UNKNOWN), [], [])]).prompts == 1
    assert savings([ordered, (ended("1.0", Result.SUPERSEDED), [], [])]).prompts == 0


def test_an_outcome_that_nobody_knows_is_counted():
    night: list[Written] = [(tick(), [], [resume()]), (ended("1.0", Result.UNKNOWN), [], [])]

    assert savings(night).unknown == 1


def test_the_time_saved_is_the_work_that_is_seen_after_a_save_until_the_next_stop():
    night = [
        *saved_at(10),
        (alive(40), [], []),
        (alive(70), [], []),
        (tick(), [decided(90)], []),
        (alive(95), [], []),
    ]

    assert savings(night).won == timedelta(minutes=60)


def test_work_after_a_person_has_spoken_is_hers():
    night = [*saved_at(10), (alive(30), [], []), (prompted(31), [], []), (alive(60), [], [])]

    assert savings(night).won == timedelta(minutes=20)


def test_time_that_nobody_saw_is_not_saved():
    slept = events.MachineSlept(at=at(300), span=timedelta(minutes=240))
    started = events.DaemonStarted(at=at(200), version="0.1", seed="s")

    asleep = [*saved_at(10), (slept, [], []), (alive(310), [], [])]
    away = [*saved_at(10), (started, [], []), (alive(210), [], [])]

    assert savings(asleep).won == timedelta(minutes=60)
    assert savings(away).won == timedelta(minutes=10)


def test_a_clock_that_is_set_saves_no_time():
    stepped = events.ClockStepped(at=at(500), by=timedelta(minutes=480))

    night = [*saved_at(10), (stepped, [], []), (alive(500), [], [])]

    assert savings(night).won == timedelta(minutes=10)


def test_a_stop_that_a_person_ends_herself_is_taken_over_and_no_save():
    for hers in (prompted(5), given_(5, commands.Skip(session=ONE))):
        found = savings([(tick(), [decided(0)], []), (hers, [], []), (tick(), [verified(6)], [])])

        assert (found.saves, found.taken_over, found.success_rate) == (0, 1, 0.0)
        assert (found.interventions, found.intervened_at) == (1, at(5))


def test_a_stop_after_which_the_assistant_went_on_by_itself_is_over():
    progressed = events.SessionProgressed(at=at(5), session=ONE, what="turn")
    night: list[Written] = [
        (tick(), [decided(0)], []),
        (progressed, [], []),
        (tick(), [decided(600)], []),
        (tick(), [verified(601)], []),
    ]

    assert savings(night).waited == timedelta(minutes=1)
    assert savings(night).saves == 1


def test_progress_before_the_outcome_of_our_prompt_is_known_is_a_save_all_the_same():
    progressed = events.SessionProgressed(at=at(5), session=ONE, what="turn")
    night: list[Written] = [
        (tick(), [decided(0)], [resume()]),
        (progressed, [], []),
        (ended("1.0"), [verified(6)], []),
    ]

    assert savings(night).saves == 1


def test_new_work_for_a_session_that_finished_is_no_intervention():
    found = savings([(tick(), [decided(0, FINISH)], []), (prompted(60), [], [])])

    assert (found.interventions, found.uninterrupted) == (0, 1.0)


def test_the_same_question_told_again_is_one_intervention():
    found = savings([(blocked(0), [], []), (blocked(9), [], []), (blocked(20, TWO), [], [])])

    assert (found.interventions, found.blocks) == (2, {"permission": 2})
    assert (found.sessions, found.interrupted, found.uninterrupted) == (2, 2, 0.0)


def test_a_session_that_continues_another_is_the_same_one():
    night: list[Written] = [
        (tick(), [decided(0)], [new_session()]),
        (ended("1.1", session="two"), [verified(3, TWO)], []),
        (tick(), [decided(60, FINISH, session=TWO, reason="completed")], []),
    ]

    found = savings(night)

    assert (found.sessions, found.interrupted) == (1, 0)


def test_days_without_intervention_count_from_the_last_one_or_from_the_beginning():
    start = events.DaemonStarted(at=at(0), version="0.1", seed="s")
    calm = savings([(start, [], [])])
    needed = savings([(start, [], []), (tick(), [decided(60, GIVE_UP)], [])])

    assert Savings().days_without(at(0)) is None
    assert calm.days_without(at(0) + 3 * DAY) == 3
    assert needed.days_without(at(0) + 3 * DAY) == 2


def test_saves_are_counted_by_what_began_the_trouble():
    night: list[Written] = [
        (tick(), [decided(0, reason="quota")], []),
        (tick(), [decided(2, reason="overloaded", event="action_failed")], []),
        (tick(), [verified(9)], []),
    ]

    assert savings(night).saves_by == {"quota": 1}


def test_the_person_is_greeted_once_for_ever():
    assert savings([(given_(1, commands.Greeted()), [], [])]).greeted


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
COMMANDS = st.sampled_from(
    [commands.Skip(session=ONE), commands.Release(session=TWO), commands.Greeted()]
)
EVENTS = st.one_of(
    st.just(tick()),
    st.builds(ended, IDS, st.sampled_from(list(Result)), session=st.sampled_from(["", "two"])),
    st.builds(alive, MINUTES, SESSIONS),
    st.builds(prompted, MINUTES, SESSIONS),
    st.builds(
        lambda m, s: events.SessionProgressed(at=at(m), session=s, what="turn"), MINUTES, SESSIONS
    ),
    st.builds(blocked, MINUTES, SESSIONS, IDS),
    st.builds(given_, MINUTES, COMMANDS),
    st.builds(lambda m, s: events.SessionGone(at=at(m), session=s), MINUTES, SESSIONS),
    st.builds(lambda m: events.MachineSlept(at=at(m), span=timedelta(minutes=m)), MINUTES),
    st.builds(
        lambda m, by: events.ClockStepped(at=at(m), by=timedelta(minutes=by)),
        MINUTES,
        st.floats(-900, 900),
    ),
)
NIGHTS = st.lists(
    st.tuples(EVENTS, st.lists(DECISIONS, max_size=3), st.lists(EFFECTS, max_size=3)), max_size=20
)


def figures(found: Savings) -> list[float]:
    """Everything that a counter shows."""
    counts = (
        *(found.handed_over, found.taken_over, found.interventions, found.sessions),
        *(found.interrupted, found.prompts, found.reruns, found.restarts, found.notices),
        *(found.refusals, found.unknown, found.policies, found.policies_refused),
    )
    spans = (found.waited.total_seconds(), found.won.total_seconds())
    mapped = (found.stops, found.saves_by, found.blocks)
    return [*counts, *spans, *(sum(one.values()) for one in mapped)]


@given(NIGHTS)
def test_nothing_is_ever_saved_that_had_not_stopped(night: list[Written]):
    found = savings(night)

    assert found.saves + len(found.troubled) <= found.stopped
    assert found.success_rate is None or 0 <= found.success_rate <= 1
    assert found.uninterrupted is None or 0 <= found.uninterrupted <= 1


@given(NIGHTS)
def test_no_more_prompts_are_counted_than_were_ordered(night: list[Written]):
    ordered = [one for _, _, given_ in night for one in given_]
    prompts = [one for one in ordered if isinstance(one, effects.Resume | effects.NewSession)]

    found = savings(night)

    assert found.prompts + found.reruns <= len(prompts)
    assert found.notices == ordered.count(NOTICE)
    assert found.restarts == ordered.count(RESTART)


@given(NIGHTS)
def test_no_figure_ever_falls_or_is_below_nothing(night: list[Written]):
    so_far = Savings()

    for event, decisions, ordered in night:
        after = counted(so_far, event, decisions, ordered)
        assert all(
            now >= before for before, now in zip(figures(so_far), figures(after), strict=True)
        )
        so_far = after


@given(NIGHTS, st.integers(0, 20))
def test_counting_may_be_interrupted_anywhere_and_go_on_from_what_was_kept(
    night: list[Written], cut: int
):
    kept = from_plain(Savings, to_plain(savings(night[:cut])))

    assert savings(night[cut:], kept) == savings(night)


@given(NIGHTS)
def test_a_tick_without_a_decision_changes_nothing_because_it_is_not_written_down(
    night: list[Written],
):
    found = savings(night)

    assert counted(found, tick(1), [], []) is found


def test_a_policy_that_was_refused_is_counted_and_so_is_one_that_was_adopted():
    adopted = events.PolicyAdopted(at=at(0), name="p", digest="d", resolved="{}")
    refused = events.PolicyRefused(at=at(1), name="p", digest="e", problems=("no",))

    found = savings([(adopted, [], []), (refused, [], []), (refused, [], [])])

    assert (found.policies, found.policies_refused) == (1, 2)


def test_each_decision_of_a_turn_is_told_with_what_was_counted_before_it():
    first, second = decided(0), decided(0, session=TWO)

    told = list(before_each(savings([]), tick(), [first, second]))

    assert [one for one, _ in told] == [first, second]
    assert [so_far.stopped for _, so_far in told] == [0, 1]
