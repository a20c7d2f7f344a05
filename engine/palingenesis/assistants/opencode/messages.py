"""One message of a conversation, as OpenCode stores it, in the few fields that matter to us."""

import json
from base64 import urlsafe_b64decode
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import Enum, auto
from typing import Final, Literal

from palingenesis.assistants.opencode.ids import is_ours
from palingenesis.assistants.opencode.untrusted import (
    dig,
    flag,
    instant,
    items,
    table,
    text,
    whole,
)

Role = Literal["user", "assistant"]

_FAILURE_LIMIT = 4_000
_MESSAGE: Final = "msg_"
_LEFT_OUT: Final = "left out: too large"
_WRITERS = frozenset({"write", "edit", "multiedit", "patch", "apply_patch"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """An error as OpenCode names it; everything a classifier may look at."""

    name: str
    message: str = ""
    status: int | None = None
    """HTTP status of the provider's answer; None when there was no answer."""
    body: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    """Of the provider's answer; names in lower case."""
    provider: str | None = None
    retryable: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Tokens of one answer; `input` excludes what came from the cache."""

    input: int = 0
    output: int = 0
    reasoning: int = 0
    cache_read: int = 0
    cache_write: int = 0

    @property
    def total(self) -> int:
        """What the conversation took of the model's window, as OpenCode's own screen counts it."""
        return self.input + self.output + self.reasoning + self.cache_read + self.cache_write


@dataclass(frozen=True, slots=True, kw_only=True)
class Tool:
    """One call of a tool."""

    call: str
    name: str
    status: str
    """`pending`, `running`, `completed` or `error`."""
    paths: tuple[str, ...] = ()
    """Files that the call wrote; known for the writing tools only, never for a shell."""
    child: str | None = None
    """The session that does the work, if the tool started one."""
    todos: "tuple[Todo, ...] | None" = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Todo:
    """One item of the assistant's own list."""

    content: str
    status: str
    """`pending`, `in_progress`, `completed` or `cancelled`."""
    priority: str = ""

    @property
    def is_open(self) -> bool:
        """Whether something is left to be done about it."""
        return self.status not in {"completed", "cancelled"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One piece of a message."""

    id: str
    message: str
    kind: str
    """`text`, `reasoning`, `tool`, `file`, `step-start`, `step-finish`, `compaction`, …"""
    text: str = ""
    synthetic: bool = False
    """Written by OpenCode or a plugin in the person's name."""
    continuation: bool = False
    """OpenCode's own "continue" after it summarised the conversation."""
    overflow: bool = False
    """A compaction that was forced: the prompt before it is sent again afterwards."""
    finish: str = ""
    """Of a finished step: why it ended."""
    tool: Tool | None = None


_GOES_ON: Final = frozenset({"", "tool-calls", "unknown"})
"""How an answer ends that another one follows in the same turn, or that has no end."""


class Large(Enum):
    """What is done about a message that is too large to be read."""

    RAISED = auto()
    PASSED = auto()
    """It is left out, if it is not the newest."""
    ENDS = auto()
    """So it is, and so is whatever is older: nobody knows what it said to that."""
    NAMED = auto()
    """It is left out, also the newest, and `left_out` knows it in its place."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """What one side said."""

    id: str
    session: str
    role: Role
    created: datetime | None = None
    completed: datetime | None = None
    parent: str | None = None
    """Of an answer: the user message that it answers."""
    finish: str = ""
    failure: Failure | None = None
    provider: str | None = None
    model: str | None = None
    usage: Usage = field(default_factory=Usage)
    summary: bool = False
    """The answer is a summary of the conversation, not a turn of it."""
    touched: bool = False
    """A user message that OpenCode has worked on and stored again; never true of a new one."""
    parts: tuple[Part, ...] = ()

    @property
    def is_final(self) -> bool:
        """Whether the answer says how its turn ended; a moment later it is completed, too."""
        final = self.role == "assistant" and not self.summary and self.failure is None
        return final and self.finish not in _GOES_ON

    @property
    def ours(self) -> bool:
        """Whether palingenesis sent it."""
        return is_ours(self.id)

    @property
    def synthetic(self) -> bool:
        """Whether nothing of it was written by a person."""
        return bool(self.parts) and all(part.synthetic for part in self.parts)

    @property
    def compaction(self) -> bool:
        """Whether it is OpenCode's order to itself to summarise."""
        return any(part.kind == "compaction" for part in self.parts)

    @property
    def tools(self) -> tuple[Tool, ...]:
        """The calls of tools, in order."""
        return tuple(part.tool for part in self.parts if part.tool is not None)

    @property
    def text(self) -> str:
        """All its text, without reasoning and without what tools said."""
        return "\n\n".join(part.text for part in self.parts if part.kind == "text" and part.text)


def leave_out(cursor: str) -> Mapping[str, object]:
    """What stands for a message that was too large; `cursor`: behind which OpenCode goes on.

    It names the last message before it: the one that was asked for alone.
    """
    given = cursor if cursor.startswith(_MESSAGE) else _inside(cursor)
    return {_LEFT_OUT: given if given.startswith(_MESSAGE) else ""}


def left_out(value: object) -> str | None:
    """Id of the message that was too large and would stand here, "" if unknown; None: none is."""
    return text(value, _LEFT_OUT) if _LEFT_OUT in table(value) else None


def _inside(cursor: str) -> str:
    """The id in a cursor of OpenCode's: base64 of a JSON object."""
    try:
        return text(json.loads(urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))), "id")
    except (ValueError, RecursionError):
        return ""


def read_message(value: object) -> Message | None:
    """One `{info, parts}`; None when it is no message."""
    info = read_info(dig(value, "info"))
    if info is None:
        return None
    parts = tuple(part for part in map(read_part, items(value, "parts")) if part is not None)
    return replace(info, parts=parts)


def read_info(value: object) -> Message | None:
    """The `info` of a message, as streams carry it: a message without parts."""
    identity, role = text(value, "id"), text(value, "role")
    if not identity or role not in {"user", "assistant"}:
        return None
    model = text(value, "modelID") or text(value, "model", "modelID")
    provider = text(value, "providerID") or text(value, "model", "providerID")
    return Message(
        id=identity,
        session=text(value, "sessionID"),
        role="user" if role == "user" else "assistant",
        created=instant(value, "time", "created"),
        completed=instant(value, "time", "completed"),
        parent=text(value, "parentID") or None,
        finish=text(value, "finish"),
        failure=read_failure(dig(value, "error")),
        provider=provider or None,
        model=model or None,
        usage=_usage(dig(value, "tokens")),
        summary=flag(value, "summary"),
        touched=isinstance(dig(value, "summary"), Mapping),
    )


def read_part(value: object) -> Part | None:
    """One part; None when it is none."""
    kind = text(value, "type")
    if not kind:
        return None
    return Part(
        id=text(value, "id"),
        message=text(value, "messageID"),
        kind=kind,
        text=text(value, "text"),
        synthetic=flag(value, "synthetic"),
        continuation=flag(value, "metadata", "compaction_continue"),
        overflow=flag(value, "overflow"),
        finish=text(value, "reason"),
        tool=_tool(value) if kind == "tool" else None,
    )


def read_failure(value: object) -> Failure | None:
    """`{name, data}`; None when there is no error."""
    name = text(value, "name") or text(value, "_tag")
    if not name:
        return None
    data = dig(value, "data")
    headers = {
        key.lower(): item
        for key, item in table(data, "responseHeaders").items()
        if isinstance(item, str)
    }
    retryable = dig(data, "isRetryable")
    return Failure(
        name=name,
        message=(text(data, "message") or text(value, "message"))[:_FAILURE_LIMIT],
        status=whole(data, "statusCode"),
        body=text(data, "responseBody")[:_FAILURE_LIMIT],
        headers=headers,
        provider=text(data, "providerID") or None,
        retryable=retryable if isinstance(retryable, bool) else None,
    )


def read_todos(value: object) -> tuple[Todo, ...]:
    """The list of `GET /session/:id/todo`, of `todo.updated` and of the tool that writes it."""
    return tuple(
        Todo(
            content=text(item, "content"),
            status=text(item, "status"),
            priority=text(item, "priority"),
        )
        for item in (value if isinstance(value, list | tuple) else ())
        if text(item, "content")
    )


def _tool(value: object) -> Tool:
    name, status = text(value, "tool"), text(value, "state", "status")
    given = dig(value, "state", "input")
    wrote = name in _WRITERS and status == "completed"
    return Tool(
        call=text(value, "callID"),
        name=name,
        status=status,
        paths=_paths(given, dig(value, "state", "metadata")) if wrote else (),
        child=text(value, "state", "metadata", "sessionId") or None,
        todos=read_todos(dig(given, "todos")) if name == "todowrite" else None,
    )


def _paths(given: object, metadata: object) -> tuple[str, ...]:
    """Where a writing tool wrote: its argument, and the files that a patch reports."""
    found = [text(given, "filePath"), text(metadata, "filepath")]
    found += [text(item, "filePath") for item in items(metadata, "files")]
    return tuple(dict.fromkeys(path for path in found if path))


def _usage(value: object) -> Usage:
    def count(*keys: str) -> int:
        return max(0, whole(value, *keys) or 0)

    return Usage(
        input=count("input"),
        output=count("output"),
        reasoning=count("reasoning"),
        cache_read=count("cache", "read"),
        cache_write=count("cache", "write"),
    )
