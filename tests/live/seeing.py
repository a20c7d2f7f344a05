"""What can be seen of a conversation, without ids, times and repetitions."""

from collections.abc import Iterable
from itertools import groupby

from tests.live.bench import Bench
from tests.live.listener import Json


def statuses(events: list[Json]) -> list[str]:
    """Statuses, errors, idleness and what waits for a person, in order."""
    seen: list[str] = []
    for event in events:
        properties = event["properties"]
        match event["type"]:
            case "session.status":
                status = properties["status"]
                seen.append(" ".join(str(status[name]) for name in ("type", "attempt", "message")
                                     if name in status))  # fmt: skip
            case "session.error":
                seen.append(error(properties["error"]))
            case "session.idle" | "session.compacted" | "permission.asked" | "permission.replied":
                seen.append(event["type"])
            case "question.asked" | "question.replied" | "question.rejected" | "todo.updated":
                seen.append(event["type"])
    return without_repetitions(seen)


def answers(events: list[Json]) -> list[str]:
    """How answers grow and end, in order."""
    seen: list[str] = []
    said = {
        event["properties"]["info"]["id"]
        for event in events
        if event["type"] == "message.updated" and event["properties"]["info"]["role"] == "user"
    }
    for event in events:
        properties = event["properties"]
        match event["type"]:
            case "message.updated" if properties["info"]["role"] == "assistant":
                seen.append(state(properties["info"]))
            case "message.part.delta":
                seen.append("delta")
            case "message.part.updated":
                part = properties["part"]
                if part["type"] != "patch" and part["messageID"] not in said:
                    words = (part["type"], part.get("state", {}).get("status"), part.get("reason"))
                    seen.append(" ".join(word for word in words if word))
    return without_repetitions(seen)


def messages(found: list[Json]) -> list[Json]:
    """What is left of the conversation."""
    return [
        {
            "is": f"{message['info']['role']} {state(message['info'])}".strip(),
            "parts": [
                " ".join(
                    word
                    for word in (
                        part["type"],
                        part.get("text"),
                        part.get("state", {}).get("status"),
                        part.get("reason"),
                    )
                    if word
                )
                for part in message["parts"]
                if part["type"] != "patch"
            ],
        }
        for message in found
    ]


def asked(bench: Bench) -> list[list[str]]:
    """What the model was shown each time: (role, text) without what tools said."""
    return [
        [
            "a request for a summary"
            if text.startswith("Here is the conversation so far")
            else f"{role}: {text}"
            for role, text in request.messages
            if role != "tool" and text
        ]
        for request in bench.provider.requests
    ]


def state(info: Json) -> str:
    """Open or completed, finish, error."""
    if info["role"] == "user":
        return ""
    words: list[str] = ["completed" if "completed" in info["time"] else "open"]
    if info.get("summary") is True:
        words.append("summary")
    if "finish" in info:
        words.append(info["finish"])
    if "error" in info:
        words.append(error(info["error"]))
    return " ".join(words)


def error(payload: Json) -> str:
    """An error's name, status code and whether trying again may help."""
    data = payload["data"]
    words = (payload["name"], data.get("statusCode"), data.get("isRetryable"))
    return " ".join(str(word) for word in words if word is not None)


def without_repetitions(seen: Iterable[str]) -> list[str]:
    """Each run of the same word once."""
    return [word for word, _ in groupby(seen)]
