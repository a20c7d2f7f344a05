"""Backing a conversation up, and continuing its work in a new session."""

from collections.abc import Awaitable, Callable

from palingenesis.assistants.opencode.backup import as_markdown
from palingenesis.assistants.opencode.client import OpenCode
from palingenesis.assistants.opencode.freshness import (
    Standing,
    has_answer,
    keys_of,
    seen_prompt,
)
from palingenesis.assistants.opencode.lineage import inherited
from palingenesis.assistants.opencode.messages import Large, left_out, read_message
from palingenesis.assistants.opencode.prompting import (
    MARK,
    Prompting,
    text_part,
    whole_model,
)
from palingenesis.assistants.opencode.signals import SessionSummary
from palingenesis.assistants.opencode.transcript import read_transcript
from palingenesis.assistants.opencode.untrusted import text
from palingenesis.core import effects
from palingenesis.core.errors import UnreadableError
from palingenesis.core.values import Result
from palingenesis.runtime.ports import Clock, Handoff, Outcome, Work

_TITLE_CHARS = 120
_READ_AGAIN_S = (0.5, 1.0, 2.0, 4.0)
_OURS = "written"
"""How the origin of a handoff begins that no person and no agent wrote (see `ports.Handoff`)."""
_EMPTY = Handoff(text="Continue the work in this directory.", origin="nothing to go by")


async def as_soon_as_readable(act: Callable[[], Awaitable[Outcome]], clock: Clock) -> Outcome:
    """Carry out what needs a handoff; one that cannot be read now may be readable in a moment.

    What is done in between is asked for anew each time, so that nothing stale is acted on.

    Raises:
        UnreadableError: it cannot be read for longer.
    """
    for pause_s in _READ_AGAIN_S:
        try:
            return await act()
        except UnreadableError:
            await clock.sleep(pause_s)
    return await act()


class Continuing:
    """Snapshots and new sessions."""

    def __init__(self, work: Work, clock: Clock, prompting: Prompting) -> None:
        self._work = work
        self._clock = clock
        self._prompting = prompting

    async def snapshot(self, effect: effects.Snapshot, client: OpenCode) -> Outcome:
        """Store the whole conversation; the outcome has its path.

        Raises:
            AssistantError: it could not be read.
            JournalError: it could not be stored.
        """
        info = await client.session(effect.session)
        if info is None:
            return Outcome(result=Result.SUPERSEDED, detail="the session was deleted")
        document = as_markdown(info, await client.messages(effect.session, large=Large.NAMED))
        path = self._work.keep(effect.session, self._clock.now(), document)
        return Outcome(result=Result.OK, detail=path, data={"path": path})

    async def new_session(
        self, effect: effects.NewSession, standing: Standing, client: OpenCode
    ) -> Outcome:
        """Create (or find) the session that continues the work, and prompt it."""
        if (done := await self.find(effect, client)) is not None:
            return done
        handoff = await self._handoff(effect, standing, client)
        if handoff is None:
            return Outcome(result=Result.FAILED, detail="there is nothing that says how to go on")
        model = whole_model(effect.model, standing.said)
        created = await self._find(effect, client)
        if created is None:
            created = await client.create(
                standing.info.directory,
                title=f"{standing.info.title} (continued)"[:_TITLE_CHARS],
                metadata={MARK: {"key": effect.id, "from": effect.session, "stop": effect.stop}},
                model=model,
            )
        message_id, part_id = keys_of(effect.id, effect.stop)
        taken = await self._prompting.send(
            effect,
            client,
            created,
            message_id=message_id,
            parts=[text_part(part_id, handoff.text, effect.id)],
            model=model,
        )
        data = {**taken.data, "session": created.id, "handoff": handoff.origin}
        return Outcome(result=taken.result, detail=taken.detail, data=data)

    async def find(self, effect: effects.NewSession, client: OpenCode) -> Outcome | None:
        """The session that this effect created and prompted before; None: there is none."""
        created = await self._find(effect, client)
        if created is None:
            return None
        message_id, _ = keys_of(effect.id, effect.stop)
        raw = await client.messages(created.id, large=Large.NAMED)
        said = tuple(message for message in map(read_message, raw) if message is not None)
        prompt = seen_prompt(said, message_id)
        at_work = created.id in await client.statuses(created.directory)
        # The prompt came first: what is too large to be read was said to it, or later.
        went_on = at_work or any(left_out(one) is not None for one in raw)
        if prompt is None or not (went_on or has_answer(said, prompt.id)):
            return None
        data = {"session": created.id, "handoff": "sent before", "message": prompt.id}
        return Outcome(result=Result.OK, detail="it had been created before", data=data)

    async def _find(self, effect: effects.NewSession, client: OpenCode) -> SessionSummary | None:
        """By the key of this effect, or an unprompted one that continues from the same stop."""
        for info in await client.every_session():
            mark = info.metadata.get(MARK)
            if text(mark, "key") == effect.id and text(mark, "from") == effect.session:
                return info
            same = text(mark, "from") == effect.session and text(mark, "stop") == effect.stop
            if same and not await client.messages(info.id, limit=1, large=Large.NAMED):
                return info
        return None

    async def _handoff(
        self, effect: effects.NewSession, standing: Standing, client: OpenCode
    ) -> Handoff | None:
        # What was written in a message too large to be read is missing; to go on is worth more.
        raw = await client.messages(effect.session, large=Large.PASSED)
        transcript = read_transcript(raw)
        todos = [todo.content for todo in await client.todos(effect.session) if todo.is_open]
        handoff = self._work.handoff(
            standing.info.directory,
            (*await inherited(client, effect.session), *transcript.written),
            source=effect.source,
            todos=todos,
            last=transcript.last_text,
        )
        if handoff is not None and not handoff.origin.startswith(_OURS):
            return handoff
        match effect.if_missing:
            case "attention":
                return None
            case "summary":
                return handoff or _EMPTY
            case _:
                return _EMPTY
