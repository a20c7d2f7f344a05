"""Why a text is no TOML: what the parser found, in words that say what to do about it.

tomllib says where it stopped and what it would have liked there, in words of its own; they may be
others in a later Python, and what is not known here is told as it is, with what a line may be.
"""

import re
from pathlib import Path

from palingenesis.runtime.config_places import find_places
from palingenesis.runtime.config_reading import short

_WHERE = re.compile(r"(.*) \(at (?:line (\d+), column (\d+)|end of document)\)", re.DOTALL)
_TWICE = re.compile(r"Cannot declare \((.*)\) twice|Cannot redefine namespace \((.*)\)")
_HEADER = re.compile(r"\s*\[+\s*([^\]\s]+)")
_BARE = re.compile(r"\s*([\w.-]+)\s*=\s*([\w/~.+:-]*[A-Za-z_/~][^\s#=\"'\[{]*)\s*(?:#.*)?$")
_COLON = re.compile(r"\s*([\w.-]+)\s*:\s*(.*)$")
_ANY_LINE = 'a line is [section], key = value, or # and a remark; a text is "in quotes"'
_SWITCHES = {"true": "true", "yes": "true", "false": "false", "no": "false"}
_LINE_MOST = 200
"""So much of a line is looked at."""
_OPEN_QUOTE = 'Expected "\'"'
_CLOSING = {
    _OPEN_QUOTE: ("a text is not closed", "write the quotes behind it, too"),
    "Unclosed array": ("a list is not closed", "write ] behind its last value"),
    "Unclosed inline table": ("a table in braces is not closed", "write it on one line: { … }"),
    "Unterminated string": ("a text is not closed", "write the quotes behind it, too"),
    "Illegal character '\\n'": ("a text is not closed", "write the quotes behind it, too"),
    "Expected ']' at the end of a table declaration": (
        "a section is not closed",
        "write ] behind its name",
    ),
    "Expected ']]' at the end of an array declaration": (
        "a section is not closed",
        "write it in single brackets: [section]",
    ),
}


def syntax_problem(error: Exception, text: bytes | str, source: Path) -> str:
    """One problem, ready to print, with its line and column as far as the parser knows them."""
    if isinstance(error, UnicodeDecodeError):
        return f"{source}: error: not UTF-8 (byte {error.start + 1})\n  help: save it as UTF-8"
    if isinstance(error, RecursionError):
        return f"{source}: error: nested too deeply"
    if "int_max_str_digits" in str(error):
        return f"{source}: error: a number has too many digits"
    found = _WHERE.fullmatch(str(error))
    said = found[1] if found is not None else str(error)
    rows = (text if isinstance(text, str) else text.decode("utf-8", "replace")).split("\n")
    line, column = _place(found, said, rows)
    row = rows[line - 1][:_LINE_MOST] if 0 < line <= len(rows) else ""
    what, advice = _told(said, row, rows[: max(0, line - 1)])
    place = f"{source}:{line}:{column}" if line else f"{source}"
    return f"{place}: error: {short(what, 200)}\n  help: {short(advice, 200)}"


def _place(found: re.Match[str] | None, said: str, rows: list[str]) -> tuple[int, int]:
    """Line and column of what is wrong; zeros: not known."""
    if found is not None and found[2] is not None:
        return int(found[2]), int(found[3])
    if said == _OPEN_QUOTE:
        for number, row in enumerate(rows, start=1):
            if row.count("'") % 2:
                return number, row.index("'") + 1
    return 0, 0


def _told(said: str, line: str, above: list[str]) -> tuple[str, str]:
    """What is wrong, and how to correct it."""
    if said in _CLOSING:
        return _CLOSING[said]
    if (twice := _TWICE.fullmatch(said)) is not None:
        name = ".".join(re.findall(r"'([^']*)'", twice[1] or twice[2]))
        return f"the section [{name}] is there twice", _one_of(name, above)
    if said == "Cannot overwrite a value":
        return _overwritten(line, above)
    if (mapping := _COLON.match(line)) is not None and "=" not in line:
        return "there is no = in this line", f"write {mapping[1]} = {_as_value(mapping[2])}"
    if said.startswith("Expected '='"):
        return "there is no = in this line", _ANY_LINE
    if (bare := _BARE.match(line)) is not None:
        what = f"the value of '{bare[1]}' has no quotes, and is no number, true or false"
        return what, f"write {bare[1]} = {_as_value(bare[2])}"
    if said == "Unescaped '\\' in a string":
        return "a \\ in quotes begins a sign of its own", "write it in 'single quotes'"
    if said == "Invalid value" and line.rstrip().endswith("="):
        return "invalid value: there is none", "write one, or take the line out"
    return said[:1].lower() + said[1:], _ANY_LINE


def _overwritten(line: str, above: list[str]) -> tuple[str, str]:
    """A name that is used for two things."""
    if (header := _HEADER.match(line)) is not None:
        name = header[1]
        at = _line_of((name,), above)
        return f"'{name}' is a value already, and no section", f"take {name} = …{at} out"
    key = line.partition("=")[0].strip()
    section = next((it[1] for row in above[::-1] if (it := _HEADER.match(row))), "")
    at = _line_of((*filter(None, section.split(".")), *key.split(".")), above)
    return f"the key '{key}' is there twice", f"keep one of the two{at and f'; the other is{at}'}"


def _one_of(name: str, above: list[str]) -> str:
    """How two tables of one name become one."""
    at = _line_of(tuple(name.split(".")), above)
    if at:
        return f"put what stands below it below the first [{name}],{at}"
    return f"write all its keys below one [{name}]"


def _line_of(path: tuple[str, ...], above: list[str]) -> str:
    """Where a name stood before, as the end of a sentence; "": not known."""
    place = find_places("\n".join(above)).get(path)
    return f" in line {place[0]}" if place is not None else ""


def _as_value(word: str) -> str:
    """How a value without quotes would have to be written; it may be a secret, and is not told."""
    return _SWITCHES.get(word.strip().strip("\"'").casefold(), '"…"')
