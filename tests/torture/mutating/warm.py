"""Many changes in one process: the tests are loaded once, and every change is tried in a fork.

A pytest plugin. First every test runs once, unchanged, and it is noted which lines it executes
and how long it takes. Then, for each change, a fork puts the change in and runs the tests that
execute its lines, the quickest and the most successful first, until one fails.
"""

import contextlib
import gc
import os
import re
import resource
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import pytest
from _pytest.runner import runtestprotocol
from coverage import Coverage

from tests.torture.mutating.changes import Change
from tests.torture.mutating.patching import Loaded, memories

KILLED: Final = "killed"
TIMEOUT: Final = "timeout"
SURVIVED: Final = "survived"
UNSEEN: Final = "unseen"
"""No test executes its lines."""
COLD: Final = "cold"
"""It cannot be tried in a process that is warm."""
_SECONDS_AT_LEAST: Final = 5
_SECONDS_FOR_EACH: Final = 3


@dataclass(kw_only=True)
class Tried:
    """What became of a change."""

    name: str
    verdict: str
    by: str = ""
    tests: int = 0
    seconds: float = 0.0
    left_out: int = 0
    """Tests that execute its lines and were not run, because they take too long."""


@dataclass
class Warm:
    """The plugin. `keep` is told of each change that was tried."""

    changes: Sequence[Change]
    engine: Path
    keep: Callable[[Tried, Sequence[str]], None]
    seconds_max: float | None = None
    patience: float = 60.0
    """Seconds of tests for one change, as they take without it: the rest is not run."""
    cold: bool = False
    """Whether none is tried in a fork: what is done while a module is loaded is done anew then."""
    items: list[Any] = field(default_factory=list)
    took: list[float] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)
    """Tests that fail without any change."""

    def __post_init__(self) -> None:
        self._coverage = Coverage(
            data_file=None, source=[str(self.engine / "palingenesis")], config_file=False
        )
        self._lines: dict[str, dict[int, set[int]]] = {}
        self._kills: Counter[int] = Counter()
        self._loaded: dict[Path, Loaded] = {}
        self._memories: list[Any] = []
        self._tests: set[Path] = set()

    def pytest_sessionstart(self) -> None:
        """No shrinking, no memory, the same examples each time."""
        from hypothesis import Phase, settings

        settings.register_profile(
            "mutation",
            settings.get_profile("house"),
            database=None,
            derandomize=True,
            phases=(Phase.explicit, Phase.generate),
        )
        settings.load_profile("mutation")
        self._coverage.start()

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Instead of pytest's own loop."""
        gc.unfreeze()  # what tests/conftest.py hides from the collector has to be found here
        self._learn(session.items)
        self._coverage.stop()
        self._read_lines()
        for file in {change.file for change in self.changes}:
            module = sys.modules.get(_module_of(file, self.engine))
            if module is not None:
                self._loaded[file] = Loaded(file, module)
        gc.collect()
        gc.freeze()
        began = time.monotonic()
        for change in self.changes:
            if self.seconds_max is not None and time.monotonic() - began > self.seconds_max:
                break
            self._try(change)
        return True

    def _learn(self, items: Sequence[pytest.Item]) -> None:
        """What was computed is forgotten before each test: it would not execute the lines again."""
        self._memories = memories()
        for number, item in enumerate(items):
            following = items[number + 1] if number + 1 < len(items) else None
            self._forget()
            self._coverage.switch_context(str(number))
            began = time.process_time()
            reports = runtestprotocol(item, nextitem=following, log=False)
            self.items.append(item)
            self.took.append(time.process_time() - began)
            if any(report.failed for report in reports):
                self.broken.append(item.nodeid)
        self._coverage.switch_context("")

    def _forget(self) -> None:
        for memory in self._memories:
            memory.cache_clear()

    def _read_lines(self) -> None:
        data = self._coverage.get_data()
        self._tests = {item.path for item in self.items}
        broken = {n for n, item in enumerate(self.items) if item.nodeid in self.broken}
        for file in data.measured_files():
            by_line = data.contexts_by_lineno(file)
            self._lines[file] = {
                line: {int(context) for context in contexts if context} - broken
                for line, contexts in by_line.items()
            }

    def _try(self, change: Change) -> None:
        tests = self._order(self._running(change))
        tried = Tried(name=change.name, verdict=UNSEEN)
        if tests and not self.cold:
            tried = self._fork(change, tests)
        if tried.verdict in {UNSEEN, COLD}:
            tests = tests or self._order(self._naming(change))
            if tests:
                tried.verdict = COLD
        self.keep(tried, [self.items[number].nodeid for number in tests])

    def _running(self, change: Change) -> set[int]:
        """The tests that execute the change's lines; all that use its name, for a constant."""
        by_line = self._lines.get(str(change.file), {})
        found: set[int] = set().union(*(by_line.get(line, set()) for line in change.lines))
        if not found and any(line in by_line for line in change.lines):
            found = self._naming(change) or set().union(*by_line.values())  # while it was loaded
        found = found or self._naming(change)
        if not found and self.cold and not any(by_line.values()):
            found = set(range(len(self.items)))  # no test runs any of it: it is only loaded
        return found

    def _naming(self, change: Change) -> set[int]:
        """The tests that name what the change's statement binds, or execute a line that does."""
        found: set[int] = set()
        for name in change.binds():
            word = re.compile(rf"\b{re.escape(name)}\b")
            naming = {path for path in self._tests if word.search(path.read_text())}
            found |= {n for n, item in enumerate(self.items) if item.path in naming}
            for file, by_line in self._lines.items():
                for number, text in enumerate(Path(file).read_text().splitlines(), 1):
                    if number in by_line and word.search(text):
                        found |= by_line[number]
        return found

    def _order(self, tests: Iterable[int]) -> list[int]:
        return sorted(
            tests, key=lambda number: (self.took[number] + 0.01) / (1 + self._kills[number])
        )

    def _fork(self, change: Change, tests: list[int]) -> Tried:
        chosen, expected = [], 0.0
        for number in tests:
            if expected + self.took[number] <= self.patience or not chosen:
                chosen.append(number)
                expected += self.took[number]
        began = time.monotonic()
        reader, writer = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(reader)
            self._in_fork(change, chosen, writer, expected)
        os.close(writer)
        with os.fdopen(reader, "rb") as pipe:
            said = pipe.read().decode()
        _, status = os.waitpid(child, 0)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child, signal.SIGKILL)
        tried = Tried(
            name=change.name,
            verdict=_verdict(status, said),
            tests=len(chosen),
            seconds=round(time.monotonic() - began, 3),
            left_out=len(tests) - len(chosen),
        )
        if tried.verdict == KILLED and said.isdigit():
            tried.by = self.items[int(said)].nodeid
            self._kills[int(said)] += 1
        return tried

    def _in_fork(self, change: Change, tests: list[int], writer: int, expected: float) -> None:
        """Never returns. Says the number of the test that failed, or a word."""
        try:
            os.setsid()
            _limit(expected)
            nowhere = os.open(os.devnull, os.O_RDWR)
            for stream in (0, 1, 2):
                os.dup2(nowhere, stream)
            said = self._say(change, tests)
        except BaseException:  # noqa: BLE001 - the change broke even what runs the tests
            said = "killed"
        os.write(writer, said.encode())
        os._exit(0)

    def _say(self, change: Change, tests: list[int]) -> str:
        loaded = self._loaded.get(change.file)
        if loaded is None or not loaded.patch(change.compiled()):
            return COLD
        self._forget()
        for number, following in zip(tests, [*tests[1:], None], strict=True):
            after = None if following is None else self.items[following]
            reports = runtestprotocol(self.items[number], nextitem=after, log=False)
            if any(report.failed for report in reports):
                return str(number)
        return SURVIVED


def _module_of(file: Path, engine: Path) -> str:
    parts = file.relative_to(engine).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _limit(expected: float) -> None:
    seconds = int(_SECONDS_AT_LEAST + _SECONDS_FOR_EACH * expected)
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.alarm(10 * seconds)
    room = 4 << 30
    resource.setrlimit(resource.RLIMIT_AS, (room, room))


def _verdict(status: int, said: str) -> str:
    if os.WIFSIGNALED(status):
        over = {signal.SIGXCPU, signal.SIGKILL, signal.SIGALRM}
        return TIMEOUT if os.WTERMSIG(status) in over else KILLED
    return said if said in {SURVIVED, COLD} else KILLED
