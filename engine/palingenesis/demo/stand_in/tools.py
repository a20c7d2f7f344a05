"""The tools of the stand-in. They are harmless: no command runs, nothing outside is touched."""

import asyncio
import json
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from palingenesis.demo.stand_in import shapes
from palingenesis.demo.stand_in.house import House, Pending, project_of
from palingenesis.demo.stand_in.store import Conversation

Json = dict[str, Any]

PERSON_S_MAX = 30 * 24 * 3600.0
"""How long a person may think; OpenCode itself would wait for ever."""


class ToolError(Exception):
    """The tool failed; `ends_turn` when the person rejected it without a word."""

    def __init__(self, message: str, *, ends_turn: bool = False) -> None:
        super().__init__(message)
        self.ends_turn = ends_turn


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What a tool gives back to the model."""

    output: str
    title: str = ""
    metadata: Json = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """One use of a tool."""

    house: House
    conversation: Conversation
    message: Json
    call_id: str
    arguments: Json

    def text(self, name: str) -> str:
        """An argument as text.

        Raises:
            ToolError: it is missing.
        """
        if name not in self.arguments:
            raise ToolError(f"The argument {name} is missing.")
        return str(self.arguments[name])

    def origin(self) -> Json:
        """Where a question about this use comes from."""
        return {"messageID": self.message["info"]["id"], "callID": self.call_id}


async def use_tool(name: str, use: Use) -> Result:
    """Use the tool, after asking for permission where the configuration wants that.

    Raises:
        ToolError: there is no such tool, it failed, or the person rejected it.
    """
    tool = _TOOLS.get(name)
    if tool is None:
        raise ToolError(f"There is no tool named {name}.")
    await _permitted(name, use)
    return await tool(use)


async def _permitted(name: str, use: Use) -> None:
    house, conversation = use.house, use.conversation
    permission = "edit" if name == "write" else name
    rule = house.settings.permission(permission)
    for given in conversation.info.get("permission", []):
        if given["permission"] in (permission, "*"):
            rule = given["action"]
    if rule == "allow" or (conversation.id, permission) in house.always:
        return
    if rule == "deny":
        raise ToolError("The user has specified a rule which prevents this specific tool call.")
    subject = str(use.arguments.get("command") or use.arguments.get("filePath") or name)
    request = {
        "id": house.ids.new("per"),
        "sessionID": conversation.id,
        "permission": permission,
        "patterns": [subject],
        "metadata": {"command": subject} if name == "bash" else {},
        "always": [f"{subject.split(' ', maxsplit=1)[0]} *"],
        "tool": use.origin(),
    }
    reply = await _answered(use, house.permissions, request, "permission")
    if reply is None or reply["reply"] == "reject":
        words = (reply or {}).get("message")
        text = "The user rejected permission to use this specific tool call"
        if words:
            raise ToolError(f"{text} with the following feedback: {words}")
        raise ToolError(f"{text}.", ends_turn=True)
    if reply["reply"] == "always":
        house.always.add((conversation.id, permission))


async def _answered(use: Use, waiting: dict[str, Pending], request: Json, kind: str) -> Json | None:
    """Ask the person and wait."""
    reply: asyncio.Future[Json | None] = asyncio.get_running_loop().create_future()
    waiting[request["id"]] = Pending(request, reply)
    try:
        use.house.tell(use.conversation, f"{kind}.asked", request)
        async with asyncio.timeout(PERSON_S_MAX):
            return await reply
    finally:
        waiting.pop(request["id"], None)


async def _bash(use: Use) -> Result:
    """Pretends: `sleep N` takes its time, `echo WORDS` says them, the rest says nothing."""
    command = use.text("command")
    if asked := re.match(r"sleep (\d+(?:\.\d+)?)", command):
        await use.house.clock.sleep(float(asked[1]) / use.house.settings.speed)
    said = re.match(r"echo ([^;&|>]*)", command)
    output = f"{said[1].strip()}\n" if said else ""
    metadata = {"output": output, "exit": 0, "truncated": False}
    return Result(output=output or "(no output)", title=command, metadata=metadata)


async def _write(use: Use) -> Result:
    file = _within(use)
    file.parent.mkdir(parents=True, exist_ok=True)
    existed = file.exists()
    file.write_text(use.text("content"), encoding="utf-8")
    metadata = {"diagnostics": {}, "filepath": str(file), "exists": existed, "truncated": False}
    return Result(output="Wrote file successfully.", title=file.name, metadata=metadata)


async def _edit(use: Use) -> Result:
    file = _within(use)
    if not file.is_file():
        raise ToolError(f"File {file} not found")
    before = file.read_text(encoding="utf-8")
    if use.text("oldString") not in before:
        raise ToolError("Could not find oldString in the file.")
    after = before.replace(use.text("oldString"), use.text("newString"), 1)
    file.write_text(after, encoding="utf-8")
    metadata = {"diagnostics": {}, "truncated": False}
    return Result(output="Edit applied successfully.", title=file.name, metadata=metadata)


async def _read(use: Use) -> Result:
    file = _within(use)
    if not file.is_file():
        raise ToolError(f"File not found: {file}")
    return Result(output=file.read_text(encoding="utf-8"), title=file.name)


async def _todowrite(use: Use) -> Result:
    use.conversation.todos = list(use.arguments.get("todos", []))
    use.house.store.save(use.conversation)
    use.house.tell(use.conversation, "todo.updated", {"todos": use.conversation.todos})
    open_ = sum(1 for todo in use.conversation.todos if todo.get("status") != "completed")
    return Result(
        output=json.dumps(use.conversation.todos, indent=2),
        title=f"{open_} todos",
        metadata={"todos": use.conversation.todos, "truncated": False},
    )


async def _question(use: Use) -> Result:
    house = use.house
    questions = list(use.arguments.get("questions", []))
    request = {
        "id": house.ids.new("que"),
        "sessionID": use.conversation.id,
        "questions": questions,
        "tool": use.origin(),
    }
    reply = await _answered(use, house.questions, request, "question")
    if reply is None:
        raise ToolError("The user dismissed this question", ends_turn=True)
    said = "; ".join(
        f'"{question["question"]}"="{", ".join(labels) or "Unanswered"}"'
        for question, labels in zip(questions, reply["answers"], strict=False)
    )
    output = f"User has answered your questions: {said}. You can now continue."
    return Result(output=output, title="Asked", metadata={"answers": reply["answers"]})


async def _task(use: Use) -> Result:
    house, parent = use.house, use.conversation
    assert house.run_child is not None
    child = Conversation(shapes.session(
        id_=house.ids.new("ses"), directory=parent.directory,
        project=project_of(parent.directory)["id"], at=house.clock.now(),
        given={"parentID": parent.id, "title": use.text("description")},
    ))  # fmt: skip
    house.store.add(child)
    house.tell(child, "session.created", {"info": child.info})
    answer = await house.run_child(child, use.text("prompt"))
    error = (child.last("assistant") or {"info": {}})["info"].get("error")
    if error is not None:
        raise ToolError(f"Subagent failed (task_id: {child.id}): {error['data']['message']}")
    output = f'<task id="{child.id}" state="completed">\n<task_result>\n{answer}\n</task_result>'
    metadata = {"parentSessionId": parent.id, "sessionId": child.id, "truncated": False}
    return Result(output=f"{output}\n</task>", title=use.text("description"), metadata=metadata)


def _within(use: Use) -> Path:
    """The file that is meant; only inside the session's directory."""
    root = Path(use.conversation.directory).resolve()
    file = (root / use.text("filePath")).resolve()
    if not file.is_relative_to(root):
        raise ToolError(f"{file} is outside of the project: the stand-in stays inside.")
    return file


_TOOLS: dict[str, Callable[[Use], Awaitable[Result]]] = {
    "bash": _bash,
    "edit": _edit,
    "question": _question,
    "read": _read,
    "task": _task,
    "todowrite": _todowrite,
    "write": _write,
}
