"""Whatever others wrote, no command sends an escape to the terminal, nor a line of theirs."""

import unicodedata
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.cli.test_commands import Said, Say, say
from tests.control.doors import StandInDoor, served

__all__ = ["say"]

HOSTILE = (
    "\x1b[2J\x1b]0;owned\x07\x1b]8;;http://evil\x1b\\\x9b31m\x90q\x9c\r\n! palingenesis is paused\n"
    "error: forged\u2028hint: forged\u2029x\x0by\x0cz\x85w\x00\x08\x7f\u202eabc\u2066d\u200f\u061c"
    "\U000e0041\U000e0042\ufeff\u00ad"
)
HARMLESS = "y" * len(HOSTILE)
KEPT = frozenset(
    {
        "at", "since", "until", "last", "status", "way", "outcome", "result", "change", "kind",
        "schema_version", "state", "severity", "source",
    }
)  # fmt: skip
"""Keys whose values are ours: instants, words of closed sets, and the person's own policy."""
PLACES = frozenset({"path", "directory", "argv"})
COMMANDS = (
    ("status",), ("sessions",), (), ("events",), ("explain",), ("explain", "--all"),
    ("daemon", "status"), ("daemon", "reload"), ("pause",), ("resume",), ("abort", "ses_1abc"),
    ("answer", "q17", "yes"), ("answer", "q99", "no"), ("policy", "show"),
    ("policy", "reload", "--dry-run"), ("policy", "shadow", "report"), ("open",),
    ("open", "--print"), ("doctor",),
    ("status", "--json"), ("sessions", "--json"), ("events", "--json"), ("explain", "--json"),
    ("daemon", "status", "--json"), ("daemon", "reload", "--json"),
)  # fmt: skip
BAD_WORDS = (
    ("abort", "WORD"), ("explain", "WORD"), ("policy", "validate", "/WORD"), ("WORD",),
    ("events", "--since", "WORD"), ("--WORD",), ("daemon", "run", "--server", "WORD"),
    ("policy", "explain", "WORD"), ("explain-code", "WORD"), ("answer", "WORD", "yes"),
    ("policy", "simulate", "--reason", "WORD"), ("policy", "test", "/WORD"),
    ("policy", "show", "--json", "/WORD"), ("wait", "--timeout", "WORD"),
    ("policy", "diff", "/WORD", "/WORD"), ("policy", "graph", "/WORD"), ("policy", "fmt", "/WORD"),
)  # fmt: skip


def worse(value: Any, suffix: str, key: str = "") -> Any:
    """The same document, with something at the end of every text that others may have written."""
    if isinstance(value, str):
        if key in PLACES:  # no file can have that in its name
            suffix = suffix.replace("\x00", "")
        return value if key in KEPT else value + suffix
    if isinstance(value, Mapping):
        return {name: worse(item, suffix, str(name)) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [worse(item, suffix, key) for item in value]
    return value


class WorseDoor:
    """Answers as the stand-in does, with every text worse."""

    def __init__(self, suffix: str) -> None:
        self._door = StandInDoor()
        self._door.warnings = ["a warning"]
        self._suffix = suffix

    def __getattr__(self, name: str) -> Callable[..., Any]:
        real = getattr(self._door, name)
        if not callable(real) or name in {"stop", "changed"}:
            return real  # type: ignore[no-any-return]
        if name in {"command", "answer", "reload", "preview", "shadow"}:

            async def later(*args: Any, **options: Any) -> Any:
                return worse(await real(*args, **options), self._suffix)

            return later
        return lambda *args, **options: worse(real(*args, **options), self._suffix)


def is_bad(letter: str) -> bool:
    """Whether it moves a cursor, ends a line in its own way, turns text around, or hides."""
    return letter != "\n" and unicodedata.category(letter) in {"Cc", "Cf", "Cs", "Zl", "Zp"}


def bad_letters(said: Said) -> list[str]:
    return [ascii(letter) for letter in said.out + said.err if is_bad(letter)]


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_no_command_passes_on_what_steers_a_terminal_or_forges_a_line(
    say: Say, tmp_path: Path, command: tuple[str, ...]
):
    def told(suffix: str) -> Said:
        folder = tmp_path / suffix[:1].encode().hex()
        folder.mkdir()
        with served(folder, WorseDoor(suffix)) as here:  # type: ignore[arg-type]
            return say(*command, PALINGENESIS_RUNTIME_DIR=str(here.path.parent))

    hostile, harmless = told(HOSTILE), told(HARMLESS)

    assert bad_letters(hostile) == []
    assert hostile.code == harmless.code
    assert len(hostile.out.splitlines()) == len(harmless.out.splitlines())
    assert len(hostile.err.splitlines()) == len(harmless.err.splitlines())


@pytest.mark.parametrize("command", BAD_WORDS, ids=" ".join)
def test_no_complaint_about_a_word_passes_on_what_steers_a_terminal(
    say: Say, command: tuple[str, ...]
):
    typed = HOSTILE.replace("\x00", "")  # no argument can hold that

    said = say(*(word.replace("WORD", typed) for word in command))
    harmless = say(*(word.replace("WORD", "y" * len(typed)) for word in command))

    assert bad_letters(said) == []
    assert said.code == harmless.code != 0
    assert len(said.err.splitlines()) == len(harmless.err.splitlines())


@pytest.mark.parametrize("command", [("status",), ("sessions",), ("events",), ("explain",)])
def test_half_of_a_surrogate_pair_in_a_journal_breaks_nothing(
    say: Say, tmp_path: Path, command: tuple[str, ...]
):
    with served(tmp_path, WorseDoor("\ud800")):  # type: ignore[arg-type]
        said = say(*command)

    assert (said.code, bad_letters(said)) == (0, [])
