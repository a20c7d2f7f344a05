"""Playing a scenario: its lines become events of a rehearsal."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Final

from palingenesis.core import commands, events
from palingenesis.core.events import Event
from palingenesis.core.facts import parse_duration
from palingenesis.core.policy.model import Policy
from palingenesis.core.values import Block, BlockKind, DownCause, Stop, StopReason
from palingenesis.simulation.rehearsal import AGENT, VERSION, WANT_WORDS, Rehearsal
from palingenesis.simulation.scenario import Happens, Scenario

SETTLED: Final = timedelta(minutes=10)
"""How long a rehearsal goes on after its last line, so that the last wait is seen to end."""


def play(policy: Policy, scenario: Scenario, *, tail: timedelta = SETTLED) -> Rehearsal:
    """Run a scenario under a policy; the rehearsal remembers every turn."""
    night = Rehearsal(
        policy=policy,
        start=scenario.at,
        seed=scenario.seed,
        way=scenario.way,
        answers=scenario.answers,
    )
    if scenario.given:
        night.observe(scenario.given)
        night.past.clear()
    for line in scenario.story:
        night.advance(line.after)
        for turn in range(line.repeat):
            if turn:
                night.advance(line.every)
            _happen(night, line, turn)
    night.advance(tail)
    return night


def _happen(night: Rehearsal, line: Happens, turn: int) -> None:
    if line.facts:
        night.observe(line.facts)
    if line.kind == "silent":
        night.silent = True
    elif line.kind:
        night.happen(_EVENTS[line.kind](night, line.options, turn))


def _stopped(night: Rehearsal, options: Mapping[str, str], turn: int) -> Event:
    reason = StopReason(options.get("reason", "unknown"))
    if reason is StopReason.CRASH:
        return _died(night, options, turn)
    retry_at = None
    if "retry_after" in options:
        retry_at = night.now + parse_duration(options["retry_after"])
    status = options.get("http_status")
    stop = Stop(
        key=f"{reason}:{night.now.isoformat()}:{turn}",
        reason=reason,
        message=options.get("message", ""),
        http_status=int(status) if status else None,
        retry_at=retry_at,
        retrying=options.get("retrying") == "true",
        words=options.get("words", "true" if reason in WANT_WORDS else "false") == "true",
    )
    return events.SessionStopped(at=night.now, session=night.session, agent=AGENT, stop=stop)


def _died(night: Rehearsal, options: Mapping[str, str], _turn: int) -> Event:
    code = options.get("exit_code")
    return events.AgentDown(
        at=night.now,
        agent=AGENT,
        cause=DownCause.EXITED,
        exit_code=int(code) if code else None,
        signal=options.get("signal", None if code else "SIGKILL"),
    )


def _blocked(night: Rehearsal, options: Mapping[str, str], _turn: int) -> Event:
    block = Block(
        id=f"block:{night.now.isoformat()}",
        kind=BlockKind(options.get("kind", "permission")),
        text=options.get("text", ""),
        tool=options.get("tool", ""),
        since=night.now,
    )
    return events.SessionBlocked(at=night.now, session=night.session, agent=AGENT, block=block)


def _unblocked(night: Rehearsal, _options: Mapping[str, str], _turn: int) -> Event:
    block = night.world.sessions[night.session].block
    return events.SessionUnblocked(
        at=night.now, session=night.session, block=block.id if block else ""
    )


def _prompted(night: Rehearsal, _options: Mapping[str, str], turn: int) -> Event:
    return events.PersonPrompted(at=night.now, session=night.session, message=f"person:{turn}")


def _up(night: Rehearsal, _options: Mapping[str, str], _turn: int) -> Event:
    return events.AgentUp(
        at=night.now,
        agent=AGENT,
        assistant="opencode",
        way=night.way,
        version=VERSION,
        supported=True,
        started_at=night.now,
    )


def _paused(night: Rehearsal, _options: Mapping[str, str], _turn: int) -> Event:
    return events.CommandGiven(
        at=night.now, command=commands.Hold(session=night.session), by="scenario"
    )


def _resumed(night: Rehearsal, _options: Mapping[str, str], _turn: int) -> Event:
    return events.CommandGiven(
        at=night.now, command=commands.Release(session=night.session), by="scenario"
    )


_EVENTS: Final[Mapping[str, Callable[[Rehearsal, Mapping[str, str], int], Event]]] = {
    "stopped": _stopped,
    "died": _died,
    "blocked": _blocked,
    "unblocked": _unblocked,
    "prompted": _prompted,
    "up": _up,
    "paused": _paused,
    "resumed": _resumed,
}
