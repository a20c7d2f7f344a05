"""The file that makes a service: written whole, known again, and never taken from its owner."""

import contextlib
import difflib
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Literal

from palingenesis.core.errors import PalingenesisError

_SEAL = "written by `palingenesis service install`, fingerprint "
_SEALED = re.compile(rf"^.*{re.escape(_SEAL)}([0-9a-f]{{16}}).*\n?", re.MULTILINE)
_CHARS = 16

Standing = Literal["absent", "same", "ours", "edited", "foreign"]
"""What lies in the place: nothing, exactly this, one of ours as we wrote it, one of ours that
somebody has changed, or something else."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceFile:
    """A file that we want in a place."""

    path: Path
    text: str
    """Sealed: a line in it says whose it is, and tells whether anybody changed it since."""

    def found(self) -> str | None:
        """What is there now; None: nothing.

        Raises:
            PalingenesisError: it cannot be read.
        """
        try:
            return self.path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return None
        except (OSError, UnicodeDecodeError) as error:
            raise PalingenesisError(
                f"cannot read {self.path}: {error}", hint="move it away, or make it yours"
            ) from error

    def standing(self) -> Standing:
        """Whose it is, and whether it is as it should be."""
        found = self.found()
        if found is None:
            return "absent"
        if found == self.text:
            return "same"
        seal = _SEALED.search(found)
        if seal is None:
            return "foreign"
        return "ours" if _fingerprint(_SEALED.sub("", found)) == seal[1] else "edited"

    def difference(self) -> str:
        """From what is there to what should be, line by line; empty where there is none."""
        lines = difflib.unified_diff(
            (self.found() or "").splitlines(),
            self.text.splitlines(),
            str(self.path),
            f"{self.path} (as it would be written)",
            lineterm="",
        )
        return "\n".join(lines)

    def write(self) -> None:
        """Put it in its place, whole or not at all.

        Raises:
            PalingenesisError: that cannot be done.
        """
        fresh = self.path.with_name(f".{self.path.name}.{os.getpid()}")
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            fresh.write_text(self.text, encoding="utf-8")
            fresh.chmod(0o644)
            fresh.replace(self.path)
        except OSError as error:
            with contextlib.suppress(OSError):
                fresh.unlink(missing_ok=True)
            raise PalingenesisError(
                f"cannot write {self.path}: {(error.strerror or str(error)).lower()}",
                hint=f"make {self.path.parent} writable for you",
            ) from error

    def remove(self) -> None:
        """Take it away; nothing there is no trouble.

        Raises:
            PalingenesisError: that cannot be done.
        """
        try:
            self.path.unlink(missing_ok=True)
        except OSError as error:
            raise PalingenesisError(
                f"cannot remove {self.path}: {(error.strerror or str(error)).lower()}"
            ) from error


def sealed(text: str, comment: Callable[[str], str]) -> str:
    """A text with its seal as the last line; `comment` makes a comment of a line."""
    return f"{text}{comment(_SEAL + _fingerprint(text))}\n"


def _fingerprint(text: str) -> str:
    return sha256(text.encode()).hexdigest()[:_CHARS]
