"""What `status` says is so, also of what began before this daemon did, and on a sick disk."""

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import cast

import pytest

from palingenesis.app.candidates import Candidates
from palingenesis.app.front import About, Agents, Front
from palingenesis.core import events
from palingenesis.core.copies import replace
from palingenesis.core.effects import Effect, Notify
from palingenesis.core.errors import JournalError, PalingenesisError
from palingenesis.core.values import Result, Severity
from palingenesis.journal import SqliteJournal
from palingenesis.runtime import door
from palingenesis.runtime.loop import Loop, Performer
from palingenesis.runtime.ports import Entry
from tests.core.life import Life
from tests.core.policies import NIGHT
from tests.runtime.loopback import START, JumpingClock

NOTICE = Notify(
    id="s-2.0", decision=2, session=None, severity=Severity.INFO, title="t", message="m"
)


class SickDisk(SqliteJournal):
    """Nobody can tell how large it is."""

    def bytes_on_disk(self) -> int:
        raise JournalError("cannot read journal.db: input/output error")


def front_of(journal: SqliteJournal, opened: Mapping[str, Effect]) -> tuple[Loop, Front]:
    world = replace(Life(NIGHT).world, open=opened)
    loop = Loop(world=world, policy=NIGHT, journal=journal, clock=JumpingClock())

    async def reloaded() -> door.Answer:
        return {"ok": True, "message": ""}

    return loop, Front(
        loop=loop,
        journal=journal,
        clock=JumpingClock(),
        about=About(
            since=START,
            policy_path=lambda: Path("/p.yaml"),
            policy_origin=str,
            policy_text=str,
            policy_read_from=str,
            instead_of=lambda: None,
            channels=tuple,
            journal_bytes_max=lambda: 1,
            warnings=tuple,
        ),
        reload=reloaded,
        candidates=cast("Candidates", None),
        agents=cast("Agents", None),
        stop=lambda *_: None,
        metrics=str,
    )


def test_a_notice_that_was_open_when_the_daemon_began_counts_like_any_other(tmp_path: Path):
    async def told(result: Result, data: Mapping[str, str]) -> door.NotificationStatus:
        with SqliteJournal.open(tmp_path / f"{result}.db") as journal:
            loop, front = front_of(journal, {NOTICE.id: NOTICE})
            ended = events.EffectEnded(at=START, effect=NOTICE.id, result=result, data=data)
            assert front.status()["notifications"]["pending"] == 1
            await loop.take(ended)
            return front.status()["notifications"]

    failed = asyncio.run(told(Result.FAILED, {}))
    delivered = asyncio.run(told(Result.OK, {"ntfy": "ok"}))

    assert (failed["pending"], failed["failed"], failed["last"]) == (0, 1, None)
    assert (delivered["pending"], delivered["failed"]) == (0, 0)
    assert delivered["last"] == "2026-02-05T02:00:00Z"


def test_what_ended_is_named_although_a_former_daemon_ordered_it(tmp_path: Path):
    tick, ended = (
        Entry(event=events.Ticked(at=START), decisions=(), effects=(NOTICE,)),
        events.EffectEnded(at=START, effect=NOTICE.id, result=Result.OK),
    )
    with SqliteJournal.open(tmp_path / "journal.db") as journal:
        journal.append(tick)
        journal.append(Entry(event=ended, decisions=(), effects=()))
        _, front = front_of(journal, {})

        (row,) = front.events(after=0, since=None, session=None, kinds={"effect-ended"}, limit=9)

    assert row["summary"] == "notify: ok"


def test_status_is_told_although_nobody_can_tell_how_large_the_journal_is(tmp_path: Path):
    with SickDisk.open(tmp_path / "journal.db") as journal:
        _, front = front_of(journal, {})

        assert front.status()["journal"]["bytes"] == 0


def test_a_session_cannot_be_released_alone_and_stays_as_it_is_while_all_are_paused(tmp_path: Path):
    async def told() -> tuple[PalingenesisError, door.Answer]:
        with SqliteJournal.open(tmp_path / "journal.db") as journal:
            loop, front = front_of(journal, {})
            ours = str(next(iter(loop.world.sessions)))
            async with asyncio.timeout(10), asyncio.TaskGroup() as tasks:
                running = tasks.create_task(loop.run(cast("Performer", None)))
                await front.command("pause", ours, "ada")
                await front.command("pause", None, "ada")
                before, entries = loop.world, loop.seq
                with pytest.raises(PalingenesisError) as alone:
                    await front.command("resume", ours, "ada")
                assert (loop.world, loop.seq) == (before, entries)
                await front.command("resume", None, "ada")
                everything = await front.command("resume", ours, "ada")
                running.cancel()
            return alone.value, everything

    alone, everything = asyncio.run(told())

    assert alone.message == "all are paused, and no session can be resumed alone"
    assert alone.hint == "palingenesis resume"
    assert everything["ok"]


def test_an_order_is_told_and_explained_in_the_words_that_she_typed(tmp_path: Path):
    typed: Sequence[door.CommandName] = (
        "pause", "resume", "new-session", "detach", "enrol", "abort",
    )  # fmt: skip

    async def told() -> tuple[list[str], list[str]]:
        with SqliteJournal.open(tmp_path / "journal.db") as journal:
            loop, front = front_of(journal, {})
            ours = str(next(iter(loop.world.sessions)))
            async with asyncio.timeout(10), asyncio.TaskGroup() as tasks:
                running = tasks.create_task(loop.run(cast("Performer", None)))
                answers = [await front.command(name, ours, "ada") for name in typed]
                running.cancel()
            explained = front.explain(session=ours, decision=None, limit=100)
            return [one["message"] for one in answers], [
                one["why"] for one in explained if one["kind"] == "commanded"
            ]

    answers, whys = asyncio.run(told())

    assert answers[-1].endswith(" is stood down")
    assert whys == [f"{name} by ada" for name in typed]
