"""A conversation as a document that a person can read, and from which work can be taken up."""

import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime

from palingenesis.assistants.opencode.messages import Message, Part, left_out, read_message
from palingenesis.assistants.opencode.signals import SessionSummary
from palingenesis.assistants.opencode.untrusted import dig, items, table, text
from palingenesis.wire.http import ANSWER_BYTES_MAX

_OUTPUT_LIMIT = 4_000
_INPUT_LIMIT = 2_000


def as_markdown(session: SessionSummary, messages: Iterable[object]) -> str:
    """The whole conversation, from raw `{info, parts}` messages, oldest first; never raises.

    Long outputs of tools are cut, and say so; what people and the assistant said is whole, but for
    a message that is too large to be read, which is named where it would stand.
    """
    lines = [f"# {_line(session.title) or session.id}", ""]
    lines += [f"- session: `{session.id}`", f"- directory: `{_line(session.directory)}`"]
    if session.created is not None:
        lines.append(f"- created: {_time(session.created)}")
    for raw in messages:
        message = read_message(raw)
        if (missing := left_out(raw)) is not None:
            named = f"the message `{_line(missing)}`" if missing else "a message"
            why = f"it is larger than {ANSWER_BYTES_MAX} bytes, the most that is read at once"
            lines += ["", f"> **Left out**: {named}; {why}."]
        if message is not None:
            lines += ["", *_message(message, raw)]
    return "\n".join(lines) + "\n"


def _message(message: Message, raw: object) -> Iterator[str]:
    yield f"## {_speaker(message)}{_when(message.created)}"
    by_id = {text(part, "id"): part for part in items(raw, "parts")}
    for part in message.parts:
        yield from _part(part, by_id.get(part.id))
    if message.failure is not None:
        yield ""
        yield f"> **{message.failure.name}**: {_line(message.failure.message)}"
    elif message.role == "assistant" and message.completed is None:
        yield ""
        yield "> This answer was never completed."


def _speaker(message: Message) -> str:
    if message.role == "assistant":
        kind = "Summary" if message.summary else "Assistant"
        return f"{kind} ({message.model})" if message.model else kind
    if message.ours:
        return "Palingenesis"
    return "OpenCode" if message.synthetic or message.compaction else "User"


def _part(part: Part, raw: object) -> Iterator[str]:
    if part.kind == "text" and part.text.strip():
        yield ""
        yield part.text.rstrip()
    elif part.kind == "tool" and part.tool is not None:
        yield ""
        yield f"**{part.tool.name}** ({part.tool.status})"
        given = table(raw, "state", "input")
        if given:
            yield from _fenced(_json(given)[:_INPUT_LIMIT])
        said = text(raw, "state", "output") or text(raw, "state", "error")
        if said.strip():
            yield from _fenced(said[:_OUTPUT_LIMIT])
        if len(said) > _OUTPUT_LIMIT:
            yield f"({len(said) - _OUTPUT_LIMIT} more characters)"
    elif part.kind == "file":
        yield ""
        yield f"(file: {_line(text(raw, 'filename') or text(dig(raw, 'source'), 'path'))})"
    elif part.kind == "compaction":
        yield ""
        yield "(The conversation was summarised here.)"


def _fenced(words: str) -> Iterator[str]:
    longest = run = 0
    for letter in words:
        run = run + 1 if letter == "`" else 0
        longest = max(longest, run)
    fence = "`" * max(3, longest + 1)
    yield fence
    yield words.rstrip()
    yield fence


def _json(value: Mapping[str, object]) -> str:
    try:
        return json.dumps(value, indent=2, ensure_ascii=False, default=str)
    except (ValueError, RecursionError):
        return "(unreadable)"


def _line(words: str) -> str:
    return " ".join(words.split())


def _when(at: datetime | None) -> str:
    return "" if at is None else f", {_time(at)}"


def _time(at: datetime) -> str:
    return at.strftime("%Y-%m-%d %H:%M:%S UTC")
