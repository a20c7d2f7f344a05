"""The turns of all conversations: what is admitted, runs, is aborted or summed up."""

import asyncio
from typing import Any

from palingenesis.demo.stand_in import failures, shapes
from palingenesis.demo.stand_in.calls import Words, ask
from palingenesis.demo.stand_in.failures import CallError
from palingenesis.demo.stand_in.house import House
from palingenesis.demo.stand_in.settings import Model
from palingenesis.demo.stand_in.step import Ending, Step
from palingenesis.demo.stand_in.store import Conversation

Json = dict[str, Any]

CONTINUE = (
    "Continue if you have next steps, or stop and ask for clarification if you are unsure how to"
    " proceed."
)
SUMMARIZE = (
    "Here is the conversation so far:\n\n<conversation>\n{talk}\n</conversation>\n\n"
    "Sum it up so that another agent can continue the work."
)
TURN_S_MAX = 30 * 24 * 3600.0
"""How long a caller may wait for the end of a turn: a retry can be days away."""
MARKING_S_MAX = 10.0
_LOOPS_ON = frozenset({"tool-calls", "unknown"})


class BadPromptError(Exception):
    """A prompt that cannot be admitted."""


class _UnknownModelError(Exception):
    """A message names a model (provider, name) that is not configured."""


class Turns:
    """Runs at most one turn per conversation, each in a task of the group."""

    def __init__(self, house: House, group: asyncio.TaskGroup) -> None:
        self._house = house
        self._group = group
        self._running: dict[str, asyncio.Task[None]] = {}
        house.run_child = self._run_child

    def admit(self, conversation: Conversation, body: Json) -> Json:
        """Store what was said. The same `messageID` again replaces; it never duplicates.

        Raises:
            BadPromptError: the body is no prompt.
        """
        parts = body.get("parts")
        if not isinstance(parts, list) or not all(isinstance(part, dict) for part in parts):
            raise BadPromptError("parts is not a list of objects")
        house = self._house
        model = body.get("model") or self._last_model(conversation)
        info = shapes.user(
            id_=body.get("messageID") or house.ids.new("msg"),
            session_id=conversation.id,
            model=model,
            agent=body.get("agent", "build"),
            at=house.clock.now(),
        )
        message = house.put_message(conversation, info)
        for given in parts:
            fields = {name: value for name, value in given.items() if name not in ("id", "type")}
            part = shapes.part(
                given.get("type", "text"), id_=given.get("id") or house.ids.new("prt"),
                message=info, **fields,
            )  # fmt: skip
            house.put_part(conversation, message, part)
        house.changed(conversation, {
            "agent": info["agent"],
            "model": {"id": model["modelID"], "providerID": model["providerID"],
                      "variant": "default"},
        })  # fmt: skip
        return message

    def start(self, conversation: Conversation) -> "asyncio.Task[None]":
        """Run what is unanswered; a conversation that runs takes it up by itself."""
        running = self._running.get(conversation.id)
        if running is None:
            running = self._group.create_task(self._run(conversation))
            self._running[conversation.id] = running
        return running

    async def abort(self, conversation: Conversation | None) -> None:
        """End the running turn, if there is one, and wait until it is marked."""
        running = self._running.get(conversation.id) if conversation else None
        if running is not None:
            running.cancel()
            await asyncio.wait({running}, timeout=MARKING_S_MAX)
        elif conversation is not None:
            self._house.set_status(conversation, {"type": "idle"})

    async def abort_all(self) -> None:
        """End every running turn."""
        running = tuple(self._running.values())
        for task in running:
            task.cancel()
        if running:
            await asyncio.wait(running, timeout=MARKING_S_MAX)

    async def summarize(self, conversation: Conversation, model: Json) -> None:
        """Sum the conversation up, and wait for it."""
        self._ask_for_summary(conversation, {"model": model, "agent": "build"}, is_overflow=False,
                              is_auto=False)  # fmt: skip
        await self.finish(conversation)

    async def finish(self, conversation: Conversation) -> None:
        """Run what is unanswered and wait for its end."""
        await asyncio.wait({self.start(conversation)}, timeout=TURN_S_MAX)

    # -- one turn --------------------------------------------------------------------------

    async def _run(self, conversation: Conversation) -> None:
        house = self._house
        lost: Json | None = None
        try:
            goes_on = True
            while goes_on:
                house.set_status(conversation, {"type": "busy"})
                asked = _unanswered(conversation)
                goes_on = asked is not None and await self._step(conversation, asked)
        except _UnknownModelError as error:
            lost = failures.unknown_model(*error.args)
            house.tell(conversation, "session.error", {"error": lost})
        finally:
            self._running.pop(conversation.id, None)
            house.set_status(conversation, {"type": "idle"})
        if lost is not None:  # OpenCode says this one twice
            house.tell(conversation, "session.error", {"error": lost})

    async def _step(self, conversation: Conversation, asked: Json) -> bool:
        """One step; whether the loop goes on."""
        house = self._house
        info = asked["info"]
        model = house.settings.model(info["model"]["providerID"], info["model"]["modelID"])
        if model is None:
            raise _UnknownModelError(info["model"]["providerID"], info["model"]["modelID"])
        compaction = next((part for part in asked["parts"] if part["type"] == "compaction"), None)
        if compaction is not None:
            return await self._sum_up(conversation, asked, compaction, model)

        self._name(conversation)
        ending = await Step(house, conversation, info).run(model, _said(conversation))
        if ending in (Ending.OVERFLOW, Ending.FULL):
            self._ask_for_summary(
                conversation, info, is_overflow=ending is Ending.OVERFLOW, is_auto=True
            )
        return ending is not Ending.FOR_GOOD

    async def _sum_up(
        self, conversation: Conversation, asked: Json, compaction: Json, model: Model
    ) -> bool:
        house = self._house
        talk = "\n\n".join(f"[{one['role']}]: {one['content']}" for one in _said(conversation))
        said = [{"role": "user", "content": SUMMARIZE.format(talk=talk)}]
        step = Step(house, conversation, asked["info"], is_summary=True)
        if await step.run(model, said) is Ending.FOR_GOOD:
            return False
        if compaction.get("auto"):
            self._go_on(conversation, asked, compaction)
        house.tell(conversation, "session.compacted", {})
        return True

    def _go_on(self, conversation: Conversation, asked: Json, compaction: Json) -> None:
        """After an overflow the prompt is said again; after a full window, a word to continue."""
        texts: list[Json] = [{"text": CONTINUE, "synthetic": True,
                              "metadata": {"compaction_continue": True}}]  # fmt: skip
        place = conversation.messages.index(asked)
        earlier = [one for one in conversation.messages[:place] if one["info"]["role"] == "user"]
        if compaction["overflow"] and len(earlier) > 1:
            parts = earlier[-1]["parts"]
            texts = [{"text": part["text"]} for part in parts if part["type"] == "text"]
        message = self._new_user(conversation, asked["info"])
        for fields in texts:
            self._house.new_part(conversation, message, "text", **fields)

    def _ask_for_summary(
        self, conversation: Conversation, like: Json, *, is_overflow: bool, is_auto: bool
    ) -> None:
        message = self._new_user(conversation, like)
        self._house.new_part(
            conversation, message, "compaction", auto=is_auto, overflow=is_overflow
        )

    def _new_user(self, conversation: Conversation, like: Json) -> Json:
        house = self._house
        info = shapes.user(
            id_=house.ids.new("msg"), session_id=conversation.id, model=like["model"],
            agent=like["agent"], at=house.clock.now(),
        )  # fmt: skip
        return house.put_message(conversation, info)

    async def _run_child(self, child: Conversation, prompt: str) -> str:
        self.admit(child, {"parts": [{"type": "text", "text": prompt}]})
        await self.finish(child)
        answer = child.last("assistant") or {"parts": []}
        return _text(answer)

    def _last_model(self, conversation: Conversation) -> Json:
        last = conversation.last("user")
        if last is not None:
            model: Json = last["info"]["model"]
            return model
        if given := conversation.info.get("model"):
            return {"providerID": given["providerID"], "modelID": given["id"]}
        provider, name = self._house.settings.default_model
        return {"providerID": provider, "modelID": name}

    # -- the title -------------------------------------------------------------------------

    def _name(self, conversation: Conversation) -> None:
        """Let the small model find a title for a new conversation, beside the turn."""
        is_new = sum(1 for one in conversation.messages if one["info"]["role"] == "user") == 1
        is_unnamed = str(conversation.info["title"]).startswith("New session - ")
        small = str(self._house.settings.config.get("small_model", ""))
        provider, _, name = small.partition("/")
        model = self._house.settings.model(provider, name)
        if is_new and is_unnamed and model is not None:
            self._group.create_task(self._find_title(conversation, model))

    async def _find_title(self, conversation: Conversation, model: Model) -> None:
        said = [{"role": "user", "content": "Generate a title for this conversation."}]
        title = ""
        try:
            async for heard in ask(model, said, conversation.id):
                if isinstance(heard, Words):
                    title += heard.text
        except CallError:
            return  # a conversation without a title is no trouble
        if title and self._house.store.get(conversation.id) is conversation:
            self._house.changed(conversation, {"title": title.strip()})


def _unanswered(conversation: Conversation) -> Json | None:
    """The newest thing said, unless an answer to it has finished."""
    asked = conversation.last("user")
    if asked is None:
        return None
    place = conversation.messages.index(asked)
    for message in conversation.messages[place + 1 :]:
        finish = message["info"].get("finish")
        if finish is not None and finish not in _LOOPS_ON:
            return None
    return asked


def _said(conversation: Conversation) -> list[Json]:
    """What the model is shown: since the last summary, without what failed, without the unsaid."""
    said: list[Json] = []
    for message in conversation.messages:
        info = message["info"]
        if info.get("summary") is True and info.get("finish"):
            said = [{"role": "user", "content": "What did we do so far?"}]
        text = _text(message)
        error = info.get("error")
        is_dropped = error is not None and not (
            error["name"] == "MessageAbortedError" and message["parts"]
        )
        if info["role"] == "user":
            if text:
                said.append({"role": "user", "content": text})
        elif not is_dropped and message["parts"]:
            said += _answer(message, text)
    return said


def _answer(message: Json, text: str) -> list[Json]:
    tools = [part for part in message["parts"] if part["type"] == "tool"]
    said: Json = {"role": "assistant", "content": text}
    if tools:
        said["tool_calls"] = [
            {"id": part["callID"], "type": "function",
             "function": {"name": part["tool"], "arguments": "{}"}}
            for part in tools
        ]  # fmt: skip
    results = [
        {"role": "tool", "tool_call_id": part["callID"], "content": _outcome(part["state"])}
        for part in tools
    ]
    return [said, *results]


def _outcome(state: Json) -> str:
    return str(state.get("output") or state.get("error") or "[Tool execution was interrupted]")


def _text(message: Json) -> str:
    return "\n".join(part["text"] for part in message["parts"] if part["type"] == "text")
