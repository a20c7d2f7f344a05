"""Lexing: an expression as people write it -> one that Python's parser reads.

Python knows no `15m`, `80%` or `$20`. So every literal becomes a name (`_0`, `_1`, …), and a map
leads every column back to where it was written. Nothing but ASCII reaches Python's parser.
"""

import re
from dataclasses import dataclass, field
from typing import Final

from palingenesis.core.errors import InvalidConfigError
from palingenesis.core.facts import Kind, parse_duration
from palingenesis.core.values import FactValue


@dataclass(frozen=True, slots=True, kw_only=True)
class Mistake:
    """Something wrong in an expression; `start` and `end` are characters of it."""

    code: str
    message: str
    help: str = ""
    start: int
    end: int


@dataclass(slots=True)
class Lexed:
    """An expression for Python's parser, its literals, and the way back."""

    python: str = ""
    literals: dict[str, tuple[Kind, FactValue] | None] = field(default_factory=dict)
    """None: a literal that is already among the mistakes."""
    mistakes: list[Mistake] = field(default_factory=list)
    _starts: list[int] = field(default_factory=list)
    _ends: list[int] = field(default_factory=list)

    @property
    def indent(self) -> int:
        """Blanks in front, which Python must not see."""
        return len(self.python) - len(self.python.lstrip())

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Columns of the Python text -> characters of the expression."""
        last = len(self._starts) - 1
        return self._starts[min(start, last)], self._ends[min(max(end - 1, 0), last)]

    def put(self, python: str, start: int, end: int) -> None:
        """Append a token that stands at `start` to `end` of the expression."""
        if _is_word(self.python[-1:]) and _is_word(python[:1]):
            self.python += " "  # f'…' and 5'…' must not become one name
            self._starts.append(start)
            self._ends.append(end)
        self.python += python
        self._starts += [start] * len(python)
        self._ends += [end] * len(python)

    def literal(self, meaning: tuple[Kind, FactValue] | None, start: int, end: int) -> None:
        """Append a literal under a name of its own."""
        name = f"_{len(self.literals)}"
        self.literals[name] = meaning
        self.put(name, start, end)


def _is_word(char: str) -> bool:
    return char.isalnum() or char == "_"


_TOKEN: Final = re.compile(
    r"""(?P<space>[ \t\r\n]+)
    | (?P<text>'(?:[^'\\]|\\.)*' | "(?:[^"\\]|\\.)*")
    | (?P<money>\$[0-9][0-9A-Za-z._]*)
    | (?P<number>[0-9][0-9A-Za-z._]*%?)
    | (?P<name>[A-Za-z][0-9A-Za-z_]*(?:\.[A-Za-z][0-9A-Za-z_]*)*)
    | (?P<wrong>===|!==|&&|\|\||<>|=~|=<|=>|!~|=(?!=)|!(?!=)|&|\|)
    | (?P<operator>==|!=|<=|>=|:=|\*\*|//|[-+*/%@^~<>()\[\],.:;{}])
    """,
    re.VERBOSE | re.DOTALL,
)
_INSTEAD: Final = {
    "=": "==", "===": "==", "!==": "!=", "<>": "!=", "&&": "and", "&": "and", "||": "or",
    "|": "or", "!": "not", "=<": "<=", "=>": ">=", "=~": "matches(text, 'pattern')",
    "!~": "not matches(…)",
}  # fmt: skip
_MEANT: Final = frozenset({"==", "!=", "<=", ">=", "and", "or", "not"})
"""Operators that are read on with, in the place of what was written."""
_WORDS: Final = {"AND": "and", "OR": "or", "NOT": "not", "IN": "in"}
_ESCAPES: Final = {"n": "\n", "t": "\t", "\\": "\\", "'": "'", '"': '"'}


def lex(text: str) -> Lexed:
    """Split an expression into tokens. Mistakes are noted; the rest is read on."""
    lexed = Lexed()
    at = 0
    while at < len(text):
        found = _TOKEN.match(text, at)
        if found is None:
            at = _stray(lexed, text, at)
            continue
        end = found.end()
        _token(lexed, str(found.lastgroup), found[0], at, end)
        at = end
    return lexed


UNCLOSED: Final = "close the quote"
"""The way out of a text without an end."""
_MOST_STRAYS: Final = 8


def _stray(lexed: Lexed, text: str, at: int) -> int:
    """Note what no token begins with; where to read on."""
    char = text[at]
    lexed.put(" ", at, at + 1)
    if char in "'\"":
        message = "cannot parse the expression: unterminated string literal"
        mistake = Mistake(code="E003", message=message, help=UNCLOSED, start=at, end=len(text))
    else:
        message = f"cannot parse the expression: unexpected character '{char}'"
        advice = "texts are in quotes" if not char.isascii() else ""
        mistake = Mistake(code="E003", message=message, help=advice, start=at, end=at + 1)
    lexed.mistakes.append(mistake)
    strays = sum(one.code == "E003" for one in lexed.mistakes)
    return len(text) if char in "'\"" or strays >= _MOST_STRAYS else at + 1


def _token(lexed: Lexed, kind: str, token: str, start: int, end: int) -> None:
    if kind == "space":
        lexed.put(" " * len(token), start, end)
    elif kind == "text":
        _text(lexed, token, start, end)
    elif kind in {"money", "number"}:
        _number(lexed, token, start, end)
    elif kind == "wrong":
        message = f"'{token}' is not an operator here"
        instead = _INSTEAD[token]
        advice = f"use '{instead}' to compare" if instead in {"==", "!="} else f"use '{instead}'"
        _mistake(lexed, "E002", message, advice, start, end)
        lexed.put(f" {instead} " if instead in _MEANT else " ", start, end)
    elif token in _WORDS:
        _mistake(lexed, "E002", f"'{token}' is not an operator here", f"use '{token.lower()}'",
                 start, end)  # fmt: skip
        lexed.put(token.lower(), start, end)
    elif token in {"true", "false", "True", "False"}:
        lexed.literal((Kind.BOOL, token.lower() == "true"), start, end)
    elif token in {"null", "None"}:
        advice = "use known(fact) or not known(fact)"
        _mistake(lexed, "E004", f"'{token}' is not allowed here", advice, start, end)
        lexed.literal(None, start, end)
    else:
        lexed.put(token, start, end)


def _mistake(lexed: Lexed, code: str, message: str, advice: str, start: int, end: int) -> None:
    lexed.mistakes.append(Mistake(code=code, message=message, help=advice, start=start, end=end))


def _text(lexed: Lexed, token: str, start: int, end: int) -> None:
    inner = token[1:-1]
    for found in re.finditer(r"\\(.)", inner, re.DOTALL):
        if found[1] not in _ESCAPES:
            at = start + 1 + found.start()
            advice = "write a backslash as \\\\"
            _mistake(lexed, "E017", f"'{found[0]}' is not a known escape", advice, at, at + 2)
    value = re.sub(r"\\(.)", lambda found: _ESCAPES.get(found[1], found[1]), inner, flags=re.DOTALL)
    lexed.literal((Kind.TEXT, value), start, end)


def quoted(text: str) -> str:
    """Write a text as a literal."""
    for char, escape in (("\\", "\\\\"), ("'", "\\'"), ("\n", "\\n"), ("\t", "\\t")):
        text = text.replace(char, escape)
    return f"'{text}'"


_QUOTED_OR_BLANK: Final = re.compile(r"""('(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")|\s+""", re.DOTALL)


def with_single_blanks(text: str) -> str:
    """An expression without needless white space; texts in quotes stay as they are."""
    return _QUOTED_OR_BLANK.sub(lambda found: found[1] or " ", text).strip()


def without_blanks(text: str) -> str:
    """An expression with nothing but the blanks that keep two words apart."""

    def one(found: re.Match[str]) -> str:
        if found[1]:
            return found[1]
        between = text[found.start() - 1 : found.start()], text[found.end() : found.end() + 1]
        return " " if all(_is_word(char) for char in between) else ""

    return _QUOTED_OR_BLANK.sub(one, text)


_INT: Final = re.compile("[0-9]{1,15}")
_DECIMAL: Final = re.compile(r"[0-9]{1,15}(?:\.[0-9]{1,9})?")


def _number(lexed: Lexed, token: str, start: int, end: int) -> None:
    """A number: with a unit it has a kind, without it is a whole number."""
    body = token.strip("$%")
    kind, value = Kind.INT, 0.0
    if _DECIMAL.fullmatch(body):
        value = float(body)
        if token.startswith("$") and not token.endswith("%"):
            kind = Kind.MONEY
        elif token.endswith("%"):
            kind, value = Kind.RATIO, value / 100
        elif _INT.fullmatch(body):
            lexed.literal((Kind.INT, int(body)), start, end)
            return
        lexed.literal((kind, value), start, end)
        return
    try:
        lexed.literal((Kind.DURATION, parse_duration(token)), start, end)
    except InvalidConfigError as problem:
        what = "an amount of money" if token.startswith("$") else "a number or a duration"
        _mistake(lexed, "E017", f"'{token[:40]}' is not {what}", problem.hint, start, end)
        lexed.literal(None, start, end)
