"""Letters that a terminal does not have: an ASCII likeness instead of an error.

In the C locale Python itself speaks UTF-8; this is for those that name another encoding. A file's
name may hold bytes that are no letters in any: they are written as they are, in every locale.
"""

import codecs
import sys
from typing import Final

_LIKENESS: Final = {
    "·": "-",
    "…": "...",
    "→": "->",
    "←": "<-",
    "✔": "+",
    "✓": "+",
    "✘": "x",
    "\N{MULTIPLICATION SIGN}": "x",
    "\N{EN DASH}": "-",
    "\N{EM DASH}": "-",
    "│": "|",
    "└": "`",
    "├": "|",
    "─": "-",
    "╰": "`",
    "±": "+-",
    "≤": "<=",
    "≥": ">=",
    "\N{LEFT DOUBLE QUOTATION MARK}": '"',
    "\N{RIGHT DOUBLE QUOTATION MARK}": '"',
    "\N{LEFT SINGLE QUOTATION MARK}": "'",
    "\N{RIGHT SINGLE QUOTATION MARK}": "'",
}
_NAME: Final = "palingenesis.likeness"


def use_what_there_is() -> None:
    """Have standard output and error write likenesses where they have no such letter.

    Where they have all of them, the bytes of a name that is no text are no error either.
    """
    for stream in (sys.stdout, sys.stderr):
        encoding = (getattr(stream, "encoding", None) or "utf-8").lower().replace("_", "-")
        change = getattr(stream, "reconfigure", None)
        if encoding not in ("utf-8", "utf8") and change is not None:
            codecs.register_error(_NAME, _likeness)
            change(errors=_NAME)
        elif change is not None and getattr(stream, "errors", "") == "strict":
            change(errors="surrogateescape")


def _likeness(error: UnicodeError) -> tuple[str | bytes, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    missing = error.object[error.start : error.end]
    return "".join(_LIKENESS.get(letter, "?") for letter in missing), error.end
