"""Sending a prompt so that it counts: with our keys, and with proof that the session took it."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

from palingenesis.assistants.opencode.client import OpenCode
from palingenesis.assistants.opencode.freshness import has_answer
from palingenesis.assistants.opencode.ids import prompt_ids
from palingenesis.assistants.opencode.messages import Large, Message, read_message
from palingenesis.assistants.opencode.signals import SessionSummary
from palingenesis.core.effects import Effect
from palingenesis.core.errors import AssistantSilentError
from palingenesis.core.values import Result
from palingenesis.runtime.ports import Clock, Outcome, Void

ACCEPTED_S_MAX = 10.0
MARK = "palingenesis"
_BETWEEN_LOOKS_S = (0.05, 0.1, 0.2, 0.4)
_NEWEST = 10
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)

Part = Mapping[str, object]


class Prompting:
    """Sends prompts and looks whether they have an effect.

    Args:
        clock: what time it is.
        void: why a prompt must not be sent any more.
    """

    def __init__(self, clock: Clock, void: Void) -> None:
        self._clock = clock
        self._void = void

    async def send(
        self,
        effect: Effect,
        client: OpenCode,
        session: SessionSummary,
        *,
        message_id: str,
        parts: Sequence[Part],
        model: str | None = None,
    ) -> Outcome:
        """Send it; when nothing comes of it, nudge once with the same key, if it stands by then.

        Raises:
            AssistantError: the server did not take the request.
        """
        data = {"message": message_id}
        for nudge in (False, True):
            if nudge and (why := self._void(effect)):
                return Outcome(result=Result.FAILED, detail=why, data=data)
            try:
                await client.prompt(session.id, message_id=message_id, parts=parts, model=model)
            except AssistantSilentError:
                if nudge:
                    raise  # whether it was taken is not known; the key tells when asked again
            if await self._is_taken(client, session, message_id):
                detail = "taken after a second attempt" if nudge else "taken"
                return Outcome(result=Result.OK, detail=detail, data=data)
        return Outcome(
            result=Result.FAILED, detail="the prompt was taken in and nothing came of it", data=data
        )

    async def _is_taken(self, client: OpenCode, session: SessionSummary, message_id: str) -> bool:
        waited_s, look = 0.0, 0
        while True:
            if session.id in await client.statuses(session.directory):
                return True
            raw = await client.messages(session.id, limit=_NEWEST, large=Large.ENDS)
            said = tuple(message for message in map(read_message, raw) if message is not None)
            if has_answer(said, message_id):
                return True
            if waited_s >= ACCEPTED_S_MAX:
                return False
            pause_s = _BETWEEN_LOOKS_S[min(look, len(_BETWEEN_LOOKS_S) - 1)]
            await self._clock.sleep(pause_s)
            waited_s, look = waited_s + pause_s, look + 1


def text_part(part_id: str, words: str, effect_id: str) -> Part:
    """A plain text that the model and the person see, marked as ours."""
    return {"id": part_id, "type": "text", "text": words, "metadata": {MARK: effect_id}}


def prompt_again(said: Sequence[Message], effect_id: str, message_id: str) -> list[Part]:
    """The words of the last prompt that has any, with keys of ours."""
    for message in reversed(said):
        if message.role != "user" or message.compaction or message.id == message_id:
            continue
        words = [part.text for part in message.parts if part.kind == "text" and part.text]
        if words:
            return [
                text_part(_part_id(effect_id, place, message_id), one, effect_id)
                for place, one in enumerate(words)
            ]
    return []


def whole_model(wanted: str | None, said: Sequence[Message]) -> str | None:
    """`provider/model`: as wanted, or the one of the last turn; None: leave it to OpenCode."""
    known = next((m for m in reversed(said) if m.model and m.provider), None)
    if wanted is None:
        return f"{known.provider}/{known.model}" if known is not None else None
    if "/" in wanted or known is None:
        return wanted if "/" in wanted else None
    return f"{known.provider}/{wanted}"


def _part_id(effect_id: str, place: int, message_id: str) -> str:
    """Growing with the place, so that the parts keep their order."""
    at = _EPOCH + ((int(message_id[4:16], 16) >> 12) + place) * _MILLISECOND
    return prompt_ids(f"{effect_id}#{place}", at)[1]
