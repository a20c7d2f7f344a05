"""Processes: who they are, how they end, what they carry; with real, short-lived ones."""

import asyncio
import os
import resource
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from palingenesis.core.errors import PassingError
from palingenesis.processes.children import Child
from palingenesis.processes.exits import Exit, end, is_gone_within, wait_gone
from palingenesis.processes.finding import Lookout, carrying, descendants, of_this_user, started_at
from palingenesis.processes.identity import (
    Identity,
    boot_id,
    identify,
    is_alive,
    send_signal,
    who_has,
)
from palingenesis.processes.seeing import newest_pid


def child(tmp_path: Path, code: str, **env: str) -> Child:
    return Child.start(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], **env},
        log=tmp_path / "log",
    )


SLEEP = "import time; time.sleep(30)"


def known(identity: Identity | None) -> Identity:
    assert identity is not None
    return identity


def ended(one: Child) -> None:
    send_signal(known(one.identity), signal.SIGKILL)
    asyncio.run(one.wait())


def test_a_process_is_its_pid_its_start_and_this_boot() -> None:
    me = known(identify(os.getpid()))

    assert me.boot_id == boot_id() != ""
    assert is_alive(me)
    assert not is_alive(replace(me, start_ticks=me.start_ticks + 1))
    assert not is_alive(replace(me, boot_id="another boot"))
    assert identify(2**22 + 1) is None


def test_a_process_of_which_nothing_can_be_read_is_not_taken_for_gone() -> None:
    me = known(identify(os.getpid()))
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)

    resource.setrlimit(resource.RLIMIT_NOFILE, (0, hard))
    try:
        told = (is_alive(me), is_alive(replace(me, pid=2**22 + 1)), identify(me.pid))
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))

    assert told == (True, False, None)


def test_that_nothing_can_be_read_of_a_process_is_told_from_that_there_is_none() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)

    assert who_has(os.getpid()) == identify(os.getpid())
    assert who_has(2**22 + 1) is None
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, hard))
    try:
        with pytest.raises(OSError, match="Too many open files"):
            who_has(os.getpid())
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_somebody_else_with_the_same_pid_is_never_signalled() -> None:
    stranger = replace(known(identify(os.getpid())), start_ticks=1)

    assert send_signal(stranger, signal.SIGKILL) is False


def test_that_a_process_cannot_be_signalled_now_is_told_from_that_it_is_gone(
    tmp_path: Path,
) -> None:
    one = child(tmp_path, SLEEP)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    free = os.open("/", os.O_RDONLY)
    os.close(free)

    for left in (0, 1):  # for the pidfd, and then for what is read of it
        resource.setrlimit(resource.RLIMIT_NOFILE, (free + left, hard))
        try:
            with pytest.raises(OSError, match="Too many open files"):
                send_signal(known(one.identity), signal.SIGKILL)
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))

    ended(one)


def test_a_process_that_cannot_be_ended_now_is_ended_as_soon_as_it_can_be(tmp_path: Path) -> None:
    one = child(tmp_path, SLEEP)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)

    async def story() -> list[Identity]:
        resource.setrlimit(resource.RLIMIT_NOFILE, (0, hard))
        try:
            with pytest.raises(PassingError, match=r"cannot be ended now: too many open files"):
                await end([known(one.identity)], grace_s=0)
            ending = asyncio.create_task(end([known(one.identity)], grace_s=10))
            await asyncio.sleep(0)
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        return await ending

    assert asyncio.run(story()) == [one.identity]
    assert asyncio.run(one.wait()) == Exit(signal="SIGTERM")


def test_a_child_that_ends_tells_its_code(tmp_path: Path) -> None:
    assert asyncio.run(child(tmp_path, "raise SystemExit(7)").wait()) == Exit(code=7)


def test_a_child_that_is_killed_tells_the_signal(tmp_path: Path) -> None:
    one = child(tmp_path, SLEEP)

    assert one.poll() is None
    send_signal(known(one.identity), signal.SIGKILL)

    assert asyncio.run(one.wait()) == Exit(signal="SIGKILL")
    assert str(one.exit) == "ended by SIGKILL"


def test_the_exit_of_a_process_that_is_not_our_child_is_noticed(tmp_path: Path) -> None:
    code = (
        "import subprocess, sys; p = subprocess.Popen([sys.executable, '-c', "
        "'import time; time.sleep(30)']); print(p.pid, flush=True)"
    )
    parent = child(tmp_path, code)
    asyncio.run(parent.wait())
    orphan = known(identify(int((tmp_path / "log").read_text())))

    async def watch() -> bool:
        async with asyncio.TaskGroup() as group:
            seen = group.create_task(is_gone_within(orphan, 5))
            await asyncio.sleep(0)
            send_signal(orphan, signal.SIGTERM)
        return seen.result()

    assert asyncio.run(watch())
    assert not is_alive(orphan)


def test_one_that_is_long_gone_is_gone_at_once_and_its_remains_count_as_gone(
    tmp_path: Path,
) -> None:
    one = child(tmp_path, "")
    who = known(one.identity)

    asyncio.run(wait_gone(who))  # a zombie now: nobody has waited for it
    assert identify(who.pid) is None
    asyncio.run(one.wait())

    asyncio.run(wait_gone(who))


def test_a_process_is_waited_for_although_there_is_no_descriptor_to_wait_with(
    tmp_path: Path,
) -> None:
    one = child(tmp_path, SLEEP)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)

    async def story() -> Exit:
        resource.setrlimit(resource.RLIMIT_NOFILE, (0, hard))
        try:
            waiting = asyncio.create_task(wait_gone(known(one.identity)))
            await asyncio.sleep(0)
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        send_signal(known(one.identity), signal.SIGKILL)
        async with asyncio.timeout(10):
            return await waiting

    assert asyncio.run(story()) == Exit(signal="SIGKILL")
    asyncio.run(one.wait())


def test_a_process_that_is_gone_is_gone_also_without_a_descriptor_to_wait_with() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    nobody = replace(known(identify(os.getpid())), pid=2**22 + 1)

    async def story() -> Exit:
        resource.setrlimit(resource.RLIMIT_NOFILE, (0, hard))
        try:
            return await wait_gone(nobody)
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))

    assert asyncio.run(story()) == Exit()


def test_what_does_not_end_when_asked_is_killed_after_the_grace(tmp_path: Path) -> None:
    stubborn = child(
        tmp_path,
        "import signal, time; signal.signal(15, signal.SIG_IGN); print('ready', flush=True);"
        " time.sleep(30)",
    )

    async def go() -> list[Identity]:
        while "ready" not in (tmp_path / "log").read_text():
            await asyncio.sleep(0.01)
        return await end([known(stubborn.identity)], grace_s=0.1)

    assert asyncio.run(go()) == [stubborn.identity]
    assert asyncio.run(stubborn.wait()) == Exit(signal="SIGKILL")


def has_begun(place: Path) -> None:
    """Wait for its first word, for ten seconds at most."""
    deadline = time.monotonic() + 10
    while (place / "log").read_text() != "begun\n":
        assert time.monotonic() < deadline, "it never began"
        time.sleep(0.01)


def test_a_process_is_found_by_what_it_carries_and_by_its_parent(tmp_path: Path) -> None:
    begun = f"print('begun', flush=True); {SLEEP}"
    one = child(tmp_path, begun, PALINGENESIS_TEST_MARK=str(tmp_path))

    try:
        has_begun(tmp_path)  # before its exec it still has our name and our environment
        assert carrying({"PALINGENESIS_TEST_MARK": str(tmp_path)}) == [one.identity]
        assert carrying({"PALINGENESIS_TEST_MARK": str(tmp_path), "OTHER": "x"}) == []
        assert one.identity in descendants(known(identify(os.getpid())))
        assert started_at(known(one.identity)) is not None
        found = {f.identity: f for f in of_this_user([Path(sys.executable).name])}
        assert found[known(one.identity)].command[1:] == ("-c", begun)
        assert found[known(one.identity)].directory == str(tmp_path)
    finally:
        ended(one)


def test_when_a_process_was_started_is_known_to_some_hundredths_of_a_second(tmp_path: Path) -> None:
    before = datetime.now(UTC)
    one = child(tmp_path, SLEEP)
    after = datetime.now(UTC)
    try:
        began = started_at(known(one.identity))
    finally:
        ended(one)

    assert began is not None
    assert before - timedelta(seconds=0.05) <= began <= after + timedelta(seconds=0.05)


def test_a_child_that_is_left_lives_on(tmp_path: Path) -> None:
    one = child(tmp_path, SLEEP)
    who = known(one.identity)

    one.leave()
    del one

    assert is_alive(who)
    send_signal(who, signal.SIGKILL)
    os.waitpid(who.pid, 0)


def test_the_log_is_for_our_eyes_only(tmp_path: Path) -> None:
    asyncio.run(child(tmp_path, "print('x')").wait())

    assert (tmp_path / "log").read_text() == "x\n"
    assert (tmp_path / "log").stat().st_mode & 0o777 == 0o600


def test_the_newest_id_is_no_older_than_a_process_that_was_just_begun(tmp_path: Path) -> None:
    before = newest_pid()
    sleeper = child(tmp_path, SLEEP)

    try:
        assert newest_pid() != before
    finally:
        ended(sleeper)


def lookout_of(newest: Callable[[], int | None], *looked_at: int) -> Lookout:
    """One that has looked at these twice."""
    lookout = Lookout(["python"], pids=lambda: list(looked_at), newest=newest)
    assert lookout.is_due()
    lookout.look()
    assert lookout.is_due()  # who was new may have been its parent's copy
    lookout.look()
    return lookout


def test_nobody_is_looked_for_as_long_as_nobody_was_begun() -> None:
    newest = 7
    lookout = lookout_of(lambda: newest, os.getpid())

    assert not lookout.is_due()
    newest = 8
    assert lookout.is_due()


def test_who_begins_while_we_look_is_looked_for_the_next_time() -> None:
    newest = 7

    def pids() -> list[int]:
        nonlocal newest
        newest += 1
        return [os.getpid()]

    lookout = Lookout(["python"], pids=pids, newest=lambda: newest)
    for _ in range(3):
        assert lookout.is_due()
        lookout.look()

    assert lookout.is_due()


def test_everybody_is_looked_at_again_after_a_while_although_nobody_was_begun() -> None:
    lookout = lookout_of(lambda: 7, os.getpid())

    due = [lookout.is_due() for _ in range(19)]

    assert due == [False] * 18 + [True]


def test_a_glance_is_quick_among_few_processes_that_are_known() -> None:
    few = Lookout(["python"], pids=lambda: [os.getpid()], newest=lambda: 7)
    assert not few.is_quick()  # everybody is unknown
    few.look()
    assert few.is_quick()
    for _ in range(19):
        few.look()
    assert not few.is_quick()  # everybody is looked at again

    many = Lookout(["python"], pids=lambda: list(range(2**22, 2**22 + 2_000)), newest=lambda: 7)
    many.look()
    assert not many.is_quick()


def test_where_the_system_does_not_tell_who_was_begun_a_look_is_always_due() -> None:
    assert lookout_of(lambda: None, os.getpid()).is_due()
