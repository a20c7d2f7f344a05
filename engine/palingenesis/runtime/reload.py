"""Hot reload: from a file that people save as they like to one policy that is whole and good.

Theory of operation. Whatever hints that the file may have changed (a watcher, a poll, a signal)
only leads to a `check`, and a check that finds the same content does nothing. New content must
first settle: nobody has it open for writing, and four reads 100 ms apart agree, because a writer
may close it and come back; a file that is empty or gone gets two seconds to come back, because that
is how many editors save. Then it is compiled (at the start meanwhile, for the case that it stays),
and adopted or refused as a whole. A refusal is told once per content, and the last good policy
stays; when the good content returns after a refusal, that is told too. A file that is gone leaves
in force what it said last; where another policy held until there was one, and nothing of it was
ever adopted, that other one is what is read again.
"""

import asyncio
import hashlib
import signal
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol

from palingenesis.core.events import PolicyAdopted, PolicyRefused
from palingenesis.runtime.ports import Clock, Emit

PAUSE_S = 0.1
RETURN_S = 2.0
"""How long an empty or missing file may take to come back."""
WRITER_S = 10.0
"""How long one check waits for a writer; the next hint checks again."""
AGREEING = 3
"""Pauses without change that are enough where nobody has the file open."""
AGREEING_BLIND = 5
"""And where nobody can tell who has it open."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """One look at the file; `trouble` says why there is no content."""

    content: bytes | None = None
    trouble: str = ""
    file: str = ""
    """Where the content is from."""
    beside: tuple[str, ...] = ()
    """What tells the contents of the files that it extends from other ones."""
    instead: bool = False
    """Of another file, which holds until there is this one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Compiled:
    """What became of a text: a resolved policy with its digest, or problems, one line each."""

    resolved: Mapping[str, Any] | None = None
    digest: str = ""
    problems: tuple[str, ...] = ()
    passing: bool = False
    """The problem is the compiler's, not the text's: try again at the next hint."""
    files: tuple[str, ...] = ()
    """Other files that the text extends, or would like to."""


Compile = Callable[[bytes], Awaitable[Compiled]]


class Source(Protocol):
    """Where the text comes from."""

    def attend(self, files: Iterable[str]) -> None:
        """Look at these other files, too, from now on."""
        ...

    def read(self) -> Reading:
        """Look at the file now; never raises."""
        ...

    def is_being_written(self) -> bool | None:
        """Whether somebody has it open for writing; None: this system cannot tell."""
        ...


class PolicySource(Source, Protocol):
    """Where a policy's text comes from: another one may hold until there is this one."""

    def adopted(self, reading: Reading) -> None:
        """Know that what was read is in force."""
        ...


class Answer(StrEnum):
    """What a check came to."""

    ADOPTED = "adopted"
    UNCHANGED = "unchanged"
    REFUSED = "refused"
    BUSY = "busy"  # somebody is still writing


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The end of a check; `problems` are those of the content that is there now."""

    answer: Answer
    digest: str
    """Of the policy in force."""
    problems: tuple[str, ...] = ()
    passing: bool = False
    """Nothing is known of the file's content: it could not be read whole, or not be compiled."""


def on_hangup(nudge: Callable[[], None]) -> None:
    """Call `nudge` on SIGHUP, in the running loop; call this after all other handlers are set.

    A storm of signals fills the pipe that wakes the loop up, and asyncio has Python print a
    traceback for every byte that does not fit. A full pipe wakes the loop just as well.
    """
    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, nudge)
    wakeup = signal.set_wakeup_fd(-1)
    signal.set_wakeup_fd(wakeup, warn_on_full_buffer=False)


async def settle(source: Source, reading: Reading, clock: Clock) -> Reading | None:
    """The content once it is whole; None when somebody is still writing it."""
    agreed = 0
    for pause in range(1, round(WRITER_S / PAUSE_S) + 1):
        await clock.sleep(PAUSE_S)
        now = source.read()
        agreed = agreed + 1 if now == reading else 0
        reading = now
        if not agreed:
            continue
        if not reading.content and pause * PAUSE_S < RETURN_S:
            continue
        if reading.content is None:
            return reading
        written = source.is_being_written()
        enough = AGREEING_BLIND if written is None else AGREEING
        if not written and agreed >= enough:
            # Between the read and the question a writer may have come and gone.
            again = source.read()
            if again == reading:
                return reading
            reading, agreed = again, 0
    return None


class Reload:
    """Holds which policy is in force and what was said about the file; emits what changes."""

    def __init__(
        self,
        *,
        name: str,
        source: PolicySource,
        compiler: Compile,
        clock: Clock,
        current: str = "",
        stale: bool = False,
    ) -> None:
        """Begin with the policy in force.

        Args:
            name: what the policy is called where it does not name itself.
            source: the file.
            compiler: makes a policy of its content.
            clock: for the pauses, and the time on the events.
            current: digest of the policy in force; empty: none is.
            stale: a refusal was the last thing that was told.
        """
        self._name = name
        self._source = source
        self._compile = compiler
        self._clock = clock
        self._current = current
        self._refused = stale
        self._seen: str | None = None
        self._problems: tuple[str, ...] = ()
        self._told: tuple[str, tuple[str, ...]] | None = None
        self._is_first = True
        self._turn = asyncio.Lock()

    async def check(self, emit: Emit) -> Verdict:
        """Look at the file and adopt, refuse, or leave everything as it is."""
        async with self._turn:
            reading = self._source.read()
            if _key(reading) == self._seen:
                return self._verdict(Answer.UNCHANGED)
            compiling = self._begin(reading)
            try:
                return await self._look(reading, compiling, emit)
            finally:
                if compiling is not None:
                    compiling.cancel()
                    await asyncio.gather(compiling, return_exceptions=True)

    def _begin(self, reading: Reading) -> "asyncio.Future[Compiled] | None":
        """Compile what was found at the start at once: it rarely changes while it settles."""
        is_first, self._is_first = self._is_first, False
        if not is_first or not reading.content:
            return None
        return asyncio.ensure_future(self._compile(reading.content))

    async def _look(
        self, reading: Reading, compiling: "asyncio.Future[Compiled] | None", emit: Emit
    ) -> Verdict:
        settled = await settle(self._source, reading, self._clock)
        if settled is None:
            return self._verdict(Answer.BUSY)
        key = _key(settled)
        if key == self._seen:
            return self._verdict(Answer.UNCHANGED)
        if settled.content is None:
            return self._refuse(emit, key, "", (settled.trouble,))
        if compiling is None or settled.content != reading.content:
            compiled = await self._compile(settled.content)
        else:
            compiled = await compiling
        if not compiled.passing:
            # A file that is new here changes the key, so the next check compiles once more:
            # nobody knows whether it was read as it is now.
            self._source.attend(compiled.files)
        if compiled.resolved is None:
            digest = hashlib.sha256(settled.content).hexdigest()
            seen = None if compiled.passing else key
            return self._refuse(emit, seen, digest, compiled.problems)
        self._source.adopted(settled)
        return self._adopt(emit, key, compiled.digest, compiled.resolved, settled.file)

    def _adopt(
        self, emit: Emit, key: str, digest: str, resolved: Mapping[str, Any], file: str
    ) -> Verdict:
        changed = digest != self._current or self._refused
        self._seen, self._current = key, digest
        self._refused, self._problems, self._told = False, (), None
        if not changed:
            return self._verdict(Answer.UNCHANGED)
        name = str(resolved.get("name") or self._name)
        at = self._clock.now()
        emit(PolicyAdopted(at=at, name=name, digest=digest, resolved=resolved, file=file))
        return self._verdict(Answer.ADOPTED)

    def _refuse(
        self, emit: Emit, seen: str | None, digest: str, problems: tuple[str, ...]
    ) -> Verdict:
        told = (digest, problems)
        repeated = told == self._told
        self._seen, self._problems, self._told, self._refused = seen, problems, told, True
        if not repeated:
            emit(
                PolicyRefused(
                    at=self._clock.now(), name=self._name, digest=digest, problems=problems
                )
            )
        return self._verdict(Answer.REFUSED)

    def _verdict(self, answer: Answer) -> Verdict:
        if answer is Answer.UNCHANGED and self._problems:
            answer = Answer.REFUSED
        return Verdict(
            answer=answer,
            digest=self._current,
            problems=self._problems,
            passing=self._seen is None,
        )


def _key(reading: Reading) -> str:
    if reading.content is None:
        return f"trouble: {reading.trouble}"
    return " ".join((hashlib.sha256(reading.content).hexdigest(), *reading.beside))
