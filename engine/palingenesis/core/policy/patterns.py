r"""Patterns: a small language of regular expressions that takes linear time, whatever the text.

Theory of operation: Python's `re` backtracks, and a policy must not be able to stop the daemon with
`(a+)+b`. So a pattern is compiled into a machine whose states are followed all at once (Thompson):
every character of the text is looked at once, with at most `_MOST_STATES` states alive.

There are characters, `.`, `[a-z]`, `[^x]`, `\d \w \s \b`, `^ $`, `( )`, `|`, `* + ? {2} {2,5}`,
and `(?i)` at the front. There is no look-around and no back-reference. `matches` searches anywhere.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

LONGEST_PATTERN: Final = 200
LONGEST_TEXT: Final = 2_000
"""Characters of a text that are looked at."""
_MOST_STATES: Final = 400
_MOST_REPEATS: Final = 50
_DEEPEST: Final = 20

_Accepts = Callable[[str], bool]


class PatternError(ValueError):
    """The pattern cannot be used; the text says why."""


@dataclass(frozen=True, slots=True, eq=False)
class Pattern:
    """A compiled pattern."""

    text: str
    _states: tuple["_State", ...] = field(repr=False)
    _fold: bool = False

    def found_in(self, text: str) -> bool:
        """Whether the pattern occurs in the first `LONGEST_TEXT` characters of a text."""
        text = text[:LONGEST_TEXT]
        text = text.lower() if self._fold else text
        alive: set[int] = set()
        for at in range(len(text) + 1):
            alive.add(0)  # a match may begin at every place
            alive = self._follow(alive, text, at)
            if _END in alive:
                return True
            if at < len(text):
                char = text[at]
                alive = {
                    state.next
                    for state in (self._states[index] for index in alive)
                    if state.accepts is not None and state.accepts(char)
                }
        return False

    def _follow(self, alive: set[int], text: str, at: int) -> set[int]:
        """Every state that is reached without a further character."""
        reached: set[int] = set()
        todo = list(alive)
        while todo:
            index = todo.pop()
            if index in reached:
                continue
            reached.add(index)
            if index == _END:
                continue
            state = self._states[index]
            if state.accepts is None and (state.place is None or _is_at(state.place, text, at)):
                todo.append(state.next)
                if state.other is not None:
                    todo.append(state.other)
        return reached


_END: Final = -1


@dataclass(slots=True)
class _State:
    """Goes on to `next` over a character (`accepts`), at a place (`place`), or freely."""

    accepts: _Accepts | None = None
    place: str | None = None
    next: int = _END
    other: int | None = None


def _is_at(place: str, text: str, at: int) -> bool:
    if place == "^":
        return at == 0
    if place == "$":
        return at == len(text)
    before = at > 0 and _is_word(text[at - 1])
    after = at < len(text) and _is_word(text[at])
    return before != after


def _is_word(char: str) -> bool:
    return char.isalnum() or char == "_"


def compile_pattern(text: str) -> Pattern:
    """Compile a pattern.

    Raises:
        PatternError: it is malformed, too long, or asks for something that takes more than linear
            time.
    """
    if len(text) > LONGEST_PATTERN:
        raise PatternError(f"a pattern has at most {LONGEST_PATTERN} characters")
    fold = text.startswith("(?i)")
    body = text.removeprefix("(?i)")
    reader = _Reader(body, fold=fold)
    tree = reader.choice(0)
    if reader.at < len(reader.text):
        raise PatternError("')' has no '('")
    builder = _Builder()
    start = builder.add(_State())
    builder.states[start].next = builder.build(tree, _END)
    return Pattern(text, tuple(builder.states), fold)


# ── reading ───────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class _Char:
    accepts: _Accepts


@dataclass(frozen=True, slots=True)
class _Place:
    place: str


@dataclass(frozen=True, slots=True)
class _Row:
    parts: tuple["_Tree", ...]


@dataclass(frozen=True, slots=True)
class _Choice:
    parts: tuple["_Tree", ...]


@dataclass(frozen=True, slots=True)
class _Repeat:
    part: "_Tree"
    least: int
    most: int | None


_Tree = _Char | _Place | _Row | _Choice | _Repeat

_CLASSES: Final[dict[str, _Accepts]] = {
    "d": lambda char: "0" <= char <= "9",
    "w": _is_word,
    "s": str.isspace,
}
_CONTROL: Final = {"n": "\n", "t": "\t", "r": "\r"}


def _negate(accepts: _Accepts) -> _Accepts:
    return lambda char: not accepts(char)


class _Reader:
    """Recursive descent over the pattern's text."""

    def __init__(self, text: str, *, fold: bool) -> None:
        self.text = text
        self.at = 0
        self.fold = fold

    def choice(self, depth: int) -> _Tree:
        """`a|b|c`, up to a closing bracket or the end."""
        if depth > _DEEPEST:
            raise PatternError("the brackets are too deep")
        options = [self._row(depth)]
        while self._next() == "|":
            self.at += 1
            options.append(self._row(depth))
        return options[0] if len(options) == 1 else _Choice(tuple(options))

    def _next(self) -> str:
        return self.text[self.at] if self.at < len(self.text) else ""

    def _row(self, depth: int) -> _Tree:
        found: list[_Tree] = []
        while self._next() not in {"", "|", ")"}:
            found.append(self._repeat(self._atom(depth)))
        return _Row(tuple(found))

    def _repeat(self, part: _Tree) -> _Tree:
        sign = self._next()
        if not sign or sign not in "*+?{":
            return part
        if isinstance(part, _Place):
            raise PatternError(f"'{sign}' has nothing to repeat")
        self.at += 1
        least, most = {"*": (0, None), "+": (1, None), "?": (0, 1)}.get(sign) or self._times()
        if self._next() and self._next() in "*+?{":
            raise PatternError(f"'{self._next()}' directly after '{sign}' is not supported")
        return _Repeat(part, least, most)

    def _times(self) -> tuple[int, int | None]:
        close = self.text.find("}", self.at)
        inside = self.text[self.at : close] if close > 0 else ""
        first, comma, last = inside.partition(",")
        if not (first.isdecimal() and first.isascii() and (not last or last.isdecimal())):
            raise PatternError("'{' begins a count such as {2} or {2,5}; write \\{ for the sign")
        if len(inside) > 2 * len(str(_MOST_REPEATS)) + 1:
            raise PatternError(f"a count is at most {_MOST_REPEATS}")
        self.at = close + 1
        least = int(first)
        most = int(first) if not comma else int(last) if last else None
        if least > _MOST_REPEATS or (most is not None and not least <= most <= _MOST_REPEATS):
            raise PatternError(f"a count is at most {_MOST_REPEATS}, the smaller one first")
        return least, most

    def _atom(self, depth: int) -> _Tree:
        char = self._next()
        self.at += 1
        if char == "(":
            return self._group(depth)
        if char == "[":
            return _Char(self._set())
        if char == ".":
            return _Char(lambda _: True)
        if char in "^$":
            return _Place(char)
        if char == "\\":
            if self._next() == "b":
                self.at += 1
                return _Place("b")
            return _Char(self._escaped())
        if char in "*+?{":
            raise PatternError(f"'{char}' has nothing to repeat")
        return _Char(self._exactly(char))

    def _group(self, depth: int) -> _Tree:
        if self._next() == "?":
            if not self.text.startswith("?:", self.at):
                raise PatternError("'(?' is not supported (only '(?:' and a leading '(?i)')")
            self.at += 2
        inner = self.choice(depth + 1)
        if self._next() != ")":
            raise PatternError("'(' has no ')'")
        self.at += 1
        return inner

    def _escaped(self) -> _Accepts:
        char = self._next()
        self.at += 1
        if not char:
            raise PatternError("a backslash at the end")
        if char in _CLASSES:
            return _CLASSES[char]
        if char.lower() in _CLASSES:
            return _negate(_CLASSES[char.lower()])
        if char in _CONTROL:
            return self._exactly(_CONTROL[char])
        if char.isalnum():
            raise PatternError(f"'\\{char}' is not supported")
        return self._exactly(char)

    def _exactly(self, char: str) -> _Accepts:
        wanted = char.lower() if self.fold else char
        return lambda got: got == wanted

    def _set(self) -> _Accepts:
        negated = self._next() == "^"
        self.at += negated
        tests: list[_Accepts] = []
        first = True
        while self._next() != "]" or first:
            first = False
            char = self._next()
            if not char:
                raise PatternError("'[' has no ']'")
            self.at += 1
            if char == "\\":
                tests.append(self._escaped())
            elif self._next() == "-" and self.text[self.at + 1 : self.at + 2] not in {"", "]"}:
                tests.append(self._range(char, self.text[self.at + 1]))
                self.at += 2
            else:
                tests.append(self._exactly(char))
        self.at += 1
        options = tuple(tests)
        return lambda got: any(test(got) for test in options) != negated

    def _range(self, low: str, high: str) -> _Accepts:
        if self.fold:
            low, high = low.lower(), high.lower()
        if low > high or high == "\\":
            raise PatternError(f"'{low}-{high}' is not a range")
        return lambda got: low <= got <= high


# ── building ──────────────────────────────────────────────────────────────────────────────────


class _Builder:
    """Lays the states from the end to the beginning."""

    def __init__(self) -> None:
        self.states: list[_State] = []
        self._built = 0

    def add(self, state: _State) -> int:
        if len(self.states) >= _MOST_STATES:
            raise PatternError("the pattern is too complicated")
        self.states.append(state)
        return len(self.states) - 1

    def build(self, tree: _Tree, after: int) -> int:
        """Lay the states of a tree in front of `after`; the index of the first."""
        self._built += 1  # an empty group has no states, but can be repeated, too
        if self._built > 4 * _MOST_STATES:
            raise PatternError("the pattern is too complicated")
        match tree:
            case _Char(accepts=accepts):
                return self.add(_State(accepts=accepts, next=after))
            case _Place(place=place):
                return self.add(_State(place=place, next=after))
            case _Row(parts=found):
                for part in reversed(found):
                    after = self.build(part, after)
                return after
            case _Choice(parts=found):
                first = self.build(found[-1], after)
                for part in reversed(found[:-1]):
                    first = self.add(_State(next=self.build(part, after), other=first))
                return first
            case _Repeat():
                return self._repeat(tree, after)

    def _repeat(self, tree: _Repeat, after: int) -> int:
        if tree.most is None:
            loop = self.add(_State(other=after))
            self.states[loop].next = self.build(tree.part, loop)
            after = loop
        else:
            end = after
            for _ in range(tree.most - tree.least):
                after = self.add(_State(next=self.build(tree.part, after), other=end))
        for _ in range(tree.least):
            after = self.build(tree.part, after)
        return after
