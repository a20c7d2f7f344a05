"""Expressions: the text of a condition -> typed terms, or every mistake in it.

Theory of operation: the expression is lexed here, parsed by Python (`ast.parse`, never compiled or
run), and rebuilt node by node from a short list of allowed constructs. Every fact is looked up in
the registry and every comparison is checked for kinds and units, so that nothing is left that could
fail at three in the morning.
"""

import ast
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from palingenesis.core.facts import FACTS, Kind, did_you_mean
from palingenesis.core.policy.functions import FUNCTIONS, NAMING, Call, read_call
from palingenesis.core.policy.kinds import check_bool, check_comparison, check_option
from palingenesis.core.policy.lexing import Lexed, Mistake, lex
from palingenesis.core.policy.pieces import Piece, names_in, pieces
from palingenesis.core.policy.syntax import CONSTRUCTS, parse, tree_of
from palingenesis.core.policy.terms import (
    AllOf,
    Among,
    AnyOf,
    Comparison,
    FactOf,
    Literal,
    Named,
    Not,
    Operator,
    Term,
    size,
)
from palingenesis.core.values import FactValue, StopReason

LONGEST_EXPRESSION: Final = 600
MOST_NODES: Final = 120
MOST_TERMS: Final = 600
"""Terms of a condition with every defined condition in it written out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """The names beside facts that an expression may use."""

    defines: Mapping[str, Named | None] = field(default_factory=dict)
    """None: the definition is broken, which is said elsewhere."""
    params: Mapping[str, tuple[Kind, FactValue]] = field(default_factory=dict)
    calendars: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What an expression turned out to be; `term` is None if there are mistakes.

    `params` says where parameters stand: (start, end, name), from left to right.
    """

    term: Term | None
    mistakes: tuple[Mistake, ...]
    params: tuple[tuple[int, int, str], ...] = ()


def read_expression(text: str, scope: Scope, *, longest: int = LONGEST_EXPRESSION) -> Reading:
    """Read one condition of at most `longest` characters.

    Never raises. All mistakes that can be told apart are reported.
    """
    if len(text) > longest:
        return _too_much(f"the expression has {len(text)} characters; {longest} are allowed")
    lexed = lex(text)
    if not lexed.python.strip() and not lexed.mistakes:
        empty = Mistake(code="E003", message="the expression is empty", start=0, end=1)
        return Reading(term=None, mistakes=(empty,))
    broken = any(mistake.code == "E003" for mistake in lexed.mistakes)
    tree = None if broken else parse(lexed)
    if tree is None:
        _read_pieces(lexed, scope, text)
        return Reading(term=None, mistakes=_in_order(lexed))
    nodes = sum(isinstance(node, ast.expr) for node in ast.walk(tree))
    if nodes > MOST_NODES:
        return _too_much(f"the expression has {nodes} parts; {MOST_NODES} are allowed")
    reader = _Reader(lexed, scope, text, shift=lexed.indent)
    term = reader.term(tree.body)
    if term is not None:
        check_bool(term, text, reader.note)
    if term is not None and size(term) > MOST_TERMS:
        return _too_much(f"the expression has more than {MOST_TERMS} parts once written out")
    mistakes = _in_order(lexed)
    return Reading(
        term=None if mistakes else term,
        mistakes=mistakes,
        params=tuple(sorted(reader.params)),
    )


def _in_order(lexed: Lexed) -> tuple[Mistake, ...]:
    return tuple(sorted(lexed.mistakes, key=lambda one: (one.start, one.end)))


def _read_pieces(lexed: Lexed, scope: Scope, text: str) -> None:
    """Find the other mistakes of an expression that cannot be parsed as a whole.

    What stands between `and` and `or` is read by itself where that is possible; of the rest, the
    names are looked up.
    """
    for piece in pieces(lexed.python):
        reader = _Reader(lexed, scope, text, shift=piece.start)
        tree = tree_of(piece.text) if piece.text else None
        if tree is None:
            reader.look_up_names(piece)
        elif sum(isinstance(node, ast.expr) for node in ast.walk(tree)) <= MOST_NODES:
            reader.term(tree.body)


def _too_much(message: str) -> Reading:
    advice = "give parts of it a name with 'define:', or write a second rule"
    mistake = Mistake(code="E001", message=message, help=advice, start=0, end=LONGEST_EXPRESSION)
    return Reading(term=None, mistakes=(mistake,))


_OPERATORS: Final = {
    ast.Eq: Operator.EQ,
    ast.NotEq: Operator.NE,
    ast.Lt: Operator.LT,
    ast.LtE: Operator.LE,
    ast.Gt: Operator.GT,
    ast.GtE: Operator.GE,
}


class _Reader:
    """Rebuilds Python's tree as terms."""

    def __init__(self, lexed: Lexed, scope: Scope, text: str, *, shift: int) -> None:
        """Take the expression; `shift` is where what was parsed begins in the Python text."""
        self.shift = shift
        self.lexed = lexed
        self.scope = scope
        self.text = text
        self.params: list[tuple[int, int, str]] = []

    def note(self, mistake: Mistake) -> None:
        """Remember a mistake."""
        self.lexed.mistakes.append(mistake)

    def span(self, node: ast.expr) -> tuple[int, int]:
        """Where a node stands in the expression."""
        assert node.end_col_offset is not None
        return self.lexed.span(node.col_offset + self.shift, node.end_col_offset + self.shift)

    def look_up_names(self, piece: Piece) -> None:
        """Look up the names in a piece that cannot be parsed; only sure mistakes are noted."""
        for name, start, called in names_in(piece):
            span = self.lexed.span(piece.start + start, piece.start + start + len(name))
            if called:
                wrong = name not in FUNCTIONS
                code, what, advice = "E008", "function", did_you_mean(name, FUNCTIONS)
            elif name.startswith("params."):
                bare = name.removeprefix("params.")
                wrong = bare not in self.scope.params
                code, what, advice = "E014", "parameter", did_you_mean(bare, self.scope.params)
            else:
                wrong = "." in name and name not in FACTS
                code, what, advice = "E009", "fact", self._advice(name)
            if wrong:
                message = f"unknown {what} '{name.removeprefix('params.')[:60]}'"
                self.note(
                    Mistake(code=code, message=message, help=advice, start=span[0], end=span[1])
                )

    def _wrong(self, node: ast.expr, code: str, message: str, advice: str = "") -> None:
        start, end = self.span(node)
        self.note(Mistake(code=code, message=message, help=advice, start=start, end=end))

    def term(self, node: ast.expr) -> Term | None:
        """A node as a term; None if it has a mistake, which has been noted."""
        match node:
            case ast.BoolOp():
                return self._bool(node)
            case ast.UnaryOp():
                return self._unary(node)
            case ast.Compare():
                return self._compare(node)
            case ast.Call():
                return self._call(node)
            case ast.Name() | ast.Attribute():
                return self._name(node)
            case _:
                self._refuse(node)
                return None

    def _refuse(self, node: ast.expr) -> None:
        what = CONSTRUCTS.get(type(node), "this")
        start, end = self.span(node)
        advice = ""
        if isinstance(node, ast.BinOp):
            dashed = self.text[start:end].replace("-", "_")
            advice = "compare with a fixed value instead"
            if isinstance(node.op, ast.Sub) and dashed in {*FACTS, *self.scope.defines}:
                advice = f"did you mean '{dashed}'?"
        elif isinstance(node, ast.Tuple | ast.List):
            advice = "a list stands only after 'in'"
        self._wrong(node, "E004", f"{what} is not allowed here", advice)

    def _bool(self, node: ast.BoolOp) -> Term | None:
        found = [self.term(value) for value in node.values]
        for term in found:
            if term is not None:
                check_bool(term, self.text, self.note)
        terms = tuple(term for term in found if term is not None)
        if len(terms) < len(found):
            return None
        start, end = self.span(node)
        kind = AllOf if isinstance(node.op, ast.And) else AnyOf
        return kind(start=start, end=end, terms=terms)

    def _unary(self, node: ast.UnaryOp) -> Term | None:
        inner = self.term(node.operand)
        start, end = self.span(node)
        if isinstance(node.op, ast.Not):
            if inner is None:
                return None
            check_bool(inner, self.text, self.note)
            return Not(start=start, end=end, term=inner)
        if (
            isinstance(node.op, ast.USub)
            and isinstance(inner, Literal)
            and inner.kind is Kind.INT
            and isinstance(inner.value, int)
        ):
            return Literal(start=start, end=end, kind=Kind.INT, value=-inner.value)
        self._wrong(node, "E004", "arithmetic is not allowed here")
        return None

    def _compare(self, node: ast.Compare) -> Term | None:
        if len(node.ops) > 1:
            self._wrong(
                node, "E004", "a chain of comparisons is not allowed", "join two with 'and'"
            )
            for part in (node.left, *node.comparators):
                self.term(part)
            return None
        operator = node.ops[0]
        left = self.term(node.left)
        start, end = self.span(node)
        if isinstance(operator, ast.In | ast.NotIn):
            return self._among(node, left)
        right = self.term(node.comparators[0])
        if isinstance(operator, ast.Is | ast.IsNot):
            instead = "==" if isinstance(operator, ast.Is) else "!="
            self._wrong(node, "E002", "'is' is not an operator here", f"use '{instead}'")
            return None
        if left is None or right is None:
            return None
        sign = _OPERATORS[type(operator)]
        check_comparison(sign, left, right, self.text, self.note)
        return Comparison(start=start, end=end, operator=sign, left=left, right=right)

    def _among(self, node: ast.Compare, value: Term | None) -> Term | None:
        start, end = self.span(node)
        options = node.comparators[0]
        if not isinstance(options, ast.Tuple | ast.List):
            advice = "write ('a', 'b'); for a single one use '=='"
            self._wrong(options, "E006", "'in' needs a list of values", advice)
            return None
        found: list[FactValue] = []
        for option in options.elts:
            literal = self.term(option)
            if literal is None:
                value = None
            elif not isinstance(literal, Literal):
                self._wrong(option, "E006", "a list after 'in' holds only fixed values")
                value = None
            else:
                found.append(literal.value)
                if value is not None:
                    check_option(value, literal, self.text, self.note)
        if value is None:
            return None
        negated = isinstance(node.ops[0], ast.NotIn)
        return Among(start=start, end=end, value=value, options=tuple(found), negated=negated)

    def _call(self, node: ast.Call) -> Term | None:
        start, end = self.span(node)
        name = _dotted(node.func) or "?"
        if name not in FUNCTIONS:
            advice = did_you_mean(name, FUNCTIONS) or f"there are: {', '.join(FUNCTIONS)}"
            self._wrong(node.func, "E008", f"unknown function '{name[:60]}'", advice)
            for argument in node.args:
                if isinstance(argument, ast.Attribute):
                    self.term(argument)
            return None
        if node.keywords:
            self._wrong(node, "E011", f"{name}() takes no named arguments", FUNCTIONS[name])
            return None
        named = name in NAMING
        words = tuple(self._bare(argument) for argument in node.args) if named else ()
        skip = 1 if named else 0
        arguments = tuple(self.term(argument) for argument in node.args[skip:])
        if any(argument is None for argument in arguments):
            return None
        spans = tuple(self.span(argument) for argument in node.args)
        given = tuple(argument for argument in arguments if argument is not None)
        call = Call(name=name, start=start, end=end, terms=given, words=words, spans=spans)
        return read_call(call, self.scope.calendars, self.text, self.note)

    def _bare(self, node: ast.expr) -> str:
        """A word that is not looked up: the first argument of count() and within()."""
        if isinstance(node, ast.Name) and node.id in self.lexed.literals:
            literal = self.lexed.literals[node.id]
            return str(literal[1]) if literal is not None else ""
        return _dotted(node) or ""

    def _is_of_a_value(self, name: str) -> bool:
        """Whether a dotted name begins with a value: `'a'.b`."""
        return name.partition(".")[0] in self.lexed.literals

    def _name(self, node: ast.Name | ast.Attribute) -> Term | None:
        name = _dotted(node)
        start, end = self.span(node)
        if name is None or (isinstance(node, ast.Attribute) and self._is_of_a_value(name)):
            self._wrong(node, "E004", "a member of a value is not allowed here")
            return None
        if name in self.lexed.literals:
            literal = self.lexed.literals[name]
            if literal is None:
                return None
            return Literal(start=start, end=end, kind=literal[0], value=literal[1])
        if name.startswith("params."):
            return self._param(node, name.removeprefix("params."))
        if name in self.scope.defines:
            named = self.scope.defines[name]
            if named is None:
                return None
            return Named(start=start, end=end, name=name, term=named.term, text=named.text)
        fact = FACTS.get(name)
        if fact is None:
            self._wrong(node, "E009", f"unknown fact '{name[:60]}'", self._advice(name))
            return None
        if fact.only_text:
            self._wrong(node, "E018", f"'{name}' can only be shown in a message")
            return None
        return FactOf(start=start, end=end, name=name, kind=fact.kind, values=fact.values)

    def _param(self, node: ast.expr, name: str) -> Term | None:
        start, end = self.span(node)
        param = self.scope.params.get(name)
        if param is None:
            advice = did_you_mean(name, self.scope.params) or "declare it under 'params:'"
            self._wrong(node, "E014", f"unknown parameter '{name[:60]}'", advice)
            return None
        self.params.append((start, end, name))
        return Literal(start=start, end=end, kind=param[0], value=param[1])

    def _advice(self, name: str) -> str:
        if name in set(StopReason):
            return f"a stop reason is a text: stop.reason == '{name}'"
        if name in FUNCTIONS:
            return f"call it: {FUNCTIONS[name]}"
        askable = [fact.name for fact in FACTS.values() if not fact.only_text]
        return did_you_mean(name, [*askable, *self.scope.defines])


def _dotted(node: ast.expr) -> str | None:
    """`a.b.c` of nested attributes, None if something else is in it."""
    names: list[str] = []
    while isinstance(node, ast.Attribute):
        names.append(node.attr)
        node = node.value
    if not isinstance(node, ast.Name):
        return None
    return ".".join([node.id, *reversed(names)])
