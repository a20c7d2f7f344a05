"""The conversations, in memory and on disk.

One file per session, written whole and renamed into place. What is written when is OpenCode's own
habit: streamed text reaches the disk only when it is complete, so a killed server leaves an
answer that is empty and not completed.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

Json = dict[str, Any]


@dataclass(slots=True)
class Conversation:
    """A session with its messages, oldest first, each `{"info": …, "parts": […]}`."""

    info: Json
    messages: list[Json] = field(default_factory=list)
    todos: list[Json] = field(default_factory=list)

    @property
    def id(self) -> str:
        """The session's id."""
        return str(self.info["id"])

    @property
    def directory(self) -> str:
        """The directory it works in."""
        return str(self.info["directory"])

    def message(self, id_: str) -> Json | None:
        """The message of that id."""
        return next((one for one in self.messages if one["info"]["id"] == id_), None)

    def last(self, role: str) -> Json | None:
        """The newest message of `user` or `assistant`."""
        return next((one for one in reversed(self.messages) if one["info"]["role"] == role), None)


class Store:
    """All conversations of this data directory."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._conversations: dict[str, Conversation] = {}
        directory.mkdir(parents=True, exist_ok=True)
        for file in sorted(directory.glob("ses_*.json")):
            saved = json.loads(file.read_text(encoding="utf-8"))
            one = Conversation(saved["info"], saved["messages"], saved["todos"])
            self._conversations[one.id] = one

    def __iter__(self) -> Iterator[Conversation]:
        """Newest first."""
        return iter(
            sorted(
                self._conversations.values(),
                key=lambda one: (-one.info["time"]["updated"], one.id),
            )
        )

    def get(self, id_: str) -> Conversation | None:
        """The conversation of that session."""
        return self._conversations.get(id_)

    def add(self, conversation: Conversation) -> None:
        """Keep a new conversation."""
        self._conversations[conversation.id] = conversation
        self.save(conversation)

    def remove(self, conversation: Conversation) -> None:
        """Forget a conversation, on disk too."""
        self._conversations.pop(conversation.id, None)
        self._file(conversation).unlink(missing_ok=True)

    def save(self, conversation: Conversation) -> None:
        """Write it as it is now, except for text that is still growing."""
        messages = [
            {
                "info": message["info"],
                "parts": [_as_kept(part) for part in message["parts"]],
            }
            for message in conversation.messages
        ]
        saved = {"info": conversation.info, "messages": messages, "todos": conversation.todos}
        file = self._file(conversation)
        room = file.with_suffix(".new")
        room.write_text(json.dumps(saved), encoding="utf-8")
        room.replace(file)

    def _file(self, conversation: Conversation) -> Path:
        return self._directory / f"{conversation.id}.json"


def _as_kept(part: Json) -> Json:
    """Text without an end is kept as nothing."""
    is_growing = part["type"] == "text" and "time" in part and "end" not in part["time"]
    return {**part, "text": ""} if is_growing else part
