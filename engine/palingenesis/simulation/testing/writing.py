"""Writing YAML values: quoted only where they have to be, and then so that they read back."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

_PLAIN: Final = re.compile(r"[A-Za-z0-9_$./][A-Za-z0-9_$./@+-]*", re.ASCII)
_OTHERWISE: Final = re.compile(r"(?i:true|false|null|~|yes|no|on|off)|[-+.\d][\d.eE+_-]*|none")
_ESCAPES: Final = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\t": "\\t", "\r": "\\r"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """A value as YAML: one text, or the entries of a list (then `text` is "")."""

    text: str = ""
    items: tuple[str, ...] = ()

    def as_flow(self) -> str:
        """On one line."""
        return self.text or f"[{', '.join(self.items)}]"


def flow(words: Iterable[str]) -> str:
    """A list on one line, for people."""
    return f"[{', '.join(words)}]"


def quote(text: str) -> str:
    """A text in double quotes, whatever is in it."""
    return '"' + "".join(_escaped(char) for char in text) + '"'


def quote_if_needed(text: str) -> str:
    """A text as a plain scalar where YAML reads it back as that text; quoted otherwise."""
    if text == "none" or (_PLAIN.fullmatch(text) and not _OTHERWISE.fullmatch(text)):
        return text
    return quote(text)


def _escaped(char: str) -> str:
    if char in _ESCAPES:
        return _ESCAPES[char]
    if char.isprintable():
        return char
    code = ord(char)
    if code <= 0xFF:  # noqa: PLR2004 - YAML's three forms
        return f"\\x{code:02X}"
    return f"\\u{code:04X}" if code <= 0xFFFF else f"\\U{code:08X}"  # noqa: PLR2004
