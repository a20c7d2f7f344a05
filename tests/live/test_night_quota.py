"""A night of three sessions that share a limit, on the real OpenCode."""

from datetime import timedelta
from pathlib import Path
from typing import Any

from palingenesis.demo.provider import ModelRequest
from palingenesis.demo.replies import Reply, Text, rate_limited
from tests.live.night import TAKES_OVER_SOON, Night, default_policy

CANARY_TAKES_S = 7.0


class OneLimit:
    """Refuses the first request of each session; the first of all after that is answered slowly."""

    def __init__(self) -> None:
        self._seen: set[str] = set()
        self._answered = False

    def __call__(self, request: ModelRequest) -> Reply | None:
        if request.side:
            return None
        if request.session not in self._seen:
            self._seen.add(request.session)
            return rate_limited(8)
        slowly, self._answered = not self._answered, True
        return Text(text="done", header_delay_s=CANARY_TAKES_S if slowly else 0.0)


def test_of_three_sessions_one_is_asked_first_and_the_others_after_it_was_answered(opencode: Path):
    with Night(opencode, policy=default_policy(*TAKES_OVER_SOON)) as night:
        night.provider.respond(OneLimit())
        sessions = [night.begin(f"task {number}") for number in range(3)]
        for session in sessions:
            night.wait_for(session, "waiting")

        limit = canary_of(night)
        canary = limit["canary"]
        waiting = [session for session in sessions if session != canary]
        night.wait(
            lambda: all("canary" in str(night.session(one)["for"]) for one in waiting),
            5,
            lambda: "both others to wait for the canary",
        )
        text = night.palin("status").stdout
        told = night.palin("explain", waiting[0]).stdout

        for session in sessions:
            night.wait_for(session, "completed")
        night.claim_quiet(1)

        assert f"the canary {canary[:12]}" in text
        assert f"the canary {canary} of {limit['name']}" in told
        first = night.asked(canary)[1]
        others = sorted(night.asked(session)[1].at for session in waiting)
        assert first.ended_at is not None
        assert others[0] - first.at >= timedelta(seconds=CANARY_TAKES_S)
        # Two seconds at least between the orders; on the way to the provider one may be slower.
        assert others[1] - others[0] >= timedelta(seconds=1.5)
        assert [len(night.asked(session)) for session in sessions] == [2, 2, 2]
        assert len(night.alarms()) == 3, "each was told of once"


def canary_of(night: Night) -> dict[str, Any]:
    """The shared limit, as soon as its canary is asked."""
    found: list[dict[str, Any]] = []

    def asked() -> bool:
        found[:] = [dict(one) for one in night.control.status()["limits"] if one["canary"]]
        return bool(found)

    night.wait(asked, 30, lambda: "a canary")
    return found[0]
