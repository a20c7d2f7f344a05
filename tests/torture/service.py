"""The daemon under a real `systemd --user`, killed, hung, misconfigured and rebooted.

    python -m tests.torture.service --count 80 --resume service.jsonl

The unit is the one of `palingenesis service install`; OpenCode is the stand-in, with a session that
waits five hours for a limit. In each cycle something happens to the daemon:

  kill    SIGKILL
  segv    SIGSEGV
  stop    SIGSTOP: it hangs, and the watchdog has to find it
  bad     a broken configuration and a restart: failed, not tried again, one line says why
  reboot  everything ends (every other time without warning), another boot begins

It has to be back and reconciled within 10 seconds each time: ready for systemd, answering at its
door, its agent in sight (the same one; after a reboot a new one), the wait as it was, nothing asked
of the provider and nothing told again. For `stop` the seconds count from the watchdog's firing, for
`reboot` from the start of the manager, for `bad` from the start with a mended configuration.
Of each ten cycles six are kills, two stops, one segv, one in turn bad and reboot.
Exits with 1 when a cycle failed. `--watchdog 15` shortens the patience of the unit (60 s).
"""

import argparse
import json
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from random import Random

import psutil

from palingenesis.core.errors import PalingenesisError
from palingenesis.demo.replies import rate_limited
from palingenesis.surfaces.cli.service_texts import UNIT
from tests.systemd_user import missing
from tests.torture.kept import KeptNight
from tests.torture.standing_in import stand_in
from tests.torture.telling import commit, percentile

BACK_S_MAX = 10.0
GIVE_UP_S = 120.0
LIMIT_S = 18_000
NOT_AGAIN_S = 5.0
"""How long a service that must not be tried again is watched; it would be tried after 2."""
_TEN = ("kill", "kill", "stop", "kill", "segv", "kill", "kill", "stop", "kill", "last")


@dataclass(frozen=True, slots=True, kw_only=True)
class Cycle:
    """What happened once, and what came of it."""

    kind: str
    back_s: float
    problems: tuple[str, ...] = ()


def kinds(seed: int) -> Iterator[str]:
    """What happens, in order: six kills of ten, in another order for each seed."""
    dice = Random(seed)
    number = 0
    while True:
        ten = [kind if kind != "last" else ("bad", "reboot")[number % 2] for kind in _TEN]
        dice.shuffle(ten)
        yield from ten
        number += 1


class Matrix:
    """A night that waits, and what is done to its daemon."""

    def __init__(self, night: KeptNight) -> None:
        self._night = night
        self._reboots = 0
        self._told = 0
        night.provider.script(rate_limited(LIMIT_S))
        self._session = night.begin("do it")
        waits = night.wait_for(self._session, "waiting", timeout_s=GIVE_UP_S)
        self._until = waits["until"]
        night.wait(lambda: len(night.told.notices), GIVE_UP_S, lambda: "the notice")
        self._told = len(night.told.notices)

    def cycle(self, kind: str) -> Cycle:
        """Let it happen, and look at what comes back."""
        agent = self._night.agent_pid(of_any=True)
        back_s = {
            "kill": lambda: self._signalled(signal.SIGKILL),
            "segv": lambda: self._signalled(signal.SIGSEGV),
            "stop": self._hung,
            "bad": self._misconfigured,
            "reboot": self._rebooted,
        }[kind]()
        problems = []
        if back_s > BACK_S_MAX:
            problems.append(f"back after {back_s:.1f} s")
        if kind != "reboot" and self._night.agent_pid(of_any=True) != agent:
            problems.append("the agent is another one")
        problems += self._changed()
        return Cycle(kind=kind, back_s=round(back_s, 3), problems=tuple(problems))

    # ── what happens ──────────────────────────────────────────────────────────────────────────

    def _signalled(self, number: signal.Signals) -> float:
        pid = self._night.daemon_pid()
        os.kill(pid, number)
        return self._seconds_until(lambda: self._is_back(but=pid), time.monotonic())

    def _hung(self) -> float:
        pid = self._night.daemon_pid()
        os.kill(pid, signal.SIGSTOP)
        manager = self._night.manager
        shown = manager.show(UNIT, "WatchdogTimestampMonotonic", "WatchdogUSec")
        patience = _span(shown["WatchdogUSec"])
        fires = int(shown["WatchdogTimestampMonotonic"]) / 1e6 + patience
        self._wait(lambda: manager.main_pid(UNIT) != pid, patience + GIVE_UP_S)
        return self._seconds_until(lambda: self._is_back(but=pid), fires)

    def _misconfigured(self) -> float:
        night = self._night
        config = night.root / "config" / "config.toml"
        good, log = config.read_text(), len(night.log())
        config.write_text(f"{good}\n[daemon2]\nnonsense = 1\n")
        before = self._restarts()
        night.manager.systemctl("restart", UNIT, check=False)
        self._wait(lambda: self._state() == "failed", GIVE_UP_S)
        until = time.monotonic() + NOT_AGAIN_S
        while time.monotonic() < until:
            assert self._state() == "failed", "a broken configuration was tried again"
            time.sleep(0.2)
        assert self._restarts() <= before, "a broken configuration was tried again"
        said = [line for line in night.log()[log:].splitlines() if line.startswith("error: ")]
        assert len(said) == 1, f"not one clear line: {said}"
        config.write_text(good)
        since = time.monotonic()
        night.manager.systemctl("start", UNIT)
        return self._seconds_until(lambda: self._is_back(but=0), since)

    def _rebooted(self) -> float:
        night, manager = self._night, self._night.manager
        pid, agent = night.daemon_pid(), night.agent_pid(of_any=True)
        self._reboots += 1
        if self._reboots % 2:
            manager.stop()
        else:  # a power cut: nobody is asked
            manager.stop(signal.SIGKILL)
        for left in (pid, agent):
            if left is not None:
                with suppress(ProcessLookupError):
                    os.kill(left, signal.SIGKILL)
                _wait_gone(left)
        for folder in (manager.runtime, night.root / "run"):  # /run is empty after a boot
            _emptied(folder)
        manager.boot()
        since = time.monotonic()
        manager.start()
        return self._seconds_until(lambda: self._is_back(but=pid), since)

    # ── what came back ────────────────────────────────────────────────────────────────────────

    def _is_back(self, *, but: int) -> bool:
        """Ready for systemd, at its door, its agent in sight, the wait as it was."""
        night = self._night
        shown = night.manager.show(UNIT, "ActiveState", "MainPID")
        if shown["ActiveState"] != "active" or int(shown["MainPID"]) in (0, but):
            return False
        try:
            newest = [row["kind"] for row in night.control.events(limit=100)]
            waits = night.status_of(self._session) == "waiting"
        except PalingenesisError:
            return False
        since_start = newest[_last(newest, "daemon-started") :]
        return waits and "agent-up" in since_start

    def _changed(self) -> list[str]:
        """What is not as it was before."""
        night = self._night
        problems = []
        if (until := night.session(self._session)["until"]) != self._until:
            problems.append(f"the wait ends at {until}, not at {self._until}")
        if (asked := len(night.provider.requests)) != 1:
            problems.append(f"the provider was asked {asked} times")
        if (told := len(night.told.texts())) != self._told:
            problems.append(f"people were told {told} things, not {self._told}")
        return problems

    def _seconds_until(self, done: Callable[[], bool], since: float) -> float:
        self._wait(done, GIVE_UP_S)
        return time.monotonic() - since

    def _wait(self, done: Callable[[], bool], for_s: float) -> None:
        deadline = time.monotonic() + for_s
        while not done():
            told = f"waited {for_s:g} s; {self._night.log()[-1500:]}"
            assert time.monotonic() < deadline, told
            time.sleep(0.1)

    def _state(self) -> str:
        return self._night.manager.show(UNIT, "ActiveState")["ActiveState"]

    def _restarts(self) -> int:
        return int(self._night.manager.show(UNIT, "NRestarts")["NRestarts"])


@contextmanager
def opened(watchdog_s: int = 0) -> Iterator[Matrix]:
    """A matrix to play with; `watchdog_s`: another patience than the unit's own."""
    with stand_in() as program:
        night = KeptNight(program)
        if watchdog_s:
            night.changes = [f"WatchdogSec={watchdog_s}"]
        with night:
            yield Matrix(night)


def run(names: Sequence[str], matrix: Matrix, say: Callable[[Cycle], None]) -> list[Cycle]:
    """Some cycles, one after the other; what breaks one is told as its problem."""
    done = []
    for kind in names:
        try:
            cycle = matrix.cycle(kind)
        except (AssertionError, PalingenesisError) as error:
            cycle = Cycle(kind=kind, back_s=GIVE_UP_S, problems=(str(error)[:500],))
        done.append(cycle)
        say(cycle)
    return done


def summary(done: Sequence[Cycle], seed: int, watchdog: str, minutes: float) -> list[str]:
    """The result, one line a figure."""
    wrong = [cycle for cycle in done if cycle.problems]
    good = len(done) - len(wrong)
    today, took = datetime.now(UTC).date(), f"{minutes:.1f} min now"
    lines = [
        f"under systemd --user: {good}/{len(done)} back and reconciled within {BACK_S_MAX:g} s",
        f"  {today}, seed {seed}, commit {commit()}, {took}, watchdog {watchdog}",
    ]
    for kind in ("kill", "segv", "stop", "bad", "reboot"):
        mine = [cycle.back_s for cycle in done if cycle.kind == kind]
        fine = sum(not cycle.problems for cycle in done if cycle.kind == kind)
        if mine:
            told = ", ".join(
                f"{name} {percentile(mine, share):.2f} s"
                for name, share in (("p50", 50), ("p95", 95), ("longest", 100))
            )
            lines.append(f"  {kind:7} {fine}/{len(mine)}: back after {told}")
    return lines + [f"  {cycle.kind}: {'; '.join(cycle.problems)}" for cycle in wrong]


def main(words: Sequence[str] | None = None) -> int:
    """Run the matrix; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.torture.service",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--count", type=int, default=10, help="cycles (10)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--watchdog", type=int, default=0, metavar="SECONDS")
    parser.add_argument("--resume", type=Path, metavar="FILE", help="go on where FILE ends")
    asked = parser.parse_args(words)
    if problem := missing():
        parser.error(problem)
    done = [
        Cycle(**{**json.loads(line), "problems": tuple(json.loads(line)["problems"])})
        for line in (asked.resume.read_text().splitlines() if _is_there(asked.resume) else ())
    ]

    def say(cycle: Cycle) -> None:
        print(f"{cycle.kind:7} {cycle.back_s:6.2f} s  {'; '.join(cycle.problems) or 'ok'}")
        sys.stdout.flush()
        if asked.resume is not None:
            with asked.resume.open("a") as file:
                file.write(json.dumps(asdict(cycle)) + "\n")

    began = time.monotonic()
    names = list(islice(kinds(asked.seed), len(done), asked.count))
    if names:
        with opened(asked.watchdog) as matrix:
            done += run(names, matrix, say)
    watchdog = f"{asked.watchdog or 60} s"
    for line in summary(done, asked.seed, watchdog, (time.monotonic() - began) / 60):
        print(line)
    return int(any(cycle.problems for cycle in done))


def _last(words: Sequence[str], word: str) -> int:
    """The place of its last occurrence; behind the end when there is none."""
    return max((place for place, it in enumerate(words) if it == word), default=len(words))


def _is_there(path: Path | None) -> bool:
    return path is not None and path.exists()


def _span(text: str) -> float:
    """A span as `systemctl show` writes it: `1min`, `15s`, `1min 30s`."""
    units = {"min": 60.0, "s": 1.0, "ms": 0.001}
    total = 0.0
    for word in text.split():
        number = word.rstrip("abcdefghijklmnopqrstuvwxyz")
        total += float(number) * units[word[len(number) :]]
    return total


def _wait_gone(pid: int) -> None:
    with suppress(psutil.NoSuchProcess):
        psutil.wait_procs([psutil.Process(pid)], timeout=10)


def _emptied(folder: Path) -> None:
    for path in sorted(folder.rglob("*"), reverse=True):
        with suppress(OSError):
            path.rmdir() if path.is_dir() else path.unlink()


if __name__ == "__main__":
    sys.exit(main())
