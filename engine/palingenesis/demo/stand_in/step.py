"""One step of a turn: one answer of the model with its tools, tried again as OpenCode would."""

import asyncio
from collections.abc import Mapping
from contextlib import aclosing
from datetime import timedelta
from enum import Enum, auto
from typing import Any

from palingenesis.demo.stand_in import failures, shapes
from palingenesis.demo.stand_in.calls import Call, End, Words, ask
from palingenesis.demo.stand_in.failures import CallError
from palingenesis.demo.stand_in.house import House
from palingenesis.demo.stand_in.settings import Model
from palingenesis.demo.stand_in.store import Conversation
from palingenesis.demo.stand_in.tools import ToolError, Use, use_tool

Json = dict[str, Any]

GAP_S = 0.1
"""Between the first idle after an error and the end of the turn: a prompt in it is not answered."""

ABORTED_OUTPUT = "(no output)\n\n<shell_metadata>\nUser aborted the command\n</shell_metadata>"
SNAPSHOT = "0" * 40


class Ending(Enum):
    """How a step ended."""

    WELL = auto()
    FULL = auto()
    """Well, but the window is nearly used up."""
    OVERFLOW = auto()
    """The conversation does not fit; a summary may help."""
    FOR_GOOD = auto()
    """An error or a rejection: the turn is over."""


class Step:
    """One answer to `asked`, in `conversation`."""

    def __init__(
        self, house: House, conversation: Conversation, asked: Json, *, is_summary: bool = False
    ) -> None:
        self._house = house
        self._conversation = conversation
        self._is_summary = is_summary
        info = shapes.assistant(
            id_=house.ids.new("msg"),
            asked=asked,
            directory=conversation.directory,
            at=house.clock.now(),
        )
        if is_summary:
            info |= {"summary": True, "mode": "compaction", "agent": "compaction"}
        self._message = house.put_message(conversation, info)
        self._growing: Json | None = None
        self._ends_turn = False

    async def run(self, model: Model, said: list[Json]) -> Ending:
        """Ask until there is an answer or no hope; a cancellation marks the message as aborted."""
        house, conversation = self._house, self._conversation
        attempt = 0
        try:
            while True:
                house.set_status(conversation, {"type": "busy"})
                try:
                    return await self._listen(model, said)
                except CallError as error:
                    if error.is_overflow:
                        return await self._overflowed(error)
                    if not error.is_retryable or attempt == failures.RETRIES_MAX:
                        return await self._failed(error.payload)
                    attempt += 1
                    self._throw_text_away()
                    await self._wait(error, attempt)
        except asyncio.CancelledError:
            self._aborted()
            raise

    async def _wait(self, error: CallError, attempt: int) -> None:
        house = self._house
        now = house.clock.now()
        chance = int(house.dice.token()[:4], 16) / 0x10000
        delay_s = error.delay_s(attempt, now, chance) / house.settings.speed
        next_ms = shapes.epoch_ms(now + timedelta(seconds=delay_s))
        status = {"type": "retry", "attempt": attempt, "message": error.status_message}
        house.set_status(self._conversation, {**status, "next": next_ms})
        await house.clock.sleep(delay_s)

    async def _listen(self, model: Model, said: list[Json]) -> Ending:
        house, conversation, message = self._house, self._conversation, self._message
        self._growing = None
        calls: list[Call] = []
        end: End | None = None
        has_begun = False
        async with aclosing(ask(model, said, conversation.id)) as answer:
            async for heard in answer:
                if not has_begun:
                    has_begun = True
                    house.new_part(conversation, message, "step-start", snapshot=SNAPSHOT)
                match heard:
                    case Words(text):
                        self._grow(text)
                    case Call():
                        calls.append(heard)
                    case End():
                        end = heard
        assert end is not None, "a call without an error has an end"
        self._full_text()
        for call in calls:
            await self._use(call)
        return self._finished(model, end)

    def _grow(self, text: str) -> None:
        house, conversation, message = self._house, self._conversation, self._message
        if self._growing is None:
            time = {"start": house.now_ms()}
            self._growing = house.new_part(conversation, message, "text", text="", time=time)
        self._growing["text"] += text
        house.tell(conversation, "message.part.delta", {
            "messageID": message["info"]["id"], "partID": self._growing["id"],
            "field": "text", "delta": text,
        })  # fmt: skip

    def _full_text(self) -> None:
        if self._growing is not None:
            part, self._growing = self._growing, None
            part["time"]["end"] = self._house.now_ms()
            self._house.put_part(self._conversation, self._message, part)

    def _throw_text_away(self) -> None:
        """What a broken answer had said is lost; its empty part stays."""
        if self._growing is not None:
            self._growing["text"] = ""
            self._growing = None

    async def _use(self, call: Call) -> None:
        house, conversation, message = self._house, self._conversation, self._message
        start = house.now_ms()
        part = house.new_part(
            conversation, message, "tool", tool=call.tool, callID=call.id,
            state={"status": "pending", "input": {}, "raw": ""},
        )  # fmt: skip

        def becomes(status: str, time: Json, **fields: Any) -> None:
            state = {"status": status, "input": call.arguments, **fields, "time": time}
            house.put_part(conversation, message, {**part, "state": state})

        becomes("running", {"start": start})
        use = Use(house=house, conversation=conversation, message=message, call_id=call.id,
                  arguments=call.arguments)  # fmt: skip
        try:
            result = await use_tool(call.tool, use)
        except ToolError as error:
            self._ends_turn = self._ends_turn or error.ends_turn
            becomes("error", {"start": start, "end": house.now_ms()}, error=str(error))
        except asyncio.CancelledError:
            becomes("completed", {"start": start, "end": house.now_ms()},
                    output=ABORTED_OUTPUT, title=call.tool, metadata={})  # fmt: skip
            raise
        else:
            becomes("completed", {"start": start, "end": house.now_ms()}, output=result.output,
                    title=result.title, metadata=result.metadata)  # fmt: skip

    def _finished(self, model: Model, end: End) -> Ending:
        house, conversation = self._house, self._conversation
        cost = _cost(model.cost, end.tokens)
        house.new_part(
            conversation, self._message, "step-finish", reason=end.reason, snapshot=SNAPSHOT,
            tokens=end.tokens, cost=cost,
        )  # fmt: skip
        self._update({"finish": end.reason, "tokens": end.tokens, "cost": cost})
        self._complete()
        total = conversation.info["tokens"]
        for name in ("input", "output", "reasoning"):
            total[name] += end.tokens[name]
        for name in ("read", "write"):
            total["cache"][name] += end.tokens["cache"][name]
        house.changed(conversation, {"cost": round(conversation.info["cost"] + cost, 6)})
        if self._ends_turn:
            return Ending.FOR_GOOD
        is_full = house.settings.is_full(model, end.tokens["total"]) and not self._is_summary
        return Ending.FULL if is_full else Ending.WELL

    async def _failed(self, error: Json, fields: Mapping[str, Any] | None = None) -> Ending:
        house, conversation = self._house, self._conversation
        self._full_text()
        house.tell(conversation, "session.error", {"error": error})
        house.set_status(conversation, {"type": "idle"})
        await house.clock.sleep(GAP_S)
        self._update({"error": error, **(fields or {})}, quietly=True)
        self._complete()
        return Ending.FOR_GOOD

    async def _overflowed(self, error: CallError) -> Ending:
        if self._is_summary:
            message = "Conversation history too large to compact - exceeds model context limit"
            payload = {"name": "ContextOverflowError", "data": {"message": message}}
            return await self._failed(payload, {"finish": "error"})
        if not self._house.settings.compacts:
            return await self._failed(error.payload, {"finish": "error"})
        self._house.tell(self._conversation, "session.error", {"error": error.payload})
        self._complete()
        return Ending.OVERFLOW

    def _aborted(self) -> None:
        """Mark the message; an abort while waiting to try again leaves no error, only an end."""
        house, conversation = self._house, self._conversation
        is_waiting = house.statuses.get(conversation.id, {}).get("type") == "retry"
        if not is_waiting:
            error = failures.aborted()
            house.tell(conversation, "session.error", {"error": error})
            house.set_status(conversation, {"type": "idle"})
            self._full_text()
            self._update({"error": error}, quietly=True)
        self._complete()

    def _complete(self) -> None:
        time = {**self._message["info"]["time"], "completed": self._house.now_ms()}
        self._update({"time": time})

    def _update(self, fields: Mapping[str, Any], *, quietly: bool = False) -> None:
        info = {**self._message["info"], **fields}
        if quietly:
            self._message["info"] = info
        else:
            self._house.put_message(self._conversation, info)


def _cost(prices: Mapping[str, float], tokens: Json) -> float:
    """Dollars, from prices per million tokens."""
    parts = (
        prices.get("input", 0) * tokens["input"],
        prices.get("output", 0) * (tokens["output"] + tokens["reasoning"]),
        prices.get("cache_read", 0) * tokens["cache"]["read"],
        prices.get("cache_write", 0) * tokens["cache"]["write"],
    )
    dollars: float = sum(parts) / 1_000_000
    return round(dollars, 6)
