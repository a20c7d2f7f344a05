"""A conversation as a whole: who spoke last, what was said, what was written, how full it is."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from palingenesis.assistants.opencode.messages import (
    Message,
    Todo,
    Tool,
    Usage,
    read_message,
)

RETRIES = ":retry-"
"""Before the number of the attempt, in the key of a turn that OpenCode tries again by itself."""
SPINS = ":spinning"
"""How the key of a stop ends that is a retry of OpenCode's own without a pause: hollow answers."""


JUST_NOW: Final = timedelta(minutes=1)
"""A message that old was written now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Transcript:
    """What the newest messages of a session tell; of an empty session, nothing."""

    session: str = ""
    user: Message | None = None
    """The last user message, whoever wrote it: a person, we, or OpenCode itself."""
    assistant: Message | None = None
    """The last assistant message; it may be older than `user`."""
    answer: Message | None = None
    """The last assistant message that came after `user`: the turn in question. May be a summary."""
    person: Message | None = None
    """The last genuine message of a person."""
    answered: bool = False
    """Whether the last message is the assistant's."""
    running: tuple[Tool, ...] = ()
    """Tool calls of the last answer that have not ended."""
    context: Usage | None = None
    """Tokens in the model's window after the last step; None when not known (after a summary)."""
    context_provider: str | None = None
    context_model: str | None = None
    written: tuple[str, ...] = ()
    """Paths that its own tools wrote, as they were given, oldest first."""
    todos: tuple[Todo, ...] | None = None
    """The list as its own tool last wrote it; None when these messages hold none."""
    last_text: str = ""
    """The last text of the assistant that is no summary."""
    steps: int = 0
    """Completed answers among these messages."""
    hollow: int = 0
    """How many answers in a row, to the end, had no proper finish and called no tool."""
    newest: datetime | None = None
    """When the newest message was created, by the server's clock."""
    count: int = 0

    @property
    def last_id(self) -> str:
        """Id of the last message; "" when there is none."""
        last = self.answer if self.answered else self.user
        return "" if last is None else last.id


def read_transcript(messages: Iterable[object]) -> Transcript:
    """Summarise raw `{info, parts}` messages, oldest first; never raises."""
    return transcript_of(message for message in map(read_message, messages) if message is not None)


def transcript_of(messages: Iterable[Message]) -> Transcript:
    """Summarise messages, oldest first."""
    said = tuple(messages)
    if not said:
        return Transcript()
    user = _last(message for message in said if message.role == "user")
    answers = [message for message in said if message.role == "assistant"]
    after = said[said.index(user) + 1 :] if user is not None else said
    answer = _last(after)
    measured = _measured(said)
    return Transcript(
        session=said[-1].session,
        user=user,
        assistant=_last(answers),
        answer=answer,
        person=_last(message for message in said if is_genuine(message, said)),
        answered=said[-1].role == "assistant",
        running=tuple(
            tool
            for tool in (answer.tools if answer is not None else ())
            if tool.status in {"pending", "running"}
        ),
        context=measured.usage if measured is not None else None,
        context_provider=measured.provider if measured is not None else None,
        context_model=measured.model if measured is not None else None,
        written=tuple(
            dict.fromkeys(
                path for message in answers for tool in message.tools for path in tool.paths
            )
        ),
        todos=_todos(answers),
        last_text=_last_text(answers),
        steps=sum(message.completed is not None for message in answers),
        hollow=_hollow(said),
        newest=said[-1].created,
        count=len(said),
    )


def context_used(transcript: Transcript, limits: Mapping[tuple[str, str], int]) -> float | None:
    """How full the model's window is, 0 to 1 (or more), as OpenCode's own screen counts it.

    Args:
        transcript: of the session's newest messages.
        limits: context windows in tokens by (provider, model), see listings.read_limits.
    """
    if transcript.context is None:
        return None
    key = (transcript.context_provider or "", transcript.context_model or "")
    limit = limits.get(key, 0)
    return transcript.context.total / limit if limit > 0 else None


def first_words(transcript: Transcript, known: str, since: datetime) -> Message | None:
    """Her latest message, if it is the last prompt, newer than the known one, and since then."""
    said = transcript.person
    if said is None or said is not transcript.user or said.id <= known:
        return None
    return said if said.created is not None and said.created >= since else None


def is_genuine(message: Message, said: tuple[Message, ...]) -> bool:
    """Whether a person wrote it: not we, not OpenCode, and not a prompt that OpenCode repeats.

    After a forced summary OpenCode sends the last prompt again as a new, unmarked message.
    """
    if message.role != "user" or message.ours or message.synthetic or message.compaction:
        return False
    return not _is_replay(message, said)


def _is_replay(message: Message, said: tuple[Message, ...]) -> bool:
    place = said.index(message)
    if place == 0 or not said[place - 1].summary:
        return False
    forced = [
        index
        for index, earlier in enumerate(said[:place])
        if any(part.kind == "compaction" and part.overflow for part in earlier.parts)
    ]
    if not forced:
        return False
    before = _last(earlier for earlier in said[: forced[-1]] if earlier.role == "user")
    return before is not None and before.text == message.text


def _last(messages: Iterable[Message]) -> Message | None:
    said = tuple(messages)
    return said[-1] if said else None


def _measured(said: tuple[Message, ...]) -> Message | None:
    """The answer whose tokens tell how full the window is; none since the last summary."""
    for message in reversed(said):
        if message.role == "assistant" and message.summary and message.completed is not None:
            return None
        if message.role == "assistant" and not message.summary and message.usage.output > 0:
            return message
    return None


def _todos(answers: list[Message]) -> tuple[Todo, ...] | None:
    for message in reversed(answers):
        for tool in reversed(message.tools):
            if tool.todos is not None:
                return tool.todos
    return None


def _last_text(answers: list[Message]) -> str:
    for message in reversed(answers):
        if not message.summary and message.text.strip():
            return message.text
    return ""


def _hollow(said: tuple[Message, ...]) -> int:
    count = 0
    for message in reversed(said):
        if message.role != "assistant" or not is_hollow(message):
            break
        count += 1
    return count


def is_hollow(message: Message) -> bool:
    """Whether an ended answer came to nothing: cut off without a reason, and without a tool call.

    OpenCode asks again at once and without end when a provider cuts its answers off.
    """
    return message.completed is not None and message.finish == "unknown" and not message.tools


def running_tools(said: tuple[Message, ...]) -> frozenset[str]:
    """Tools of the newest answer that run: they began before anybody listened."""
    last = said[-1] if said else None
    parts = last.parts if last is not None else ()
    return frozenset(p.id for p in parts if p.tool is not None and p.tool.status == "running")


def before_summary(said: tuple[Message, ...]) -> int:
    """How many messages come before the summary that ends them, and before its order."""
    place = len(said) - 1
    while place > 0 and (said[place].summary or said[place].compaction):
        place -= 1
    return place + 1
