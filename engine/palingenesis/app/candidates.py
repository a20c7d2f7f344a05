"""Policies that are not in force: compiled when asked for, tried on the world, never acted upon."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from palingenesis import shipped
from palingenesis.core.errors import InvalidConfigError
from palingenesis.runtime import candidate
from palingenesis.runtime.bounded_file import read_bounded, why_not
from palingenesis.runtime.loop import Loop
from palingenesis.runtime.ports import Clock
from palingenesis.runtime.views import instant
from palingenesis.sensors.policy_file import POLICY_BYTES_MAX, CompilerProcess
from palingenesis.simulation.preview import Line, Pending, preview


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A file that compiles."""

    path: Path
    content: bytes
    name: str
    digest: str
    resolved: dict[str, Any]


class Candidates:
    """Looks at candidates on behalf of the door."""

    def __init__(self, *, loop: Loop, clock: Clock, policy_path: Callable[[], Path]) -> None:
        self._loop = loop
        self._clock = clock
        self._policy_path = policy_path

    async def preview(self, path: str | None) -> candidate.Preview:
        """What adopting a file (None: the policy's own) would do to what is pending.

        Raises:
            InvalidConfigError: it cannot be read, or cannot be used; with its problems.
        """
        one = await self.compiled(Path(path) if path else self._policy_path())
        world = self._loop.world
        found = preview(world, one.resolved, name=one.name, digest=one.digest, at=self._clock.now())
        return {
            "path": str(one.path),
            "name": one.name,
            "digest": one.digest,
            "in_force": one.digest == world.policy,
            "rows": [_row(line) for line in found.lines],
            "idle": found.idle,
        }

    async def compiled(self, path: Path) -> Candidate:
        """A policy file, compiled in a process of its own.

        Raises:
            InvalidConfigError: it cannot be read, or cannot be used; with its problems.
        """
        hint = f"palingenesis policy validate {path}"
        try:
            content = read_bounded(path, POLICY_BYTES_MAX + 1, silence_s=0.0)
        except (OSError, ValueError) as error:
            why = why_not(error) if isinstance(error, OSError) else "no such name is possible"
            raise InvalidConfigError(f"cannot read {path}: {why}") from error
        if len(content) > POLICY_BYTES_MAX:
            raise InvalidConfigError(f"{path} is larger than 256 KiB")
        compiler = CompilerProcess(
            name=path.stem,
            schema=shipped.schema("policy"),
            presets=shipped.presets(),
            place=lambda: path,
        )
        made = await compiler(content)
        if made.resolved is None:
            refused = InvalidConfigError(f"the policy {path} cannot be used", hint)
            refused.problems = made.problems  # type: ignore[attr-defined]
            raise refused
        resolved = {**made.resolved, "name": path.stem}
        return Candidate(
            path=path, content=content, name=path.stem, digest=made.digest, resolved=resolved
        )


def _row(line: Line) -> candidate.PreviewRow:
    return {
        "session": line.session,
        "title": line.title,
        "change": line.change.value,
        "before": _pending(line.before),
        "after": _pending(line.after),
        "why": line.why,
    }


def _pending(one: Pending) -> candidate.Pending:
    return {
        "status": one.status.value,
        "rule": one.rule or None,
        "what": one.what,
        "until": instant(one.until) if one.until is not None else None,
        "then": list(one.then),
    }
