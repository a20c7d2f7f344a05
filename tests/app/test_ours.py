"""Whose sessions are told by whom: by a server, by a program that lets us in, or from outside."""

from palingenesis.app.ours import owned
from palingenesis.core.values import DownCause, Way
from tests.core.house import HERS, OURS, SEEN, at_home, down, up
from tests.core.life import SES
from tests.core.policies import STUBBORN


def test_sessions_of_a_server_and_of_a_program_that_lets_us_in_are_not_told_from_outside():
    assert owned(at_home(STUBBORN, OURS).world) == {SES}
    assert owned(at_home(STUBBORN, HERS).world) == {SES}
    assert owned(at_home(STUBBORN, SEEN).world) == set()


def test_those_of_a_program_that_lets_us_in_no_more_are_told_from_outside():
    life = at_home(STUBBORN, HERS)

    life >> down(HERS, DownCause.UNREACHABLE)
    assert owned(life.world) == set()
    life >> up(HERS)
    assert owned(life.world) == {SES}
    life >> up(HERS, Way.OBSERVED)
    assert owned(life.world) == set()


def test_those_of_a_server_that_is_down_are_still_its_own():
    life = at_home(STUBBORN, OURS) >> down(OURS, DownCause.EXITED)

    assert owned(life.world) == {SES}
