"""The canonical layout: what a policy does is not changed, comments survive, twice is once."""

import io
import re
from functools import cache
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from palingenesis.core.policy.formatting import formatted
from palingenesis.core.policy.read import read
from palingenesis.core.policy.structure import plain
from tests.policy.texts import ROOT, compiled

SHIPPED = sorted(
    [*(ROOT / "policies").rglob("*.yaml"), *(ROOT / "examples").rglob("*.yaml")],
    key=lambda path: path.name,
)

UNTIDY = """\

# top
version: 1\x20\x20
rules:
# about a
- id: a
  do:
    # deep
    -   resume:   # why
    - {restart: {}}
    -   notify:
            message: >-
              hi
              there
    -
      log: {message: "a
       b"}



  when: stop.reason == 'crash' and
    agent.up
default:
    do: [resume: {}, finish]
    # tail"""

TIDY = """\
# top
version: 1
rules:
  # about a
  - id: a
    do:
      # deep
      - resume   # why
      - restart
      - notify:
          message: >-
            hi
            there
      -
        log: {message: "a
         b"}

    when: stop.reason == 'crash' and
      agent.up
default:
  do: [resume, finish]
  # tail
"""


def tidied(text: str | bytes) -> str:
    found = formatted(text)
    assert found.text is not None, found.diagnostics
    return found.text


def says(text: str | bytes) -> Any:
    root, findings = read(text)
    assert root is not None
    assert not findings.refused
    return plain(root)


def comments(text: str) -> list[str]:
    return [row.strip() for row in text.splitlines() if row.strip().startswith("#")]


def test_an_untidy_policy_is_laid_out_and_keeps_comments_order_and_quotes() -> None:
    assert tidied(UNTIDY) == TIDY


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.name)
def test_everything_that_we_ship_is_in_its_canonical_layout(path: Any) -> None:
    text = path.read_text(encoding="utf-8")

    assert tidied(text) == text


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ("a: 1\r\nb: 2\r\n", "a: 1\nb: 2\n"),
        ("\ufeffa: 1\n", "a: 1\n"),
        ("a: 1", "a: 1\n"),
        ("a: 1\n\n\n", "a: 1\n"),
        ("a:\n- b\n-   c: 1\n    d: 2\n", "a:\n  - b\n  - c: 1\n    d: 2\n"),
        ("a:\n      b:\n       c: 1\n", "a:\n  b:\n    c: 1\n"),
        ("a: |\n    x  \n\n\n    y\nb: 1\n", "a: |\n    x  \n\n\n    y\nb: 1\n"),
        ("a:\n      'long\n      text'\n", "a:\n  'long\n  text'\n"),
        ("a: 90s\nb: '1h'\n", "a: 90s\nb: '1h'\n"),
    ],
)
def test_what_is_normalised_and_what_is_left_to_the_author(given: str, wanted: str) -> None:
    assert tidied(given) == wanted


def test_a_text_that_depends_on_its_indentation_is_left_where_it_is() -> None:
    text = "a:\n    b: |2\n        x\n"

    assert says(tidied(text)) == says(text)


def test_only_steps_are_written_short() -> None:
    text = "params:\n  resume: {}\nrules:\n  - id: one\n    do: [attention: {}, notify: {}]\n"

    assert tidied(text) == text.replace("attention: {}", "attention")


def test_what_is_no_yaml_is_refused_with_its_place() -> None:
    found = formatted("a: 1\na: 2\n")

    assert found.text is None
    assert [one.code for one in found.diagnostics] == ["Y005"]


# ── laws ──────────────────────────────────────────────────────────────────────────────────────

MESS = st.fixed_dictionaries(
    {
        "width": st.integers(1, 7),
        "blanks": st.lists(st.integers(0, 400), max_size=12),
        "remarks": st.lists(st.tuples(st.integers(0, 400), st.integers(0, 9)), max_size=12),
        "trailing": st.lists(st.integers(0, 400), max_size=12),
        "breaks": st.sampled_from(["\n", "\r\n"]),
    }
)


def messed(text: str, mess: dict[str, Any]) -> str:
    """The same policy as an untidy hand would leave it."""
    rows = text.split("\n")
    if not re.search(r": [|>]", text):
        rows = [widened(row, mess["width"]) for row in rows]
    for index in mess["trailing"]:
        if index < len(rows) and not re.search("['\"|>]", rows[index]):
            rows[index] += "  \t"[: 1 + index % 3] if rows[index] else "  "
    for index in sorted(mess["blanks"], reverse=True):
        rows.insert(min(index, len(rows)), "")
    for index, column in sorted(mess["remarks"], reverse=True):
        rows.insert(min(index, len(rows)), " " * column + f"# remark {index}")
    return str(mess["breaks"]).join(rows)


def widened(row: str, width: int) -> str:
    """A line with another indentation: `width` blanks a level, as many behind a dash."""
    bare = row.lstrip(" ")
    level = (len(row) - len(bare)) // 2
    if bare.startswith("- "):
        bare = "-" + " " * (width - 1 if width > 1 else 1) + bare[2:]
    return " " * (level * max(width, 2)) + bare


@settings(max_examples=40)
@given(path=st.sampled_from(SHIPPED), mess=MESS)
def test_whoever_made_a_mess_of_a_shipped_policy_its_digest_stays_and_its_remarks_too(
    path: Any, mess: dict[str, Any]
) -> None:
    text = messed(path.read_text(encoding="utf-8"), mess)

    tidy = tidied(text)

    assert says(tidy) == says(text)
    assert tidied(tidy) == tidy
    assert comments(tidy) == comments(text.replace("\r\n", "\n"))
    assert digest_of(tidy) == digest_of(path.read_text(encoding="utf-8"))


@cache
def digest_of(text: str) -> str | None:
    """What a policy does; None for scenarios and files of tests."""
    policy = compiled(text).policy
    return policy.digest if policy is not None else None


WORDS = st.text(
    st.characters(codec="utf-8", categories=("L", "N", "P", "S", "Zs"), include_characters="\n #:"),
    max_size=24,
)
TREES: Any = st.recursive(
    st.one_of(WORDS, st.integers(), st.booleans(), st.none()),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(WORDS, inner, max_size=4),
    max_leaves=20,
)


@settings(max_examples=100)
@given(
    tree=st.dictionaries(WORDS, TREES, min_size=1, max_size=4),
    indent=st.integers(2, 7),
    width=st.integers(10, 100),
    flow=st.sampled_from([None, False, True]),
    style=st.sampled_from([None, "'", '"', "|", ">"]),
)
def test_any_yaml_that_we_can_read_says_the_same_in_its_canonical_layout(
    tree: Any, indent: int, width: int, flow: bool | None, style: str | None
) -> None:
    out = io.StringIO()
    yaml.safe_dump(
        tree, out, indent=indent, width=width, default_flow_style=flow, default_style=style,
        allow_unicode=True, sort_keys=False,
    )  # fmt: skip
    text = re.sub(r"!!\w+ ", "", out.getvalue())
    root, findings = read(text)
    if root is None or findings.refused:
        return

    tidy = tidied(text)

    assert says(tidy) == says(text)
    assert tidied(tidy) == tidy


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.name)
def test_a_reindented_file_comes_back_to_exactly_what_it_was(path: Any) -> None:
    text = path.read_text(encoding="utf-8")

    assert tidied("\n".join(widened(row, 5) for row in text.split("\n"))) == text


@pytest.mark.parametrize(
    "step",
    ["{resume: # why\n     }", "resume: # why\n     {}", "resume: {\n    # why\n    }"],
)
def test_a_comment_in_the_place_of_options_is_kept(step: str) -> None:
    text = f"version: 1\nrules:\n- id: a\n  do:\n  - {step}\ndefault: {{do: [finish]}}\n"

    tidy = formatted(text).text

    assert tidy is not None
    assert "# why" in tidy


@pytest.mark.parametrize("end", ["x: 'a\n  b'", "x: [a,\n  b]", "x: a\n  b", "x: 1"])
def test_a_file_ends_with_a_line_break_whatever_its_last_value_is(end: str) -> None:
    assert formatted(end).text == f"{end}\n"


def test_a_block_text_without_a_line_break_at_its_end_gets_none() -> None:
    assert formatted("rules:\n- a\nx: |\n  a").text == "rules:\n  - a\nx: |\n  a"


def test_a_comment_in_a_column_of_its_own_moves_with_what_stands_below() -> None:
    assert formatted("x:\n- a\n    # deep\n- b\n").text == "x:\n  - a\n      # deep\n  - b\n"


def test_a_list_that_begins_behind_its_colon_stays_there() -> None:
    assert formatted("? a\n: -    b\n  -  c\n").text == "? a\n: -    b\n  - c\n"
