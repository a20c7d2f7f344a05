"""Values stand under the fact they belong to, whatever is in front of it."""

from hypothesis import given
from hypothesis import strategies as st

from palingenesis.core.policy.conditions import Evaluator
from palingenesis.core.policy.explain import consider
from palingenesis.core.policy.hanging import Mark, columns, hang
from palingenesis.core.policy.telling import _reason
from tests.policy.texts import policy

TEXT = "a == 'x' or (b == 'y' and c >= 2)"
MARKS = [Mark(start=0, shown="'z'"), Mark(start=13, shown="'y'"), Mark(start=26, shown="1")]


def test_each_value_hangs_under_its_fact_the_last_one_first() -> None:
    assert hang(TEXT, MARKS, width=80) == [
        "a == 'x' or (b == 'y' and c >= 2)",
        "│            │            │",
        "│            │            1",
        "│            'y'",
        "'z'",
    ]


def test_a_long_expression_is_broken_after_an_operand() -> None:
    assert hang(TEXT, MARKS, cuts=(8, 21, 33), width=20) == [
        "a == 'x'",
        "│",
        "'z'",
        "or (b == 'y'",
        "    │",
        "    'y'",
        "and c >= 2)",
        "    │",
        "    1",
    ]


def test_wide_letters_take_two_columns() -> None:
    assert hang("'日本' == b", [Mark(start=8, shown="1")], width=40) == [
        "'日本' == b",
        "          │",
        "          1",
    ]


def test_an_accent_of_its_own_takes_no_column() -> None:
    assert hang("'e\u0301' == b", [Mark(start=8, shown="1")], width=40) == [
        "'e\u0301' == b",
        "       │",
        "       1",
    ]


def test_a_line_of_a_long_expression_without_a_value_stands_alone() -> None:
    assert hang(TEXT, [MARKS[0], MARKS[2]], cuts=(8, 21, 33), width=20) == [
        "a == 'x'",
        "│",
        "'z'",
        "or (b == 'y'",
        "and c >= 2)",
        "    │",
        "    1",
    ]


def test_what_cannot_fit_is_not_cut() -> None:
    assert hang(TEXT, MARKS, width=30) is None


def test_a_long_value_is_told_in_short_where_there_is_no_room() -> None:
    long = Mark(start=0, shown="x" * 60, brief="true")

    assert hang("name", [long], width=40) == ["name", "│", "true"]
    assert hang("name", [long], width=60) == ["name", "│", "x" * 60]


@given(st.text(max_size=40), st.lists(st.integers(0, 39), max_size=5), st.integers(8, 60))
def test_nothing_is_wider_than_the_terminal_and_no_value_is_lost(
    text: str, places: list[int], width: int
) -> None:
    # A fact begins with a letter, never with a blank.
    begun = {at for at in places if at < len(text) and text[at].isprintable() and text[at] != " "}
    marks = [Mark(start=at, shown=f"<{at}>") for at in begun]

    rows = hang(text, marks, cuts=(10, 20, 30), width=width)

    if rows is not None:
        assert all(columns(row) <= width for row in rows)
        assert all(any(row.endswith(mark.shown) for row in rows) for mark in marks)


def test_an_expression_that_fits_nowhere_becomes_a_list_of_its_comparisons() -> None:
    made = policy(
        "version: 1\nrules:\n  - id: one\n    when: stop.message == 'a very long text to compare'\n"
        "    do: [finish]\ndefault: {do: [finish]}\n"
    )
    facts = {"event": "stopped", "stop.message": "short"}
    one = consider(made.rules[0], facts, Evaluator(facts), reached=True)

    assert list(_reason(one.reasons[0], 40)) == [
        "     when: stop.message == 'a very long text to compare'",
        "       stop.message == 'a very long text to compare' → false   (stop.message = 'short')",
    ]
