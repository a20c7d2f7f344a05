"""The reference page says what the code does."""

import re
from pathlib import Path

from palingenesis.sensors.frontmatter import Valid, read_header
from palingenesis.sensors.steps import is_workflow, read_progress

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "work-documents.md"


def rows(heading):
    _, _, rest = PAGE.read_text().partition(f"\n| {heading} |")
    table = rest.partition("\n\n")[0].split("\n")[2:]
    return [[cell.strip() for cell in row.strip("|").split(" | ")] for row in table]


def test_every_total_of_the_page_is_the_one_that_is_used():
    for kind, total in rows("workflow | steps"):
        header = {"stepsCompleted": [1], "workflowType": kind.strip("`")}

        assert read_progress(header).total == int(total.strip("| ")), kind


def test_every_example_of_the_page_reads_as_it_says():
    examples = rows("header | reading")
    assert len(examples) > 5
    for header, reading in examples:
        block = "\n".join(re.findall(r"`([^`]+)`", header))
        found = read_header(f"---\n{block}\n---\n")
        assert isinstance(found, Valid)
        assert is_workflow(found.mapping)

        progress = read_progress(found.mapping)

        word = {True: "done", False: "not done", None: "unknown"}[progress.done]
        numbers = [("?" if n is None else n) for n in (progress.completed, progress.total)]
        assert reading.strip("| ") == f"{word}, {numbers[0]} of {numbers[1]}"
