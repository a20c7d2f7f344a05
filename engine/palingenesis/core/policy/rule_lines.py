"""The lines of a file that one rule consists of."""

from palingenesis.core.policy.diagnostics import Source, lines
from palingenesis.core.policy.read import Listing, Scalar, Table, read


def lines_of(text: str, rule_id: str) -> str:
    """A rule as it is written, with the comments directly above it; "" where there is none."""
    root, _ = read(text)
    rules = root.get("rules") if isinstance(root, Table) else None
    if not isinstance(rules, Listing):
        return ""
    source, rows = Source(text), lines(text)
    for rule in rules.items:
        identity = rule.get("id") if isinstance(rule, Table) else None
        if isinstance(identity, Scalar) and identity.text == rule_id:
            first = source.place(rule.span.start).line - 1
            last = source.place(rule.span.end).line - 1
            return "\n".join(rows[_above(rows, first) : _trimmed(rows, first, last)])
    return ""


def _above(rows: list[str], first: int) -> int:
    while first > 0 and rows[first - 1].lstrip().startswith("#"):
        first -= 1
    return first


def _trimmed(rows: list[str], first: int, last: int) -> int:
    """One behind the last line that belongs to it: a block ends where the next one begins."""
    while last > first and (not rows[last].strip() or _is_next(rows[last], rows[first])):
        last -= 1
    return last + 1


def _is_next(row: str, first: str) -> bool:
    """Whether a line is indented no deeper than the rule's first one, so it is none of its own."""
    return len(row) - len(row.lstrip()) <= len(first) - len(first.lstrip())
