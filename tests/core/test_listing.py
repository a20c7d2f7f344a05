"""What is known of a session by its being listed, and whose it turns out to be."""

from dataclasses import replace
from datetime import timedelta

import pytest

from palingenesis.core import commands, effects, events
from palingenesis.core.kernel.draft import Draft
from palingenesis.core.kernel.owning import goes_on_elsewhere, may_own, works
from palingenesis.core.values import (
    AgentId,
    Block,
    BlockKind,
    DownCause,
    SessionId,
    Status,
)
from palingenesis.core.world import Hold, Session
from tests.core.house import HERS, OTHER, OURS, SEEN, at_home, down, lists, stops
from tests.core.house import works as at_work
from tests.core.life import AGENT, SES, START, Act, Life, passed, stopped, told_to
from tests.core.policies import NIGHT, policy, rule

WAIT = policy(rule("wait", "known(stop.reason)", {"wait": {"for": "1h"}}, {"resume": {}}))
PATIENT = policy(rule("patient", "", {"resume": {}}) | {"for": "5m"})
TOP = SessionId("ses_top")
BEGUN = START - timedelta(days=1)
HOLD = Hold(rule="r", event="stopped", deadline=START + timedelta(minutes=5))


def seen(session: SessionId = SES, **told: object) -> Act:
    return lambda life: events.SessionSeen(at=life.now, session=session, agent=AGENT, **told)  # type: ignore[arg-type]


# ── what is known of it ───────────────────────────────────────────────────────────────────────


def test_a_session_that_is_met_for_the_first_time_is_known_as_it_is_listed():
    told = {"title": "night", "directory": "/home/ada", "parent": TOP, "created": BEGUN}
    one = SessionId("ses_new")

    life = Life(NIGHT) >> seen(one, **told)

    session = life.world.sessions[one]
    assert {name: getattr(session, name) for name in told} == told
    assert (session.since, session.seen_at) == (life.now, life.now)
    assert not session.supervised


def test_what_a_later_list_leaves_out_stays_known():
    told = {"title": "night", "directory": "/home/ada", "created": BEGUN}
    life = Life(NIGHT) >> seen(**told)

    life >> passed(60) >> seen()

    assert {name: getattr(life.session, name) for name in told} == told


def test_what_a_later_list_says_otherwise_is_so_from_then_on():
    life = Life(NIGHT) >> seen(title="night", directory="/home/ada", created=BEGUN)
    told = {"title": "day", "directory": "/srv", "created": START}

    life >> seen(**told)

    assert {name: getattr(life.session, name) for name in told} == told


def test_a_subagent_s_parent_stays_its_parent_and_it_is_left_to_it_once():
    life = Life(WAIT) >> seen(parent=TOP)
    assert not life.session.supervised
    life.world = replace(
        life.world,
        sessions={SES: replace(life.session, supervised=True, status=Status.WORKING)},
    )

    life >> seen() >> seen(parent=TOP)

    assert (life.session.parent, life.session.supervised) == (TOP, True)


def test_a_session_that_was_not_ours_yet_becomes_a_subagent_s_without_a_word():
    one = SessionId("ses_new")
    life = Life(WAIT) >> seen(one)

    life >> seen(one, parent=TOP)

    session = life.world.sessions[one]
    assert (session.parent, session.status) == (TOP, Status.DISCOVERING)
    assert life.decisions == []


def test_what_turns_out_to_be_a_subagent_s_rests_as_it_did_and_is_not_ours_any_more():
    life = Life(WAIT) >> stopped("network") >> told_to(commands.Hold()) << Status.PAUSED

    life >> seen(parent=TOP) << Status.PAUSED

    assert not life.session.supervised
    assert life.session.plan is None


def test_what_turns_out_to_be_a_subagent_s_waits_for_nothing_of_ours():
    life = Life(PATIENT) >> stopped("network") << Status.HOLDING
    life.world = replace(
        life.world, sessions={SES: replace(life.session, aborting=True)}
    )  # fmt: skip

    life >> seen(parent=TOP) << Status.STOOD_DOWN

    assert (life.session.holds, life.session.aborting) == ((), False)
    (life >> passed(300)).claim_nothing_more()


# ── whose it is ───────────────────────────────────────────────────────────────────────────────


def draft_of(life: Life) -> Draft:
    return Draft(life.world, life.policy, life.now)


@pytest.mark.parametrize("tells", [lists, at_work, stops])
def test_the_owner_itself_and_whoever_meets_nobody_there_may_have_it(tells) -> None:
    life = at_home(WAIT)

    assert may_own(draft_of(life), life.session, tells(HERS)(life))
    assert not may_own(draft_of(life), life.session, tells(OTHER)(life))
    assert may_own(draft_of(life), life.session, tells(AgentId("unknown"))(life))
    lost = replace(life.session, agent=AgentId("unknown"))
    assert may_own(draft_of(life), lost, tells(OTHER)(life))


def test_a_live_owner_at_rest_of_whom_the_same_program_tells_keeps_it():
    life = at_home(WAIT) >> stops(HERS)

    assert may_own(draft_of(life), life.session, lists(HERS)(life))


@pytest.mark.parametrize(
    ("cause", "tells", "whose", "may"),
    [
        (DownCause.EXITED, at_work, OTHER, True),
        (DownCause.EXITED, stops, OTHER, True),
        (DownCause.EXITED, lists, OTHER, False),
        (DownCause.EXITED, lists, OURS, False),
        (DownCause.EXITED, stops, OURS, True),
    ],
)
def test_who_has_ended_keeps_it_only_from_those_who_list_it(cause, tells, whose, may) -> None:
    life = at_home(WAIT) >> down(HERS, cause)

    assert may_own(draft_of(life), life.session, tells(whose)(life)) is may


@pytest.mark.parametrize(
    ("tells", "whose", "may"),
    [(at_work, OTHER, True), (stops, OTHER, False), (stops, AgentId("ours-too"), True)],
)
def test_our_server_that_is_down_keeps_it_from_a_program_of_hers_that_only_talks(
    tells, whose, may
) -> None:
    life = at_home(WAIT, OURS) >> down(OURS, DownCause.EXITED)
    ours = replace(life.world.agents[OURS], id=AgentId("ours-too"), up=True)
    life.world = replace(life.world, agents={**life.world.agents, ours.id: ours})

    assert may_own(draft_of(life), life.session, tells(whose)(life)) is may


def test_beside_its_owner_only_a_program_that_acts_is_remembered_as_at_work():
    life = at_home(WAIT)

    life >> at_work(SEEN)
    assert life.session.at_work == (HERS,)

    life >> at_work(OTHER) >> at_work(OTHER)
    assert life.session.at_work == (HERS, OTHER)


def test_an_owner_that_is_only_observed_is_at_work_all_the_same():
    life = at_home(WAIT, SEEN)

    assert life.session.at_work == (SEEN,)
    rests = replace(life.session, at_work=())
    assert works(draft_of(life), rests, SEEN).at_work == (SEEN,)


# ── it goes on elsewhere ──────────────────────────────────────────────────────────────────────


def test_nobody_goes_on_where_nobody_works_or_who_does_is_gone():
    life = at_home(WAIT) >> at_work(OTHER) >> stops(HERS)
    gone = replace(life.session, agent=HERS, at_work=(AgentId("unknown"),))
    assert not goes_on_elsewhere(draft_of(life), gone)
    assert not goes_on_elsewhere(draft_of(life), replace(gone, at_work=()))

    life >> down(OTHER, DownCause.EXITED)

    assert not goes_on_elsewhere(draft_of(life), replace(gone, at_work=(OTHER,)))


def test_what_was_asked_held_and_aborted_where_it_was_is_over_where_it_goes_on():
    life = at_home(WAIT) >> at_work(OTHER)
    block = Block(id="per_1", kind=BlockKind.PERMISSION, since=life.now)
    changes = {"block": block, "aborting": True, "holds": (HOLD,)}
    life.world = replace(
        life.world,
        sessions={SES: replace(life.session, **changes)},  # type: ignore[arg-type]
    )

    life >> stops(HERS) << Status.WORKING

    session = life.session
    assert (session.agent, session.block, session.aborting, session.holds) == (
        OTHER,
        None,
        False,
        (),
    )


def test_in_a_pause_it_is_theirs_who_go_on_and_works_when_the_pause_ends():
    life = at_home(WAIT) >> at_work(OTHER) >> told_to(commands.Hold(session=SES)) << Status.PAUSED
    life.world = replace(
        life.world, sessions={SES: replace(life.session, paused_from=Status.WAITING)}
    )

    life >> stops(HERS) << Status.PAUSED
    assert (life.session.agent, life.session.paused_from) == (OTHER, Status.WORKING)

    life >> told_to(commands.Release(session=SES)) << Status.WORKING
    assert [one for one in life.orders if isinstance(one, effects.SessionEffect)] == []


def test_at_rest_it_changes_hands_and_stays_at_rest():
    life = at_home(WAIT)
    session = replace(life.session, status=Status.STOOD_DOWN, at_work=(OTHER,))
    draft = draft_of(life)

    assert goes_on_elsewhere(draft, session)

    after: Session = draft.sessions[SES]
    assert (after.agent, after.status) == (OTHER, Status.STOOD_DOWN)
