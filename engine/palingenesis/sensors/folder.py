"""A session's directory as we may read it: beneath it only, regular files only, a little at a time.

Names come from an agent's tools and from globs, so they are judged by where they really lead: a
path is resolved first, must still be beneath the directory, and is then opened part by part
without following any link, so that nothing can be exchanged in between.
What is not there and what cannot be read are two answers: a disk that answers with errors, a
forbidden file, and a folder in a file's place say nothing about what was written there.
"""

import errno
import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass

ENTRIES_MAX = 20_000
UNTOLD_NS = 2**63 - 1
"""When something changed of which that cannot be told: it may be later than everything."""
_NOT_THERE = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG})
_SKIPPED = frozenset({".git", "node_modules", ".venv", "venv", "__pycache__", "target", ".tox"})


@dataclass(frozen=True, slots=True)
class Found:
    """A file beneath the directory, as it was when it was opened."""

    path: str
    """Relative to the directory, links resolved."""
    data: bytes
    size_bytes: int
    changed_ns: int


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Something is there, or may be, and what is in it cannot be told now."""

    path: str
    """Relative to the directory, links resolved."""
    why: str
    """In the system's words."""
    changed_ns: int
    is_file: bool = True
    """False: it is a folder, a pipe or the like."""


class Folder:
    """Read-only view of what lies beneath one directory. No method raises for a bad path."""

    def __init__(self, directory: str) -> None:
        self.root = _real(directory) if directory.startswith("/") else ""

    def locate(self, path: str) -> str | None:
        """Where the path (absolute, or relative to the directory) leads, if that is beneath."""
        if not self.root or not path or len(path) > 4096:  # noqa: PLR2004 (PATH_MAX)
            return None
        real = _real(os.path.join(self.root, path))  # noqa: PTH118 (text in, text out)
        prefix = self.root.rstrip("/") + "/"
        return real.removeprefix(prefix) if real.startswith(prefix) else None

    def changed_ns(self, path: str) -> int | None:
        """When a located file last changed, in ns; None when it is not there."""
        try:
            return os.lstat(f"{self.root}/{path}").st_mtime_ns
        except ValueError:
            return None
        except OSError as error:
            return None if error.errno in _NOT_THERE else UNTOLD_NS

    def read(self, path: str, *, bytes_max: int) -> Found | Unreadable | None:
        """The beginning of a located regular file; None when there is nothing of that name."""
        try:
            file = self._open(path)
        except ValueError:
            return None
        except OSError as error:
            return self._unreadable(path, error)
        try:
            status = os.fstat(file)
            if not stat.S_ISREG(status.st_mode):
                why = "it is no regular file"
                return Unreadable(path, why, status.st_mtime_ns, is_file=False)
            chunks, left = [], bytes_max
            while left and (chunk := os.read(file, left)):
                chunks.append(chunk)
                left -= len(chunk)
        except OSError as error:
            return self._unreadable(path, error)
        finally:
            os.close(file)
        return Found(path, b"".join(chunks), status.st_size, status.st_mtime_ns)

    def matches(self, pattern: str) -> Iterator[str]:
        """Files that a glob names (`*`, `?`, `**/`), relative to the directory; links are left out.

        Looks at no more than 20,000 entries, and not into dependencies or version control. Where
        the folder that the glob begins with is there and cannot be listed now, it is named itself.
        """
        literal = re.split(r"[*?\[]", pattern, maxsplit=1)[0].rpartition("/")[0]
        start = self.locate(literal) if literal else ""
        if not self.root or start is None or pattern.startswith("/"):
            return
        wanted = re.compile(_regex_of(pattern))
        left = ENTRIES_MAX
        top = f"{self.root}/{start}" if start else self.root
        unlisted: list[OSError] = []
        for place, folders, files in os.walk(top, onerror=unlisted.append):
            left -= len(folders) + len(files)
            if left < 0:
                return
            folders[:] = sorted(name for name in folders if name not in _SKIPPED)
            relative = place[len(self.root.rstrip("/")) + 1 :]
            for name in sorted(files):
                path = f"{relative}/{name}" if relative else name
                if wanted.fullmatch(path):
                    yield path
        if any(it.filename == top and it.errno not in _NOT_THERE for it in unlisted):
            yield start

    def _unreadable(self, path: str, error: OSError) -> Unreadable | None:
        """What such an error says; None: there is nothing of that name."""
        changed_ns = self.changed_ns(path)
        if changed_ns is None:
            return None
        return Unreadable(path, os.strerror(error.errno or 0), changed_ns)

    def _open(self, path: str) -> int:
        *parents, name = path.split("/")
        place = os.open(self.root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            for part in parents:
                flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
                deeper = os.open(part, flags, dir_fd=place)
                os.close(place)
                place = deeper
            flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
            return os.open(name, flags, dir_fd=place)
        finally:
            os.close(place)


def _real(path: str) -> str:
    try:
        return os.path.realpath(path)
    except (OSError, ValueError):
        return ""


def _regex_of(pattern: str) -> str:
    pieces = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    parts = re.split(r"(\*\*/|\*\*|\*|\?)", pattern)
    return "".join(pieces.get(part) or re.escape(part) for part in parts)
