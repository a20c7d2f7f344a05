"""Terms: a condition after it was parsed and type-checked; small frozen nodes.

`start` and `end` are character positions in the expression the term was written in.
"""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from palingenesis.core.facts import Kind, show_duration
from palingenesis.core.policy.calendars import within_key
from palingenesis.core.policy.patterns import Pattern
from palingenesis.core.values import FactValue


class Operator(StrEnum):
    """How two values are compared."""

    EQ = "=="
    NE = "!="
    LT = "<"
    LE = "<="
    GT = ">"
    GE = ">="


@dataclass(frozen=True, slots=True, kw_only=True)
class _Term:
    start: int
    end: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Literal(_Term):
    """A written value, or a parameter's."""

    kind: Kind
    value: FactValue


@dataclass(frozen=True, slots=True, kw_only=True)
class FactOf(_Term):
    """The value of a fact, or unknown."""

    name: str
    kind: Kind
    values: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Default(_Term):
    """`default(fact, value)`: the value where the fact is unknown."""

    fact: FactOf
    fallback: FactValue


@dataclass(frozen=True, slots=True, kw_only=True)
class Known(_Term):
    """`known(fact)`: true or false, never unknown."""

    fact: FactOf


@dataclass(frozen=True, slots=True, kw_only=True)
class Count(_Term):
    """`count(event or reason, window)`: how often it happened lately."""

    what: str
    window: timedelta

    @property
    def key(self) -> str:
        """Where the facts hold the number."""
        return count_key(self.what, self.window)


@dataclass(frozen=True, slots=True, kw_only=True)
class Within(_Term):
    """`within('calendar')`: the calendar's window is open; true or false, never unknown."""

    calendar: str

    @property
    def key(self) -> str:
        """Where the facts hold the answer."""
        return within_key(self.calendar)


@dataclass(frozen=True, slots=True, kw_only=True)
class Contains(_Term):
    """`contains(text, part)`; upper and lower case are the same."""

    text: "FactOf | Default | Literal"
    part: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Matches(_Term):
    """`matches(text, pattern)`: the pattern is found somewhere in the text."""

    text: "FactOf | Default | Literal"
    pattern: Pattern


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison(_Term):
    """Two values of one kind."""

    operator: Operator
    left: "Term"
    right: "Term"


@dataclass(frozen=True, slots=True, kw_only=True)
class Among(_Term):
    """`value in (a, b)` or `value not in (a, b)`."""

    value: "Term"
    options: tuple[FactValue, ...]
    negated: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Not(_Term):
    """False where the term is true; unknown where it is unknown."""

    term: "Term"


@dataclass(frozen=True, slots=True, kw_only=True)
class AllOf(_Term):
    """`and`: one false is enough for false."""

    terms: tuple["Term", ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AnyOf(_Term):
    """`or`: one true is enough for true."""

    terms: tuple["Term", ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Named(_Term):
    """A condition from `define:`, by its name; `text` is what it stands for."""

    name: str
    term: "Term"
    text: str


Term = (
    Literal
    | FactOf
    | Default
    | Known
    | Count
    | Within
    | Contains
    | Matches
    | Comparison
    | Among
    | Not
    | AllOf
    | AnyOf
    | Named
)


def count_key(what: str, window: timedelta) -> str:
    """The name under which the kernel hands in such a number: `count(crash, 15m)`."""
    return f"count({what}, {show_duration(window)})"


def parts(term: Term) -> tuple[Term, ...]:
    """The terms directly inside a term."""
    match term:
        case AllOf(terms=terms) | AnyOf(terms=terms):
            return terms
        case Not(term=inner) | Named(term=inner):
            return (inner,)
        case Comparison(left=left, right=right):
            return (left, right)
        case Among(value=value):
            return (value,)
        case Default(fact=fact) | Known(fact=fact):
            return (fact,)
        case Contains(text=text) | Matches(text=text):
            return (text,)
        case _:
            return ()


def kind_of(term: Term) -> Kind:
    """What kind of value a term has."""
    match term:
        case Literal(kind=kind) | FactOf(kind=kind):
            return kind
        case Default(fact=fact):
            return fact.kind
        case Count():
            return Kind.INT
        case _:
            return Kind.BOOL


def size(term: Term) -> int:
    """How many terms have to be evaluated at most, defined conditions written out."""
    return 1 + sum(size(part) for part in parts(term))
