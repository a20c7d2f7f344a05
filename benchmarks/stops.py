"""How long after a stop the decision about it is on the disk, with the real OpenCode.

    python -m benchmarks.stops [STOPS] [DEATHS]

A stop begins when a bare reader of OpenCode's own stream (in a process of its own) sees the final
idle of the session's turn, or its retry event. A death begins when the server is sent SIGKILL. The
decision counts when its journal entry has arrived through the control socket's event stream, so
that the figure is what the journal took and a little more. Floors: a second bare reader of the
same stream; a bare loop that waits for the pidfd. Figures to reach: p99 at most 250 ms each.
"""

import base64
import math
import os
import selectors
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from typing import TypeVar

from benchmarks.figures import tell_machine, tell_percentiles

from palingenesis.core.errors import PalingenesisError
from palingenesis.demo.replies import Stall, Text, rate_limited, unauthorized
from palingenesis.runtime.door import AgentStatus
from tests.live.executable import opencode_executable
from tests.live.night import Night

Found = TypeVar("Found")

TARGET = (99, 250.0)
AT_ONCE = 3
PER_NIGHT = 4
"""Deaths in one night: more of them and a rail stops the restarts, as it should."""

CRASHES = """
version: 1
healthy-after: 10m
verify-within: 2m
rules:
  - id: crash
    when: stop.reason == 'crash'
    do: [wait: {for: 200ms}, restart, finish]
default:
  do: [finish]
"""
READER = """
import http.client, json, sys, time
from urllib.parse import urlsplit
origin, secret = sys.argv[1:]
there = urlsplit(origin)
connection = http.client.HTTPConnection(there.hostname, there.port)
connection.request("GET", "/global/event", headers={"authorization": secret})
answer = connection.getresponse()
print("open", flush=True)
while line := answer.readline():
    if b"session.status" not in line:
        continue
    at = time.monotonic()
    event = json.loads(line[5:])
    event = event.get("payload", event)
    about = event.get("properties", {})
    print(at, about.get("sessionID"), about.get("status", {}).get("type"), flush=True)
"""


class Journaled:
    """When each decision's entry arrived; monotonic seconds."""

    def __init__(self, night: Night) -> None:
        self.decided: dict[str, float] = {}
        self.downs: list[float] = []
        self.ups: list[float] = []
        self.orders: list[float] = []
        self._night = night
        threading.Thread(target=self._follow, daemon=True).start()

    def _follow(self) -> None:
        after = int(self._night.control.status()["journal"]["seq"])
        try:
            for row in self._night.control.follow(after=after):
                at = time.monotonic()
                if row["kind"] == "agent-up":
                    self.ups.append(at)
                if any("restart" in effect.lower() for effect in row["effects"]):
                    self.orders.append(at)
                if row["kind"] == "agent-down" and row["rule"]:
                    self.downs.append(at)
                if row["kind"] == "session-stopped" and row["rule"] and row["session"]:
                    self.decided.setdefault(row["session"], at)
        except PalingenesisError:
            pass  # the night is over


class Reader:
    """A bare reader of OpenCode's stream, in a process of its own."""

    def __init__(self, origin: str, secret: str) -> None:
        self.seen: dict[tuple[str, str], list[float]] = {}
        self.process = subprocess.Popen(
            [sys.executable, "-c", READER, origin, secret], stdout=subprocess.PIPE, text=True
        )
        assert self.process.stdout is not None
        assert self.process.stdout.readline().strip() == "open"
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            at, session, kind = line.split()
            self.seen.setdefault((session, kind), []).append(float(at))

    def close(self) -> None:
        self.process.kill()
        self.process.wait()


def secret_of(night: Night) -> tuple[str, str]:
    """Where the managed server is, and the header that opens it."""
    entrance = night.control.open(None)
    token = base64.b64encode(f"opencode:{entrance['password']}".encode()).decode()
    return entrance["url"], f"Basic {token}"


def managed(night: Night) -> AgentStatus | None:
    """The server that the daemon runs, when it is up; others are only observed."""
    agents = night.control.status()["agents"]
    return next((one for one in agents if one["way"] == "managed" and one["up"]), None)


def until(condition: Callable[[], Found | None], what: str, timeout_s: float = 40.0) -> Found:
    deadline = time.monotonic() + timeout_s
    while not (found := condition()):
        assert time.monotonic() < deadline, f"waited {timeout_s:g} s for {what}"
        time.sleep(0.02)
    return found


def stops(count: int) -> None:
    told = Spans()
    with Night(opencode_executable(), check_interval="5s") as night:
        until(lambda: managed(night), "the managed server")
        journaled = Journaled(night)
        first, second = Reader(*secret_of(night)), Reader(*secret_of(night))
        time.sleep(0.5)  # it says that it is open a little before it is
        try:
            for number in range(math.ceil(count / AT_ONCE)):
                a_round(night, tuple(told.ours)[number % 3], (first, second), journaled, told)
        finally:
            first.close()
            second.close()
    everything = [span for spans in told.ours.values() for span in spans]
    tell_percentiles("stop -> decision journaled", everything, told.floors, "ms", target=TARGET)
    for kind, spans in told.ours.items():
        tell_percentiles(f"of these: {kind}", spans, told.floors, "ms", target=TARGET)
    if told.early:
        tell_percentiles(
            "refused, counted from the first idle instead", told.early, told.floors, "ms"
        )


class Spans:
    """Milliseconds."""

    def __init__(self) -> None:
        self.ours: dict[str, list[float]] = {"finished": [], "refused": [], "retry": []}
        self.early: list[float] = []
        self.floors: list[float] = []


def a_round(
    night: Night, kind: str, readers: tuple[Reader, Reader], journaled: Journaled, told: Spans
) -> None:
    """A few sessions stop in the same way, all at once."""
    first, second = readers
    reply = {"finished": Text(text="done"), "refused": unauthorized()}.get(kind, rate_limited(3600))
    night.provider.script(*[reply] * AT_ONCE)
    sessions = [night.begin("do it") for _ in range(AT_ONCE)]
    sign = "retry" if kind == "retry" else "idle"
    until(
        lambda: all(one in journaled.decided and (one, sign) in second.seen for one in sessions),
        "the decisions",
    )
    time.sleep(0.3)  # a second idle may follow
    for one in sessions:
        decided = journaled.decided[one]
        seen = first.seen[one, sign]
        # The final one; a decision may come even before it, and then an earlier one was enough.
        began = max((at for at in seen if at <= decided), default=seen[0])
        told.ours[kind].append((decided - began) * 1_000)
        if kind == "refused":
            told.early.append((decided - seen[0]) * 1_000)
        told.floors.append(abs(second.seen[one, sign][0] - seen[0]) * 1_000)
    if kind == "retry":
        until(
            lambda: all(night.status_of(one) == "waiting" for one in sessions),
            "the retries being taken over",
        )


def deaths(count: int) -> None:
    ours: list[float] = []
    floors: list[float] = []
    while len(ours) < count:
        with Night(opencode_executable(), policy=CRASHES, check_interval="5s") as night:
            until(lambda: managed(night), "the managed server")
            some_deaths(night, min(PER_NIGHT, count - len(ours)), ours, floors)
    tell_percentiles("process death -> decision journaled", ours, floors, "ms", target=TARGET)


def some_deaths(night: Night, count: int, ours: list[float], floors: list[float]) -> None:
    journaled = Journaled(night)
    for number in range(count):
        agent = until(lambda: managed(night), "the server being up again")
        assert agent["pid"] is not None
        night.provider.script(Stall(text="on it"))
        session = night.begin(f"work {number}")
        until(lambda session=session: night.status_of(session) == "working", "work")  # type: ignore[misc]
        known = len(journaled.downs)
        began, ended = killed(agent["pid"])
        until(lambda known=known: len(journaled.downs) > known, "the decision")  # type: ignore[misc]
        ours.append((journaled.downs[-1] - began) * 1_000)
        floors.append((ended - began) * 1_000)
        until(lambda pid=agent["pid"]: is_another(managed(night), pid), "the restart")  # type: ignore[misc]


def is_another(agent: AgentStatus | None, pid: int) -> bool:
    return agent is not None and agent["pid"] != pid


def killed(pid: int) -> tuple[float, float]:
    """Kill a process; when the signal was sent, and when a bare loop saw the end."""
    fd = os.pidfd_open(pid)
    try:
        with selectors.DefaultSelector() as selector:
            selector.register(fd, selectors.EVENT_READ)
            began = time.monotonic()
            os.kill(pid, signal.SIGKILL)
            assert selector.select(20), "it did not end"
            return began, time.monotonic()
    finally:
        os.close(fd)


if __name__ == "__main__":
    tell_machine()
    stops(int(sys.argv[1]) if len(sys.argv) > 1 else 60)
    deaths(int(sys.argv[2]) if len(sys.argv) > 2 else 20)
