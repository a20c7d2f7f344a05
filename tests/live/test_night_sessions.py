"""Nights of two sessions on one server."""

from pathlib import Path

from palingenesis.demo.provider import ModelRequest
from palingenesis.demo.replies import Reply, Stall, Text, rate_limited
from tests.live.night import TAKES_OVER_SOON, Night, default_policy
from tests.live.test_night_crashes import restarts


class FirstOfEach:
    """Answers the first request of each session one way, and all others another way."""

    def __init__(self, first: Reply, others: Reply) -> None:
        self._first = first
        self._others = others
        self._seen: set[str] = set()

    def __call__(self, request: ModelRequest) -> Reply | None:
        if request.side:
            return None
        known = request.session in self._seen
        self._seen.add(request.session)
        return self._others if known else self._first


def test_two_sessions_meet_the_same_limit_and_each_goes_on_once(opencode: Path):
    with Night(opencode, policy=default_policy(*TAKES_OVER_SOON)) as night:
        night.provider.respond(FirstOfEach(rate_limited(6), Text(text="done")))
        one, two = night.begin("the first task"), night.begin("the second task")

        for session in (one, two):
            night.wait_for(session, "waiting", "completed")
        for session in (one, two):
            night.wait_for(session, "completed")

        night.claim_quiet()
        for session in (one, two):
            assert len(night.asked(session)) == 2
            assert night.rules(session) == ["own-retry-long", "finished"]
        assert len(night.provider.requests) == 4


def test_a_server_with_two_sessions_is_restarted_once_and_both_go_on(opencode: Path):
    with Night(opencode) as night:
        night.provider.respond(FirstOfEach(Stall(text="half"), Text(text="whole")))
        one, two = night.begin("the first task"), night.begin("the second task")
        night.wait_for_requests(2)
        for session in (one, two):
            night.wait_for(session, "working")

        night.kill_agent()

        for session in (one, two):
            night.wait_for_rules(session, "crash", "finished")
            night.wait_for(session, "completed")
        night.claim_quiet()
        assert restarts(night) == 1
        for session in (one, two):
            assert len(night.asked(session)) == 2
        assert len(night.provider.requests) == 4
