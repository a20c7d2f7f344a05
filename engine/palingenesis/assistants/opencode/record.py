"""What we remember on disk of the server that we run, so that the next daemon adopts it.

The record holds the server's password: it is a file of mode 0600 in a folder of mode 0700.
"""

import contextlib
import fcntl
import json
import os
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path

from palingenesis.assistants.opencode.untrusted import text, whole
from palingenesis.core.errors import AssistantError, BusyError, PassingError
from palingenesis.processes.identity import Identity


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """A server that we started."""

    pid: int
    """0: it was about to be started."""
    start_ticks: int
    boot_id: str
    origin: str
    password: str
    data: str
    """The data directory it works on."""
    version: str
    program: str = ""
    """The program's path, size and time: it is asked for its version once only."""

    @property
    def identity(self) -> Identity:
        """The process."""
        return Identity(pid=self.pid, start_ticks=self.start_ticks, boot_id=self.boot_id)

    def __repr__(self) -> str:
        return f"Record(pid={self.pid}, origin={self.origin!r}, version={self.version!r})"


class RecordFile:
    """The record of the one server of a data directory; hold the lock while you change it."""

    def __init__(self, state: Path, data: Path) -> None:
        key = sha256(str(data.absolute()).encode()).hexdigest()[:12]
        self._path = state / f"opencode-{key}.json"
        self._lock_path = state / f"opencode-{key}.lock"
        self._data = str(data)
        self._lock: int | None = None

    def lock(self) -> None:
        """Be the only one who runs a server on this data directory; released by `unlock`.

        Raises:
            BusyError: another daemon of ours does.
            PassingError: the state folder cannot be written to.
        """
        if self._lock is not None:
            return
        try:
            fd = os.open(self._lock_path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise PassingError(f"cannot write {self._lock_path}: {error.strerror}") from error
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(fd)
            raise BusyError(
                f"another palingenesis runs a server on {self._data}",
                "stop that one first: palingenesis daemon stop",
            ) from error
        self._lock = fd

    def unlock(self) -> None:
        """Let others run a server on this data directory."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def read(self) -> Record | None:
        """What the last daemon left; None when there is nothing, or nothing usable.

        Raises:
            PassingError: it is there, and cannot be read: a server of ours may live.
        """
        try:
            value = json.loads(self._path.read_text(encoding="utf-8"))
        except (FileNotFoundError, ValueError):
            return None
        except OSError as error:
            raise PassingError(
                f"cannot read {self._path}: {error.strerror}",
                "it tells which OpenCode is ours: without it none is started",
            ) from error
        pid, ticks = whole(value, "pid"), whole(value, "start_ticks")
        if pid is None or ticks is None or not text(value, "origin"):
            return None
        return Record(
            pid=pid,
            start_ticks=ticks,
            boot_id=text(value, "boot_id"),
            origin=text(value, "origin"),
            password=text(value, "password"),
            data=text(value, "data"),
            version=text(value, "version"),
            program=text(value, "program"),
        )

    def write(self, record: Record) -> None:
        """Remember it durably, all or nothing.

        Raises:
            AssistantError: it cannot be written.
        """
        beside = self._path.with_suffix(".new")
        try:
            with contextlib.suppress(FileNotFoundError):
                beside.unlink()
            fd = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            with os.fdopen(fd, "w", encoding="utf-8") as file:
                json.dump(asdict(record), file)
                file.flush()
                os.fsync(file.fileno())
            beside.replace(self._path)
            folder = os.open(self._path.parent, os.O_RDONLY | os.O_CLOEXEC)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
        except OSError as error:
            raise AssistantError(f"cannot write {self._path}: {error.strerror}") from error

    def forget(self) -> None:
        """There is no server of ours any more."""
        with contextlib.suppress(OSError):
            self._path.unlink()
