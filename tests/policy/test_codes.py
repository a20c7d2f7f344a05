"""Every code that is said anywhere is registered, and its examples are true.

`REWRITE=1 pytest tests/policy/test_codes.py` writes the reference page anew.
"""

import os
import re
from collections import Counter
from collections.abc import Callable

import pytest

from palingenesis.core.policy.analysis.lint import lint
from palingenesis.core.policy.codes.code import Code, Frame, whole
from palingenesis.core.policy.codes.registry import CODES, FAMILIES, PAGE, page
from palingenesis.core.policy.diagnostics import Diagnostic, Grade
from palingenesis.simulation.scenario import read_scenario
from palingenesis.simulation.testing.reading import check_against, read_tests
from tests.policy.projects import of_project
from tests.policy.texts import ROOT, compiled


def said_about_tests(text: str) -> tuple[Diagnostic, ...]:
    found = read_tests(text)
    if found.file is None:
        return found.diagnostics
    policy = compiled((ROOT / "policies" / "default.yaml").read_text(encoding="utf-8")).policy
    assert policy is not None
    return check_against(found.file, policy)


def said_by_lint(text: str) -> tuple[Diagnostic, ...]:
    policy = compiled(text).policy
    assert policy is not None, compiled(text).diagnostics
    return lint(policy, text, overlaps=True).diagnostics


def said_by_lint_beside(*assistants: str) -> Callable[[str], tuple[Diagnostic, ...]]:
    """What lint says where other assistants are supervised than those there are today."""

    def said(text: str) -> tuple[Diagnostic, ...]:
        policy = compiled(text).policy
        assert policy is not None, compiled(text).diagnostics
        return lint(policy, text, assistants=assistants).diagnostics

    return said


READERS: dict[Frame, Callable[[str], tuple[Diagnostic, ...]]] = {
    Frame.POLICY: lambda text: compiled(text).diagnostics,
    Frame.TOP: lambda text: compiled(text).diagnostics,
    Frame.RULE: lambda text: compiled(text).diagnostics,
    Frame.PROJECT: lambda text: of_project(text).diagnostics,
    Frame.LINT_TOP: said_by_lint,
    Frame.LINT_RULE: said_by_lint,
    Frame.SCENARIO: lambda text: read_scenario(text).diagnostics,
    Frame.POLICY_TEST: said_about_tests,
}
"""Who says something about an example."""

ELSEWHERE = {"L130": said_by_lint_beside("one-that-tells-nothing")}
"""Codes that nothing of today has: OpenCode tells every fact."""


def said_about(one: Code, text: str) -> tuple[Diagnostic, ...]:
    reader = ELSEWHERE.get(one.code, READERS[one.frame])
    return reader(whole(one.frame, text))


def test_no_code_is_explained_twice() -> None:
    counted = Counter(one.code for _, codes in FAMILIES for one in codes)

    assert [code for code, times in counted.items() if times > 1] == []


def test_a_family_is_in_the_order_of_its_codes() -> None:
    for title, codes in FAMILIES:
        names = [one.code for one in codes]
        assert names == sorted(names), title


@pytest.mark.parametrize("code", CODES)
def test_the_bad_example_of_a_code_has_it(code: str) -> None:
    found = said_about(CODES[code], CODES[code].bad)

    assert code in {one.code for one in found}, found


@pytest.mark.parametrize("code", CODES)
def test_a_code_is_as_grave_as_its_registration_says(code: str) -> None:
    graves = {one.severity for one in said_about(CODES[code], CODES[code].bad) if one.code == code}

    assert graves == {CODES[code].severity}


@pytest.mark.parametrize("code", CODES)
def test_about_the_good_example_there_is_nothing_to_say(code: str) -> None:
    found = said_about(CODES[code], CODES[code].good)

    if CODES[code].frame in {Frame.LINT_TOP, Frame.LINT_RULE}:  # it has notes about anything
        found = tuple(one for one in found if one.code == code or one.severity is not Grade.NOTE)
    assert found == ()


@pytest.mark.parametrize("code", CODES)
def test_an_explanation_is_a_paragraph_and_a_title_is_none(code: str) -> None:
    one = CODES[code]

    assert not one.title.endswith(".")
    assert len(one.title) <= 70
    assert one.why.endswith(".")
    assert "\n" not in one.why
    assert one.bad.endswith("\n")
    assert one.good.endswith("\n")
    assert isinstance(one.severity, Grade)


def test_the_reference_page_is_what_the_registry_says() -> None:
    place = ROOT / PAGE
    if os.environ.get("REWRITE"):
        place.write_text(page(), encoding="utf-8")

    assert place.read_text(encoding="utf-8") == page(), (
        "run this test with REWRITE=1, and commit the page"
    )


def test_what_nobody_sees_is_written_out_on_the_page() -> None:
    written = (ROOT / PAGE).read_text(encoding="utf-8")

    assert "Wait<U+0007> for it" in written
    assert "<U+FEFF>version: 1" in written
    assert re.search("[^\n -~\xa0-\uffff]", written) is None
