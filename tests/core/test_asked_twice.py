"""A command that is given twice does what it did once."""

import pytest

from palingenesis.core import commands
from palingenesis.core.values import Status
from tests.core.life import SES, Life, ended, stopped, told_to
from tests.core.test_nights import NIGHT

TWICE = [
    commands.Hold(session=SES),
    commands.Hold(),
    commands.Release(session=SES),
    commands.Skip(session=SES),
    commands.Renew(session=SES),
    commands.Enrol(session=SES),
    commands.Detach(session=SES),
]


@pytest.mark.parametrize("command", TWICE, ids=str)
@pytest.mark.parametrize("begins", ["working", "stopped"])
def test_what_is_asked_twice_is_ordered_once(command: commands.Command, begins: str):
    life = Life(NIGHT)
    if begins == "stopped":
        life >> stopped("rate_limit", retry_after=90)
    life >> told_to(command)
    ordered, status = life.names(), life.session.status

    life >> told_to(command)

    assert (life.names(), life.session.status) == (ordered, status)


def test_an_abort_that_is_asked_twice_ends_the_turn_and_leaves_it_alone():
    life = Life(NIGHT)
    for _ in range(2):
        life >> told_to(commands.Abort(session=SES))

    life >> ended("interrupt")

    assert life.session.status is Status.STOOD_DOWN
    assert set(life.names()) == {"interrupt"}


def test_every_asking_leaves_its_line():
    life = Life(NIGHT)
    for _ in range(3):
        life >> told_to(commands.Renew(session=SES))

    told = [one.why for one in life.decisions if one.kind == "commanded"]

    assert told == ["renew by anna"] * 3


def test_a_work_that_goes_on_in_a_new_session_is_not_begun_in_another():
    life = Life(NIGHT) >> told_to(commands.Renew(session=SES)) << "interrupt"
    life >> ended("interrupt") << "snapshot" >> ended("snapshot") << "new-session"
    life >> ended("new-session", session="ses_2")
    assert life.session.successor == "ses_2"
    life.orders.clear()

    life >> told_to(commands.Renew(session=SES))

    life.claim_nothing_more()
