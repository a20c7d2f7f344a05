"""Where a session works decides which policy holds: the person's, or her project's over it."""

from dataclasses import replace
from datetime import timedelta

from palingenesis.core import events
from palingenesis.core.kernel.snapshot import facts_of
from palingenesis.core.policy.model import Overlay, Policy
from tests.core.life import AGENT, SES, Life, stopped
from tests.core.policies import NIGHT, policy, rule

NIGHT_TIME = {
    "calendars": {"dark": {"days": ["thu"], "from": "00:00", "to": "07:00", "zone": "UTC"}},
    "zones": {"UTC": {"changes": [0], "offsets": [0]}},
}
PROJECT = policy(
    rule("slow", "stop.reason == 'overloaded' and within('dark')", {"wait": {"for": "3h"}},
         {"resume": {}}),
    rule("still", "count(crash, 15m) > 1", "attention"),
    **NIGHT_TIME,
)  # fmt: skip
BOTH: Policy = replace(NIGHT, overlays=(Overlay(directory="/home/ada/app", policy=PROJECT),))


def life_in(directory: str) -> Life:
    life = Life(BOTH)
    life.take(
        events.SessionSeen(
            at=life.now, session=SES, agent=AGENT, title="night", directory=directory
        )
    )
    return life


def test_a_session_in_a_project_is_decided_by_its_policy_and_any_other_by_the_own_one() -> None:
    inside, outside = life_in("/home/ada/app/src"), life_in("/home/ada/other")

    for life in (inside, outside):
        life >> stopped("overloaded")

    plans = [life.session.plan for life in (inside, outside)]
    assert [plan.rule for plan in plans if plan is not None] == ["slow", "rate"]
    assert inside.session.plan is not None
    assert inside.session.plan.deadline == inside.now + timedelta(hours=3)


def test_what_the_projects_policy_counts_and_looks_up_is_among_the_facts_of_its_sessions() -> None:
    inside, outside = life_in("/home/ada/app"), life_in("/srv")

    told = [
        {
            name
            for name in facts_of(life.world, life.session, "stopped", life.now, BOTH)
            if "(" in name
        }
        for life in (inside, outside)
    ]

    assert told == [{"within(dark)", "count(crash, 15m)"}, set()]


def test_a_wait_is_revised_when_a_project_gets_a_policy() -> None:
    life = life_in("/home/ada/app")
    life.policy = NIGHT
    life >> stopped("overloaded")
    assert life.session.plan is not None
    assert life.session.plan.rule == "rate"

    life.policy = BOTH
    life.take(
        events.PolicyAdopted(
            at=life.now, name="night", digest="other", resolved=BOTH.resolved
        )
    )  # fmt: skip

    assert life.session.plan.rule == "slow"
