"""A person's answer to a question that a rule asks: once, and told what became of it."""

from datetime import datetime
from typing import Final

from palingenesis.core import commands, events
from palingenesis.core.errors import JournalError, PalingenesisError
from palingenesis.core.world import World
from palingenesis.runtime import door
from palingenesis.runtime.loop import Loop

_LOOK: Final = "palingenesis status shows what is asked"
_STUCK: Final = "the question stays; answer it once writing works again"


async def answer(loop: Loop, at: datetime, question: str, by: str, *, yes: bool) -> door.Answer:
    """Answer a pending question; the same answer again is no error.

    Raises:
        PalingenesisError: nobody asks that, or it was settled otherwise before.
        JournalError: the answer cannot be written down.
    """
    word = "yes" if yes else "no"
    if question not in loop.world.questions:
        if not _is_asked(loop.world, question):
            raise PalingenesisError(f"no question '{question[:80]}'", _LOOK)
        if trouble := loop.journal_trouble:
            raise JournalError(f"the answer cannot be written down: {trouble}", _STUCK)
        command = commands.Answer(question=question, yes=yes)
        await loop.submit(events.CommandGiven(at=at, command=command, by=by))
    how = loop.world.questions.get(question, "")
    if not how.startswith(f"{word} to {question} "):
        raise PalingenesisError(f"{question} is settled already: {how}", _LOOK)
    return {"ok": True, "message": how}


def _is_asked(world: World, question: str) -> bool:
    return any(
        session.plan is not None and session.plan.question == question
        for session in world.sessions.values()
    )
