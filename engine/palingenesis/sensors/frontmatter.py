"""A document's header: a block of YAML between `---` lines; the one door to python-frontmatter.

Theory of operation. The library answers "nothing there" for a missing, an unterminated and a
half-written header alike, and its YAML loader can be killed by nesting. So we find the header
ourselves, look at the YAML's events (depth, size, aliases, tags, duplicate keys) before anything
is built from them, and only then let the library load it, with a loader that knows no dates and
none of YAML 1.1's surprises. Nothing in here raises, whatever the text is.
"""

import codecs
import functools
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

HEADER_BYTES_MAX = 64 * 1024
DEPTH_MAX = 24
NODES_MAX = 20_000
LATE_LINES = 40
"""A header that is not at the top may begin within that many lines."""

Plain = None | bool | int | float | str | list["Plain"] | dict[str, "Plain"]


@dataclass(frozen=True, slots=True)
class Absent:
    """The text has no header."""


@dataclass(frozen=True, slots=True)
class Torn:
    """A header begins and does not end: somebody is writing, or ceased to in the middle."""

    line: int


@dataclass(frozen=True, slots=True)
class Invalid:
    """A header is there and cannot be read."""

    line: int
    message: str


@dataclass(frozen=True, slots=True)
class Valid:
    """A header was read; `line` is where it begins, counted from 1. Dates are text."""

    line: int
    mapping: Mapping[str, Plain]


Header = Absent | Torn | Invalid | Valid

_FENCE = re.compile(r"-{3,}[ \t]*")
_END = re.compile(r"(?:-{3,}|\.{3})[ \t]*")
_KEY = re.compile(r"""["']?[A-Za-z_][\w .-]{0,80}["']?[ \t]*:(?:\s|$)""")
_COMMENT = re.compile(r"<!--(.*?)(-->|\Z)", re.DOTALL)
_CODE = re.compile(r"\s{0,3}(?:```|~~~)")


def read_header(data: bytes | str, *, telltale: Collection[str] = ()) -> Header:
    """Find and read the header of a document.

    A header stands at the top, after blank lines or an HTML comment. One that names a key of
    `telltale` is also found after the title, within 40 lines, as a block or as an HTML comment.
    """
    lines = _lines_of(data)
    top = _find_at_top(lines)
    if not isinstance(top, Absent):
        return top
    return _find_later(lines, telltale) if telltale else top


def read_mapping(data: bytes | str) -> Header:
    """Read a file that is YAML as a whole."""
    text = "\n".join(_lines_of(data))
    return _load(text, line=1, first=1) if text.strip() else Absent()


def mentions(data: bytes | str, keys: Collection[str]) -> bool:
    """Whether a line of the first 64 KiB begins with one of these keys, readable or not."""
    names = "|".join(re.escape(key) for key in keys)
    pattern = rf"""^(?:<!--)?\s*["']?(?:{names})["']?\s*:"""
    return re.search(pattern, decode(data)[:HEADER_BYTES_MAX], re.MULTILINE) is not None


def decode(data: bytes | str) -> str:
    """Text of a file in UTF-8 (also cut in the middle of a character), UTF-16, or Latin-1."""
    if isinstance(data, str):
        return data.removeprefix("\ufeff")
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return data.decode("utf-16", errors="replace").removeprefix("\ufeff")
    data = data.removeprefix(codecs.BOM_UTF8)  # "utf-8-sig" would have to be loaded first
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        if error.reason == "unexpected end of data":
            return data[: error.start].decode(errors="replace")
        return data.decode("latin-1")


def _lines_of(data: bytes | str) -> list[str]:
    return decode(data).replace("\r\n", "\n").replace("\r", "\n").split("\n")


# ── where it is ───────────────────────────────────────────────────────────────────────────────


def _find_at_top(lines: list[str]) -> Header:
    start = _first_written(lines, 0)
    if start < len(lines) and lines[start].lstrip().startswith("<!--"):
        ends = (number for number in range(start, len(lines)) if "-->" in lines[number])
        start = _first_written(lines, next(ends, len(lines)) + 1)
    if start >= len(lines) or not _FENCE.fullmatch(lines[start]):
        return Absent()
    end = _end_of(lines, start)
    if end is not None:
        block = lines[start + 1 : end]
        looks = not any(line.strip() for line in block) or _looks_like_keys(block)
        return _load("\n".join(block), line=start + 1, first=start + 2) if looks else Absent()
    rest = lines[start + 1 :]
    if not _looks_like_keys(rest):
        return Absent()
    if sum(map(len, rest)) > HEADER_BYTES_MAX:
        return Invalid(start + 1, "the header does not end within 64 KiB")
    return Torn(start + 1)


def _find_later(lines: list[str], telltale: Collection[str]) -> Header:
    for number in _outside_code(lines[:LATE_LINES]):
        line = lines[number]
        if _FENCE.fullmatch(line) and number + 1 < len(lines) and _KEY.match(lines[number + 1]):
            end = _end_of(lines, number)
            block = "\n".join(lines[number + 1 : end])
            if mentions(block, telltale):
                if end is None:
                    return Torn(number + 1)
                return _load(block, line=number + 1, first=number + 2)
        if line.lstrip().startswith("<!--"):
            found = _COMMENT.match("\n".join(lines[number:]).lstrip())
            if found is not None and mentions(found[1], telltale):
                if not found[2]:
                    return Torn(number + 1)
                return _load(found[1], line=number + 1, first=number + 1)
    return Absent()


def _first_written(lines: list[str], start: int) -> int:
    while start < len(lines) and not lines[start].strip():
        start += 1
    return start


def _end_of(lines: list[str], start: int) -> int | None:
    """Index of the line that ends the header, within its size limit."""
    size = 0
    for number in range(start + 1, len(lines)):
        if _END.fullmatch(lines[number]):
            return number
        size += len(lines[number]) + 1
        if size > HEADER_BYTES_MAX:
            break
    return None


def _looks_like_keys(block: list[str]) -> bool:
    """Whether a first `---` begins a header; otherwise it is a line across the page."""
    written = [(n, line) for n, line in enumerate(block) if line.strip() and line[0] != "#"]
    if not written:
        return len(block) <= 1  # the file ends right after the fence
    number, first = written[0]
    unfinished = number == len(block) - 1 and re.fullmatch(r"[\w-]+", first) is not None
    return _KEY.match(first) is not None or unfinished or first[0] in "[{-?"


def _outside_code(lines: list[str]) -> Iterator[int]:
    fenced = False
    for number, line in enumerate(lines):
        if _CODE.match(line):
            fenced = not fenced
        elif not fenced:
            yield number


# ── what it says ──────────────────────────────────────────────────────────────────────────────


class _RefusedError(ValueError):
    """The YAML is not of the plain kind that a header may be."""

    def __init__(self, message: str, line: int = 0) -> None:
        super().__init__(message)
        self.line = line


def _load(block: str, *, line: int, first: int) -> Header:
    """Load the YAML of a header that begins on `line`, and itself on line `first`."""
    try:
        import frontmatter  # type: ignore[import-untyped,unused-ignore]
        import yaml
    except OSError as error:  # such as no descriptors left, at the first header of this process
        return Invalid(first, f"cannot be read now: {(error.strerror or str(error)).lower()}")

    if len(block) > HEADER_BYTES_MAX:
        return Invalid(first, "the header is longer than 64 KiB")
    try:
        _check_events(block)
        mapping, _ = frontmatter.parse(f"---\n{block}\n---\n", handler=_plain_handler())
    except _RefusedError as error:
        return Invalid(first + error.line, str(error))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        said = str(error.problem or "not YAML")
        if "maximum nesting depth" in said:  # PyYAML 6.0.4 refuses before we count
            said = f"nested deeper than {DEPTH_MAX} levels"
        return Invalid(first + (mark.line if mark else 0), said)
    except (yaml.YAMLError, ValueError, TypeError, OverflowError, RecursionError) as error:
        return Invalid(first, str(error).split("\n", 1)[0][:200] or "not YAML")
    return Valid(line, cast("Mapping[str, Plain]", mapping))


def _check_events(block: str) -> None:
    """Refuse what is deep, large, shared, typed by tag, or said twice, before building it."""
    import yaml

    open_nodes: list[set[str] | None] = []  # None: a list
    expects_key: list[bool] = []
    loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    for count, event in enumerate(yaml.parse(block, Loader=loader)):
        at = event.start_mark.line if event.start_mark else 0
        if count > NODES_MAX:
            raise _RefusedError("more than 20000 values in a header", at)
        if isinstance(event, yaml.AliasEvent):
            raise _RefusedError("an alias (*name) in a header", at)
        if isinstance(event, yaml.CollectionEndEvent):
            open_nodes.pop()
            expects_key.pop()
            continue
        if not isinstance(event, yaml.NodeEvent):
            continue
        if getattr(event, "tag", None) is not None:
            raise _RefusedError("a tag (!name) in a header", at)
        if open_nodes and (keys := open_nodes[-1]) is not None:
            _check_key(event, keys, expects_key, at)
        if isinstance(event, yaml.CollectionStartEvent):
            is_mapping = isinstance(event, yaml.MappingStartEvent)
            open_nodes.append(set() if is_mapping else None)
            expects_key.append(is_mapping)
            if len(open_nodes) > DEPTH_MAX:
                raise _RefusedError(f"nested deeper than {DEPTH_MAX} levels", at)


def _check_key(event: Any, keys: set[str], expects_key: list[bool], at: int) -> None:
    is_key, expects_key[-1] = expects_key[-1], not expects_key[-1]
    if not is_key:
        return
    name = getattr(event, "value", None)
    if not isinstance(name, str):
        raise _RefusedError("a key that is no text", at)
    if name in keys:
        raise _RefusedError(f"the key '{name[:80]}' is there twice", at)
    keys.add(name)


@functools.cache
def _plain_handler() -> Any:
    """A handler of python-frontmatter whose YAML has text, YAML 1.2's plain scalars, no more."""
    import yaml
    from frontmatter.default_handlers import (  # type: ignore[import-untyped,unused-ignore]
        YAMLHandler,
    )

    parent: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

    class PlainLoader(parent):  # type: ignore[misc,unused-ignore]
        """Knows null, true and false, decimal numbers; everything else is text."""

        yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012

    def add(tag: str, pattern: str, first: str) -> None:
        name = f"tag:yaml.org,2002:{tag}"
        PlainLoader.add_implicit_resolver(name, re.compile(rf"(?:{pattern})\Z"), list(first))

    add("bool", "true|True|TRUE|false|False|FALSE", "tTfF")
    add("null", "~|null|Null|NULL|", "~nN\0")
    PlainLoader.yaml_implicit_resolvers.setdefault("", []).append(
        ("tag:yaml.org,2002:null", re.compile(r"\Z"))
    )
    add("int", "[-+]?[0-9]{1,18}", "-+0123456789")
    add("float", r"[-+]?[0-9]{1,18}\.[0-9]{1,18}", "-+0123456789")

    def decimal(loader: Any, node: Any) -> int:
        return int(loader.construct_scalar(node))  # also 010: nobody means eight by that

    def text_key(loader: Any, node: Any) -> dict[str, object]:
        return {
            str(loader.construct_scalar(key)): loader.construct_object(value, deep=True)
            for key, value in node.value
        }

    PlainLoader.add_constructor("tag:yaml.org,2002:int", decimal)
    PlainLoader.add_constructor("tag:yaml.org,2002:map", text_key)

    class PlainHandler(YAMLHandler):  # type: ignore[misc,unused-ignore]
        """Says when the header is no mapping, which the library passes over in silence."""

        def load(self, fm: str, **_: object) -> dict[str, Plain]:
            # The loader descends from yaml's safe one.
            loaded = yaml.load(fm, Loader=PlainLoader)  # noqa: S506
            if loaded is None:
                return {}
            if not isinstance(loaded, dict):
                raise _RefusedError("the header is no list of keys and values")
            return loaded

    return PlainHandler()
