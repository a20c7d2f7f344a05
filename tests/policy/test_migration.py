"""Drafts of the language become version 1: the right words, and nothing else."""

import pytest

from palingenesis.core.policy.migration import FACTS, migrated
from tests.policy.texts import ROOT, SHIPPED, compiled

DRAFT = """\
# my first draft
version: 0
params:
  if_missing: {type: text, default: "a_b"}
define:
  open_work: plan.state == 'valid' and not plan.done   # plan.done is a fact
rules:
  - id: one
    hold: 5m
    when: open_work and stop.message != 'plan.done'
    do:
      - new_session: {if_missing: summary}
  - id: two
    when:
      - "known(plan.step) and session.title != \\"plan.step\\""
    do: [stand_down]
default:
  do:
    - attention: {reason: "at ${plan.step}, not $${plan.step}", reopen_after: 1h}
"""

TODAY = """\
# my first draft
version: 1
params:
  if_missing: {type: text, default: "a_b"}
define:
  open_work: work.state == 'valid' and not work.done   # plan.done is a fact
rules:
  - id: one
    for: 5m
    when: open_work and stop.message != 'plan.done'
    do:
      - new-session: {if-missing: summary}
  - id: two
    when:
      - "known(work.step) and session.title != \\"plan.step\\""
    do: [stand-down]
default:
  do:
    - attention: {reason: "at ${work.step}, not $${plan.step}", reopen-after: 1h}
"""


def test_a_draft_gets_the_words_of_today_and_keeps_comments_and_texts() -> None:
    found = migrated(DRAFT)

    assert found.text == TODAY
    assert compiled(TODAY).policy is not None
    assert [(one.line, one.before, one.after) for one in found.changes] == [
        (2, "0", "1"),
        (6, "plan.state", "work.state"),
        (6, "plan.done", "work.done"),
        (9, "hold", "for"),
        (12, "new_session", "new-session"),
        (12, "if_missing", "if-missing"),
        (15, "plan.step", "work.step"),
        (16, "stand_down", "stand-down"),
        (19, "plan.step", "work.step"),
        (19, "reopen_after", "reopen-after"),
    ]


def test_a_policy_of_today_has_nothing_to_do() -> None:
    found = migrated(TODAY)

    assert (found.text, found.changes) == (TODAY, ())


@pytest.mark.parametrize(
    "path", sorted((ROOT / "policies").rglob("*.yaml")), ids=lambda path: path.name
)
def test_what_we_ship_is_written_in_the_words_of_today(path) -> None:
    assert migrated(path.read_bytes()).changes == ()


def test_the_shipped_policy_in_the_words_of_the_drafts_comes_back_as_it_is() -> None:
    text = SHIPPED.read_text(encoding="utf-8")
    draft = text.replace("version: 1\n", "").replace("    for: 30m", "    hold: 30m")
    for before, after in FACTS.items():
        draft = draft.replace(after, before)
    draft = draft.replace("new-session:", "new_session:").replace("stall-after:", "stall_after:")
    assert compiled(draft).policy is None

    found = migrated(draft).text

    assert found is not None
    before, after = compiled(text).policy, compiled(found).policy
    assert before is not None
    assert after is not None
    assert after.digest == before.digest


def test_a_missing_version_is_written_above_the_first_key() -> None:
    assert migrated("# mine\n\nrules: []\n").text == "# mine\n\nversion: 1\nrules: []\n"


def test_a_version_of_the_future_is_refused() -> None:
    found = migrated("version: 2\nrules: []\n")

    assert found.text is None
    assert [(one.code, one.line, one.col) for one in found.diagnostics] == [("S013", 1, 10)]


@pytest.mark.parametrize("text", ["", "- a\n", "a: [\n", "a: 1\na: 2\n"])
def test_what_is_no_policy_at_all_is_left_alone(text: str) -> None:
    assert migrated(text).text is None


def test_a_fact_that_is_written_with_a_numbered_character_is_left_to_its_author() -> None:
    text = TODAY.replace('"known(work.step)', '"known(\\x70lan.step)')
    assert text != TODAY

    found = migrated(text)

    assert (found.text, found.changes) == (text, ())
