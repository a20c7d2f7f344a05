"""What happens in a test: an event as it is written, and as the kernel is handed it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from palingenesis.core import commands, events
from palingenesis.core.commands import Command
from palingenesis.core.events import Event
from palingenesis.core.facts import parse_duration
from palingenesis.core.policy.read import Node, Scalar
from palingenesis.core.values import (
    AgentId,
    Block,
    BlockKind,
    DownCause,
    FactValue,
    SessionId,
    Stop,
    StopReason,
    Way,
)
from palingenesis.core.world import Session
from palingenesis.simulation.rehearsal import VERSION, WANT_WORDS
from palingenesis.simulation.testing import keys
from palingenesis.simulation.testing.keys import Shape
from palingenesis.simulation.testing.model import Happens
from palingenesis.simulation.testing.values import Values

_MOST: Final = 1_000_000


def read_event(node: Node | None, values: Values) -> Happens | None:
    """An event: a mapping, or the bare kind of one."""
    if node is None:
        return None
    if isinstance(node, Scalar):
        return Happens(kind=values.word(node, keys.KINDS, "tick"), node=node)
    table = values.table(node, keys.EVENT, "an event")
    if table is None:
        return None
    kind = values.word(table.get("kind"), keys.KINDS, "stopped")
    for name, value in table.entries:
        if name.text in keys.EVENT and name.text != "kind":
            _read_option(name, value, kind, values)
    for needed in keys.KINDS[kind].needs:
        if table.get(needed) is None:
            values.say("T202", f"an event '{kind}' needs '{needed}'", table)
    options = {name.text: value.text for name, value in table.entries if isinstance(value, Scalar)}
    return Happens(kind=kind, options=options, node=node)


def _read_option(name: Scalar, value: Node, kind: str, values: Values) -> None:
    key = keys.EVENT[name.text]
    takes = keys.KINDS[kind].options
    if name.text not in takes:
        advice = f"it takes {', '.join(takes)}" if takes else "it takes none"
        values.say("T209", f"'{name.text}' is no option of '{kind}'", name, advice)
    match key.shape:
        case Shape.WORD:
            values.word(value, key.words)
        case Shape.SPAN:
            values.span(value)
        case Shape.WHOLE:
            values.whole(value, 0, low=0, high=_MOST)
        case Shape.FLAG:
            values.flag(value)
        case _ if name.text == "confidence":
            values.ratio(value)
        case _:
            values.text(value, f"'{name.text}'")


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """Where and when something happens."""

    at: datetime
    agent: AgentId
    way: Way
    session: SessionId
    known: Session | None
    number: int
    """Grows with every event of a test."""
    facts: Mapping[str, FactValue | None]
    """What the step sets; the question of a `blocked` may stand there."""


def event_of(happens: Happens, scene: Scene) -> Event:
    """The kernel's event; for kinds that are one event."""
    return _EVENTS[happens.kind](happens.options, scene)


def _stopped(options: Mapping[str, str], scene: Scene) -> Event:
    reason = StopReason(options.get("reason", "unknown"))
    if reason is StopReason.CRASH and options.get("found") != "true":
        return _died(options, scene)
    retry_at = None
    if "retry_after" in options:
        retry_at = scene.at + parse_duration(options["retry_after"])
    stop = Stop(
        key=f"{reason}:{scene.number}",
        reason=reason,
        confidence=_ratio(options.get("confidence", "100%")),
        message=options.get("message", ""),
        provider=options.get("provider"),
        model=options.get("model"),
        http_status=_whole(options.get("http_status")),
        retry_at=retry_at,
        retrying=options.get("retrying") == "true",
        attempt=_whole(options.get("attempt")),
        exit_code=_whole(options.get("exit_code")),
        signal=options.get("signal"),
        evidence={"implausible": True} if options.get("implausible") == "true" else {},
        words=options.get("words", "true" if reason in WANT_WORDS else "false") == "true",
    )
    return events.SessionStopped(at=scene.at, session=scene.session, agent=scene.agent, stop=stop)


def _died(options: Mapping[str, str], scene: Scene) -> Event:
    code = _whole(options.get("exit_code"))
    return events.AgentDown(
        at=scene.at,
        agent=scene.agent,
        cause=DownCause.EXITED,
        exit_code=code,
        signal=options.get("signal"),
        detail=options.get("message", ""),
    )


def _ended(_options: Mapping[str, str], scene: Scene) -> Event:
    return events.AgentDown(at=scene.at, agent=scene.agent, cause=DownCause.ENDED, exit_code=0)


def _up(_options: Mapping[str, str], scene: Scene) -> Event:
    return events.AgentUp(
        at=scene.at,
        agent=scene.agent,
        assistant="opencode",
        way=scene.way,
        version=VERSION,
        supported=True,
        started_at=scene.at,
    )


def _blocked(options: Mapping[str, str], scene: Scene) -> Event:
    age = scene.facts.get("block.age")
    block = Block(
        id=f"block:{scene.number}",
        kind=BlockKind(options.get("block") or str(scene.facts.get("block.kind") or "permission")),
        text=options.get("text") or str(scene.facts.get("block.text") or ""),
        tool=options.get("tool") or str(scene.facts.get("block.tool") or ""),
        since=scene.at - (age if isinstance(age, timedelta) else timedelta(0)),
    )
    return events.SessionBlocked(at=scene.at, session=scene.session, agent=scene.agent, block=block)


def _unblocked(_options: Mapping[str, str], scene: Scene) -> Event:
    block = scene.known.block if scene.known else None
    return events.SessionUnblocked(
        at=scene.at, session=scene.session, block=block.id if block else ""
    )


def _operator(options: Mapping[str, str], scene: Scene) -> Event:
    command = _COMMANDS[options["command"]](scene.session)
    return events.CommandGiven(at=scene.at, command=command, by="the test")


_COMMANDS: Final[Mapping[str, Callable[[SessionId], Command]]] = {
    "pause": lambda session: commands.Hold(session=session),
    "resume": lambda session: commands.Release(session=session),
    "abort": lambda session: commands.Abort(session=session),
    "skip": lambda session: commands.Skip(session=session),
    "new-session": lambda session: commands.Renew(session=session),
    "enrol": lambda session: commands.Enrol(session=session),
    "detach": lambda session: commands.Detach(session=session),
}

_EVENTS: Final[Mapping[str, Callable[[Mapping[str, str], Scene], Event]]] = {
    "stopped": _stopped,
    "died": _died,
    "ended": _ended,
    "up": _up,
    "blocked": _blocked,
    "unblocked": _unblocked,
    "operator": _operator,
    "working": lambda _, on: events.SessionWorking(at=on.at, session=on.session, agent=on.agent),
    "alive": lambda _, on: events.SessionAlive(at=on.at, session=on.session, what="text"),
    "progress": lambda _, on: events.SessionProgressed(at=on.at, session=on.session, what="a turn"),
    "prompted": lambda _, on: events.PersonPrompted(
        at=on.at, session=on.session, message=f"person:{on.number}"
    ),
    "gone": lambda _, on: events.SessionGone(at=on.at, session=on.session),
    "tick": lambda _, on: events.Ticked(at=on.at),
}


def _whole(text: str | None) -> int | None:
    return int(text) if text else None


def _ratio(text: str) -> float:
    return float(text.removesuffix("%")) / 100
