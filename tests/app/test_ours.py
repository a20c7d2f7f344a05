"""Whose sessions are told by whom: by a server, by a program that lets us in, or from outside."""

from dataclasses import replace

from palingenesis.app.ours import open_in, owned, remembered, to_look_for, under_way
from palingenesis.core import events
from palingenesis.core.values import DownCause, Status, Way
from tests.core.house import HERS, OTHER, OURS, SEEN, at_home, down, stops, up, works
from tests.core.life import SES, passed
from tests.core.policies import STUBBORN
from tests.core.test_hers import CAREFUL
from tests.core.test_owning import WAIT


def test_sessions_of_a_server_and_of_a_program_that_lets_us_in_are_not_told_from_outside():
    assert owned(at_home(STUBBORN, OURS).world) == {SES}
    assert owned(at_home(STUBBORN, HERS).world) == {SES}
    assert owned(at_home(STUBBORN, SEEN).world) == set()


def test_after_a_start_each_session_is_looked_for_at_its_own_agent_only():
    for agent in (OURS, HERS, SEEN):
        life = at_home(STUBBORN, agent)
        assert to_look_for(life.world) == {agent: {SES}}
    life = at_home(STUBBORN, OURS)
    life.take(replace(up(OTHER)(life), way=Way.ATTACHED))
    assert OTHER not in to_look_for(life.world)


def test_those_of_a_program_that_lets_us_in_no_more_are_told_from_outside():
    life = at_home(STUBBORN, HERS)

    life >> down(HERS, DownCause.UNREACHABLE)
    assert owned(life.world) == set()
    life >> up(HERS)
    assert owned(life.world) == {SES}
    life >> up(HERS, Way.OBSERVED)
    assert owned(life.world) == set()


def test_a_program_whose_link_is_lost_is_looked_for_when_we_start_again_and_one_that_ended_is_not():
    life = at_home(STUBBORN, HERS)
    life.take(replace(up(HERS)(life), pid=100))
    (met,) = remembered(life.world)
    assert (met.pid, met.is_up) == (100, True)

    life >> down(HERS, DownCause.UNREACHABLE)
    lost = replace(met, is_up=False)
    assert remembered(life.world) == (lost,)
    life.take(events.DaemonStarted(at=life.now, version="test", seed="5eed"))
    assert remembered(life.world) == (lost,)
    life >> down(HERS, DownCause.ENDED)
    assert remembered(life.world) == ()


def test_nobody_is_missed_while_nothing_can_be_taken_in_for_that_end_may_be_told_already():
    life = at_home(STUBBORN, HERS)
    life.take(replace(up(HERS)(life), pid=100))

    assert remembered(life.world, still=True) == ()


def test_a_program_that_is_only_observed_is_remembered_as_well():
    life = at_home(STUBBORN, SEEN)
    life.take(replace(up(SEEN)(life), pid=300, ends_itself=True))

    (met,) = remembered(life.world)
    assert (met.pid, met.way, met.ends_itself) == (300, Way.OBSERVED, True)


def test_in_a_session_that_waits_for_us_nothing_is_under_way():
    life = at_home(CAREFUL, HERS)
    assert under_way(life.world, HERS) == {SES}
    assert under_way(life.world, OURS) == set()

    life >> stops(HERS) << Status.WAITING
    assert under_way(life.world, HERS) == set()
    life >> passed(600) << Status.ACTING
    assert under_way(life.world, HERS) == {SES}


def test_a_session_is_open_in_a_program_of_hers_that_lets_us_in_until_that_has_ended():
    life = at_home(STUBBORN, HERS) >> stops(HERS)
    assert open_in(life.world, life.session) == life.world.agents[HERS]

    life >> down(HERS, DownCause.UNREACHABLE)
    assert open_in(life.world, life.session) == life.world.agents[HERS]
    life >> down(HERS, DownCause.ENDED)
    assert open_in(life.world, life.session) is None


def test_in_one_that_is_only_observed_it_is_open_while_it_works_there():
    life = at_home(WAIT, SEEN)
    assert open_in(life.world, life.session) == life.world.agents[SEEN]

    life >> stops(SEEN)
    assert open_in(life.world, life.session) is None


def test_it_is_open_also_where_somebody_works_on_it_beside_its_owner():
    life = at_home(STUBBORN, OURS)
    assert open_in(life.world, life.session) is None

    life >> works(OTHER)
    assert open_in(life.world, life.session) == life.world.agents[OTHER]


def test_those_of_a_server_that_is_down_are_still_its_own():
    life = at_home(STUBBORN, OURS) >> down(OURS, DownCause.EXITED)

    assert owned(life.world) == {SES}
