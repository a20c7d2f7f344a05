"""A restart and its sensor: whichever speaks first, the server is started once."""

from palingenesis.core.values import Status
from tests.core.life import Life, agent_up, alive, died, ended, passed
from tests.core.policies import NIGHT


def test_a_restart_that_is_reported_before_its_sensor_sees_it_is_not_repeated():
    life = Life(NIGHT)

    life >> died() >> passed(2) << "restart"
    life >> ended("restart") << "resume" >> agent_up
    life >> ended("resume") >> alive << Status.WORKING

    life.claim_nothing_more()
