"""The changes that are tried: each is one place of a module, read another way.

A change has a name that does not depend on line numbers, so that a list of changes outlives
edits elsewhere in the file: module, function, what stood there and what stands there instead.

Text is not changed (messages have tests of their own), nor are annotations, decorators, docstrings
and assertions: an assertion states what holds anyway.
"""

import ast
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import CodeType
from typing import Any, Final

_OTHER_WAY: Final[dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]]] = {
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
}
_OTHER_SIGN: Final[dict[type[ast.operator], type[ast.operator]]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.FloorDiv,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Add,
}
_UNTOUCHED: Final = {"annotation", "returns", "decorator_list", "type_params", "format_spec"}
_FUNCTIONS: Final = (ast.FunctionDef, ast.AsyncFunctionDef)
_TEXT_SHOWN: Final = 120


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a change is made: `holder.field`, or `holder.field[at]`."""

    holder: ast.AST
    field: str
    at: int | None = None

    def read(self) -> Any:
        value = getattr(self.holder, self.field)
        return value if self.at is None else value[self.at]

    def write(self, value: Any) -> None:
        if self.at is None:
            setattr(self.holder, self.field, value)
        else:
            getattr(self.holder, self.field)[self.at] = value


@dataclass(frozen=True, kw_only=True)
class Change:
    """One place of a module, read another way."""

    name: str
    file: Path
    lines: range
    """Of the statement, or of its head: a test that runs none of them cannot notice."""
    place: Place
    instead: Any
    tree: ast.Module

    def compiled(self) -> CodeType:
        """The module with the change in it."""
        before = self.place.read()
        self.place.write(self.instead)
        try:
            return compile(self.tree, str(self.file), "exec", dont_inherit=True)
        finally:
            self.place.write(before)

    def source(self) -> str:
        """The same as text; comments are lost."""
        before = self.place.read()
        self.place.write(self.instead)
        try:
            return ast.unparse(self.tree) + "\n"
        finally:
            self.place.write(before)

    def binds(self) -> tuple[str, ...]:
        """The names that its statement binds in the module or in a class; none in a function."""
        return _bound(self.tree.body, self.lines.start)


def _bound(body: list[ast.stmt], line: int) -> tuple[str, ...]:
    for node in body:
        if not node.lineno <= line <= (node.end_lineno or 0):
            continue
        match node:
            case ast.ClassDef():
                return _bound(node.body, line) or (node.name,)
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                return (node.name,) if line < node.body[0].lineno else ()
            case ast.Assign(targets=targets):
                return tuple(it.id for it in targets if isinstance(it, ast.Name))
            case ast.AnnAssign(target=ast.Name(id=name)):
                return (name,)
    return ()


def changes_of(file: Path, module: str) -> list[Change]:
    """All changes of a module, in the order of its lines; `module` is how they are called."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    seen: Counter[str] = Counter()
    found = []
    for where, lines, place, instead in _walk(tree, (), range(1)):
        old, new = _words(place.read(), instead)
        name = f"{module} {where or 'module'}: {old} -> {new}"
        seen[name] += 1
        if seen[name] > 1:
            name = f"{name} #{seen[name]}"
        for node in instead if isinstance(instead, list) else [instead]:
            if isinstance(node, ast.AST):
                _locate(node, place)
        found.append(
            Change(name=name, file=file, lines=lines, place=place, instead=instead, tree=tree)
        )
    return found


def _words(old: Any, new: Any) -> tuple[str, str]:
    """What stood there and what stands there instead; of a list, what was left out of it."""
    if isinstance(old, list):
        return _short(*(it for it in old if it not in new)), "nothing"
    return _short(old), _short(new)


def _short(*nodes: Any) -> str:
    text = " ".join(", ".join(map(_text, nodes)).split())
    return text if len(text) <= _TEXT_SHOWN else f"{text[:_TEXT_SHOWN]}…"


def _text(node: Any) -> str:
    if isinstance(node, ast.match_case):
        return f"case {ast.unparse(node.pattern)}"
    if isinstance(node, ast.AST):
        return ast.unparse(node)
    return str(node)


def _locate(node: ast.AST, place: Place) -> None:
    old = place.read()
    like = old[0] if isinstance(old, list) and old else old
    if not hasattr(like, "lineno"):
        like = place.holder
    if not hasattr(node, "lineno") and hasattr(like, "lineno"):
        ast.copy_location(node, like)
    ast.fix_missing_locations(node)


_Found = tuple[str, range, Place, Any]


def _walk(node: ast.AST, where: tuple[str, ...], lines: range) -> Iterator[_Found]:
    """Every change below a node."""
    if isinstance(node, ast.Assert) or _only_for_types(node):
        return
    for name, value in ast.iter_fields(node):
        if name in _UNTOUCHED:
            continue
        if isinstance(value, list):
            yield from _of_list(Place(holder=node, field=name), value, where, lines)
            children = [(Place(holder=node, field=name, at=n), it) for n, it in enumerate(value)]
        else:
            children = [(Place(holder=node, field=name), value)]
        for place, child in children:
            if not isinstance(child, ast.AST) or _is_docstring(node, place):
                continue
            inside = (
                (*where, child.name) if isinstance(child, (*_FUNCTIONS, ast.ClassDef)) else where
            )
            own = _lines(child) if isinstance(child, ast.stmt | ast.match_case) else lines
            for instead in _instead(child, node):
                yield ".".join(where), own, place, instead
            yield from _walk(child, inside, own)


def _of_list(
    place: Place, value: list[Any], where: tuple[str, ...], lines: range
) -> Iterator[_Found]:
    """Leave out one argument that has a name, or one case of a match."""
    if place.field == "keywords" and isinstance(place.holder, ast.Call):
        for at, keyword in enumerate(value):
            if keyword.arg is not None:
                yield ".".join(where), lines, place, [*value[:at], *value[at + 1 :]]
    if place.field == "cases" and len(value) > 1:
        for at, case in enumerate(value):
            if not _is_unreachable(case):
                yield ".".join(where), _lines(case), place, [*value[:at], *value[at + 1 :]]


def _instead(node: ast.AST, holder: ast.AST) -> Iterator[ast.AST]:
    """What may stand in the node's place."""
    match node:
        case ast.Compare(ops=[op]) if type(op) in _OTHER_WAY:
            for other in _OTHER_WAY[type(op)]:
                yield ast.Compare(left=node.left, ops=[other()], comparators=node.comparators)
        case ast.BoolOp(op=op, values=values):
            yield ast.BoolOp(op=ast.Or() if isinstance(op, ast.And) else ast.And(), values=values)
            for at in range(len(values)):
                rest = [*values[:at], *values[at + 1 :]]
                yield rest[0] if len(rest) == 1 else ast.BoolOp(op=op, values=rest)
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            yield operand
        case ast.BinOp(op=op) if type(op) in _OTHER_SIGN:
            yield ast.BinOp(left=node.left, op=_OTHER_SIGN[type(op)](), right=node.right)
        case ast.IfExp():
            yield ast.IfExp(test=node.test, body=node.orelse, orelse=node.body)
        case ast.Constant(value=bool() as value):
            yield ast.Constant(value=not value)
        case ast.Constant(value=int() | float() as value):
            yield ast.Constant(value=value + 1)
        case ast.Return(value=value) if value is not None and not _is_nothing(value):
            yield ast.Return(value=ast.Constant(value=None))
        case ast.stmt():
            yield from _instead_of_statement(node)
    if _is_condition(node, holder):
        yield ast.UnaryOp(op=ast.Not(), operand=node)


def _instead_of_statement(node: ast.stmt) -> Iterator[ast.stmt]:
    match node:
        case ast.Expr(value=ast.Constant()):
            return
        case ast.Expr() if _asserts_never(node):
            return
        case ast.Expr() | ast.AugAssign() | ast.Raise():
            yield ast.Pass()
        case ast.Assign(targets=[ast.Attribute() | ast.Subscript()]):
            yield ast.Pass()
        case ast.Continue():
            yield ast.Break()
        case ast.Break():
            yield ast.Continue()


def _is_condition(node: ast.AST, holder: ast.AST) -> bool:
    """Whether the node decides by itself, and nothing above has turned it round."""
    if isinstance(node, ast.Compare) and len(node.ops) == 1:
        return False
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        return False
    match holder:
        case ast.If() | ast.While():
            return node is holder.test
        case ast.comprehension():
            return node in holder.ifs
        case ast.match_case():
            return node is holder.guard
    return False


def _lines(node: Any) -> range:
    """The lines of a statement; of a compound one, those of its head."""
    if isinstance(node, ast.match_case):
        return range(node.pattern.lineno, node.body[-1].end_lineno + 1)
    if isinstance(node, ast.Match):
        return range(node.lineno, node.cases[0].pattern.lineno)
    if isinstance(node, _FUNCTIONS):  # its defaults are for whoever runs any of it
        return range(node.lineno, (node.end_lineno or 0) + 1)
    body = getattr(node, "body", None)
    end = body[0].lineno - 1 if body else node.end_lineno
    return range(node.lineno, max(node.lineno, end) + 1)


def _is_docstring(holder: ast.AST, place: Place) -> bool:
    value = place.read()
    return (
        place.field == "body"
        and isinstance(value, ast.Expr)
        and isinstance(value.value, ast.Constant)
        and isinstance(holder, (*_FUNCTIONS, ast.ClassDef, ast.Module))
    )


def _is_nothing(node: ast.AST) -> bool:
    """Whether it is as false as None is, for whoever asks."""
    return isinstance(node, ast.Constant) and not node.value


def _asserts_never(node: ast.AST) -> bool:
    match node:
        case ast.Expr(value=ast.Call(func=ast.Name(id="assert_never"))):
            return True
    return False


def _is_unreachable(case: ast.match_case) -> bool:
    return _asserts_never(case.body[0])


def _only_for_types(node: ast.AST) -> bool:
    match node:
        case ast.If(test=ast.Name(id="TYPE_CHECKING")):
            return True
        case ast.FunctionDef(decorator_list=[*_, ast.Name(id="overload")]):
            return True
    return False
