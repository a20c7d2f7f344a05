"""What a check is, and what it finds."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from palingenesis.core.errors import PalingenesisError

if TYPE_CHECKING:
    from palingenesis.app.checkup.patient import Patient


class Level(StrEnum):
    """How much a finding matters."""

    GOOD = "good"
    NOTE = "note"
    """Worth knowing; nothing has to be done."""
    WARNING = "warning"
    """The night can begin, but this may spoil it."""
    PROBLEM = "problem"
    """Something does not work, or a night would not go well."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that was found, in one line, with the way out."""

    level: Level
    said: str
    fix: str = ""
    """One command, or one sentence, that mends it."""
    mend: Callable[[], str] | None = None
    """What `doctor --fix` does about it; returns what was done, in words."""
    check: str = ""
    """The id of the check that found it; `look` writes it in."""
    mended: str = ""
    """What was done about it."""

    def as_plain(self) -> Mapping[str, Any]:
        """The finding for a program."""
        return {
            "check": self.check,
            "level": self.level.value,
            "said": self.said,
            "fix": self.fix,
            "fixable": self.mend is not None,
            "fixed": self.mended or None,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One question. It finds at least one thing, good or bad."""

    id: str
    about: str
    """What is looked at and why, for the reference page."""
    look: "Callable[[Patient], Iterable[Finding]]"
    doctor: bool = True
    preflight: bool = True


def look(check: Check, patient: "Patient") -> Iterator[Finding]:
    """Ask one question. Whatever goes wrong in asking is a finding, too."""
    try:
        for finding in check.look(patient):
            yield replace(finding, check=check.id)
    except PalingenesisError as error:
        yield Finding(check=check.id, level=Level.PROBLEM, said=error.message, fix=error.hint or "")
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        said = f"could not be looked at: {where}{(error.strerror or str(error)).lower()}"
        yield Finding(check=check.id, level=Level.WARNING, said=said)


def mend(finding: Finding) -> Finding:
    """Do what can be done about a finding; one that cannot be mended comes back as it was."""
    if finding.mend is None:
        return finding
    try:
        done = finding.mend()
    except (PalingenesisError, OSError) as error:
        return replace(finding, said=f"{finding.said} (mending it failed: {error})")
    return replace(finding, mended=done, level=Level.GOOD)


def good(said: str) -> Finding:
    """All is well."""
    return Finding(level=Level.GOOD, said=said)


def note(said: str, fix: str = "") -> Finding:
    """Worth knowing."""
    return Finding(level=Level.NOTE, said=said, fix=fix)


def warning(said: str, fix: str = "") -> Finding:
    """May spoil a night."""
    return Finding(level=Level.WARNING, said=said, fix=fix)


def problem(said: str, fix: str = "") -> Finding:
    """Does not work."""
    return Finding(level=Level.PROBLEM, said=said, fix=fix)
