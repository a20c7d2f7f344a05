"""Matching: which sessions a rule is for (`match:`), written as conditions.

So deciding, explaining and proving need no second notion: a rule with `match:` is a rule whose
condition asks about `agent.kind` and `session.directory` first.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from palingenesis.core.policy.lexing import quoted
from palingenesis.core.policy.patterns import PatternError, compile_pattern

_PIECE: Final = re.compile(r"/\*\*(?=/|\Z)|\*|\?|[^*?/]+|/")
_SIGNS: Final = re.compile(r"([\\.^$|()\[\]{}*+?])")


def conditions_of(match: Mapping[str, Any]) -> tuple[str, ...]:
    """The expressions that a resolved `match:` means; all of them have to be true."""
    found = []
    agents: Sequence[str] = match.get("agent", ())
    if agents:
        found.append(_either([f"agent.kind == {quoted(agent)}" for agent in agents]))
    projects: Sequence[str] = match.get("project", ())
    if projects:
        tests = [f"matches(session.directory, {quoted(pattern(glob))})" for glob in projects]
        found.append(_either(tests))
    return tuple(found)


def _either(tests: list[str]) -> str:
    return " or ".join(tests)


def absolute(glob: str, home: str) -> str:
    """A glob with `~` written out and without a slash at the end; "" where that cannot be."""
    if glob == "~" or glob.startswith("~/"):
        glob = home + glob[1:] if home else ""
    return glob.rstrip("/") or "/" if glob.startswith("/") else ""


def pattern(glob: str) -> str:
    """The pattern of an absolute glob: `*` any name, `?` any character, `/**` any folders below."""
    return f"^{''.join(_meaning(piece) for piece in _PIECE.findall(glob))}$"


def _meaning(piece: str) -> str:
    if piece == "/**":
        return "(/.*)?"
    if piece == "*":
        return "[^/]*"
    return "[^/]" if piece == "?" else _SIGNS.sub(r"\\\1", piece)


def problem_with_glob(glob: str) -> str:
    """Why an absolute glob cannot be used; "" when it can."""
    try:
        compile_pattern(pattern(glob))
    except PatternError as problem:
        return str(problem)
    return ""
