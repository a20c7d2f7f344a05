"""One session's life as its signals tell it: a fold that hints to the sensor what to do next.

The sensor stays thin: it folds each signal, and follows the hints.
A session's children (subagents) are folded into the life of their root: they keep it alive, their
questions block it, and their own stops are none of its stops.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import assert_never

from palingenesis.assistants.opencode.messages import Failure, Message, Part, Todo
from palingenesis.assistants.opencode.signals import (
    Answered,
    Asked,
    Busy,
    Compacted,
    Disposed,
    Errored,
    Heartbeat,
    Idle,
    MessageSeen,
    Noise,
    PartSeen,
    Retry,
    ServerConnected,
    SessionDeleted,
    SessionInfo,
    Signal,
    TextDelta,
    TodoChanged,
)
from palingenesis.assistants.opencode.transcript import Transcript, is_hollow

_TEXT_KEPT = 500


class Activity(StrEnum):
    """What OpenCode says a session is doing."""

    UNKNOWN = "unknown"
    IDLE = "idle"
    BUSY = "busy"
    RETRY = "retry"


@dataclass(frozen=True, slots=True, kw_only=True)
class Working:
    """The session began to work."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """The session says that it is idle: read its messages, and ask `reading.stop_of`.

    Comes once for the first idle, and once more for every later sign that changes the picture
    (the second idle after an error, a late error); reading the same stop twice is harmless,
    because it has the same key.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class Retrying:
    """OpenCode waits by itself: a stop of its own, see `reading.retrying_stop`."""

    retry: Retry


@dataclass(frozen=True, slots=True, kw_only=True)
class Blocked:
    """A person is needed; the session (or one of its children) goes on only when she answers."""

    asked: Asked


@dataclass(frozen=True, slots=True, kw_only=True)
class Unblocked:
    """The permission or question is settled."""

    id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Alive:
    """A sign of life: `text`, `tool`, `step`, `child`, `todo`, `compaction`."""

    what: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnCompleted:
    """An answer was completed with a proper end, and it was no summary."""

    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Spinning:
    """Answers come to nothing, one after the other; the provider cuts them off."""

    hollow: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonSpoke:
    """A prompt arrived that is neither ours nor OpenCode's own."""

    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Gone:
    """The session was deleted."""


Hint = (
    Working
    | Ended
    | Retrying
    | Blocked
    | Unblocked
    | Alive
    | TurnCompleted
    | Spinning
    | PersonSpoke
    | Gone
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Life:
    """What is remembered of a session between two signals."""

    session: str
    activity: Activity = Activity.UNKNOWN
    failure: Failure | None = None
    """The latest error of this turn; forgotten when the session works again or is prompted."""
    retry: Retry | None = None
    blocks: Mapping[str, Asked] | None = None
    children: frozenset[str] = frozenset()
    """Subagents that work: a parent with running children is not stalled."""
    tools: frozenset[str] = frozenset()
    """Tools that run, by the id of their part: a build may be silent for long."""
    steps: int = 0
    """Answers begun since the session was last idle."""
    hollow: int = 0
    """Answers in a row that came to nothing (see transcript.is_hollow)."""
    todos: tuple[Todo, ...] = ()
    user: str = ""
    """Id of the newest user message."""
    begun: str = ""
    """Id of the user message that OpenCode began to work on last."""
    unread: str = ""
    """A user message of which no part was seen yet: not known whose it is."""
    prompt: str = ""
    """Text of the newest prompt, shortened."""
    replay: str | None = None
    """A forced summary is due or under way: after it that prompt comes again, as a new message."""
    summarised: bool = False
    """A summary was just completed."""
    answers: frozenset[str] = frozenset()
    """Answers of this turn that have begun."""
    ended: frozenset[str] = frozenset()
    """Answers of this turn whose end was told."""


Hints = tuple[Hint, ...]


def life_of(session: str, transcript: Transcript) -> Life:
    """A life that begins with what the messages tell: what is old then, is no news."""
    user = transcript.user
    return Life(
        session=session,
        todos=transcript.todos or (),
        user=user.id if user is not None else "",
        prompt=user.text[:_TEXT_KEPT] if user is not None else "",
        hollow=transcript.hollow,
    )


def fold(life: Life, signal: Signal) -> tuple[Life, Hints]:
    """Take one signal in: of the session itself, or of one of its children.

    Signals of the server, and noise, change nothing.
    """
    match signal:
        case ServerConnected() | Heartbeat() | Disposed() | Noise() | SessionInfo():
            return life, ()
        case Asked() | Answered():
            return _block(life, signal)
        case _ if signal.session != life.session:
            return _child(life, signal)
        case Busy() | Idle() | Retry() | Errored() | SessionDeleted():
            return _activity(life, signal)
        case MessageSeen() | PartSeen() | TextDelta() | TodoChanged() | Compacted():
            return _content(life, signal)
        case _:
            assert_never(signal)


def root_of(session: str, parents: Mapping[str, str | None]) -> str:
    """The session at the top of a family of subagents; a session without a parent is its own."""
    seen = {session}
    while (parent := parents.get(session)) and parent not in seen:
        session = parent
        seen.add(session)
    return session


def _activity(
    life: Life, signal: Busy | Idle | Retry | Errored | SessionDeleted
) -> tuple[Life, Hints]:
    match signal:
        case Busy():
            return _busy(life)
        case Idle():
            return _idle(life)
        case Retry():
            again = replace(life, activity=Activity.RETRY, retry=signal, failure=None)
            return again, () if life.retry == signal else (Retrying(retry=signal),)
        case Errored():
            late = life.activity is Activity.IDLE
            return replace(life, failure=signal.failure), (Ended(),) if late else ()
        case SessionDeleted():
            return replace(life, activity=Activity.IDLE, children=frozenset()), (Gone(),)
        case _:
            assert_never(signal)


def _content(
    life: Life, signal: MessageSeen | PartSeen | TextDelta | TodoChanged | Compacted
) -> tuple[Life, Hints]:
    match signal:
        case MessageSeen(message=message):
            return _user(life, message) if message.role == "user" else _answer(life, message)
        case PartSeen(part=part):
            return _prompt(life, part) if part.message == life.user else _work(life, part)
        case TextDelta():
            return life, (Alive(what="text"),)
        case TodoChanged(todos=todos):
            return replace(life, todos=todos), (Alive(what="todo"),)
        case Compacted():
            return replace(life, failure=None), (Alive(what="compaction"),)
        case _:
            assert_never(signal)


def _busy(life: Life) -> tuple[Life, Hints]:
    began = life.activity in {Activity.IDLE, Activity.UNKNOWN}
    again = replace(life, activity=Activity.BUSY, retry=None, begun=life.user)
    if not began:
        return again, ()
    return replace(
        again,
        failure=None,
        tools=frozenset(),
        steps=0,
        hollow=0,
        answers=frozenset(),
        ended=frozenset(),
    ), (Working(),)


def _idle(life: Life) -> tuple[Life, Hints]:
    ended = replace(life, activity=Activity.IDLE, retry=None, summarised=False)
    again = life.activity is Activity.IDLE
    return ended, () if again and life.failure is None else (Ended(),)


def _answer(life: Life, message: Message) -> tuple[Life, Hints]:
    hints: list[Hint] = []
    if life.unread and message.parent == life.unread:
        hints.append(PersonSpoke(message=life.unread))  # empty: a silent re-run by somebody else
        life = replace(life, unread="")
    if message.id not in life.answers:
        life = replace(
            life,
            answers=life.answers | {message.id},
            steps=life.steps + 1,
            tools=frozenset(),  # an answer begins when the tools of the last one have ended
        )
        hints.append(Alive(what="step"))
    if message.completed is None or message.id in life.ended:
        return life, tuple(hints)
    life = replace(life, ended=life.ended | {message.id}, summarised=message.summary)
    if is_hollow(message):
        life = replace(life, hollow=life.hollow + 1)
        hints.append(Spinning(hollow=life.hollow))
    elif message.finish == "stop" and not message.summary:
        life = replace(life, hollow=0)
        hints.append(TurnCompleted(message=message.id))
    return life, tuple(hints)


def _user(life: Life, message: Message) -> tuple[Life, Hints]:
    if message.id <= life.user:  # OpenCode's ids grow; it touches old messages again when idle
        return life, ()
    unread = "" if message.ours or message.touched else message.id
    return replace(life, user=message.id, unread=unread, failure=None), ()


def _work(life: Life, part: Part) -> tuple[Life, Hints]:
    if part.tool is not None:
        runs = part.tool.status == "running"
        tools = life.tools | {part.id} if runs else life.tools - {part.id}
        return replace(life, hollow=0, tools=tools), (Alive(what="tool"),)
    return life, (Alive(what="text" if part.kind in {"text", "reasoning"} else "step"),)


def _prompt(life: Life, part: Part) -> tuple[Life, Hints]:
    if part.kind == "compaction":
        return replace(life, unread="", replay=life.prompt if part.overflow else None), ()
    words = part.text[:_TEXT_KEPT]
    repeated = life.summarised and part.kind == "text" and words == life.replay
    foreign = life.unread == part.message and not part.synthetic and not repeated
    known = replace(
        life,
        unread="",
        prompt=words if part.kind == "text" else life.prompt,
        replay=None if repeated else life.replay,
        summarised=False,
    )
    return known, (PersonSpoke(message=part.message),) if foreign else ()


def _block(life: Life, signal: Asked | Answered) -> tuple[Life, Hints]:
    blocks = dict(life.blocks or {})
    if isinstance(signal, Asked):
        known = signal.id in blocks
        blocks[signal.id] = signal
        return replace(life, blocks=blocks), () if known else (Blocked(asked=signal),)
    known = blocks.pop(signal.id, None) is not None
    # What else is asked still waits: that one was answered is not that it goes on.
    others = (Blocked(asked=asked) for asked in blocks.values())
    return replace(life, blocks=blocks), (Unblocked(id=signal.id), *others) if known else ()


def _child(life: Life, signal: Signal) -> tuple[Life, Hints]:
    match signal:
        case Busy() | Retry():
            return replace(life, children=life.children | {signal.session}), ()
        case Idle() | SessionDeleted():
            return replace(life, children=life.children - {signal.session}), ()
        case MessageSeen() | PartSeen() | TextDelta() | TodoChanged() | Compacted():
            return life, (Alive(what="child"),)
        case _:
            return life, ()
