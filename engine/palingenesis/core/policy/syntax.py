"""Syntax: Python's parser, asked politely. What it says about a mistake is put in our words."""

import ast
import re
from collections.abc import Mapping
from typing import Final

from palingenesis.core.policy.lexing import Lexed, Mistake


def parse(lexed: Lexed) -> ast.Expression | None:
    """The tree of a whole expression, or None with the mistake noted."""
    source = lexed.python.strip()
    try:
        return ast.parse(source, mode="eval")
    except SyntaxError as problem:
        if lexed.mistakes and _BRACKETS.search(problem.msg) is None:
            return None  # it may come of what was put in place of a mistake
        unfinished = _UNFINISHED.search(source)
        at = len(source) - 1 if unfinished else (problem.offset or 1) - 1
        start, end = lexed.span(at + lexed.indent, at + lexed.indent + 1)
        message, advice = _syntax(problem.msg, unfinished=unfinished is not None)
    except (ValueError, MemoryError, RecursionError):
        start, end = 0, 1
        message, advice = "it is nested too deeply", ""
    lexed.mistakes.append(
        Mistake(
            code="E003",
            message=f"cannot parse the expression: {message}",
            help=advice,
            start=start,
            end=end,
        )
    )
    return None


_BRACKETS: Final = re.compile("was never closed|does not match|unmatched")
_UNFINISHED: Final = re.compile(r"(?:\b(?:and|or|not|in)|[=<>!.+*/-])\Z")


def _syntax(said: str, *, unfinished: bool) -> tuple[str, str]:
    if _BRACKETS.search(said):
        return "the brackets do not match", ""
    if unfinished:
        return "something is missing at the end", ""
    return "something is missing or misplaced here", "put 'and' or 'or' between conditions"


def tree_of(source: str) -> ast.Expression | None:
    """The tree of a piece of an expression, or None."""
    try:
        return ast.parse(source, mode="eval")
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        return None


CONSTRUCTS: Final[Mapping[type[ast.AST], str]] = {
    ast.BinOp: "arithmetic",
    ast.Lambda: "lambda",
    ast.IfExp: "if/else",
    ast.NamedExpr: "an assignment",
    ast.Subscript: "an index",
    ast.Dict: "a mapping",
    ast.Set: "a set",
    ast.ListComp: "a loop",
    ast.SetComp: "a loop",
    ast.DictComp: "a loop",
    ast.GeneratorExp: "a loop",
    ast.Tuple: "a list",
    ast.List: "a list",
    ast.Starred: "'*'",
    ast.Await: "await",
    ast.Yield: "yield",
    ast.YieldFrom: "yield",
    ast.Slice: "an index",
}
"""What people call a construct that conditions do not have."""
