"""Two daemons started at once in one state directory, again and again: exactly one acts.

    python -m tests.torture.daemons --count 1000 --resume daemons.jsonl

Before each pair a notice is left in the journal that was ordered and never sent: whoever recovers
sends it. Two daemons are started at the same moment. One has to be turned away (exit code 75)
without having done anything, the other has to answer at the door and to send the notice, once. Then
it is killed with SIGKILL, and the next pair follows at once, so that every start but the first is
one after a death.

Most daemons are forks of a process that has imported everything (tests.torture.killing.zygote), so
that a thousand pairs take minutes; every fiftieth pair are two fresh processes. Exits with 1 when
two acted, nobody did, or the door took longer than `--within` to answer after the start.
"""

import argparse
import asyncio
import json
import os
import shlex
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from signal import SIGKILL

from palingenesis.control.client import ControlClient
from palingenesis.core import effects, events
from palingenesis.core.errors import ExitCode, PalingenesisError
from palingenesis.core.values import AgentId, SessionId, Stop, StopReason, Way
from palingenesis.journal import SqliteJournal
from palingenesis.journal.readonly import ReadOnlyJournal
from palingenesis.runtime.clock import SystemClock
from palingenesis.runtime.loop import Loop
from palingenesis.runtime.recovery import recover
from tests.torture.killing.stage import Stage
from tests.torture.killing.zygote import Zygote
from tests.torture.preload import compiled
from tests.torture.telling import commit, spans

FRESH_EVERY = 50
WITHIN_S = 2.0
GIVE_UP_S = 60.0
_LOOK_S = 0.005
_AGENT, _SESSION = AgentId("opencode"), SessionId("ses_1")
_POLICY = """version: 1
rules:
  - id: tell
    when: true
    do:
      - notify: {severity: critical, message: "look at it"}
      - attention: {reason: "look at it"}
default:
  do: [stand-down]
"""

Ended = asyncio.Future[int]
"""Becomes a process's wait status."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """What came of one pair."""

    number: int
    fresh: bool
    answers_s: float
    """From the start until the door was answered at."""
    problems: tuple[str, ...] = ()


class Pairs:
    """One state directory, and pairs of daemons that want it."""

    def __init__(self, stage: Stage, zygote: Zygote) -> None:
        self._stage = stage
        self._zygote = zygote
        self._door = ControlClient(stage.folder / "run" / "control.sock")
        self._logs: dict[int, Path] = {}
        self._born = 0

    async def begin(self) -> None:
        """Configuration, policy, and a first daemon that adopts it."""
        stage = self._stage
        await stage.set_up(policy=_POLICY, opencode={})
        config = stage.config / "config.toml"
        kept = [line for line in config.read_text().splitlines() if "serve_port" not in line]
        text = "\n".join(kept).replace("[opencode]", '[opencode]\nmode = "observed"')
        config.write_text(text)
        pid, ended = await self._fork()
        await self._until(lambda: self._answering() == pid)
        await self._kill(pid, ended)

    async def pair(self, number: int) -> Pair:
        """One pair, from the notice that is due to the death of the one that acted."""
        key = await self._leave_a_notice(number)
        fresh = number % FRESH_EVERY == 0
        start = self._spawn if fresh else self._fork
        since = time.monotonic()
        both = dict(await asyncio.gather(start(), start()))
        problems = []
        await asyncio.wait(both.values(), timeout=GIVE_UP_S, return_when=asyncio.FIRST_COMPLETED)
        away = [pid for pid, ended in both.items() if ended.done()]
        acting = [pid for pid in both if pid not in away]
        if [_code(both[pid]) for pid in away] != [ExitCode.TRY_AGAIN]:
            told = {pid: _code(ended) if ended.done() else "runs" for pid, ended in both.items()}
            problems.append(f"of two one was to be turned away: {told}")
        problems += [said for pid in away if (said := self._more_than_no(pid))]
        with suppress(TimeoutError):
            await self._until(lambda: self._answering() in acting)
        answers_s = time.monotonic() - since
        if self._answering() not in acting:
            problems.append("nobody answers at the door")
        with suppress(TimeoutError):
            await self._until(self._nothing_is_pending)
        for pid in acting:
            await self._kill(pid, both[pid])
        sent = Counter(notice["key"] for notice in self._stage.told.notices)[key]
        if sent != 1:
            problems.append(f"the notice was sent {sent} times")
        if self._newest_start() not in acting:
            problems.append("the journal tells of another start")
        return Pair(
            number=number, fresh=fresh, answers_s=round(answers_s, 4), problems=tuple(problems)
        )

    def starts(self) -> int:
        """How many daemons ever began to watch here, by the journal."""
        with ReadOnlyJournal.open(self._stage.state / "journal.db") as journal:
            return sum(1 for _ in journal.entries(kinds=("DaemonStarted",)))

    # ── what is due ───────────────────────────────────────────────────────────────────────────

    async def _leave_a_notice(self, number: int) -> str:
        """A turn that orders a notice, as it is in the journal of a daemon that died before it."""
        clock = SystemClock()
        with closing(SqliteJournal.open(self._stage.state / "journal.db")) as journal:
            before = recover(journal)
            loop = Loop(world=before.world, policy=before.policy, journal=journal, clock=clock)
            loop.seq = before.seq
            at = clock.now()
            stop = Stop(key=f"stop-{number}", reason=StopReason.AUTH, message="no login")
            up = events.AgentUp(
                at=at, agent=_AGENT, assistant="opencode", way=Way.MANAGED, version="1.18.33",
                supported=True, started_at=at,
            )  # fmt: skip
            for event in (
                up,
                events.SessionSeen(at=at, session=_SESSION, agent=_AGENT),
                events.PersonPrompted(at=at, session=_SESSION, message=f"msg_{number}"),
                events.SessionWorking(at=at, session=_SESSION, agent=_AGENT),
            ):
                await loop.take(event)
            turn = await loop.take(
                events.SessionStopped(at=at, session=_SESSION, agent=_AGENT, stop=stop)
            )
        (notice,) = [it for it in turn.effects if isinstance(it, effects.Notify)]
        return notice.id

    def _nothing_is_pending(self) -> bool:
        try:
            return self._door.status()["notifications"]["pending"] == 0
        except PalingenesisError:
            return False

    def _newest_start(self) -> int:
        with ReadOnlyJournal.open(self._stage.state / "journal.db") as journal:
            found = journal.entries(kinds=("DaemonStarted",), newest_first=True, limit=1)
            return next((int(getattr(entry.event, "pid", 0)) for entry in found), 0)

    # ── daemons ───────────────────────────────────────────────────────────────────────────────

    def _more_than_no(self, pid: int) -> str:
        """What the one that was turned away did besides saying so; empty: nothing."""
        lines = self._logs[pid].read_text(errors="replace").splitlines()
        errors = [line for line in lines if not line.startswith("hint: ")]
        if len(errors) == 1 and errors[0].startswith("error: another daemon ("):
            return ""
        return f"the one that was turned away had begun: {' / '.join(lines)[:300]}"

    def _new_log(self) -> Path:
        self._born += 1
        return self._stage.folder / f"daemon-{self._born}.log"

    async def _fork(self) -> tuple[int, Ended]:
        log = self._new_log()
        pid, ended = await self._zygote.start(
            environ=self._stage.environment(),
            folder=self._stage.folder,
            log=log,
            arming=None,
            executable=self._stage.compiler,
        )
        self._logs[pid] = log
        return pid, ended

    async def _spawn(self) -> tuple[int, Ended]:
        path = self._new_log()
        with path.open("ab") as log:
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-P", "-m", "palingenesis", "daemon", "run",
                env=self._stage.environment(), cwd=self._stage.folder,
                stdin=asyncio.subprocess.DEVNULL, stdout=log, stderr=log,
            )  # fmt: skip
        self._logs[process.pid] = path
        ended = asyncio.get_running_loop().create_task(_status_of(process))
        return process.pid, ended

    async def _kill(self, pid: int, ended: Ended) -> None:
        if not ended.done():
            os.kill(pid, SIGKILL)
        async with asyncio.timeout(GIVE_UP_S):
            await ended

    def _answering(self) -> int:
        try:
            return int(self._door.status()["pid"])
        except PalingenesisError:
            return 0

    async def _until(self, done: Callable[[], bool]) -> None:
        """Ask again and again, beside the loop that serves the webhook."""
        async with asyncio.timeout(GIVE_UP_S):
            while not await asyncio.to_thread(done):
                await asyncio.sleep(_LOOK_S)


async def _status_of(process: asyncio.subprocess.Process) -> int:
    """As wait(2) tells it."""
    code = await process.wait()
    return -code if code < 0 else code << 8


def _code(ended: Ended) -> int:
    return os.waitstatus_to_exitcode(ended.result())


async def play(
    numbers: Sequence[int], say: Callable[[Pair], None], *, planted: str = ""
) -> tuple[list[Pair], list[str]]:
    """Some pairs in a directory of their own; returns them, and what is wrong with the whole."""
    done: list[Pair] = []
    with tempfile.TemporaryDirectory(prefix="palin-") as room:
        folder = Path(room)
        async with Stage(folder / "s") as stage, Zygote(compiled(folder), planted) as zygote:
            pairs = Pairs(stage, zygote)
            await pairs.begin()
            for number in numbers:
                pair = await pairs.pair(number)
                done.append(pair)
                say(pair)
            starts = pairs.starts()
    wrong = [] if starts == len(done) + 1 else [f"{starts} starts are in the journal"]
    return done, wrong


def summary(
    done: Sequence[Pair], wrong: Sequence[str], minutes: float, within_s: float
) -> list[str]:
    """The result, one line a figure."""
    good = sum(not pair.problems for pair in done)
    today, fresh = datetime.now(UTC).date(), sum(pair.fresh for pair in done)
    lines = [
        f"pairs of daemons started at once: {good}/{len(done)} with exactly one that acts",
        f"  {today}, commit {commit()}, {minutes:.1f} min now; {fresh} pairs of fresh processes",
    ]
    for name, is_fresh in (("forks, imports left out", False), ("fresh processes", True)):
        taken = [pair.answers_s for pair in done if pair.fresh is is_fresh]
        if taken:
            lines.append(f"  from the start after a SIGKILL to an answer ({name}): {spans(taken)}")
    soon = sum(pair.answers_s <= within_s for pair in done)
    load = f"{os.cpu_count()} cores with a load of {os.getloadavg()[1]:.0f}"
    lines.append(f"  within {within_s:g} s: {soon}/{len(done)}, on {load}")
    for pair in done:
        lines += [f"  pair {pair.number}: {problem}" for problem in pair.problems]
    return lines + [f"  {one}" for one in wrong]


def main(words: Sequence[str] | None = None) -> int:
    """Start pairs; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.torture.daemons",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--count", type=int, default=50, help="pairs (50)")
    parser.add_argument("--within", type=float, default=WITHIN_S, metavar="SECONDS")
    parser.add_argument("--resume", type=Path, metavar="FILE", help="go on where FILE ends")
    asked = parser.parse_args(words)
    kept = asked.resume
    before = [
        Pair(**{**one, "problems": tuple(one["problems"])})
        for one in map(json.loads, kept.read_text().splitlines() if kept and kept.exists() else ())
    ]

    def say(pair: Pair) -> None:
        if pair.problems:
            again = shlex.join([sys.executable, "-m", "tests.torture.daemons", "--count", "50"])
            print(f"pair {pair.number}: {'; '.join(pair.problems)}; again: {again}", flush=True)
        if kept is not None:
            with kept.open("a") as file:
                file.write(json.dumps(asdict(pair)) + "\n")

    began = time.monotonic()
    numbers = range(len(before) + 1, asked.count + 1)
    done, wrong = asyncio.run(play(numbers, say)) if numbers else ([], [])
    for line in summary([*before, *done], wrong, (time.monotonic() - began) / 60, asked.within):
        print(line)
    return int(bool(wrong) or any(_is_wrong(pair, asked.within) for pair in [*before, *done]))


def _is_wrong(pair: Pair, within_s: float) -> bool:
    return bool(pair.problems) or pair.answers_s > within_s


if __name__ == "__main__":
    sys.exit(main())
