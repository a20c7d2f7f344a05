"""Engines of the rules benchmark: ours, and peers from PyPI, each used in its fastest way we know.

An engine is built from a workload's rules; `row` makes of the facts what it is fed with, ahead of
time; `first` and `every` are what is timed. What a peer has to do anew for every decision (assert
a fact, fill a context) is part of the timed call.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from importlib.util import find_spec
from typing import Any, Protocol

from benchmarks.rule_workloads import FACTS, Row, Test, Value

from palingenesis.core.policy.build import build
from palingenesis.core.policy.conditions import Evaluator
from palingenesis.core.policy.decide import Outcome, outcome_of
from palingenesis.core.policy.index import index
from palingenesis.core.policy.model import Policy

Rules = Sequence[Sequence[Test]]


class Engine(Protocol):
    """What is timed."""

    def __init__(self, rules: Rules) -> None: ...

    def row(self, row: Row) -> Any:
        """The facts as this engine wants them."""

    def first(self, row: Any) -> int | None:
        """The first rule that is true."""

    def every(self, row: Any) -> Sequence[int]:
        """Every rule that is true."""


def policy_of(rules: Rules) -> Policy:
    """The rules as a policy of ours."""
    return build({
        "version": 1,
        "name": "benchmark",
        "rules": [
            {"id": f"r{n}", "when": [" and ".join(_ours(*test) for test in rule)],
             "do": [{"finish": {}}]}
            for n, rule in enumerate(rules)
        ],
        "default": {"do": [{"attention": {}}]},
    })  # fmt: skip


def facts_of(row: Row) -> Mapping[str, Value]:
    return {"event": "stopped", **{FACTS[name]: value for name, value in row.items()}}


def _ours(name: str, sign: str, value: Value) -> str:
    shown = {"used": lambda: f"{float(value) * 100:.6g}%", "cost": lambda: f"${float(value):.6g}"}
    return f"{FACTS[name]} {sign} {shown.get(name, lambda: repr(value))()}"


def _python(rule: Sequence[Test]) -> str:
    return " and ".join(f"{name} {sign} {value!r}" for name, sign, value in rule)


class Index:
    """Our indexed form."""

    def __init__(self, rules: Rules) -> None:
        made = index(policy_of(rules))
        self.first, self.every = made.first, made.matching

    def row(self, row: Row) -> Any:
        return facts_of(row)


class OfRecord:
    """Our evaluator of record: simpleeval behind the typed front."""

    def __init__(self, rules: Rules) -> None:
        self._rules = policy_of(rules).rules

    def row(self, row: Row) -> Any:
        return facts_of(row)

    def first(self, row: Any) -> int | None:
        evaluator = Evaluator(row)
        for n, rule in enumerate(self._rules):
            if outcome_of(rule, row, evaluator) is Outcome.DECIDES:
                return n
        return None

    def every(self, row: Any) -> Sequence[int]:
        evaluator = Evaluator(row)
        decides = Outcome.DECIDES
        return [
            n for n, rule in enumerate(self._rules) if outcome_of(rule, row, evaluator) is decides
        ]


class Simpleeval:
    """Plain simpleeval on trees that were parsed beforehand."""

    def __init__(self, rules: Rules) -> None:
        from simpleeval import SimpleEval

        self._evaluator = SimpleEval()
        self._parsed = [(_python(rule), self._evaluator.parse(_python(rule))) for rule in rules]

    def row(self, row: Row) -> Any:
        return dict(row)

    def first(self, row: Any) -> int | None:
        self._evaluator.names = row
        evaluate = self._evaluator.eval
        for n, (text, tree) in enumerate(self._parsed):
            if evaluate(text, previously_parsed=tree):
                return n
        return None

    def every(self, row: Any) -> Sequence[int]:
        self._evaluator.names = row
        evaluate = self._evaluator.eval
        return [n for n, (text, tree) in enumerate(self._parsed)
                if evaluate(text, previously_parsed=tree)]  # fmt: skip


class Evalidate:
    """Code objects of checked expressions, run by `eval`: its documented fast way."""

    def __init__(self, rules: Rules) -> None:
        from evalidate import Expr

        self._codes = [Expr(_python(rule)).code for rule in rules]

    def row(self, row: Row) -> Any:
        return dict(row)

    def first(self, row: Any) -> int | None:
        none: dict[str, Any] = {"__builtins__": {}}
        for n, code in enumerate(self._codes):
            if eval(code, none, row):
                return n
        return None

    def every(self, row: Any) -> Sequence[int]:
        none: dict[str, Any] = {"__builtins__": {}}
        return [n for n, code in enumerate(self._codes) if eval(code, none, row)]


class RuleEngine:
    """rule-engine: a tree of its own for each rule."""

    def __init__(self, rules: Rules) -> None:
        from rule_engine import Rule

        self._rules = [Rule(_python(rule)) for rule in rules]

    def row(self, row: Row) -> Any:
        return dict(row)

    def first(self, row: Any) -> int | None:
        return next((n for n, rule in enumerate(self._rules) if rule.matches(row)), None)

    def every(self, row: Any) -> Sequence[int]:
        return [n for n, rule in enumerate(self._rules) if rule.matches(row)]


class Cel:
    """CEL in Rust: one program for each rule, one context for each decision."""

    def __init__(self, rules: Rules) -> None:
        import cel

        texts = (" && ".join(f"{n} {s} {json.dumps(v)}" for n, s, v in rule) for rule in rules)
        self._programs = [cel.compile(text) for text in texts]
        self._context = cel.Context

    def row(self, row: Row) -> Any:
        return dict(row)

    def first(self, row: Any) -> int | None:
        context = self._context(variables=row)
        for n, program in enumerate(self._programs):
            if program.execute(context):
                return n
        return None

    def every(self, row: Any) -> Sequence[int]:
        context = self._context(variables=row)
        return [n for n, program in enumerate(self._programs) if program.execute(context)]


class Zen:
    """GoRules Zen in Rust: a decision table for the first hit, and one that collects all."""

    def __init__(self, rules: Rules) -> None:
        import zen

        engine = zen.ZenEngine()
        self._first = engine.create_decision(json.dumps(_zen_table(rules, "first")))
        self._every = engine.create_decision(json.dumps(_zen_table(rules, "collect")))

    def row(self, row: Row) -> Any:
        return dict(row)

    def first(self, row: Any) -> int | None:
        found = self._first.evaluate(row)["result"]
        return int(found["rule"]) if found else None

    def every(self, row: Any) -> Sequence[int]:
        return [int(one["rule"]) for one in self._every.evaluate(row)["result"]]


def _zen_table(rules: Rules, policy: str) -> dict[str, Any]:
    names = sorted({name for rule in rules for name, _, _ in rule})
    columns = [{"id": f"i{n}", "field": name, "name": name} for n, name in enumerate(names)]
    rows = []
    for number, rule in enumerate(rules):
        row = {"_id": f"r{number}", "o": str(number)}
        for n, name in enumerate(names):
            tests = [(sign, value) for other, sign, value in rule if other == name]
            row[f"i{n}"] = " and ".join(
                json.dumps(value) if sign == "==" else f"{sign} {value}" for sign, value in tests
            )
        rows.append(row)
    table = {"hitPolicy": policy, "inputs": columns, "rules": rows,
             "outputs": [{"id": "o", "field": "rule", "name": "rule"}]}  # fmt: skip
    kinds = (("in", "inputNode", {}), ("table", "decisionTableNode", table),
             ("out", "outputNode", {}))  # fmt: skip
    return {
        "nodes": [{"id": id_, "name": id_, "type": kind, "position": {"x": 0, "y": 0}, "content": c}
                  for id_, kind, c in kinds],
        "edges": [{"id": f"{a}-{b}", "sourceId": a, "targetId": b, "type": "edge"}
                  for a, b in (("in", "table"), ("table", "out"))],
    }  # fmt: skip


class Clips:
    """CLIPS' Rete in C: one fact is asserted, the agenda is read, the fact is retracted."""

    def __init__(self, rules: Rules) -> None:
        import clips

        self._environment = clips.Environment()
        slots = " ".join(f"(slot {name})" for name in FACTS)
        self._environment.build(f"(deftemplate stop {slots})")
        for number, rule in enumerate(rules):
            self._environment.build(_defrule(number, rule))
        self._template = self._environment.find_template("stop")

    def row(self, row: Row) -> Any:
        return dict(row)

    def first(self, row: Any) -> int | None:
        fact = self._template.assert_fact(**row)
        found = next(iter(self._environment.activations()), None)
        name = found.name if found is not None else None
        fact.retract()
        return int(name[1:]) if name is not None else None

    def every(self, row: Any) -> Sequence[int]:
        fact = self._template.assert_fact(**row)
        names = [one.name for one in self._environment.activations()]
        fact.retract()
        return [int(name[1:]) for name in names]


def _defrule(number: int, rule: Sequence[Test]) -> str:
    """A rule of CLIPS; an earlier one is more salient."""
    slots = []
    for name in dict.fromkeys(name for name, _, _ in rule):
        tests = [(sign, value) for other, sign, value in rule if other == name]
        if tests[0][0] == "==":
            slots.append(f"({name} {json.dumps(tests[0][1])})")
        else:
            asked = "".join(f"&:({sign} ?{name} {value})" for sign, value in tests)
            slots.append(f"({name} ?{name}{asked})")
    return (f"(defrule r{number} (declare (salience {10_000 - number})) (stop {' '.join(slots)})"
            " => )")  # fmt: skip


OURS = "index"
PEERS: Mapping[str, tuple[str, Callable[[Rules], Engine]]] = {
    "simpleeval": ("simpleeval", Simpleeval),
    "evalidate": ("evalidate", Evalidate),
    "rule-engine": ("rule_engine", RuleEngine),
    "common-expression-language": ("cel", Cel),
    "zen-engine": ("zen", Zen),
    "clipspy": ("clips", Clips),
}
"""By their names on PyPI: the module that has to be there, and the engine."""


def engines() -> tuple[dict[str, Callable[[Rules], Engine]], list[str]]:
    """Ours and the peers that are installed; and those that are not."""
    there = {name: made for name, (module, made) in PEERS.items() if find_spec(module)}
    return {OURS: Index, "of record": OfRecord, **there}, [n for n in PEERS if n not in there]
