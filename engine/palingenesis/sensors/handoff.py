"""The handoff: what a new session is told, from Next-step.md or written by us.

Text out of files and out of a conversation stands in quoted blocks that say where it comes from,
with every line marked; it is passed on, and never chooses an action, a path or a command of ours.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from palingenesis.runtime.ports import Handoff
from palingenesis.sensors.frontmatter import decode
from palingenesis.sensors.steps import Progress

HANDOFF_BYTES_MAX = 32 * 1024
NOTE_BYTES_MAX = 24 * 1024
_LAST_BYTES_MAX = 8 * 1024
_TODO_BYTES_MAX = 6 * 1024
_LINE_MAX = 300
OURS = "written by palingenesis"

_CUT = "> […]"


# ── Next-step.md ──────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class NextStep:
    """What a Next-step.md asks for; `number` is None where it names no step."""

    number: int | None
    text: str


_STEP = re.compile(
    r"\s{0,3}(?:#{1,6}\s*)?(?:\*\*|__)?(?:next\s+)?step[\s:#-]*0*(\d{1,4})(?:\s*(?:of|/)\s*\d{1,4})?"
    r"(?:\*\*|__)?(?:\s*[:.)\u2013\u2014-]\s*|\s+|$)(?:\*\*|__)?\s*(.*)",
    re.IGNORECASE,
)
_NUMBERED = re.compile(r"\s{0,3}0*(\d{1,4})[.)]\s+(\S.*)")


def read_next_step(data: bytes | str) -> NextStep:
    """Read `# Step 5: text`, `## Step 5` with the text on the next line, or `5. text`.

    A heading that names a step counts before a numbered line; without either, the text is the
    first line that is no heading.
    """
    lines = [line for line in _body(clean(decode(data))).split("\n") if line.strip()]
    for pattern in (_STEP, _NUMBERED):
        for place, line in enumerate(lines):
            found = pattern.fullmatch(line)
            if found is None:
                continue
            following = lines[place + 1] if place + 1 < len(lines) else ""
            text = found[2].strip("* _\t") or following.strip().lstrip("#").strip()
            return NextStep(int(found[1]), text[:_LINE_MAX])
    plain = next((line for line in lines if not line.lstrip().startswith("#")), "")
    return NextStep(None, plain.strip()[:_LINE_MAX])


def _body(text: str) -> str:
    """The text after a header, if there is one."""
    found = re.match(r"\s*-{3,}[ \t]*\n.*?\n-{3,}[ \t]*(?:\n|$)", text, re.DOTALL)
    return text[found.end() :] if found else text


# ── the text for the new session ──────────────────────────────────────────────────────────────


def from_note(
    note: str, *, source: str, document: str, progress: Progress | None, torn: bool
) -> Handoff:
    """The handoff from a file that the person or the earlier session left."""
    step = read_next_step(note)
    parts = [
        _OPENING,
        *_where(document, progress, torn=torn, wanted=step.number),
        f"The file {one_line(source)} of this project says what comes next. {_QUOTED}",
        quote(note, bytes_max=NOTE_BYTES_MAX),
        _CLOSING,
    ]
    return Handoff(text=_fit(parts), origin=one_line(source))


def from_knowledge(
    *,
    document: str,
    progress: Progress | None,
    torn: bool,
    todos: Sequence[str],
    last: str,
) -> Handoff | None:
    """The handoff that we write ourselves; None when there is nothing to go by."""
    listed = [one_line(todo) for todo in todos[:50]]
    listed = [todo for todo in listed if todo]
    said = clean(last).strip()
    if progress is None and not listed and not said:
        return None
    parts = [_OPENING, *_where(document, progress, torn=torn, wanted=None)]
    if listed:
        items = "\n".join(f"- {todo}" for todo in listed)
        block = quote(items, bytes_max=_TODO_BYTES_MAX)
        parts.append(f"The earlier session's list had these open items. {_QUOTED}\n\n{block}")
    if said:
        block = quote(said, bytes_max=_LAST_BYTES_MAX, keep_end=True)
        parts.append(f"The earlier session's last answer was this. {_QUOTED}\n\n{block}")
    return Handoff(text=_fit([*parts, _CLOSING]), origin=OURS)


_OPENING = (
    "Continue the work of an earlier session, which has ended. "
    "Nothing of that conversation is in this one."
)
_QUOTED = "It is quoted: each of its lines begins with '>'."
_CLOSING = (
    "Look at the files as they are now before you change anything, keep what is finished, "
    "and record progress where the workflow asks for it."
)


def _where(
    document: str, progress: Progress | None, *, torn: bool, wanted: int | None
) -> list[str]:
    """What is known about the work: our own words and numbers, and the document's path."""
    named = f'Workflow document: "{one_line(document)}".' if document else ""
    if torn:
        return [
            f"{named} Its header could not be read: find out from its text how far the work is."
        ]
    step = next_number(progress, wanted)
    total = progress.total if progress is not None else None
    of = f" of {total}" if total is not None else ""
    if progress is not None and progress.done:
        told = "By its header all steps are finished: check that, and do not start over."
    elif step is not None:
        told = f"Continue from step {step}{of}; do not repeat finished steps and do not start over."
        if wanted is not None and wanted != step:
            told += f" The recorded steps outrank the step {wanted} that the note names."
    elif document:
        told = "Find out from it how far the work is; do not repeat finished steps."
    else:
        return []
    return [f"{named} {told}".strip()]


def next_number(progress: Progress | None, wanted: int | None) -> int | None:
    """The step to go on with: the note's, unless it is finished already or does not exist."""
    current = progress.current if progress is not None else None
    total = progress.total if progress is not None else None
    if wanted is None or (total is not None and wanted > total):
        return current
    return wanted if current is None else max(wanted, current)


# ── text of others ────────────────────────────────────────────────────────────────────────────

_UNSEEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u061c\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff"
    "\ufff9-\ufffb\ufffe\uffff\ud800-\udfff\U000e0000-\U000e0fff]"
)


def clean(text: str) -> str:
    """Without control characters, and without those that hide or turn text around."""
    text = re.sub("\r\n?|\x0b|\x0c|\x85|\u2028|\u2029", "\n", text)
    return _UNSEEN.sub("", text)


def one_line(text: str) -> str:
    """Clean text on one line, at most 300 characters, without double quotes."""
    return " ".join(clean(text[: 4 * _LINE_MAX]).replace('"', "'").split())[:_LINE_MAX]


def quote(text: str, *, bytes_max: int, keep_end: bool = False) -> str:
    """Every line marked with `> `; what does not fit is cut at the end (or at the beginning)."""
    squeezed = re.sub(r"\n(?:[ \t]*\n){2,}", "\n\n", clean(text)).strip("\n")
    lines = [f"> {line}".rstrip() for line in squeezed.split("\n")]
    kept: list[str] = []
    left = bytes_max
    for line in reversed(lines) if keep_end else lines:
        size = len(line.encode()) + 1
        if size > left:
            piece = line.encode()[: max(0, left - 1)].decode(errors="ignore")
            kept += ([] if keep_end or len(piece) <= len("> ") else [piece]) + [_CUT]
            break
        kept.append(line)
        left -= size
    return "\n".join(reversed(kept) if keep_end else kept)


def _fit(parts: Sequence[str]) -> str:
    text = "\n\n".join(part for part in parts if part)
    return text.encode()[:HANDOFF_BYTES_MAX].decode(errors="ignore")
