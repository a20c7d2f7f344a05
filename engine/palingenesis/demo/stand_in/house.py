"""What every part of the stand-in works with, and the few ways in which a conversation changes."""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from palingenesis.demo.stand_in import shapes
from palingenesis.demo.stand_in.bus import Bus
from palingenesis.demo.stand_in.settings import Settings
from palingenesis.demo.stand_in.store import Conversation, Store
from palingenesis.runtime.ports import Clock, Dice

Json = dict[str, Any]


@dataclass(slots=True)
class Pending:
    """A question or a permission that the session waits for; the reply is None when rejected."""

    request: Json
    reply: "asyncio.Future[Json | None]"


@dataclass(slots=True, kw_only=True)
class House:
    """The stand-in's shared state."""

    settings: Settings
    store: Store
    bus: Bus
    ids: shapes.Ids
    clock: Clock
    dice: Dice
    statuses: dict[str, Json] = field(default_factory=dict)
    """Live statuses by session; the idle are absent."""
    permissions: dict[str, Pending] = field(default_factory=dict)
    questions: dict[str, Pending] = field(default_factory=dict)
    always: set[tuple[str, str]] = field(default_factory=set)
    """(session, tool) that were allowed for good."""
    run_child: "Callable[[Conversation, str], Awaitable[str]] | None" = None
    """Runs a prompt in a child session to its end; returns the answer."""

    def tell(self, conversation: Conversation, kind: str, properties: Json) -> None:
        """Publish an event of this conversation."""
        self.bus.publish(
            kind,
            {"sessionID": conversation.id, **properties},
            directory=conversation.directory,
            project=str(conversation.info["projectID"]),
        )

    def set_status(self, conversation: Conversation, status: Json) -> None:
        """Change the live status; becoming idle has an event of its own too."""
        is_idle = status["type"] == "idle"
        if is_idle:
            self.statuses.pop(conversation.id, None)
        else:
            self.statuses[conversation.id] = status
        self.tell(conversation, "session.status", {"status": status})
        if is_idle:
            self.tell(conversation, "session.idle", {})

    def changed(self, conversation: Conversation, fields: Mapping[str, Any] | None = None) -> None:
        """Change fields of the session, keep it, and tell."""
        conversation.info |= dict(fields or {})
        conversation.info["time"]["updated"] = self.now_ms()
        self.store.save(conversation)
        self.tell(conversation, "session.updated", {"info": conversation.info})

    def put_message(self, conversation: Conversation, info: Json) -> Json:
        """Add a message, or replace what is known about it; returns `{"info", "parts"}`."""
        message = conversation.message(info["id"])
        if message is None:
            message = {"info": info, "parts": []}
            conversation.messages.append(message)
        message["info"] = info
        self.store.save(conversation)
        self.tell(conversation, "message.updated", {"info": info})
        return message

    def put_part(self, conversation: Conversation, message: Json, part: Json) -> Json:
        """Add a part, or replace it."""
        for place, known in enumerate(message["parts"]):
            if known["id"] == part["id"]:
                message["parts"][place] = part
                break
        else:
            message["parts"].append(part)
        self.store.save(conversation)
        self.tell(conversation, "message.part.updated", {"part": part, "time": self.now_ms()})
        return part

    def new_part(self, conversation: Conversation, message: Json, kind: str, **fields: Any) -> Json:
        """Make a part and add it."""
        part = shapes.part(kind, id_=self.ids.new("prt"), message=message["info"], **fields)
        return self.put_part(conversation, message, part)

    def now_ms(self) -> int:
        """The present in milliseconds."""
        return shapes.epoch_ms(self.clock.now())


def project_of(directory: str) -> Json:
    """The project of a directory: its own when it is under git, else the global one."""
    if (Path(directory) / ".git").exists():
        digest = hashlib.sha1(directory.encode(), usedforsecurity=False).hexdigest()
        return {"id": digest, "worktree": directory}
    return {"id": "global", "worktree": "/"}
