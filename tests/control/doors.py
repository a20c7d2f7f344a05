"""A daemon that only answers, for the tests of those who ask."""

import asyncio
import threading
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from palingenesis.control.server import ControlServer
from palingenesis.core.errors import BusyError, PalingenesisError
from palingenesis.core.savings import Savings
from palingenesis.runtime.candidate import Preview, Shadow, ShadowOrder
from palingenesis.runtime.door import (
    Answer,
    CommandName,
    Entrance,
    EventRow,
    Explanation,
    PolicyText,
    RailStatus,
    RemovedStatus,
    SafeHoldStatus,
    SessionStatus,
    Status,
)
from palingenesis.runtime.linking import Caller, Join, Link
from palingenesis.runtime.worth import savings_status


def a_session(**changes: object) -> SessionStatus:
    row: dict[str, object] = {
        "id": "ses_1abc",
        "title": "Refactor the parser",
        "directory": "/home/ada/parser",
        "agent": "opencode",
        "status": "working",
        "supervised": True,
        "since": "2026-11-21T02:00:00Z",
        "reason": None,
        "message": None,
        "for": None,
        "until": None,
        "next": None,
        "rule": None,
        "decision": None,
        "rails": [],
        "attempts": 0,
        "context_used": 0.42,
        "work": {"state": "valid", "step": "step-07", "completed": 6, "total": 12},
        "successor": None,
        "question": None,
    }
    return {**row, **changes}  # type: ignore[typeddict-item,return-value]


A_WAITING_SESSION = a_session(
    id="ses_2def",
    title="Write the docs",
    status="waiting",
    reason="rate_limit",
    message="429 Too Many Requests",
    until="2026-11-21T03:10:00Z",
    next="resume",
    rule="rate-limit",
    decision=7,
    attempts=1,
    rails=["prompts: 11 of 12 this hour"],
    **{"for": "the limit to clear"},
)


def a_row(seq: int, session: str | None = "ses_1abc", summary: str = "stopped") -> EventRow:
    return {
        "seq": seq,
        "at": "2026-11-21T03:00:00Z",
        "kind": "session-stopped",
        "session": session,
        "agent": "opencode",
        "summary": summary,
        "rule": "rate-limit",
        "effects": ["wait 5m"],
        "data": {"reason": "rate_limit"},
    }


AN_EXPLANATION: Explanation = {
    "decision": 7,
    "at": "2026-11-21T03:00:00Z",
    "session": "ses_2def",
    "title": "Write the docs",
    "kind": "decided",
    "event": "stopped",
    "rule": "rate-limit",
    "why": "the provider asked for 10 minutes",
    "policy": "default",
    "limited": False,
    "facts": {"stop.reason": "rate_limit"},
    "considered": [
        {"rule": "user-exit", "outcome": "false", "why": "stop.reason is 'rate_limit'"},
        {"rule": "rate-limit", "outcome": "won", "why": "stop.reason == 'rate_limit'"},
    ],
    "plan": [
        {"what": "wait until 03:10", "result": None, "detail": ""},
        {"what": "resume", "result": None, "detail": ""},
    ],
}


A_PREVIEW: Preview = {
    "path": "/next.yaml",
    "name": "next",
    "digest": "d9e8f7a6",
    "in_force": False,
    "rows": [
        {
            "session": "ses_2def",
            "title": "Write the docs",
            "change": "moved",
            "before": {
                "status": "waiting",
                "rule": "rate-limit",
                "what": "wait",
                "until": "2026-11-21T03:10:00Z",
                "then": ["resume"],
            },
            "after": {
                "status": "waiting",
                "rule": "rate-limit",
                "what": "wait",
                "until": "2026-11-21T03:20:00Z",
                "then": ["resume"],
            },
            "why": "",
            "told": [],
        },
        {
            "session": "ses_3abc",
            "title": "Fix the tests",
            "change": "cancelled",
            "before": {
                "status": "asking",
                "rule": "refused",
                "what": "an answer",
                "until": None,
                "then": ["switch-model", "resume"],
            },
            "after": {"status": "attention", "rule": None, "what": "", "until": None, "then": []},
            "why": "no rule matched",
            "told": [],
        },
    ],
    "idle": 3,
}

A_SHADOW: Shadow = {
    "message": "next decides in shadow from now on; it never acts",
    "running": True,
    "name": "next",
    "digest": "d9e8f7a6",
    "path": "/home/ada/policy.next.yaml",
    "since": "2026-11-18T01:00:00Z",
    "at": "2026-11-21T05:00:00Z",
    "decisions": 61,
    "same": 56,
    "different": 3,
    "unknown": 2,
    "groups": [
        {
            "reason": "timeout",
            "times": 3,
            "before": {"rule": "network-retry", "plan": "wait 5m → resume"},
            "after": {"rule": "context-rollover", "plan": "snapshot → new-session"},
            "first": {"decision": 412, "at": "2026-11-18T17:08:00Z", "session": "ses_2def"},
        }
    ],
    "net": {"waiting_s": -900.0, "new sessions": 3, "notifications": 0},
    "errors": [],
}


class StandInDoor:
    """Answers from lists, and remembers what it was asked."""

    def __init__(self) -> None:
        self.listed = [a_session(), A_WAITING_SESSION]
        self.rows = [a_row(1), a_row(2, "ses_2def")]
        self.explanations = [AN_EXPLANATION]
        self.given: list[tuple[str, str | None, str]] = []
        self.asked: list[tuple[str, str | None]] = []
        self.no_shadow = False
        self.stopped = threading.Event()
        self.failing: Exception | None = None
        self.refusing: Exception | None = None
        self.reload_answer: Answer = {"ok": True, "message": "policy 'default' is in force"}
        self.slow_s = 0.0
        self.removed: RemovedStatus | None = None
        self.begun = threading.Event()
        self.pid = 4242
        self.held: SafeHoldStatus | None = None
        self.rails: list[RailStatus] = []
        self.agent_rails: list[RailStatus] = []
        self.warnings: list[str] = []
        self.changes: dict[str, object] = {}
        self.agent_changes: dict[str, object] = {}
        self.policy_changes: dict[str, object] = {}
        self.savings = Savings()
        self.callers: list[Caller] = []
        self._changed = asyncio.Event()

    def status(self) -> Status:
        if self.failing is not None:
            raise self.failing
        told: Status = {
            "schema_version": 1,
            "running": True,
            "at": "2026-11-21T03:00:00Z",
            "pid": self.pid,
            "version": "0.1.0",
            "since": "2026-11-21T01:00:00Z",
            "paused": False,
            "safe_hold": self.held,
            "policy": {"name": "default", "digest": "a1b2c3", "path": "/p.yaml", "stale": []},
            "agents": [
                {
                    "id": "opencode",
                    "assistant": "opencode",
                    "way": "managed",
                    "version": "1.18.33",
                    "supported": True,
                    "up": True,
                    "since": "2026-11-21T01:00:05Z",
                    "pid": 4243,
                    "detail": "",
                    "rails": self.agent_rails,
                }
            ],
            "rails": self.rails,
            "sessions": [row for row in self.listed if row["supervised"]],
            "limits": [],
            "notifications": {"channels": ["ntfy"], "pending": 0, "failed": 0, "last": None},
            "journal": {
                "seq": 2,
                "ok": True,
                "detail": "",
                "bytes": 4_456_448,
                "bytes_max": 67_108_864,
                "waiting": 0,
                "removed": self.removed,
            },
            "savings": savings_status(self.savings, datetime(2026, 11, 21, 3, tzinfo=UTC)),
            "warnings": self.warnings,
        }
        told["agents"][0].update(self.agent_changes)  # type: ignore[typeddict-item]
        return {**told, **self.changes}  # type: ignore[typeddict-item,return-value]

    def admit(self, caller: Caller) -> Join:
        """Lets in whoever has a plugin, and says after it what it says."""
        if not caller.plugin:
            raise PalingenesisError("no plugin")
        self.callers.append(caller)

        async def echo(link: Link) -> None:
            async for line in link.lines():
                if line == b"enough":
                    return
                link.say(b"heard " + line)

        return echo

    def sessions(self) -> Sequence[SessionStatus]:
        return self.listed

    def events(
        self,
        *,
        after: int,
        since: datetime | None,
        session: str | None,
        kinds: Collection[str],
        limit: int,
    ) -> Sequence[EventRow]:
        rows = [row for row in self.rows if row["seq"] > after]
        rows = [row for row in rows if session in (None, row["session"])]
        rows = [row for row in rows if not kinds or row["kind"] in kinds]
        if since is not None:
            rows = [row for row in rows if datetime.fromisoformat(row["at"]) >= since]
        return rows[:limit] if after else rows[-limit:]

    async def changed(self, after: int) -> None:
        while not self.rows or self.rows[-1]["seq"] <= after:
            self._changed.clear()
            await self._changed.wait()

    def append(self, row: EventRow) -> None:
        self.rows.append(row)
        self._changed.set()

    def explain(
        self, *, session: str | None, decision: int | None, limit: int
    ) -> Sequence[Explanation]:
        found = [told for told in self.explanations if session in (None, told["session"])]
        found = [told for told in found if decision in (None, told["decision"])]
        if not found:
            raise PalingenesisError("no such decision", hint="palingenesis events")
        return found[-limit:]

    async def answer(self, question: str, by: str, *, yes: bool) -> Answer:
        word = "yes" if yes else "no"
        if question != "q17":
            raise PalingenesisError(f"no question '{question}'", "palingenesis status")
        self.given.append((word, question, by))
        return {"ok": True, "message": f"{word} to {question} by {by}"}

    async def command(self, name: CommandName, session: str | None, by: str) -> Answer:
        self.begun.set()
        await asyncio.sleep(self.slow_s)
        if self.refusing is not None:
            raise self.refusing
        self.given.append((name, session, by))
        return {"ok": True, "message": f"{name}: done"}

    async def preview(self, path: str | None) -> Preview:
        self.asked.append(("preview", path))
        return A_PREVIEW

    async def shadow(self, order: ShadowOrder, path: str | None, by: str) -> Shadow:
        self.asked.append((order, path))
        if self.no_shadow:
            raise PalingenesisError("no policy is in shadow", "palingenesis policy shadow start")
        return {**A_SHADOW, "running": order in {"start", "report"}}

    async def reload(self, by: str) -> Answer:
        self.given.append(("reload", None, by))
        return self.reload_answer

    def stop(self, by: str, *, agents: bool) -> None:
        self.given.append(("stop", None, by))
        self.agents_too = agents
        self.stopped.set()

    def open(self, session: str | None) -> Entrance:
        if session == "ses_busy":
            raise BusyError("the server is starting")
        return {
            "url": "http://127.0.0.1:4097",
            "username": "opencode",
            "password": "pa55word",
            "session": session,
            "directory": "/",
            "argv": ["/bin/sh", "-c", 'echo "opened with $OPENCODE_SERVER_PASSWORD"'],
            "env": {"OPENCODE_SERVER_PASSWORD": "pa55word"},
        }

    def metrics(self, form: str) -> str:
        return f"# the metrics, as {form}\n"

    def policy(self) -> PolicyText:
        told: PolicyText = {
            "name": "default",
            "digest": "a1b2c3",
            "path": "/p.yaml",
            "origin": "shipped",
            "source": "version: 1\nrules: []\n",
        }
        return {**told, **self.policy_changes}  # type: ignore[typeddict-item,return-value]


class Served:
    """A served door, and the way into its loop."""

    def __init__(self, door: StandInDoor, path: Path, loop: asyncio.AbstractEventLoop) -> None:
        self.door = door
        self.path = path
        self._loop = loop

    def append(self, row: EventRow) -> None:
        self._loop.call_soon_threadsafe(self.door.append, row)


@contextmanager
def served(folder: Path, door: StandInDoor | None = None, **options: float) -> Iterator[Served]:
    """A real control server in a thread of its own, at `folder/control.sock`."""
    folder.chmod(0o700)
    door = door or StandInDoor()
    path = folder / "control.sock"
    ready = threading.Event()
    inside: list[tuple[asyncio.AbstractEventLoop, ControlServer]] = []

    async def serve() -> None:
        server = ControlServer(door, path, **options)
        inside.append((asyncio.get_running_loop(), server))
        opened = asyncio.Event()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(server.serve(opened))
            await opened.wait()
            ready.set()

    thread = threading.Thread(target=asyncio.run, args=(serve(),))
    thread.start()
    try:
        assert ready.wait(10)
        yield Served(door, path, inside[0][0])
    finally:
        loop, server = inside[0]
        loop.call_soon_threadsafe(server.close)
        thread.join(10)
        assert not thread.is_alive()
