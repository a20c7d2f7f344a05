"""The pages about tests say what the program does.

`REWRITE=1 pytest tests/simulation/test_policy_tests_pages.py` writes tables and outputs anew.
"""

import os
import re
from pathlib import Path

import pytest

from palingenesis.simulation.testing.reading import read_tests
from palingenesis.simulation.testing.reference import tables
from tests.cli.test_commands import Say, say

__all__ = ["say"]

DOCS = Path(__file__).parents[2] / "docs"
REFERENCE = DOCS / "reference" / "policy-tests.md"
HOW_TO = DOCS / "how-to" / "test-a-policy.md"
PLACE = re.compile(r"(<!-- table: (\w+) -->\n\n)((?:\|.*\n)*\n?)")
SHOWN = re.compile(r"```console\n\$ palingenesis (.*)\n((?:.*\n)*?)```\n")
TOOK = re.compile(r"· [\d.]+ m?s of real time")


def test_the_tables_of_the_reference_are_those_of_the_reader():
    text = REFERENCE.read_text(encoding="utf-8")
    made = PLACE.sub(lambda found: f"{found[1]}{tables()[found[2]]}\n", text)
    if os.environ.get("REWRITE"):
        REFERENCE.write_text(made, encoding="utf-8")
        text = made

    assert {found[2] for found in PLACE.finditer(text)} == set(tables())
    assert text == made, "run this test with REWRITE=1, and commit the page"


@pytest.mark.parametrize("page", [REFERENCE, HOW_TO], ids=lambda page: page.name)
def test_every_file_of_tests_on_a_page_can_be_read(page: Path):
    blocks = re.findall(r"```yaml\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
    shown = [block for block in blocks if "\ntests:" in block]

    assert shown
    assert [read_tests(block).diagnostics for block in shown] == [()] * len(shown)


def test_the_outputs_of_the_how_to_are_what_comes_out(
    say: Say, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    text = HOW_TO.read_text(encoding="utf-8")
    policy, tests = re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)[:2]
    (tmp_path / "night.yaml").write_text(policy)
    (tmp_path / "night.test.yaml").write_text(tests)
    wrong = tests.replace("90s..100s", "60s..70s").replace("tests:", "policy: night.yaml\ntests:")
    (tmp_path / "wrong.test.yaml").write_text(wrong)
    monkeypatch.chdir(tmp_path)

    def out_of(command: str) -> str:
        said = say(*[word.strip('"') for word in command.split()])
        return TOOK.sub("· 12 ms of real time", said.out)

    made = SHOWN.sub(
        lambda shown: f"```console\n$ palingenesis {shown[1]}\n{out_of(shown[1])}```\n", text
    )
    if os.environ.get("REWRITE"):
        HOW_TO.write_text(made, encoding="utf-8")
        text = made

    assert len(SHOWN.findall(text)) == 3
    assert text == made, "run this test with REWRITE=1, and commit the page"
