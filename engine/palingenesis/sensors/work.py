"""The work of a session: its workflow document, Next-step.md beside it, and backups; a `Work` port.

Theory of operation. A document is bound to a session when the session's own tools wrote it and its
header is a workflow's, or when a configured glob names it; of several, the one that changed last.
None bound: `absent`. A bound document that cannot be read as a whole is `torn`, and so is one that
we knew as unfinished and that is empty or gone now: that is no evidence of completion.
A file that a disk or a permission keeps from us may be such a document, and is `torn` too; so is a
folder of a glob that cannot be listed. What is no file (a folder, a pipe) is none.
A Next-step.md that is there and cannot be read is not missing: whether it is there is unknown, and
no handoff is made without it.
Reading is quick and happens once; the caller asks again while it is torn.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from palingenesis.core.errors import UnreadableError
from palingenesis.core.values import FactValue, SessionId, WorkState
from palingenesis.runtime.ports import Handoff
from palingenesis.sensors.backups import Backups
from palingenesis.sensors.folder import Folder, Found, Unreadable
from palingenesis.sensors.frontmatter import (
    Absent,
    Invalid,
    Plain,
    Torn,
    Valid,
    decode,
    mentions,
    read_header,
    read_mapping,
)
from palingenesis.sensors.handoff import (
    from_knowledge,
    from_note,
    next_number,
    one_line,
    read_next_step,
)
from palingenesis.sensors.step_files import PLACES, StepFiles, choose, find_step_files
from palingenesis.sensors.steps import (
    TELLTALE,
    Progress,
    is_workflow,
    read_progress,
    read_sprint,
    read_step,
)

DOCUMENT_BYTES_MAX = 256 * 1024
NOTE_FILE_BYTES_MAX = 64 * 1024
WRITTEN_MAX = 500
KNOWN_MAX = 500
NEXT_STEP = "Next-step.md"
_WAY_OUT = "make it readable or move it away, then: palingenesis new-session SESSION"


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """The bound workflow document; no progress: it is torn."""

    path: str
    """Relative to the session's directory."""
    progress: Progress | None
    step_name: str = ""

    @property
    def torn(self) -> bool:
        """Whether it cannot be trusted now."""
        return self.progress is None


class FolderWork:
    """Reads the work from a session's directory, and keeps backups in one of ours."""

    def __init__(self, *, backups: Path, globs: Sequence[str] = (), backups_kept: int = 50) -> None:
        """Take the backups' directory and the globs that bind documents to every session."""
        self._backups = Backups(backups, kept=backups_kept)
        self._globs = tuple(globs)
        self._unfinished: dict[tuple[str, str], None] = {}
        self._step_files: dict[str, tuple[tuple[int | None, ...], tuple[StepFiles, ...]]] = {}

    def facts(self, directory: str, written: Sequence[str]) -> Mapping[str, FactValue | None]:
        """The `work.*` facts, three-valued: a torn document never says done."""
        folder = Folder(directory)
        document = self.document(folder, written)
        note = _find_note(folder, document, NEXT_STEP)
        progress = document.progress if document else None
        state = (
            WorkState.ABSENT
            if document is None
            else WorkState.TORN
            if document.torn
            else WorkState.VALID
        )
        return {
            "work.state": state.value,
            "work.done": progress.done if progress else None,
            "work.steps_completed": progress.completed if progress else None,
            "work.steps_total": progress.total if progress else None,
            "work.step": _step_text(document, None if isinstance(note, Unreadable) else note),
            "work.next_file": None if isinstance(note, Unreadable) else note is not None,
        }

    def handoff(
        self,
        directory: str,
        written: Sequence[str],
        *,
        source: str,
        todos: Sequence[str],
        last: str,
    ) -> Handoff | None:
        """The text for a new session, from `source` if it is there; None: nothing to go by.

        Raises:
            UnreadableError: it is there, or may be, and cannot be read.
        """
        folder = Folder(directory)
        document = self.document(folder, written)
        note = _find_note(folder, document, source)
        path = document.path if document else ""
        progress = document.progress if document else None
        torn = document is not None and document.torn
        if isinstance(note, Unreadable):
            name = one_line(f"{folder.root}/{note.path}")
            raise UnreadableError(f"{name} cannot be read: {note.why}", hint=_WAY_OUT)
        if note is not None:
            text = decode(note.data)
            return from_note(text, source=source, document=path, progress=progress, torn=torn)
        return from_knowledge(document=path, progress=progress, torn=torn, todos=todos, last=last)

    def keep(self, session: SessionId, at: datetime, document: str) -> str:
        """Store a backup durably and return its path.

        Raises:
            JournalError: it could not be stored.
        """
        return self._backups.keep(session, at, document)

    def document(self, folder: Folder, written: Sequence[str]) -> Document | None:
        """The workflow document that is bound to a session; None: none is."""
        if not folder.root:
            return None
        lost: str | None = None
        for path, named in self._candidates(folder, written):
            found = folder.read(path, bytes_max=DOCUMENT_BYTES_MAX)
            unfinished = (folder.root, path) in self._unfinished
            if isinstance(found, Unreadable) and found.is_file:
                return Document(path=path, progress=None)
            if not isinstance(found, Found):
                if unfinished and folder.changed_ns(path) is None:
                    lost = lost or path
                    continue
                if named or unfinished:
                    return Document(path=path, progress=None)
                continue
            document = self._read(folder, found, named=named, unfinished=unfinished)
            if document is not None:
                self._remember(folder.root, document)
                return document
        return Document(path=lost, progress=None) if lost is not None else None

    def _candidates(self, folder: Folder, written: Sequence[str]) -> list[tuple[str, bool]]:
        """Paths that may be bound, the last changed first; and whether a glob names them."""
        named: dict[str, bool] = {}
        for path in list(dict.fromkeys(reversed(written)))[:WRITTEN_MAX]:
            if path.casefold().endswith((".md", ".markdown")) and (real := folder.locate(path)):
                named.setdefault(real, False)
        for pattern in self._globs:
            for path in folder.matches(pattern):
                if folder.locate(path) == path:
                    named[path] = True
        return sorted(named.items(), key=lambda item: -(folder.changed_ns(item[0]) or 0))

    def _read(
        self, folder: Folder, found: Found, *, named: bool, unfinished: bool
    ) -> Document | None:
        torn = Document(path=found.path, progress=None)
        if not found.data.strip(b"\0 \t\r\n"):
            return torn if named or unfinished else None
        if not found.path.casefold().endswith((".md", ".markdown")):
            return _read_list(found) if named else None
        match read_header(found.data, telltale=TELLTALE):
            case Absent():
                return torn if unfinished else None
            case Torn():
                return torn
            case Invalid():
                bound = named or unfinished or mentions(found.data, TELLTALE)
                return torn if bound else None
            case Valid(mapping=mapping):
                if not is_workflow(mapping) and not (named and "status" in mapping):
                    return None
                return self._progress(folder, found.path, mapping)

    def _progress(self, folder: Folder, path: str, mapping: Mapping[str, Plain]) -> Document:
        recorded = mapping.get("stepsCompleted")
        elements = recorded if isinstance(recorded, list) else []
        steps = [step for step in map(read_step, elements) if step is not None]
        name = path.rpartition("/")[2]
        files = choose(self._workflows(folder), mapping=mapping, name=name, recorded=steps)
        progress = read_progress(mapping, name=name, total=files.total if files else None)
        current = progress.current
        step_name = files.names.get(current, "") if files and current is not None else ""
        return Document(path=path, progress=progress, step_name=step_name)

    def _workflows(self, folder: Folder) -> tuple[StepFiles, ...]:
        """The step files of a directory; looked up again when the installation changed."""
        changed = tuple(folder.changed_ns(place) for place in PLACES)
        cached = self._step_files.get(folder.root)
        if cached is None or cached[0] != changed:
            found = find_step_files(folder)
            if found is None:
                return ()
            cached = (changed, found)
            self._step_files[folder.root] = cached
            while len(self._step_files) > KNOWN_MAX:
                del self._step_files[next(iter(self._step_files))]
        return cached[1]

    def _remember(self, root: str, document: Document) -> None:
        key = (root, document.path)
        self._unfinished.pop(key, None)
        if document.progress is None or document.progress.done is not True:
            self._unfinished[key] = None
        while len(self._unfinished) > KNOWN_MAX:
            del self._unfinished[next(iter(self._unfinished))]


def _read_list(found: Found) -> Document | None:
    """A project's list of stories, which only a glob can bind."""
    match read_mapping(found.data):
        case Valid(mapping=mapping):
            progress = read_sprint(mapping)
            return Document(path=found.path, progress=progress) if progress else None
        case _:
            return Document(path=found.path, progress=None)


def _find_note(folder: Folder, document: Document | None, source: str) -> Found | Unreadable | None:
    """Next-step.md in the directory or beside the document; the one that changed last."""
    notes: list[Found | Unreadable] = []
    for path in _note_paths(document, source):
        real = folder.locate(path)
        found = folder.read(real, bytes_max=NOTE_FILE_BYTES_MAX) if real else None
        if isinstance(found, Unreadable) or (found is not None and found.data.strip(b"\0 \t\r\n")):
            notes.append(found)
    return max(notes, key=lambda note: note.changed_ns, default=None)


def _note_paths(document: Document | None, source: str) -> Iterator[str]:
    if not source or source.startswith("/"):
        return
    for name in dict.fromkeys((source, source.lower())):
        yield name
        if document is not None and "/" in document.path:
            yield f"{document.path.rpartition('/')[0]}/{name}"


def _step_text(document: Document | None, note: Found | None) -> str | None:
    """Name of the step to go on with: numbers, and at most the name of a step file."""
    progress = document.progress if document else None
    if document is not None and progress is None:
        return None
    wanted = read_next_step(note.data).number if note else None
    if progress is not None and progress.done:
        wanted = None
    number = next_number(progress, wanted)
    if number is None:
        return None
    total = progress.total if progress else None
    text = f"step {number}" if total is None else f"step {number} of {total}"
    name = document.step_name if document and progress and number == progress.current else ""
    return f"{text}: {name}" if re.fullmatch(r"[a-z0-9-]{1,80}", name) else text
