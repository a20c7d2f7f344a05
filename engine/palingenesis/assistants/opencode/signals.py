"""What OpenCode's event stream says: a closed union of frozen signals, read from raw payloads.

A signal is still OpenCode's word about itself; what it means for a session is life.py's business.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from palingenesis.assistants.opencode.messages import (
    Failure,
    Message,
    Part,
    Todo,
    read_failure,
    read_info,
    read_part,
    read_todos,
)
from palingenesis.assistants.opencode.untrusted import dig, instant, items, table, text, whole
from palingenesis.core.values import BlockKind

_TEXT_LIMIT = 2_000


@dataclass(frozen=True, slots=True, kw_only=True)
class _Signal:
    directory: str = ""
    """The instance that says so; "" when the stream does not tell (`/event`)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _OfSession(_Signal):
    session: str
    """"" when OpenCode did not say which."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Busy(_OfSession):
    """The session works; repeated at every step."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Idle(_OfSession):
    """The session does not work. Comes two to six times; not yet final after an error."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Retry(_OfSession):
    """OpenCode waits by itself before it asks the provider again."""

    attempt: int
    message: str = ""
    next: datetime | None = None
    action: str = ""
    """OpenCode's own word for a limit it knows (`free_tier_limit`, `account_rate_limit`)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Errored(_OfSession):
    """A turn failed, or a self-healing overflow is about to be healed."""

    failure: Failure


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageSeen(_OfSession):
    """A message was stored or changed; without its parts."""

    message: Message


@dataclass(frozen=True, slots=True, kw_only=True)
class PartSeen(_OfSession):
    """A part of a message was stored or changed."""

    part: Part


@dataclass(frozen=True, slots=True, kw_only=True)
class TextDelta(_OfSession):
    """Text flows; how much of it, not what it says."""

    message: str
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked(_OfSession):
    """A person's permission or answer is needed; until then the session is plainly `busy`."""

    id: str
    kind: BlockKind
    text: str = ""
    tool: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered(_OfSession):
    """The permission or question is settled."""

    id: str
    kind: BlockKind
    reply: str = ""
    """`once`, `always` or `reject` of a permission; `reject` of a question."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TodoChanged(_OfSession):
    """The assistant's own list changed."""

    todos: tuple[Todo, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionSummary:
    """A session as lists and streams name it."""

    id: str
    directory: str = ""
    title: str = ""
    parent: str | None = None
    project: str = ""
    version: str = ""
    provider: str | None = None
    model: str | None = None
    created: datetime | None = None
    updated: datetime | None = None
    archived: bool = False
    metadata: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionInfo(_OfSession):
    """A session was created or changed."""

    info: SessionSummary


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionDeleted(_OfSession):
    """A session is gone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Compacted(_OfSession):
    """The conversation was summarised to make room."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerConnected(_Signal):
    """The stream begins."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Heartbeat(_Signal):
    """The server lives; every ten seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Disposed(_Signal):
    """An instance (or, with an empty directory, every one) was shut down; the server lives on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Noise(_Signal):
    """Something that means nothing to us, or that could not be read."""

    kind: str


Signal = (
    Busy
    | Idle
    | Retry
    | Errored
    | MessageSeen
    | PartSeen
    | TextDelta
    | Asked
    | Answered
    | TodoChanged
    | SessionInfo
    | SessionDeleted
    | Compacted
    | ServerConnected
    | Heartbeat
    | Disposed
    | Noise
)


def read_payload(value: object) -> Signal | None:
    """One event of `/global/event` or `/event`.

    None when it is no event at all; a known kind in a wrong shape, and every unknown kind, is
    `Noise`. Never raises.
    """
    directory = text(value, "directory")
    event = dig(value, "payload") if dig(value, "payload") is not None else value
    kind = text(event, "type")
    if not kind:
        return None
    properties = dig(event, "properties")
    signal = _of_server(kind, directory, properties) or _of_session(kind, directory, properties)
    return signal or Noise(kind=kind[:80], directory=directory)


def read_summary(value: object) -> SessionSummary | None:
    """One session of a list, of `GET /session/:id` or of an event; None when it is none."""
    identity = text(value, "id")
    if not identity:
        return None
    return SessionSummary(
        id=identity,
        directory=text(value, "directory"),
        title=text(value, "title"),
        parent=text(value, "parentID") or None,
        project=text(value, "projectID"),
        version=text(value, "version"),
        provider=text(value, "model", "providerID") or None,
        model=text(value, "model", "id") or None,
        created=instant(value, "time", "created"),
        updated=instant(value, "time", "updated"),
        archived=dig(value, "time", "archived") is not None,
        metadata=table(value, "metadata"),
    )


def read_status(value: object, *, session: str, directory: str = "") -> Busy | Idle | Retry | None:
    """One `{type: busy | idle | retry, …}`; None when it is none."""
    match text(value, "type"):
        case "busy":
            return Busy(session=session, directory=directory)
        case "idle":
            return Idle(session=session, directory=directory)
        case "retry":
            return Retry(
                session=session,
                directory=directory,
                attempt=max(1, whole(value, "attempt") or 1),
                message=text(value, "message")[:_TEXT_LIMIT],
                next=instant(value, "next"),
                action=text(value, "action", "reason"),
            )
        case _:
            return None


def read_asked(kind: BlockKind, value: object, *, directory: str = "") -> Asked | None:
    """One pending permission or question, of an event or of a list; None when it is none."""
    identity = text(value, "id")
    if not identity:
        return None
    if kind is BlockKind.PERMISSION:
        tool = text(value, "permission")
        wanted = [item for item in items(value, "patterns") if isinstance(item, str)]
        said = text(value, "metadata", "command") or ", ".join(wanted)
        words = f"{tool}: {said}" if said else tool
    else:
        tool = "question"
        words = "\n".join(map(_question, items(value, "questions")))
    return Asked(
        session=text(value, "sessionID"),
        directory=directory,
        id=identity,
        kind=kind,
        text=words[:_TEXT_LIMIT],
        tool=tool,
    )


def _question(value: object) -> str:
    labels = [text(option, "label") for option in items(value, "options")]
    choice = " / ".join(label for label in labels if label)
    question = text(value, "question")
    return f"{question} [{choice}]" if choice else question


def _of_server(kind: str, directory: str, properties: object) -> Signal | None:
    match kind:
        case "server.connected":
            return ServerConnected(directory=directory)
        case "server.heartbeat":
            return Heartbeat(directory=directory)
        case "server.instance.disposed":
            return Disposed(directory=text(properties, "directory") or directory)
        case "global.disposed":
            return Disposed()
        case _:
            return None


def _of_session(kind: str, directory: str, properties: object) -> Signal | None:
    session = (
        text(properties, "sessionID")
        or text(properties, "info", "sessionID")
        or text(properties, "part", "sessionID")
    )
    match kind:
        case "session.error":
            failure = read_failure(dig(properties, "error"))
            return (
                Errored(session=session, directory=directory, failure=failure) if failure else None
            )
        case "permission.asked":
            return read_asked(BlockKind.PERMISSION, properties, directory=directory)
        case "question.asked":
            return read_asked(BlockKind.QUESTION, properties, directory=directory)
        case "session.created" | "session.updated":
            info = read_summary(dig(properties, "info"))
            return SessionInfo(session=info.id, directory=directory, info=info) if info else None
        case "session.deleted":
            session = session or text(properties, "info", "id")
            return SessionDeleted(session=session, directory=directory) if session else None
        case _:
            return _of_named_session(kind, directory, session, properties) if session else None


def _of_named_session(kind: str, directory: str, session: str, properties: object) -> Signal | None:
    match kind:
        case "session.status":
            return read_status(dig(properties, "status"), session=session, directory=directory)
        case "session.idle":
            return Idle(session=session, directory=directory)
        case "session.compacted":
            return Compacted(session=session, directory=directory)
        case "message.updated":
            message = read_info(dig(properties, "info"))
            if message is None:
                return None
            return MessageSeen(session=session, directory=directory, message=message)
        case "message.part.updated":
            part = read_part(dig(properties, "part"))
            return PartSeen(session=session, directory=directory, part=part) if part else None
        case "message.part.delta":
            size = len(text(properties, "delta"))
            message_id = text(properties, "messageID")
            return TextDelta(session=session, directory=directory, message=message_id, size=size)
        case "todo.updated":
            todos = read_todos(dig(properties, "todos"))
            return TodoChanged(session=session, directory=directory, todos=todos)
        case _:
            return _answered(kind, directory, session, properties)


def _answered(kind: str, directory: str, session: str, properties: object) -> Answered | None:
    about, _, verb = kind.partition(".")
    identity = text(properties, "requestID")
    if about not in {"permission", "question"} or verb not in {"replied", "rejected"}:
        return None
    reply = "reject" if verb == "rejected" else text(properties, "reply")
    return Answered(
        session=session,
        directory=directory,
        id=identity,
        kind=BlockKind(about),
        reply=reply,
    )
