"""The person's own policy, when it lies where an agent works: it is not changed behind her back.

An agent may write whatever is in its project. So while a supervised session works above a file that
the policy is made of, a change of the policy is not adopted by itself; the one in force stays. What
the person starts the daemon with is her word, wherever it lies.
"""

import os
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from palingenesis import shipped
from palingenesis.core.policy.build import digest_of
from palingenesis.core.values import Status
from palingenesis.core.world import World
from palingenesis.runtime.paths import Paths
from palingenesis.runtime.reload import Compile, Compiled
from palingenesis.sensors.policy_file import CompilerProcess
from palingenesis.sensors.policy_source import mark_of

_AT_REST = frozenset({Status.COMPLETED, Status.STOOD_DOWN, Status.DETACHED})


def guarded(
    paths: Paths,
    *,
    place: Callable[[], Path],
    projects: Callable[[], Iterable[str]],
    world: Callable[[], World],
    mode: Callable[[], str] = lambda: "enforce",
) -> "Guarded":
    """The compiler of the person's own policy, in a process of its own.

    Args:
        paths: where her configuration is, and what she trusts.
        place: the policy's file.
        projects: the directories whose policies are laid over it.
        world: who works where, and which policy is in force.
        mode: what the configuration says about all policies: `enforce`, or `shadow`.
    """
    compiler = CompilerProcess(
        name=place().stem,
        schema=shipped.schema("policy"),
        presets=shipped.presets(),
        place=place,
        projects=projects,
        trusted=paths.trusted_policies,
    )
    return Guarded(compiler, place=place, world=world, home=paths.config, mode=mode)


class Guarded:
    """A compiler whose result is refused while an agent could have written what it is made of.

    Args:
        compiler: does the work.
        place: the policy's file.
        world: who works where, and which policy is in force.
        home: the folder of the configuration; a session above that is everywhere at home.
    """

    def __init__(
        self,
        compiler: Compile,
        *,
        place: Callable[[], Path],
        world: Callable[[], World],
        home: Path,
        mode: Callable[[], str] = lambda: "enforce",
    ) -> None:
        self._compiler = compiler
        self._place = place
        self._world = world
        self._home = os.path.realpath(home)
        self._mode = mode
        self.instead_of: Mapping[str, Any] | None = None
        """What the newest policy itself says of its mode, where the configuration overrides it."""
        self.on_guard = False
        """Whether the daemon is under way: what it starts with is the person's word."""
        self._held: tuple[object, tuple[str, ...]] | None = None
        """What was refused last for where it lies, and the other files that it is made of."""

    def __call__(self, data: bytes) -> Awaitable[Compiled]:
        """Compile, and judge who could have written it."""
        return self._judged(data)

    async def _judged(self, data: bytes) -> Compiled:
        if self._held is not None:
            # It is asked for twice a minute while an agent works there: nothing is compiled for it.
            held, files = self._held
            if held == self._content(data, files) and (why := self._why_not(files)):
                return _refused(why, files)
        self._held = None
        compiled = self._as_configured(await self._compiler(data))
        if not self.on_guard or compiled.resolved is None:
            return compiled
        if compiled.digest == self._world().policy or not (why := self._why_not(compiled.files)):
            return compiled
        self._held = (self._content(data, compiled.files), compiled.files)
        return _refused(why, compiled.files)

    def _content(self, data: bytes, files: Iterable[str]) -> object:
        """What tells this policy from another one."""
        return (self._mode(), self._world().policy, data, [mark_of(Path(file)) for file in files])

    def _why_not(self, files: Iterable[str]) -> str:
        return why_an_agents((str(self._place()), *files), working_in(self._world()), self._home)

    def _as_configured(self, compiled: Compiled) -> Compiled:
        """The same, only written down if the configuration says so."""
        resolved = compiled.resolved
        self.instead_of = None
        if resolved is None or self._mode() != "shadow":
            return compiled
        if resolved.get("mode") in {None, "enforce"}:
            self.instead_of = {name: resolved[name] for name in ("mode",) if name in resolved}
            resolved = {**resolved, "mode": "shadow"}
        return replace(compiled, resolved=resolved, digest=digest_of(resolved))


def _refused(why: str, files: tuple[str, ...]) -> Compiled:
    # Passing: it is looked at again, and good as soon as nobody works there any more.
    return Compiled(problems=(why,), files=files, passing=True)


def working_in(world: World) -> tuple[str, ...]:
    """The directories in which supervised sessions are at work."""
    return tuple(
        sorted(
            session.directory
            for session in world.sessions.values()
            if session.supervised and session.status not in _AT_REST and session.directory
        )
    )


def why_an_agents(
    files: Iterable[str], directories: Iterable[str], home: str, *, what: str = "policy"
) -> str:
    """Why what is made of these files may be an agent's work; "" when it is not."""
    for directory in directories:
        above = os.path.realpath(directory)
        if _is_beneath(home, above):
            continue
        for file in files:
            if any(_is_beneath(place, above) for place in (file, os.path.realpath(file))):
                return (
                    f"{file} lies in {directory}, where an agent works that could have changed it:"
                    f" the {what} in force stays (move it to {home}, or"
                    " `palingenesis daemon restart` if the change is yours)"
                )
    return ""


def _is_beneath(place: str, folder: str) -> bool:
    return place == folder or place.startswith(folder.rstrip("/") + "/")
