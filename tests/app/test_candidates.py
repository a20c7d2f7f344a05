"""Candidates in a running daemon: compiled, tried, kept in shadow over a restart, promoted."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from palingenesis.app.candidates import Candidates
from palingenesis.core import events
from palingenesis.core.effects import Effect
from palingenesis.core.errors import InvalidConfigError, PalingenesisError
from palingenesis.core.policy.compile import compile_text
from palingenesis.core.values import AgentId, SessionId, Stop, StopReason, Way
from palingenesis.journal import SqliteJournal
from palingenesis.runtime.door import Answer
from palingenesis.runtime.loop import Loop
from palingenesis.runtime.recovery import recover
from tests.policy.texts import SCHEMA

POLICY = """\
version: 1
rules:
  - id: limit
    when: stop.reason == 'rate_limit'
    do: [{wait: {for: 10m}}, resume]
default: {do: [attention]}
"""
NEXT = POLICY.replace("10m", "15m")
SESSION, AGENT = SessionId("ses_1"), AgentId("opencode")


class Clock:
    """A clock that stands still until it is told."""

    def __init__(self) -> None:
        self.at = datetime(2026, 2, 6, 17, 0, tzinfo=UTC)

    def now(self) -> datetime:
        return self.at

    async def sleep(self, _seconds: float) -> None:
        await asyncio.Event().wait()


class Nobody:
    """Performs nothing."""

    def start(self, effect: Effect) -> None:
        pass


class Home:
    """A daemon without assistants: a loop, a journal, a policy file, and its candidates."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.clock = Clock()
        self.own = folder / "policy.yaml"
        self.next = folder / "next.yaml"
        self.next.write_text(NEXT)
        self.reloaded = 0

    def run(self, story: Callable[["Home"], Awaitable[None]]) -> None:
        """Let a story happen in one run of the daemon."""
        with closing(SqliteJournal.open(self.folder / "journal.db")) as journal:
            recovered = recover(journal)
            self.loop = Loop(
                world=recovered.world,
                policy=recovered.policy,
                candidate=recovered.candidate,
                journal=journal,
                clock=self.clock,
            )
            self.candidates = Candidates(
                loop=self.loop,
                journal=self.folder / "journal.db",
                clock=self.clock,
                policy_path=lambda: self.own,
                projects=tuple,
                trusted=self.folder / "trusted.json",
                own=self.own,
                reload=self.reload,
            )
            asyncio.run(self._lived(story))

    async def _lived(self, story: Callable[["Home"], Awaitable[None]]) -> None:
        async with asyncio.TaskGroup() as tasks:
            running = tasks.create_task(self.loop.run(Nobody()))
            await story(self)
            running.cancel()

    async def reload(self) -> Answer:
        self.reloaded += 1
        await self.adopt(self.own.read_text())
        return {"ok": True, "message": "in force"}

    async def adopt(self, text: str) -> None:
        made = compile_text(text, name="policy", schema=SCHEMA).policy
        assert made is not None
        await self.loop.submit(
            events.PolicyAdopted(
                at=self.clock.now(), name="policy", digest=made.digest, resolved=made.resolved
            )
        )

    async def begins(self) -> None:
        """A session works under the first policy."""
        self.own.write_text(POLICY)
        at = self.clock.now()
        await self.loop.submit(events.DaemonStarted(at=at, version="test", seed="5eed5eed"))
        await self.adopt(POLICY)
        await self.loop.submit(
            events.AgentUp(at=at, agent=AGENT, assistant="opencode", way=Way.MANAGED,
                           version="1.18.33", supported=True, started_at=at)
        )  # fmt: skip
        await self.loop.submit(events.SessionSeen(at=at, session=SESSION, agent=AGENT))
        await self.loop.submit(events.SessionWorking(at=at, session=SESSION, agent=AGENT))

    async def stops(self, key: str, reason: StopReason = StopReason.RATE_LIMIT) -> None:
        stop = Stop(key=key, reason=reason)
        at = self.clock.now()
        await self.loop.submit(
            events.SessionStopped(at=at, session=SESSION, agent=AGENT, stop=stop)
        )


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


def test_a_preview_tells_what_a_file_would_do_and_changes_nothing(home: Home):
    async def story(_home: Home) -> None:
        await home.begins()
        await home.stops("m1")
        world = home.loop.world

        found = await home.candidates.preview(str(home.next))
        own = await home.candidates.preview(None)

        (row,) = found["rows"]
        assert (row["change"], row["before"]["until"], row["after"]["until"]) == (
            "moved", "2026-02-06T17:10:00Z", "2026-02-06T17:15:00Z",
        )  # fmt: skip
        assert (own["in_force"], own["rows"][0]["change"]) == (True, "kept")
        assert home.loop.world == world

    home.run(story)


def test_a_shadow_counts_goes_on_after_a_restart_and_is_promoted(home: Home):
    async def evening(_home: Home) -> None:
        await home.begins()
        started = await home.candidates.shadow("start", str(home.next))
        assert started["message"] == "next decides in shadow from now on; it never acts"
        assert (await home.candidates.shadow("start", str(home.next)))["message"] == (
            "next is in shadow already"
        )
        await home.stops("m1")

    async def morning(_home: Home) -> None:
        home.clock.at += timedelta(hours=8)
        found = await home.candidates.shadow("report", None)
        assert (found["running"], found["decisions"], found["different"]) == (True, 1, 1)
        (group,) = found["groups"]
        assert group["before"] == {"rule": "limit", "plan": "wait 10m → resume"}
        assert group["after"] == {"rule": "limit", "plan": "wait 15m → resume"}
        assert found["net"]["waiting_s"] == 300

        await home.stops("m2", StopReason.COMPLETED)
        promoted = await home.candidates.shadow("promote", None)

        backup = home.folder / "policy-backup-20260207-0100.yaml"
        assert promoted["message"] == (
            f"next is in force as {home.own}; the former one is {backup}"
        )
        assert promoted["running"] is False
        assert (home.own.read_text(), backup.read_text()) == (NEXT, POLICY)
        assert home.reloaded == 1
        assert home.loop.world.shadow is None

    home.run(evening)
    home.run(morning)


def test_without_a_shadow_there_is_nothing_to_report_promote_or_stop(home: Home):
    async def story(_home: Home) -> None:
        await home.begins()
        for order in ("report", "promote", "stop"):
            with pytest.raises(PalingenesisError, match="no policy is in shadow"):
                await home.candidates.shadow(order, None)  # type: ignore[arg-type]

    home.run(story)


def test_the_policy_in_force_is_no_candidate(home: Home):
    async def story(_home: Home) -> None:
        await home.begins()
        with pytest.raises(PalingenesisError, match="is the policy in force"):
            await home.candidates.shadow("start", str(home.own))

    home.run(story)


def test_a_file_that_cannot_be_used_is_refused_with_its_problems(home: Home):
    async def story(_home: Home) -> None:
        await home.begins()
        home.next.write_text(POLICY.replace("stop.reason", "stop.resaon"))
        with pytest.raises(InvalidConfigError) as refused:
            await home.candidates.shadow("start", str(home.next))
        assert "did you mean 'stop.reason'?" in refused.value.problems[0]  # type: ignore[attr-defined]
        with pytest.raises(InvalidConfigError, match="cannot read") as missing:
            await home.candidates.preview("/nowhere/policy.yaml")
        assert "palingenesis policy init policy.next.yaml --from" in missing.value.hint
        assert home.loop.world.shadow is None

    home.run(story)


def test_a_candidate_that_was_changed_meanwhile_is_not_promoted(home: Home):
    async def story(_home: Home) -> None:
        await home.begins()
        await home.candidates.shadow("start", str(home.next))
        home.next.write_text(NEXT.replace("15m", "1h"))

        with pytest.raises(PalingenesisError, match="has changed since it was started"):
            await home.candidates.shadow("promote", None)

        assert home.own.read_text() == POLICY
        assert home.loop.world.shadow is not None

    home.run(story)


def test_what_means_something_else_in_its_new_place_is_not_promoted(home: Home):
    async def story(_home: Home) -> None:
        await home.begins()
        elsewhere = home.folder / "elsewhere"
        elsewhere.mkdir()
        (elsewhere / "team.yaml").write_text(NEXT)
        (home.folder / "team.yaml").write_text(POLICY)
        candidate = elsewhere / "next.yaml"
        candidate.write_text("version: 1\nextends: [./team.yaml]\n")
        await home.candidates.shadow("start", str(candidate))

        with pytest.raises(PalingenesisError, match="means something else in"):
            await home.candidates.shadow("promote", None)

        assert home.own.read_text() == POLICY

    home.run(story)


def test_another_candidate_takes_the_place_of_the_first(home: Home):
    async def story(_home: Home) -> None:
        await home.begins()
        await home.candidates.shadow("start", str(home.next))
        await home.stops("m1")
        other = home.folder / "other.yaml"
        other.write_text(POLICY.replace("resume", "retry"))

        found = await home.candidates.shadow("start", str(other))

        assert found["message"].startswith("other decides in shadow from now on, in place of next")
        assert found["decisions"] == 0
        stopped = await home.candidates.shadow("stop", None)
        assert (stopped["running"], stopped["message"]) == (False, "other is no longer in shadow")

    home.run(story)
