"""Layout: the indentation and the blank lines of a YAML text, without a change of what it says.

Theory of operation: each key, each dash and each value that stands first on its line gets the
column that its depth asks for: two blanks a level, lists one level inside their key, one blank
behind a dash. Lines inside a scalar or a bracket move with the line that began it, a comment with
the line below it or, where that has another column, with the nearest line above it in its own
column. Nothing is taken out of a scalar, so its value stays the same.
"""

from bisect import bisect_left, bisect_right
from dataclasses import dataclass, field

from palingenesis.core.policy.read import Listing, Node, Scalar, Table

_STEP = 2


def laid_out(text: str, root: Node) -> str:
    """The text with its lines where they belong; its line breaks are those of Unix."""
    rows = text.split("\n")
    plan = _Plan(text)
    plan.visit(root, 0, on_line=-1)
    order = sorted(plan.moves)
    moved = [_moved(index, row, plan, order) for index, row in enumerate(rows)]
    return _spaced(moved, plan.inside, ends_in_text=len(rows) - 1 == plan.last_of_block)


@dataclass(slots=True)
class _Move:
    """A line that begins with an element: the columns where it stands and where it belongs."""

    old: int
    new: int
    gaps: list[tuple[int, int]] = field(default_factory=list)
    """Blanks behind dashes of this line: from column, to column; one of them is kept."""


class _Plan:
    """Which line goes where."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.starts = [0]
        for index, char in enumerate(text):
            if char == "\n":
                self.starts.append(index + 1)
        self.moves: dict[int, _Move] = {}
        self.inside: dict[int, int] = {}
        """Lines inside a scalar or a bracket, and the line it began on."""
        self.kept: set[int] = set()
        """Lines whose trailing blanks belong to a text."""
        self.last_of_block = -1
        """The last line of the last block text, to which a line break more would be added."""

    def line(self, index: int) -> int:
        """The number of a character's line, from 0."""
        return bisect_right(self.starts, index) - 1

    def column(self, index: int) -> int:
        """A character's column, from 0."""
        return index - self.starts[self.line(index)]

    def visit(self, node: Node, new: int, *, on_line: int) -> None:
        """Find the place of a node that belongs in column `new`; `on_line`: what holds it."""
        if isinstance(node, Table) and self._is_block(node):
            self._table(node, new)
        elif isinstance(node, Listing) and self._is_block(node):
            self._listing(node, new)
        else:
            if self.line(node.span.start) != on_line:
                self._place(node.span.start, new)
            self._closed(node)

    def _is_block(self, node: Table | Listing) -> bool:
        return self.text[node.span.start : node.span.start + 1] not in {"{", "["}

    def _table(self, node: Table, new: int) -> None:
        for key, value in node.entries:
            self._place(key.span.start, new)
            self.visit(value, new + _STEP, on_line=self.line(key.span.start))

    def _listing(self, node: Listing, new: int) -> None:
        column = self.column(node.span.start)
        line = self.line(node.span.start)
        for number, item in enumerate(node.items):
            if number:
                line = self._next_dash(line + 1, column)
            dash = self.starts[line] + column
            self._place(dash, new)
            if self.line(item.span.start) == line and item.span.start > dash + 1:
                self._tighten(line, dash + 1, item.span.start)
            self.visit(item, new + _STEP, on_line=line)

    def _next_dash(self, line: int, column: int) -> int:
        """The line at or below `line` whose first sign is a dash in this column."""
        lead = " " * column + "-"
        while line < len(self.starts) - 1 and not self.text.startswith(lead, self.starts[line]):
            line += 1
        return line

    def _place(self, index: int, new: int) -> None:
        """Say where the line belongs that begins with the character at `index`."""
        line = self.line(index)
        if not self.text[self.starts[line] : index].strip(" "):
            self.moves.setdefault(line, _Move(old=self.column(index), new=new))

    def _tighten(self, line: int, start: int, end: int) -> None:
        if line in self.moves and not self.text[start:end].strip(" "):
            first = self.starts[line]
            self.moves[line].gaps.append((start - first, end - first))

    def _closed(self, node: Node) -> None:
        """Note the lines that a scalar or a bracket reaches over."""
        first, last = self.line(node.span.start), self.line(max(node.span.start, node.span.end - 1))
        for line in range(first + 1, last + 1):
            self.inside.setdefault(line, first)
        if self.text[node.span.start : node.span.start + 1] in {"|", ">"}:
            self.last_of_block = last
        self._keep(node)

    def _keep(self, node: Node) -> None:
        match node:
            case Scalar(span=span, quoted=True):
                first, last = self.line(span.start), self.line(max(span.start, span.end - 1))
                self.kept |= set(range(first, last + 1)) if last > first else set()
            case Listing(items=items):
                for item in items:
                    self._keep(item)
            case Table(entries=entries):
                for key, value in entries:
                    self._keep(key)
                    self._keep(value)
            case _:
                pass


def _moved(index: int, row: str, plan: _Plan, order: list[int]) -> str:
    """A line in its new place; `order` are the lines that begin with an element."""
    bare = row.lstrip(" ")
    lead = len(row) - len(bare)
    if index in plan.inside:
        move = plan.moves.get(plan.inside[index])
        shift = move.new - move.old if move is not None else 0
        new = " " * max(0, lead + shift) + bare
    elif index in plan.moves:
        move = plan.moves[index]
        for start, end in reversed(move.gaps):
            row = f"{row[:start]} {row[end:]}"
        new = " " * move.new + row[move.old :]
    elif bare.startswith("#"):
        new = " " * _comment_column(index, lead, plan, order) + bare
    else:
        new = row
    return new if index in plan.kept else new.rstrip(" \t")


def _comment_column(index: int, old: int, plan: _Plan, order: list[int]) -> int:
    at = bisect_left(order, index)
    below = plan.moves[order[at]] if at < len(order) else None
    if below is not None and below.old == old:
        return below.new
    for line in reversed(order[max(0, at - _LOOKED_UP) : at]):
        if plan.moves[line].old == old:
            return plan.moves[line].new
    return max(0, old + (below.new - below.old)) if below is not None else old


_LOOKED_UP = 200
"""How many lines above a comment may tell where it belongs."""


def _spaced(rows: list[str], inside: dict[int, int], *, ends_in_text: bool) -> str:
    """At most one blank line between others, none at the beginning, one line break at the end."""
    out: list[str] = []
    for index, row in enumerate(rows):
        if row or index in inside or (out and out[-1]):
            out.append(row)
    if not ends_in_text:
        while len(out) > 1 and not out[-1]:
            out.pop()
        out.append("")
    return "\n".join(out)
