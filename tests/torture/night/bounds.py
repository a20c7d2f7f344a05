"""The checker's other half: what has to stay within bounds, and what is told and kept."""

from collections.abc import Callable, Iterator
from typing import Final

from tests.torture.night.evidence import (
    EARLY_S,
    LATE_S,
    PROMPTS,
    Evidence,
    Intent,
    Line,
    Violation,
)

_BURST, _WITHIN_S, _BREAKER_S = 5, 600.0, 1800.0


def restarts_within_bounds(evidence: Evidence) -> Iterator[Violation]:
    """I7: five restarts within ten minutes, then one every thirty, until there is progress.

    Where the clock was set in between, time that passed and time on the clock differ: a restart is
    wrong only if both say so, because a step may or may not be known to us.
    """
    marks = evidence.all("progress")
    restarts = [i.line for i in evidence.intents.values() if i.kind == "Restart"]
    streak: list[Line] = []
    for line in restarts:
        if streak and any(streak[-1].at < mark.at < line.at for mark in marks):
            streak = []
        tripped = any(
            _longer(first, later) <= _WITHIN_S
            for first, later in zip(streak, streak[_BURST - 1 :], strict=False)
        )
        if tripped and _longer(streak[-1], line) < _BREAKER_S - EARLY_S:
            yield Violation("I7", line.at, "a restart while the breaker is open")
        streak.append(line)


def _longer(first: Line, later: Line) -> float:
    return max(later.at - first.at, later.wall - first.wall)


def one_server(evidence: Evidence) -> Iterator[Violation]:
    """I8: at most one process of the agent is alive."""
    for mark in evidence.all("second-server"):
        yield Violation("I8", mark.at, f"a second server beside {mark.key}")


def told(evidence: Evidence) -> Iterator[Violation]:
    """I9: every notice arrives, and no more often than crashes and lost answers excuse."""
    came: dict[str, int] = {}
    for mark in evidence.all("notice"):
        came[mark.key] = came.get(mark.key, 0) + 1
    most = 1 + evidence.crashes + evidence.house.unanswered
    for intent in evidence.intents.values():
        if intent.kind != "Notify":
            continue
        times = came.get(intent.id, 0)
        if times > most:
            yield Violation("I9", intent.line.at, f"{intent.id} was told {times} times")
        if not times and evidence.by_latest(intent.line.at + 14400.0, LATE_S) < evidence.until:
            yield Violation("I9", intent.line.at, f"{intent.id} was never told")
    for line in evidence.lines:
        is_told = any(effect["is"] == "Notify" for effect in line.effects)
        if line.kind == "SessionBlocked" and line.decisions and not is_told:
            yield Violation("I9", line.at, "a question that nobody is told of")


def sound(evidence: Evidence) -> Iterator[Violation]:
    """I10, I13: the journal has no gap, every row is what was written, and it stays small."""
    previous = None
    for place, row in enumerate(evidence.rows, 1):
        if row.seq != place or not row.is_intact():
            yield Violation("I10", evidence.until, f"row {row.seq} at place {place}")
        if previous is not None and row.previous != previous:
            yield Violation("I10", evidence.until, f"row {row.seq} follows another row")
        previous = row.checksum
    if len(evidence.rows) > 4000:
        yield Violation("I13", evidence.until, f"{len(evidence.rows)} entries in one night")


def itself(evidence: Evidence) -> Iterator[Violation]:
    """The daemon never has to hold itself: its kernel and its journal take whatever comes."""
    for line in evidence.lines:
        if line.kind == "InvariantBroken":
            text = f"it held itself: {line.event['what']} ({line.event['where']})"
            yield Violation("-", line.at, text)


_PROMPTS_PER_HOUR: Final = 12


def prompts_within_bounds(evidence: Evidence) -> Iterator[Violation]:
    """I7: a session is prompted twelve times in an hour at most, unless a person asks for more.

    Where the clock was set and the machine started anew, nobody can know how much time passed: then
    they are too many only if the clock says so as well.
    """
    sent: dict[str, list[Line]] = {}
    is_unsure = bool(evidence.all("step") and evidence.all("reboot"))
    for intent in evidence.intents.values():
        decided = evidence.decisions.get(intent.effect["decision"])
        hers = decided is not None and decided.plain["event"] == "operator"
        if intent.kind not in PROMPTS or hers:
            continue
        before = sent.setdefault(intent.effect["session"], [])
        before.append(intent.line)
        last = intent.line
        passed = [_longer(one, last) if is_unsure else last.at - one.at for one in before]
        # An order may be written down a second after its moment: the disk was full.
        recent = [span for span in passed if span < 3600.0 - 2 * EARLY_S]
        if len(recent) > _PROMPTS_PER_HOUR:
            yield Violation("I7", intent.line.at, f"{len(recent)} prompts in an hour")


_NOT_NOW: Final = frozenset(
    {"rate_limit", "quota", "overloaded", "network", "server_error", "timeout"}
)
_IN_VAIN: Final = 3


def _came_to(evidence: Evidence, prompt: Intent) -> str:
    """The reason of the first stop that was told of its session after it.

    The stop that it answers may be told after it: an interrupt of ours goes before its signal.
    """
    stops = (
        line.event["stop"]
        for line in evidence.lines[prompt.line.seq :]
        if line.kind == "SessionStopped" and line.event["session"] == prompt.effect["session"]
    )
    return next(
        (str(one["reason"]) for one in stops if one["key"] != prompt.effect.get("stop")), ""
    )


def not_in_vain(evidence: Evidence) -> Iterator[Violation]:
    """I7: three prompts in a row that achieve nothing, and a person has to look.

    That a provider refuses for now says nothing about the prompt that it refuses; one that was
    called off before it was sent is none.
    """
    seen = {"SessionProgressed", "PersonPrompted", "CommandGiven"}
    good = [
        (line.at, line.event.get("session", "")) for line in evidence.lines if line.kind in seen
    ]
    sent: dict[str, list[float]] = {}
    sent_out = {mark.key for mark in evidence.all("run", "joined", "create")}
    refused = {
        intent.id
        for intent in evidence.intents.values()
        if intent.kind in PROMPTS and _came_to(evidence, intent) in _NOT_NOW
    }
    for intent in evidence.intents.values():
        decided = evidence.decisions.get(intent.effect["decision"])
        if intent.kind not in PROMPTS or decided is None or decided.plain["event"] == "operator":
            continue
        if decided.plain["facts"].get("stop.reason") in _NOT_NOW or intent.id in refused:
            continue
        if intent.id not in sent_out:
            continue
        session, at = intent.effect["session"], intent.line.at
        before = sent.setdefault(session, [])
        if before and any(before[-1] < when <= at and who in {"", session} for when, who in good):
            before.clear()
        before.append(at)
        if len(before) > _IN_VAIN:
            yield Violation("I7", at, f"{len(before)} prompts to {session} achieved nothing")


def backed_up_first(evidence: Evidence) -> Iterator[Violation]:
    """No new session without a backup that was there before: nothing of the old one is lost."""
    kept = {mark.session: mark.at for mark in reversed(evidence.all("kept"))}
    for mark in evidence.all("create"):
        if kept.get(mark.more, mark.at + 1.0) > mark.at:
            yield Violation("backup", mark.at, f"{mark.session} continues {mark.more}, not kept")


def hooks_once(evidence: Evidence) -> Iterator[Violation]:
    """I1: a hook runs once at most."""
    ran: set[str] = set()
    for mark in evidence.all("hook"):
        if mark.key in ran:
            yield Violation("I1", mark.at, f"hook {mark.key} ran twice")
        ran.add(mark.key)


BOUNDS: Final[tuple[Callable[[Evidence], Iterator[Violation]], ...]] = (
    restarts_within_bounds,
    prompts_within_bounds,
    not_in_vain,
    one_server,
    told,
    sound,
    itself,
    backed_up_first,
    hooks_once,
)
