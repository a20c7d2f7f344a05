"""Hooks: programs that the daemon's own configuration lets a policy run, by name."""

import asyncio
import contextlib
import errno
import os
import shutil
import stat
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from palingenesis.core.effects import Run
from palingenesis.core.facts import show_duration
from palingenesis.core.values import Result
from palingenesis.processes.commands import Ran, run_to_end
from palingenesis.runtime.bounded_file import why_not
from palingenesis.runtime.config import HookConfig
from palingenesis.runtime.foreign_text import plain
from palingenesis.runtime.ports import Outcome, Void, stands
from palingenesis.runtime.trust import way_out, why_untrusted
from palingenesis.wire.redaction import redact

OUTPUT_BYTES_MAX: Final = 64 * 1024
_AT_ONCE: Final = 4
_PATH: Final = "/usr/local/bin:/usr/bin:/bin"
_TOLD: Final = 300
_NO_FILE: Final = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG})


class ConfiguredHooks:
    """Runs hooks, a few at a time; see `ports.Hooks`."""

    def __init__(
        self,
        hooks: Mapping[str, HookConfig],
        environ: Mapping[str, str],
        *,
        void: Void = stands,
    ) -> None:
        self._hooks = hooks
        self._void = void
        self._home = environ.get("HOME") or "/"
        self._room = asyncio.Semaphore(_AT_ONCE)

    def follow(self, hooks: Mapping[str, HookConfig]) -> None:
        """Know these hooks from now on; one that runs runs on as it was begun."""
        self._hooks = hooks

    async def run(self, effect: Run) -> Outcome:
        """See `ports.Hooks`."""
        hook = self._hooks.get(effect.hook)
        if hook is None:
            return _failed(f"no hook named {effect.hook}")
        if why := why_unsafe(hook.argv):
            return _failed(f"hook {effect.hook} is not run: {why}")
        async with self._room:
            if why := self._void(effect):  # it may have waited for the others for long
                return _failed(why)
            try:
                ran = await run_to_end(
                    hook.argv,
                    env=self._environment(effect),
                    cwd=Path(self._home),
                    timeout_s=hook.timeout.total_seconds(),
                    output_max=OUTPUT_BYTES_MAX,
                )
            except (OSError, ValueError) as error:
                return _failed(f"hook {effect.hook} cannot be started: {error}")
        return _outcome(effect.hook, hook, ran)

    def _environment(self, effect: Run) -> dict[str, str]:
        """Nothing of our own environment, which may hold passwords."""
        return {
            "PATH": _PATH,
            "HOME": self._home,
            "LANG": "C.UTF-8",
            "PALINGENESIS_HOOK": effect.hook,
            "PALINGENESIS_KEY": effect.id,
            "PALINGENESIS_RULE": effect.rule,
            "PALINGENESIS_SESSION": effect.session or "",
            "PALINGENESIS_DIRECTORY": effect.directory,
        }


def program_of(argv: Sequence[str]) -> str | None:
    """The program that a hook would run; None: there is none."""
    return shutil.which(argv[0], path=_PATH)


def why_unsafe(argv: Sequence[str]) -> str:
    """Why a program, or a script that it is given, must not run: others may change it."""
    program = program_of(argv) or argv[0]
    for word in (program, *argv[1:]):
        path = Path(word)
        with contextlib.suppress(ValueError):  # it names no file
            try:
                why = why_untrusted(path) if _is_program(path) else ""
            except OSError as error:
                return f"{path} cannot be looked at: {why_not(error)}"
            if why:
                return f"{why} ({way_out(path)})"
    return ""


def _is_program(path: Path) -> bool:
    """Whether it can be run.

    Raises:
        OSError: that cannot be told.
    """
    if not path.is_absolute():
        return False
    try:
        kind = path.stat().st_mode
    except OSError as error:
        if error.errno in _NO_FILE:
            return False
        raise
    return stat.S_ISREG(kind) and os.access(path, os.X_OK)


def _outcome(name: str, hook: HookConfig, ran: Ran) -> Outcome:
    said = _last_line(ran.output)
    if ran.exit is None:
        return _failed(f"hook {name} did not end within {show_duration(hook.timeout)}{said}")
    if ran.exit.code != 0:
        return _failed(f"hook {name}: {ran.exit}{said}")
    return Outcome(result=Result.OK, detail=f"hook {name} ran{said}")


def _last_line(output: bytes) -> str:
    lines = output.decode("utf-8", "replace").strip().splitlines()
    return f": {plain(redact(lines[-1]), _TOLD)}" if lines else ""


def _failed(detail: str) -> Outcome:
    return Outcome(result=Result.FAILED, detail=detail[:1000])
