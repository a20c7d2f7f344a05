"""Policies that are not in force: compiled when asked for, tried on the world, never acted upon."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from palingenesis import shipped
from palingenesis.app.promoting import replace_policy
from palingenesis.core.errors import InvalidConfigError, PalingenesisError
from palingenesis.core.events import ShadowStarted, ShadowStopped
from palingenesis.core.record import from_plain
from palingenesis.core.world import Decision, Shadow
from palingenesis.journal import ReadOnlyJournal
from palingenesis.runtime import candidate, door
from palingenesis.runtime.bounded_file import read_bounded, why_not
from palingenesis.runtime.loop import Loop
from palingenesis.runtime.ports import Clock
from palingenesis.runtime.views import instant
from palingenesis.sensors.policy_file import CompilerProcess
from palingenesis.sensors.policy_source import POLICY_BYTES_MAX

if TYPE_CHECKING:
    from palingenesis.simulation.history import Group
    from palingenesis.simulation.preview import Line, Pending
    from palingenesis.simulation.shadow_report import ShadowReport

_START = "palingenesis policy shadow start FILE"
_COPY = "a copy of a shipped one: palingenesis policy init policy.next.yaml --from cautious"


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A file that compiles."""

    path: Path
    content: bytes
    name: str
    digest: str
    resolved: dict[str, Any]


class Candidates:
    """Looks at candidates on behalf of the door, and keeps the one that is in shadow."""

    def __init__(
        self,
        *,
        loop: Loop,
        journal: Path,
        clock: Clock,
        policy_path: Callable[[], Path],
        projects: Callable[[], Iterable[str]],
        trusted: Path,
        own: Path,
        reload: Callable[[], Awaitable[door.Answer]],
    ) -> None:
        """Take what is needed.

        Args:
            loop: holds the world; takes the events.
            journal: the file of the journal, which a report reads beside its writer.
            clock: for the instants on the events.
            policy_path: the file that decides now.
            projects: the directories that sessions work in.
            trusted: the file that says which of their policies are trusted.
            own: the person's policy file, which a promotion writes.
            reload: has that file read again.
        """
        self._loop = loop
        self._journal = journal
        self._clock = clock
        self._policy_path = policy_path
        self._projects = projects
        self._trusted = trusted
        self._own = own
        self._reload = reload

    async def preview(self, path: str | None) -> candidate.Preview:
        """See `CandidateDoor`.

        Raises:
            InvalidConfigError: it cannot be read, or cannot be used; with its problems.
        """
        from palingenesis.simulation.preview import preview

        one = await self._compiled(Path(path) if path else self._policy_path())
        world = self._loop.world
        at = self._clock.now()
        found = preview(world, one.resolved, name=one.name, digest=one.digest, at=at)
        return {
            "path": str(one.path),
            "name": one.name,
            "digest": one.digest,
            "in_force": one.digest == world.policy,
            "rows": [_row(line) for line in found.lines],
            "idle": found.idle,
        }

    async def shadow(self, order: candidate.ShadowOrder, path: str | None) -> candidate.Shadow:
        """See `CandidateDoor`.

        Raises:
            InvalidConfigError: the file cannot be read, or cannot be used; with its problems.
            PalingenesisError: there is no shadow, or it makes no sense now.
        """
        if order == "start" and path is not None:
            return await self._start(Path(path))
        shadow = self._loop.world.shadow
        if shadow is None:
            raise PalingenesisError("no policy is in shadow", _START)
        match order:
            case "promote":
                message = await self._promote(shadow)
            case "stop":
                message = f"{shadow.name} is no longer in shadow"
            case _:
                return await self._told(shadow, f"{shadow.name} is in shadow")
        await self._loop.submit(
            ShadowStopped(at=self._clock.now(), why="promoted" if order == "promote" else "stopped")
        )
        return await self._told(shadow, message)

    async def _start(self, path: Path) -> candidate.Shadow:
        one = await self._compiled(path)
        world = self._loop.world
        if one.digest == world.policy:
            raise PalingenesisError(
                f"{path} is the policy in force: there is nothing to compare", "change it first"
            )
        before = world.shadow
        if before is not None and before.digest == one.digest:
            return await self._told(before, f"{one.name} is in shadow already")
        started = ShadowStarted(
            at=self._clock.now(),
            name=one.name,
            digest=one.digest,
            resolved=one.resolved,
            path=str(path),
        )
        turn = await self._loop.submit(started)
        assert turn.world.shadow is not None, "it has just been started"
        instead = f", in place of {before.name}" if before is not None else ""
        message = f"{one.name} decides in shadow from now on{instead}; it never acts"
        return await self._told(turn.world.shadow, message)

    async def _promote(self, shadow: Shadow) -> str:
        """Write the candidate over the person's policy, and have it read."""
        one = await self._compiled(Path(shadow.path))
        if one.digest != shadow.digest:
            raise PalingenesisError(
                f"{shadow.path} has changed since it was started in shadow",
                f"palingenesis policy shadow start {shadow.path}",
            )
        there = await self._compile(one.content, self._own)
        if there.digest != one.digest:
            raise PalingenesisError(
                f"{shadow.path} means something else in {self._own.parent}: it extends files "
                "that lie beside it",
                "copy them there first",
            )
        backup = replace_policy(self._own, one.content, self._clock.now())
        answer = await self._reload()
        if not answer["ok"]:
            raise PalingenesisError(
                f"{self._own} was written, but: {answer['message']}",
                f"the former one is {backup}" if backup else "",
            )
        kept = f"; the former one is {backup}" if backup else ""
        return f"{shadow.name} is in force as {self._own}{kept}"

    async def _told(self, shadow: Shadow, message: str) -> candidate.Shadow:
        found = await asyncio.to_thread(self._report, shadow)
        now = self._loop.world.shadow
        lost = now is not None and self._loop.candidate is None
        errors = ["the journal no longer holds it: nothing is compared; start it again"]
        return {
            "message": message,
            "running": now is not None and now.digest == shadow.digest,
            "name": shadow.name,
            "digest": shadow.digest,
            "path": shadow.path,
            "since": instant(shadow.since),
            "at": instant(self._clock.now()),
            "decisions": found.decisions,
            "same": found.same,
            "different": found.different,
            "unknown": found.unknown,
            "groups": [_group(group) for group in found.groups],
            "net": {"waiting_s": found.net.waiting.total_seconds(), **found.net.steps},
            "errors": errors if lost else [],
        }

    def _report(self, shadow: Shadow) -> "ShadowReport":
        """Read what was decided since; in a thread of its own, beside the writer."""
        from palingenesis.simulation.shadow_report import report

        with ReadOnlyJournal.beside(self._journal) as journal:
            entries = journal.entries(since=shadow.since, decided=True)
            return report(_decisions(entry.decisions, shadow.digest) for entry in entries)

    async def _compiled(self, path: Path) -> Candidate:
        """A policy file, compiled in a process of its own."""
        try:
            content = read_bounded(path, POLICY_BYTES_MAX + 1, silence_s=0.0)
        except OSError as error:
            raise InvalidConfigError(f"cannot read {path}: {why_not(error)}", _COPY) from error
        if len(content) > POLICY_BYTES_MAX:
            raise InvalidConfigError(f"{path} is larger than 256 KiB")
        return await self._compile(content, path)

    async def _compile(self, content: bytes, path: Path) -> Candidate:
        """The text as it would be in a file; what it extends lies beside that."""
        compiler = CompilerProcess(
            name=path.stem,
            schema=shipped.schema("policy"),
            presets=shipped.presets(),
            place=lambda: path,
            projects=self._projects,
            trusted=self._trusted,
        )
        made = await compiler(content)
        if made.resolved is None:
            hint = f"palingenesis policy validate {path}"
            refused = InvalidConfigError(f"the policy {path} cannot be used", hint)
            refused.problems = made.problems  # type: ignore[attr-defined]
            raise refused
        resolved = {**made.resolved, "name": path.stem}
        return Candidate(
            path=path, content=content, name=path.stem, digest=made.digest, resolved=resolved
        )


def _decisions(recorded: Iterable[Mapping[str, Any]], digest: str) -> Iterator[Decision]:
    """What was decided in a turn, and what this candidate made of it."""
    for plain in recorded:
        mine = plain["kind"] == "candidate" and plain["policy"] == digest
        if mine or plain["kind"] == "decided":
            yield from_plain(Decision, plain)


def _group(group: "Group") -> candidate.ShadowGroup:
    first = group.first
    return {
        "reason": group.reason,
        "times": len(group.differences),
        "before": {"rule": first.before.rule, "plan": first.before.words},
        "after": {"rule": first.after.rule, "plan": first.after.words},
        "first": {
            "decision": first.past.decision,
            "at": instant(first.past.at),
            "session": first.past.session,
        },
    }


def _row(line: "Line") -> candidate.PreviewRow:
    return {
        "session": line.session,
        "title": line.title,
        "change": line.change.value,
        "before": _pending(line.before),
        "after": _pending(line.after),
        "why": line.why,
        "told": list(line.told),
    }


def _pending(one: "Pending") -> candidate.Pending:
    return {
        "status": one.status.value,
        "rule": one.rule or None,
        "what": one.what,
        "until": instant(one.until) if one.until is not None else None,
        "then": list(one.then),
    }
