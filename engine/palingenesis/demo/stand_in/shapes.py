"""Ids and payloads as OpenCode writes them, made from recordings of the real one."""

import copy
import json
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from palingenesis.runtime.ports import Clock, Dice

Json = dict[str, Any]

VERSION = "1.18.33"
_RECORDED: Json = json.loads(Path(__file__).with_name("recorded.json").read_text(encoding="utf-8"))
_ID_BITS = 48


def recorded(name: str) -> Json:
    """A copy of a recorded payload; its values are those of the recording."""
    found: Json = copy.deepcopy(_RECORDED[name])
    return found


def epoch_ms(at: datetime) -> int:
    """Milliseconds since 1970, as every OpenCode payload counts time."""
    return int(at.timestamp() * 1000)


class Ids:
    """Names new things: time first, so that they sort by age (sessions: newest first)."""

    def __init__(self, clock: Clock, dice: Dice) -> None:
        self._clock = clock
        self._dice = dice
        self._count = 0

    def new(self, kind: str) -> str:
        """An id such as `msg_1fbe5c9810015c1d0c2b9f0e4a`; `ses` ids count downwards."""
        self._count = (self._count + 1) % 0x1000
        number = (epoch_ms(self._clock.now()) * 0x1000 + self._count) % (1 << _ID_BITS)
        if kind == "ses":
            number = (1 << _ID_BITS) - 1 - number
        return f"{kind}_{number:012x}{self._dice.token()[:14]}"


def session(*, id_: str, directory: str, project: str, at: datetime, given: Json) -> Json:
    """A new session; `given` is the body of the request that creates it."""
    info = recorded("session")
    for name in ("summary", "agent", "model"):
        del info[name]
    info |= {
        "id": id_,
        "slug": f"stand-in-{id_[-4:]}",
        "projectID": project,
        "directory": directory,
        "path": "",
        "cost": 0,
        "tokens": no_tokens(),
        "title": given.get("title") or f"New session - {at:%Y-%m-%dT%H:%M:%S.000Z}",
        "version": VERSION,
        "time": {"created": epoch_ms(at), "updated": epoch_ms(at)},
    }
    for name in ("parentID", "agent", "model", "metadata", "permission"):
        if name in given:
            info[name] = given[name]
    return info


def user(*, id_: str, session_id: str, model: Mapping[str, str], agent: str, at: datetime) -> Json:
    """What a person (or the supervisor) said."""
    return {
        "id": id_,
        "sessionID": session_id,
        "role": "user",
        "time": {"created": epoch_ms(at)},
        "agent": agent,
        "model": {"providerID": model["providerID"], "modelID": model["modelID"]},
    }


def assistant(*, id_: str, asked: Json, directory: str, at: datetime) -> Json:
    """An answer that has just begun: no `time.completed`, no finish."""
    info = recorded("assistant")
    del info["finish"]
    return info | {
        "id": id_,
        "sessionID": asked["sessionID"],
        "time": {"created": epoch_ms(at)},
        "parentID": asked["id"],
        "modelID": asked["model"]["modelID"],
        "providerID": asked["model"]["providerID"],
        "mode": asked["agent"],
        "agent": asked["agent"],
        "path": {"cwd": directory, "root": directory},
        "cost": 0,
        "tokens": no_tokens(),
    }


def part(kind: str, *, id_: str, message: Json, **fields: Any) -> Json:
    """A part of a message."""
    return {
        "id": id_,
        "sessionID": message["sessionID"],
        "messageID": message["id"],
        "type": kind,
        **fields,
    }


def no_tokens() -> Json:
    """The count before anything was counted."""
    return {"input": 0, "output": 0, "reasoning": 0, "cache": {"read": 0, "write": 0}}


def provider(id_: str, config: Json) -> Json:
    """An entry of `/config/providers`."""
    entry = recorded("provider")
    (sample,) = entry["models"].values()
    models: Json = {}
    for name, model in config.get("models", {}).items():
        cost = model.get("cost", {})
        models[name] = copy.deepcopy(sample) | {
            "id": name,
            "providerID": id_,
            "name": model.get("name", name),
            "api": {"id": name, "url": "", "npm": config.get("npm", "")},
            "limit": model.get("limit", {"context": 0, "output": 0}),
            "cost": {
                "input": cost.get("input", 0),
                "output": cost.get("output", 0),
                "cache": {"read": cost.get("cache_read", 0), "write": cost.get("cache_write", 0)},
            },
        }
    options = config.get("options", {})
    return entry | {
        "id": id_, "name": config.get("name", id_), "options": options, "models": models,
    }  # fmt: skip
