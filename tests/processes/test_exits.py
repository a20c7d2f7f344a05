"""How a process that is not our child has ended; with real, short-lived ones."""

import asyncio
import os
import platform
import re
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from palingenesis.processes.children import Child
from palingenesis.processes.exits import Exit, wait_gone
from palingenesis.processes.identity import (
    Identity,
    identify,
    read_remains,
    send_signal,
    wait_status,
)


@contextmanager
def somebody_elses(tmp_path: Path, end: str, *, is_waited_for: bool) -> Iterator[Identity]:
    """A child of another process, which ends in this way once `now` is there."""
    one = f"echo $$; while [ ! -e {tmp_path}/now ]; do sleep 0.05; done; {end}"
    # Who starts the tests with nohup has them, and what they start, ignore SIGHUP.
    begin = "import signal, subprocess, time; signal.signal(signal.SIGHUP, signal.SIG_DFL)"
    begin += f"; one = subprocess.Popen(['sh', '-c', {one!r}])"
    then = "one.wait()" if is_waited_for else "time.sleep(30)"
    parent = Child.start(
        [sys.executable, "-c", f"{begin}; {then}"],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"]},
        log=tmp_path / "log",
    )
    try:
        while not (written := (tmp_path / "log").read_text()).endswith("\n"):
            assert parent.poll() is None
        who = identify(int(written))
        assert who is not None
        yield who
    finally:
        assert parent.identity is not None
        send_signal(parent.identity, signal.SIGKILL)
        asyncio.run(parent.wait())


async def seen_to_its_end(who: Identity, tmp_path: Path) -> Exit:
    async with asyncio.TaskGroup() as group:
        seen = group.create_task(wait_gone(who))
        await asyncio.sleep(0)
        (tmp_path / "now").touch()
    return seen.result()


WAYS = [
    ("kill -INT $$", Exit(signal="SIGINT"), True),
    ("kill -HUP $$", Exit(signal="SIGHUP"), True),
    ("kill -TERM $$", Exit(signal="SIGTERM"), True),
    ("kill -QUIT $$", Exit(signal="SIGQUIT"), True),
    ("kill -KILL $$", Exit(signal="SIGKILL"), False),
    ("kill -SEGV $$", Exit(signal="SIGSEGV"), False),
    ("exit 3", Exit(code=3), False),
    ("exit 0", Exit(code=0), False),
]


@pytest.mark.parametrize(("end", "how", "by_hand"), WAYS)
def test_one_whose_parent_has_not_waited_for_it_tells_by_its_remains(
    tmp_path: Path, end: str, how: Exit, by_hand: bool
) -> None:
    with somebody_elses(tmp_path, end, is_waited_for=False) as who:
        assert read_remains(who) is None  # it lives
        told = asyncio.run(seen_to_its_end(who, tmp_path))

        assert (told, told.is_by_hand) == (how, by_hand)
        assert read_remains(who) is not None


STAT = "42 (open (code) {state} 1" + " 0" * 17 + " 777" + " 0" * 29 + " {status}\n"
"""See proc_pid_stat(5): the start is field 22, the wait status field 52."""


@pytest.mark.parametrize(
    ("state", "start", "status"),
    [
        ("Z", 777, 9),
        ("X", 777, 9),  # its parent waits for it at this very moment
        ("S", 777, None),
        ("Z", 776, None),
    ],
)
def test_remains_are_those_of_a_process_that_has_ended_and_of_no_other_with_its_number(
    state: str, start: int, status: int | None
) -> None:
    who = Identity(pid=42, start_ticks=start, boot_id="this one")

    assert wait_status(STAT.format(state=state, status=9), who) == status


def kernel_version() -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", platform.release())[:2])


@pytest.mark.parametrize(("end", "how", "by_hand"), WAYS)
def test_one_whose_parent_has_waited_for_it_tells_where_the_kernel_remembers(
    tmp_path: Path, end: str, how: Exit, by_hand: bool
) -> None:
    with somebody_elses(tmp_path, end, is_waited_for=True) as who:
        told = asyncio.run(seen_to_its_end(who, tmp_path))

    if kernel_version() < (6, 15) and told == Exit():
        pytest.skip("before Linux 6.15 the remains of a process may be gone before they are read")
    assert (told, told.is_by_hand) == (how, by_hand)


def test_of_one_that_was_gone_before_anybody_looked_nothing_is_told(tmp_path: Path) -> None:
    with somebody_elses(tmp_path, "exit 3", is_waited_for=True) as who:
        asyncio.run(seen_to_its_end(who, tmp_path))

    assert asyncio.run(wait_gone(who)) == Exit()
