"""How punctual a resumption is, and how soon a server that died is healthy again.

    python -m benchmarks.resume [RESUMPTIONS] [RESTARTS]

A resumption: from the deadline of a wait (as `status` tells it) until the provider has received the
request that our prompt brought about, which is later than OpenCode's 204; half of them go on after
a finished turn, half take over a retry. The floor is a prompt by hand to an idle session.
A restart: from the journaled order until the journal has the server up; the floor is a bare
`opencode serve`, killed and started again, until it answers. Figures to reach: 2 s; 1 s more than
the floor.
"""

import sys
import time
from collections.abc import Mapping, Sequence

from benchmarks.figures import at_percent, tell_machine, tell_percentiles
from benchmarks.stops import PER_NIGHT, Journaled, is_another, killed, managed, until

from palingenesis.demo.replies import Stall, rate_limited
from tests.live.bench import Bench
from tests.live.executable import opencode_executable
from tests.live.night import Night, instant

AT_ONCE = 3
TOO_EARLY_S = 0.01
SOON = """
version: 1
healthy-after: 10m
verify-within: 2m
rules:
  - id: taken-over
    when: stop.retrying
    do:
      - interrupt
      - wait: {until: retry_after, else: {backoff: {first: 3s, factor: 2, max: 1m}}}
      - resume: {message: "Go on."}
  - id: go-on
    when: stop.reason == 'completed'
    do: [wait: {for: 1s}, resume: {message: "Go on."}]
    limit: {max: 1, per: 1h, then: [finish]}
  - id: crash
    when: stop.reason == 'crash'
    do: [wait: {for: 200ms}, restart, finish]
default:
  do: [finish]
"""


def asked_at(night: Night, session: str, count: int) -> float | None:
    """When the provider got the so-manieth request of a session; seconds since 1970."""
    asked = night.asked(session)
    return asked[count - 1].at.timestamp() if len(asked) >= count else None


def resumptions(count: int) -> None:
    ours: list[float] = []
    floors: list[float] = []
    with Night(opencode_executable(), policy=SOON, check_interval="5s") as night:
        until(lambda: managed(night), "the managed server")
        while len(ours) < count:
            takes_over = len(ours) % (2 * AT_ONCE) >= AT_ONCE
            if takes_over:
                night.provider.script(*[rate_limited(3)] * AT_ONCE)
            sessions = [night.begin("do it") for _ in range(AT_ONCE)]
            due = deadlines(night, sessions)
            ours += [one_resumption(night, session, due[session]) for session in sessions]
            idle = night.begin("do it", noReply=True)
            began = night.now().timestamp()
            night.prompt(idle, "by hand")
            asked = until(lambda idle=idle: asked_at(night, idle, 1), "a request")  # type: ignore[misc]
            floors.append((asked - began) * 1_000)
            night.wait_for(idle, "waiting", "completed")
            night.wait_for(idle, "completed")
    tell_percentiles(
        "deadline -> request at the provider", ours, floors, "ms", target=(99, 2_000.0)
    )


def deadlines(night: Night, sessions: Sequence[str]) -> Mapping[str, float]:
    """Until when each of the sessions waits; seconds since 1970."""
    found: dict[str, float] = {}

    def all_wait() -> bool:
        for row in night.control.sessions():
            if row["id"] in sessions and row["status"] == "waiting" and row["until"]:
                found[row["id"]] = instant(row["until"]).timestamp()
        return len(found) == len(sessions)

    until(all_wait, "the waits")
    return found


def one_resumption(night: Night, session: str, due: float) -> float:
    received = until(lambda: asked_at(night, session, 2), "the resumption")
    assert received > due - TOO_EARLY_S
    night.wait_for(session, "completed")
    return (received - due) * 1_000


def restarts(count: int) -> None:
    ours: list[float] = []
    floors: list[float] = []
    while len(ours) < count:
        with Night(opencode_executable(), policy=SOON, check_interval="5s") as night:
            until(lambda: managed(night), "the managed server")
            some_restarts(night, min(PER_NIGHT, count - len(ours)), ours)
        with Bench((opencode_executable(),)) as bench:
            for _ in range(PER_NIGHT):
                bench.provider.script(Stall(text="on it"))
                bench.prompt_async(bench.new_session(), "do it")
                bench.wait_for_requests(1)
                bench.provider.reset()
                bench.kill()
                began = time.monotonic()
                bench.start()
                floors.append((time.monotonic() - began) * 1_000)
    tell_percentiles("restart -> healthy", ours, floors, "ms", percents=(50, 95))
    more = at_percent(ours, 50) - at_percent(floors, 50)
    verdict = "reached" if more <= 1_000 else "MISSED"
    print(f"  p50 beyond the floor {more:.0f} ms   target 1000 ms: {verdict}")


def some_restarts(night: Night, count: int, ours: list[float]) -> None:
    journaled = Journaled(night)
    for number in range(count):
        agent = until(lambda: managed(night), "the server")
        pid = agent["pid"]
        assert pid is not None
        night.provider.script(Stall(text="on it"))
        session = night.begin(f"work {number}")
        until(lambda session=session: night.status_of(session) == "working", "work")  # type: ignore[misc]
        ups = len(journaled.ups)
        killed(pid)
        until(lambda pid=pid: is_another(managed(night), pid), "the restart")  # type: ignore[misc]
        until(lambda ups=ups: len(journaled.ups) > ups, "the journal")  # type: ignore[misc]
        ours.append((journaled.ups[-1] - journaled.orders[-1]) * 1_000)


if __name__ == "__main__":
    tell_machine()
    resumptions(int(sys.argv[1]) if len(sys.argv) > 1 else 24)
    restarts(int(sys.argv[2]) if len(sys.argv) > 2 else 8)
