"""Straight-line code: a few rules as one Python function, faster than any table.

Theory of operation: below some thirty rules, looking values up in tables costs more than asking one
comparison after the other. So the rules are written as the `if` statements that a person would
write, each fact is taken out of the facts once, just before the first rule that asks for it, and
the whole is compiled by Python.

Why this is safe although it calls `exec`: the text is put together here from fixed pieces (`if`,
`and`, `is not None`, …), the names `v0, v1, …` and `k0, k1, …`, and the positions of rules. Nothing
that anybody wrote stands in it. Names of facts, texts, numbers and patterns are values of the `k`
names, handed in as arguments. The code sees no builtins, and there is no import, attribute or call
in it but those below. A test holds the generated text against that alphabet.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from palingenesis.core.facts import Kind
from palingenesis.core.policy.conditions import Condition
from palingenesis.core.policy.index.closures import Facts, closure
from palingenesis.core.policy.index.regions import TYPES
from palingenesis.core.policy.terms import (
    AllOf,
    Among,
    AnyOf,
    Comparison,
    Contains,
    Count,
    Default,
    FactOf,
    Known,
    Literal,
    Matches,
    Named,
    Not,
    Operator,
    Term,
    Within,
    size,
)

LARGEST_TERM: Final = 60
"""Terms of a condition that is written out; Python's compiler must not be nested too deeply."""


def no_more(_facts: Facts) -> None:
    """The `rest` where there are no more rules."""


class Straight:
    """Rules that listen to one event, as code; `rest` finds the first of those after them.

    `source` is the code's text.
    """

    def __init__(
        self, rules: Sequence[tuple[int, Condition | None]], rest: Callable[[Facts], int | None]
    ) -> None:
        writer = _Writer()
        self.source = _source([writer.rule(rule, when) for rule, when in rules], writer.constants)
        names: dict[str, Any] = {"__builtins__": {}}
        exec(self.source, names)  # noqa: S102 - nobody's text is in it: see the theory of operation
        self.first: Callable[[Facts], int | None]
        self.matching: Callable[[Facts], list[int]]
        self.first, self.matching = names["make"](type, rest, **writer.constants)


@dataclass(frozen=True, slots=True)
class _Written:
    """One rule: the lines that take its facts, and when it is true."""

    taken: tuple[str, ...]
    truth: str
    rule: int


def _source(rules: Sequence[_Written], constants: Iterable[str]) -> str:
    """The text of a function that makes `first` and `matching`."""
    return "\n".join([
        f"def make({', '.join(('sort', 'rest', *constants))}):",
        "    def first(facts):",
        "        get = facts.get",
        *_body(rules, "return {}"),
        "        return rest(facts)",
        "    def matching(facts):",
        "        get = facts.get",
        "        found = []",
        *_body(rules, "found += ({},)"),
        "        return found",
        "    return first, matching",
    ])  # fmt: skip


def _body(rules: Sequence[_Written], then: str) -> Iterator[str]:
    for rule in rules:
        yield from (f"        {line}" for line in rule.taken)
        yield f"        if {rule.truth}:"
        yield f"            {then.format(rule.rule)}"


class _Writer:
    """Writes rules down, one after the other; `constants` are the values that the code names."""

    def __init__(self) -> None:
        self.constants: dict[str, Any] = {}
        self._facts: dict[str, str] = {}
        self._locals = 0
        self._taken: list[str] = []

    def rule(self, rule: int, when: Condition | None) -> _Written:
        """One rule, after those that were written before."""
        self._taken = []
        parts = [self._part(part.term) for part in when.parts] if when is not None else []
        return _Written(tuple(self._taken), " and ".join(parts) or "True", rule)

    def _part(self, term: Term) -> str:
        if size(term) > LARGEST_TERM:
            return self._computed(term, wanted=True)
        return self._truth(term, wanted=True)

    def _truth(self, term: Term, *, wanted: bool) -> str:
        """When a term is true (`wanted`), or is false (not `wanted`); never when it is unknown."""
        match term:
            case AllOf(terms=terms) | AnyOf(terms=terms):
                joint = " and " if isinstance(term, AllOf) is wanted else " or "
                return f"({joint.join(self._truth(one, wanted=wanted) for one in terms)})"
            case Not(term=inner):
                return self._truth(inner, wanted=not wanted)
            case Named(term=inner):
                return self._truth(inner, wanted=wanted)
            case Known(fact=fact):
                return f"{self._fact(fact.name, fact.kind)} {'is not' if wanted else 'is'} None"
            case Comparison():
                return self._comparison(term, wanted=wanted)
            case Among(options=options, negated=negated):
                sign = "in" if wanted is not negated else "not in"
                value, guard = self._value(term.value)
                return f"({guard}{value} {sign} {self._name(options)})"
            case Contains(text=text, part=part):
                value, guard = self._value(text)
                sign = "in" if wanted else "not in"
                return f"({guard}{self._name(part)} {sign} {value}.lower())"
            case Matches(text=text, pattern=pattern):
                value, guard = self._value(text)
                return f"({guard}{self._name(pattern.found_in)}({value}) is {wanted})"
            case _:
                return f"{self._value(term)[0]} is {wanted}"

    def _comparison(self, term: Comparison, *, wanted: bool) -> str:
        left, right = self._value(term.left), self._value(term.right)
        sign = term.operator if wanted else _OPPOSITE[term.operator]
        return f"({left[1]}{right[1]}{left[0]} {sign.value} {right[0]})"

    def _value(self, term: Term) -> tuple[str, str]:
        """A value, and what has to be asked before it may be used: that it is known."""
        match term:
            case Literal(value=value):
                return self._name(value), ""
            case Default(fact=fact, fallback=fallback):
                local = self._fact(fact.name, fact.kind)
                return f"({self._name(fallback)} if {local} is None else {local})", ""
            case FactOf(name=name, kind=kind):
                local = self._fact(name, kind)
            case Count(key=key):
                local = self._fact(key, Kind.INT)
            case Within(key=key):
                local = self._fact(key, Kind.BOOL)
            case _:
                local = self._local(f"{self._name(closure(term))}(facts)")
        return local, f"{local} is not None and "

    def _computed(self, term: Term, *, wanted: bool) -> str:
        return f"{self._name(closure(term))}(facts) is {wanted}"

    def _fact(self, key: str, kind: Kind) -> str:
        """The local name of a fact, taken before the first rule that asks for it."""
        if key not in self._facts:
            local = self._facts[key] = self._local(f"get({self._name(key)})")
            types = TYPES[kind]
            wrong = " and ".join(f"sort({local}) is not {self._name(one)}" for one in types)
            if float in types:
                wrong += f" or {local} != {local}"
            self._taken.append(f"if {wrong}: {local} = None")
        return self._facts[key]

    def _local(self, value: str) -> str:
        self._locals += 1
        self._taken.append(f"v{self._locals} = {value}")
        return f"v{self._locals}"

    def _name(self, value: Any) -> str:
        name = f"k{len(self.constants)}"
        self.constants[name] = value
        return name


_OPPOSITE: Final = {
    Operator.EQ: Operator.NE,
    Operator.NE: Operator.EQ,
    Operator.LT: Operator.GE,
    Operator.LE: Operator.GT,
    Operator.GT: Operator.LE,
    Operator.GE: Operator.LT,
}
