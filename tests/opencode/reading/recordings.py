"""Recorded scenarios, and a replica of OpenCode's message store that is fed from a stream.

A recording holds the messages as they were at the end; a sensor reads them at every idle.
The replica tells what `GET /session/:id/message` would have said at each instant.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2] / "recordings" / "opencode"

Payload = dict[str, Any]


def scenarios() -> list[str]:
    return sorted(path.parent.name for path in ROOT.glob("*/event_0.jsonl"))


def payloads(scenario: str, name: str = "event_0.jsonl") -> Iterator[Payload]:
    for line in (ROOT / scenario / name).read_text().splitlines():
        yield json.loads(line)["event"]


def streams() -> list[tuple[str, str]]:
    return sorted((path.parent.name, path.name) for path in ROOT.glob("*/*.jsonl"))


def recorded(scenario: str, name: str = "messages.json") -> Any:
    return json.loads((ROOT / scenario / name).read_text())


class Replica:
    """Messages and parts, as the stream stored them."""

    def __init__(self) -> None:
        self._infos: dict[str, dict[str, Payload]] = {}
        self._parts: dict[str, dict[str, Payload]] = {}

    def take(self, payload: Payload) -> None:
        payload = payload.get("payload", payload)
        properties = payload.get("properties", {})
        if payload["type"] == "message.updated":
            info = properties["info"]
            self._infos.setdefault(properties["sessionID"], {})[info["id"]] = info
        elif payload["type"] == "message.part.updated":
            part = properties["part"]
            self._parts.setdefault(part["messageID"], {})[part["id"]] = part

    def messages(self, session: str) -> list[Payload]:
        return [
            {"info": info, "parts": list(self._parts.get(identity, {}).values())}
            for identity, info in self._infos.get(session, {}).items()
        ]
