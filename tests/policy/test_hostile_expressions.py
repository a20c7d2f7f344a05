"""Nothing that is written in a condition can reach Python, hang, or raise."""

import time

import pytest

from palingenesis.core.policy.conditions import Evaluator
from palingenesis.core.policy.expressions import Scope, read_expression

HOSTILE = [
    "__import__('os').system('true')", "().__class__.__bases__[0].__subclasses__()",
    "''.__class__", "stop.__class__", "stop.reason.__len__()", "stop.reason.upper()",
    "stop.reason.format(1)", "'{0.__class__}'.format(stop)", "'a' % stop.reason", "f'{stop}'",
    "f'{__import__}'", "b'a' == stop.reason", "r'a' == stop.reason", "u'a' == stop.reason",
    "lambda: 1", "(lambda: work.done)()", "[x for x in (1, 2)]", "{x for x in (1,)}",
    "{x: 1 for x in (1,)}", "(x for x in (1,))", "any(x for x in (1,))", "(x := work.done)",
    "await work.done", "yield work.done", "(yield)", "*stop", "**stop", "stop.reason[0]",
    "stop.reason[0:1]", "stop[...]", "... == 1", "{'a': 1}", "{1, 2}", "(1, 2)", "[1]",
    "1 + 1 == 2", "9 ** 9 ** 9 > 1", "'a' * 1000000000 == 'b'", "1 << 99999 > 1", "~1 == 1",
    "1 if work.done else 2", "work.done if work.done else work.done", "eval('1')", "exec('1')",
    "open('/etc/passwd')", "print(1)", "getattr(stop, 'reason')", "globals()", "vars()", "dir()",
    "type(stop)", "known(known)", "known(stop)", "known(*stop)", "known(**stop)",
    "known(fact=work.done)", "default(work.done, work.done)", "default(work.done, known)",
    "count(__import__, 1m) > 1", "count(crash, crash) > 1", "contains(stop.message, stop.message)",
    "matches(stop.message, stop.message)", "matches(stop.message, '(?P<a>a)')",
    "matches(stop.message, '(?=a)')", r"matches(stop.message, '(a)\\1')",
    "matches(stop.message, '((a{50}){50}){50}')", "matches(stop.message, '" + "(" * 90 + "')",
    "matches(stop.message, '((((((){50}){50}){50}){50}){50}){50}')",
    "a) or (b", "work.done)", "work.done\n)", "work.done #", "work.done \\\n", "work.done;",
    "import os", "del stop", "assert work.done", "work.done = true", "work.done == (", "'", '"',
    "'''", '"""a"""', "\x00", "\u202e", "\uff57ork.done", "w\u043erk.done", "1_000 > 1", "0x10 > 1",
    "1e9 > 1", "1j > 1", "99999999999999999999999999 > stop.attempt", "$ > 1", "% > 1",
    "$1% > session.cost", "5mm > session.age", "_0", "_", "params", "params.x", "params.x.y",
    "event.event", "not", "and", "in", "== 1", "1 ==", "()", "(" * 90 + ")" * 90, "(" * 250,
    "not " * 140, "-" * 500 + "1", "[" * 250, "." * 300, "a" * 600, "a." * 299 + "a",
]  # fmt: skip


@pytest.mark.parametrize("expression", HOSTILE)
def test_a_hostile_expression_is_refused_at_once_and_has_a_place(expression: str) -> None:
    begun = time.process_time()

    reading = read_expression(expression, Scope())

    assert reading.term is None
    assert reading.mistakes
    for mistake in reading.mistakes:
        assert 0 <= mistake.start < max(mistake.end, 1)
        assert mistake.code[0] == "E"
        assert mistake.message
    assert time.process_time() - begun < 0.5


def test_more_than_58_of_them_were_tried() -> None:
    assert len(set(HOSTILE)) > 58


def test_a_hundred_thousand_brackets_are_refused_quickly() -> None:
    begun = time.process_time()

    reading = read_expression("(" * 100_000, Scope())

    assert [one.code for one in reading.mistakes] == ["E001"]
    assert time.process_time() - begun < 0.1


def test_a_greedy_pattern_takes_no_longer_for_a_hostile_text() -> None:
    reading = read_expression("matches(stop.message, '(a+)+b(a*)*c')", Scope())
    assert reading.term is not None
    begun = time.process_time()

    assert Evaluator({"stop.message": "a" * 100_000}).truth(reading.term) is False

    assert time.process_time() - begun < 0.5


def test_an_object_that_is_no_fact_value_is_unknown_instead_of_dangerous() -> None:
    reading = read_expression("stop.reason == 'crash' or stop.attempt > 3", Scope())
    assert reading.term is not None

    class Evil(str):
        __slots__ = ()

        def __eq__(self, other: object) -> bool:
            raise AssertionError

        __hash__ = str.__hash__

    facts = {"stop.reason": Evil("crash"), "stop.attempt": True}

    assert Evaluator(facts).truth(reading.term) is None
