"""The policy's file: watched in every way that it can change.

Theory of operation. A watch on the file itself misses the second atomic save, so the directories
are watched: the file's own, those of every link on the way, and the one it really lies in.
What happened there is not looked at; any event only asks for a check (see runtime/reload.py).
A slow poll covers lost events, and a nudge (SIGHUP) asks at once.
"""

import asyncio
import contextlib
import json
import logging
import sys
import threading
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Protocol

from palingenesis.runtime.ports import Clock, Emit
from palingenesis.runtime.reload import Compile, Compiled, Reload, Verdict
from palingenesis.runtime.trust import Distrust, why_untrusted
from palingenesis.sensors.policy_source import FileSource
from palingenesis.sensors.watching import Place, places_of, watch_in_thread

log = logging.getLogger("palingenesis.policy")

POLL_S = 30.0
REST_S = 0.2
"""Pause between checks, so that a storm of hints costs five checks a second at most."""
RETRY_S = 5.0
COMPILE_S_MAX = 30.0


class Beside(Protocol):
    """Another file that is looked at whenever the policy's is: the configuration."""

    path: Path

    async def look(self) -> object:
        """Look at it now; never raises."""
        ...


class PolicyFile:
    """Sensor: watches one policy file until it is cancelled."""

    name = "policy file"

    def __init__(
        self,
        path: Path,
        *,
        compiler: Compile,
        clock: Clock,
        current: str = "",
        stale: bool = False,
        distrust: Distrust = why_untrusted,
        fallback: Callable[[], Path] | None = None,
        more: Callable[[], Iterable[Path]] = tuple,
        marks: Callable[[], Iterable[str]] = tuple,
    ) -> None:
        """Take the file and the policy in force; see `Reload` for `current` and `stale`.

        `distrust` says why a file must not steer us, "" when it may. `fallback` is what is read
        until there is a file and it was adopted: a policy that is trusted. `more` are files that
        belong to it and need not exist: the policies of the projects that sessions work in.
        `marks` are what else the policy is made of.
        """
        self._path = path.absolute()
        self._source = FileSource(
            self._path, distrust=distrust, fallback=fallback, more=more, marks=marks
        )
        self.beside: Beside | None = None
        """Another file that is looked at whenever this one is."""
        self._clock = clock
        self._wake = asyncio.Event()
        self._moved = threading.Event()
        self._watched: frozenset[Place] = frozenset()
        self._reload = Reload(
            name=path.name,
            source=self._source,
            compiler=compiler,
            clock=clock,
            current=current,
            stale=stale,
        )

    @property
    def is_own(self) -> bool:
        """Whether what the file says is in force, and would stay if it were gone."""
        return self._source.is_own

    @property
    def text(self) -> str:
        """The policy in force as it was written; "" when that was read by an earlier daemon."""
        return self._source.in_force.decode("utf-8", "replace")

    @property
    def read_from(self) -> str:
        """Where the policy in force was read from; "": an earlier daemon has read it."""
        return self._source.file

    async def watch(self, emit: Emit) -> None:
        """Check now, and again whenever something hints at a change."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._listen())
            tasks.create_task(self._poll())
            while True:
                if self.beside is not None:
                    await self.beside.look()
                await self.check(emit)
                await self._wake.wait()
                await self._clock.sleep(REST_S)
                self._wake.clear()

    async def check(self, emit: Emit) -> Verdict:
        """Look at the file now, and say what came of it (for `daemon reload`)."""
        verdict = await self._reload.check(emit)
        if self._places() != self._watched:
            self._moved.set()
        return verdict

    def nudge(self) -> None:
        """Ask for a check soon; safe in a signal handler of the loop, as often as one likes."""
        self._wake.set()

    def _places(self) -> frozenset[Place]:
        """The directories of the file and of those that it extends."""
        files = [self._path, *self._source.beside, *self._source.more()]
        files += [self.beside.path] if self.beside is not None else []
        return frozenset[Place]().union(*(places_of(path) for path in files))

    async def _poll(self) -> None:
        while True:
            await self._clock.sleep(POLL_S)
            self._wake.set()

    async def _listen(self) -> None:
        """Watch the directories; begin anew when a link leads elsewhere or a watch fails."""
        while True:
            self._watched = self._places()
            self._moved.clear()
            if self._watched:
                places = sorted({path for path, _, _ in self._watched})
                # Out of watches, or a directory that went away: the poll goes on meanwhile.
                with contextlib.suppress(OSError, RuntimeError):
                    await watch_in_thread(places, self._wake.set, self._moved)
            if not self._moved.is_set():
                await self._clock.sleep(RETRY_S)


class CompilerProcess:
    """Compiles a policy in a process of its own, so that YAML and JSON Schema never live here."""

    def __init__(
        self,
        *,
        name: str,
        schema: Path,
        presets: Path,
        place: Callable[[], Path],
        projects: Callable[[], Iterable[str]] = tuple,
        trusted: Path | None = None,
        params: Mapping[str, str] | None = None,
        limit_s: float = COMPILE_S_MAX,
    ) -> None:
        """Take what every compilation needs.

        Args:
            name: the policy's name.
            schema: the schema's file.
            presets: the folder of the shipped presets.
            place: the file that is compiled; others that it extends are looked for beside it.
            projects: the directories that sessions work in; they may have policies of their own.
            trusted: the file that says which of these are trusted.
            params: values for the policy's parameters.
            limit_s: how long a compilation may take.
        """
        self._job = {
            "name": name,
            "schema": str(schema),
            "presets": str(presets),
            "params": dict(params or {}),
            "trusted": str(trusted or ""),
        }
        self._projects = projects
        self._limit_s = limit_s
        self._place = place

    def _asked(self) -> dict[str, object]:
        return {**self._job, "place": str(self._place()), "projects": list(self._projects())}

    async def __call__(self, data: bytes) -> Compiled:
        """Compile one text; trouble with the process is a `passing` problem."""
        # -P: the directory that we happen to be in must not provide modules.
        command = (sys.executable, "-P", "-m", "palingenesis.sensors.policy_compiler")
        try:
            process = await asyncio.create_subprocess_exec(
                *command,
                json.dumps(self._asked()),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                cwd="/",
                start_new_session=True,
            )
        except OSError as error:
            return _trouble((error.strerror or str(error)).lower())
        try:
            async with asyncio.timeout(self._limit_s):
                output, errors = await process.communicate(data)
        except TimeoutError:
            return _trouble(f"it took longer than {self._limit_s:g} s")
        finally:
            if process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
                await process.communicate()  # to the end of its pipes: none is left open
        if process.returncode != 0:
            last = errors.decode(errors="replace").strip().rpartition("\n")[2][:300]
            return _trouble(f"the compiler ended with {process.returncode}: {last}")
        return _compiled(output)


def _compiled(output: bytes) -> Compiled:
    try:
        answer: Any = json.loads(output)
        files = tuple(str(file) for file in answer["files"])
        if answer["resolved"] is None:
            problems = tuple(str(problem) for problem in answer["problems"])
            return Compiled(problems=problems, files=files)
        digest = str(answer["digest"])
        for remark in answer["remarks"]:
            log.warning("%s", remark)
        return Compiled(resolved=dict(answer["resolved"]), digest=digest, files=files)
    except (ValueError, KeyError, TypeError):
        return _trouble("the compiler's answer cannot be read")


def _trouble(why: str) -> Compiled:
    return Compiled(problems=(f"the policy could not be checked: {why}",), passing=True)
