"""Session backups: `session-backup-YYYYMMDD-HHMM[-n].md`, private, durable, never doubled.

Theory of operation. A backup is the hard condition of a new session, so `keep` returns only when
the file and its directory are on the disk. Names are taken with O_EXCL and never through a link.
The file begins with the content's checksum: the same conversation kept again (after a crash of
ours) finds its file, checks that it is whole, and makes no second one. A file that a crash left
half-written does not match and stays where it is. Times in names are UTC.
"""

import contextlib
import hashlib
import json
import os
import re
from datetime import UTC, datetime
from pathlib import Path

from palingenesis.core.errors import JournalError
from palingenesis.core.values import SessionId
from palingenesis.sensors.handoff import one_line

_NAME = re.compile(r"session-backup-(\d{8})-(\d{4})(?:-(\d{1,6}))?\.md")
_HEAD_BYTES_MAX = 4096
_HINT = "make room there, or set PALINGENESIS_STATE_DIR to another folder"


class Backups:
    """One directory of backups; `kept` is how many outlive the days before today."""

    def __init__(self, directory: Path, *, kept: int = 50) -> None:
        self._directory = directory
        self._kept = kept

    def keep(self, session: SessionId, at: datetime, document: str) -> str:
        """Store a backup durably and return its path.

        Raises:
            JournalError: it could not be stored.
        """
        body = document.encode(errors="replace")
        try:
            folder = self._open()
            try:
                name = self._same(folder, session, body)
                if name is None:
                    name = _store(folder, session, at.astimezone(UTC), body)
                os.fsync(folder)
                self._forget(folder, today=f"{at.astimezone(UTC):%Y%m%d}", spared=name)
            finally:
                os.close(folder)
        except OSError as error:
            why = (error.strerror or str(error)).lower()
            message = f"cannot store a session backup in {self._directory}: {why}"
            raise JournalError(message, hint=_HINT) from error
        return str(self._directory / name)

    def _open(self) -> int:
        with contextlib.suppress(FileExistsError):
            self._directory.mkdir(parents=True, mode=0o700)
            _sync_directory(self._directory.parent)
        return os.open(self._directory, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)

    def _same(self, folder: int, session: SessionId, body: bytes) -> str | None:
        """The name of a whole backup of the same conversation; made durable once more."""
        wanted = _checksum(session, body)
        for name in sorted(_names(folder), key=_age, reverse=True):
            try:
                file = os.open(
                    name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder
                )
            except OSError:
                continue
            try:
                head = os.read(file, _HEAD_BYTES_MAX)
                if wanted not in head.partition(b"\n---\n")[0]:
                    continue
                stored = head + _read_rest(file, len(body))
                if stored.endswith(b"\n---\n\n" + body):
                    os.fsync(file)
                    return name
            finally:
                os.close(file)
        return None

    def _forget(self, folder: int, *, today: str, spared: str) -> None:
        """Remove the oldest beyond the number to keep; never today's. Failing that is no error."""
        names = sorted(_names(folder), key=_age, reverse=True)
        for name in names[self._kept :]:
            found = _NAME.fullmatch(name)
            if name != spared and found is not None and found[1] < today:
                with contextlib.suppress(OSError):
                    os.unlink(name, dir_fd=folder)


def _store(folder: int, session: SessionId, at: datetime, body: bytes) -> str:
    head = _head(session, at, body)
    stem = f"session-backup-{at:%Y%m%d-%H%M}"
    taken = set(_names(folder))
    number = 1
    while True:
        name = f"{stem}.md" if number == 1 else f"{stem}-{number}.md"
        number += 1
        if name in taken:
            continue
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        try:
            file = os.open(name, flags, 0o600, dir_fd=folder)
        except FileExistsError:
            taken.add(name)
            continue
        break
    try:
        os.fchmod(file, 0o600)
        _write(file, head + body)
        os.fsync(file)
    except OSError:
        with contextlib.suppress(OSError):
            os.unlink(name, dir_fd=folder)
        raise
    finally:
        os.close(file)
    return name


def _head(session: SessionId, at: datetime, body: bytes) -> bytes:
    title = next((line[2:] for line in body[:4096].split(b"\n") if line.startswith(b"# ")), b"")
    fields = {
        "session": one_line(session),
        "title": one_line(title.decode(errors="replace")),
        "saved": at.isoformat(timespec="seconds"),
    }
    lines = [f"{key}: {json.dumps(value, ensure_ascii=False)}" for key, value in fields.items()]
    block = "\n".join(["---", *lines]).encode(errors="replace")
    return block + b"\n" + _checksum(session, body) + b"\n---\n\n"


def _checksum(session: SessionId, body: bytes) -> bytes:
    digest = hashlib.sha256(session.encode(errors="replace") + b"\0" + body).hexdigest()
    return f"checksum: sha256-{digest}".encode()


def _write(file: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(file, view) :]


def _read_rest(file: int, bytes_max: int) -> bytes:
    chunks = []
    left = bytes_max + 1
    while left > 0 and (chunk := os.read(file, left)):
        chunks.append(chunk)
        left -= len(chunk)
    return b"".join(chunks)


def _names(folder: int) -> list[str]:
    return [name for name in os.listdir(folder) if _NAME.fullmatch(name)]


def _age(name: str) -> tuple[str, str, int]:
    found = _NAME.fullmatch(name)
    assert found is not None
    return found[1], found[2], int(found[3] or 1)


def _sync_directory(path: Path) -> None:
    folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
