"""Places: where in the file the parts of a rule stand, for findings about a compiled policy."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from palingenesis.core.policy.diagnostics import Diagnostic, Findings, Grade, Related, Span
from palingenesis.core.policy.model import Rule
from palingenesis.core.policy.read import Listing, Node, Scalar, Table, place_in, read
from palingenesis.core.policy.terms import Term


@dataclass(frozen=True, slots=True, kw_only=True)
class At:
    """A part of a rule, or of the policy: its id, or another key; or a term of a condition."""

    rule: Rule | None = None
    key: str = "id"
    part: int | None = None
    term: Term | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Remark:
    """Something worth saying, before it has a place in a file."""

    code: str
    severity: Grade
    message: str
    help: str = ""
    at: At = At()
    related: tuple[tuple[str, At], ...] = ()


class Places:
    """Finds parts of rules in the text of a policy; the text is read when it is first needed."""

    def __init__(self, text: str | bytes) -> None:
        self._text = text

    @cached_property
    def _read(self) -> tuple[Node | None, Findings]:
        return read(self._text)

    @property
    def root(self) -> Table | None:
        """The document, if it is one."""
        node = self._read[0]
        return node if isinstance(node, Table) else None

    @property
    def findings(self) -> Findings:
        """Where its characters stand."""
        return self._read[1]

    @cached_property
    def _rules(self) -> Mapping[str, Table]:
        rules = self.root.get("rules") if self.root is not None else None
        found: dict[str, Table] = {}
        for item in rules.items if isinstance(rules, Listing) else ():
            identity = item.get("id") if isinstance(item, Table) else None
            if isinstance(identity, Scalar) and isinstance(item, Table):
                found.setdefault(identity.text, item)
        return found

    def diagnostic(self, remark: Remark) -> Diagnostic:
        """A remark with its place."""
        line, col, length, file = self._place(remark.at)
        related = []
        for message, at in remark.related:
            row, column, size, name = self._place(at)
            related.append(Related(message=message, line=row, col=column, length=size, file=name))
        return Diagnostic(
            code=remark.code,
            severity=remark.severity,
            message=remark.message,
            help=remark.help,
            line=line,
            col=col,
            length=length,
            related=tuple(related),
            file=file,
        )

    def _place(self, at: At) -> tuple[int, int, int, str]:
        if at.rule is not None and at.rule.file:
            return max(at.rule.line, 1), 1, 1, at.rule.file
        span = self._span(at)
        if span is None:
            return max(at.rule.line, 1) if at.rule is not None else 1, 1, 1, ""
        source = self._read[1].source
        place = source.place(span.start)
        return place.line, place.col, source.length(span), ""

    def _span(self, at: At) -> Span | None:
        start = self.root if at.rule is None else self._rules.get(at.rule.id)
        if start is None:
            return None
        if at.rule is not None and at.part is not None:
            return self._term(start, at.rule, at.part, at.term) or _place_of(start, "id")
        return _place_of(start, at.key) or _place_of(start, "id")

    def _term(self, table: Table, rule: Rule, part: int, term: Term | None) -> Span | None:
        """A term in the text of its condition; all of the text where parameters stand in it."""
        node = table.get("when")
        items = node.items if isinstance(node, Listing) else (node,) if node is not None else ()
        assert rule.when is not None, "a term stands in a condition"
        index = part - (len(rule.when.parts) - len(items))  # `match:` comes first
        if not 0 <= index < len(items):
            return None
        scalar = items[index]
        if not isinstance(scalar, Scalar):
            return None
        if term is None or scalar.text != rule.when.parts[part].text:
            return scalar.span
        return place_in(self._read[1].source, scalar, term.start, term.end)


def _place_of(table: Table, key: str) -> Span | None:
    """Where a key stands; of the id, its value."""
    found = table.get(key) if key == "id" else table.key(key)
    return found.span if found is not None else None
