import pytest

from palingenesis.sensors.handoff import NextStep, next_number, quote, read_next_step
from palingenesis.sensors.steps import Progress


@pytest.mark.parametrize(
    ("text", "step"),
    [
        ("# Step 5: Write the tests", NextStep(5, "Write the tests")),
        ("# Step 05 - Write the tests", NextStep(5, "Write the tests")),
        ("## Step 5\nWrite the tests\nand more", NextStep(5, "Write the tests")),
        ("## Step 5\n\n### Write the tests", NextStep(5, "Write the tests")),
        ("5. Write the tests", NextStep(5, "Write the tests")),
        ("**Step 7 of 12:** Project type", NextStep(7, "Project type")),
        ("Next step: 7\nProject type", NextStep(7, "Project type")),
        ("# Plan\n\n1. one\n2. two\n\n## Step 2: two", NextStep(2, "two")),
        ("---\nstep: 9\n---\n# Step 5: x", NextStep(5, "x")),
        ("# Next\n\nGo on with the login form.", NextStep(None, "Go on with the login form.")),
        ("steps are good", NextStep(None, "steps are good")),
        ("\ufeff# Step 5: x\r\n", NextStep(5, "x")),
        ("", NextStep(None, "")),
    ],
)
def test_a_note_names_its_step_in_several_forms(text, step):
    assert read_next_step(text) == step


@pytest.mark.parametrize(
    ("completed", "wanted", "number"),
    [(6, None, 7), (6, 7, 7), (6, 4, 7), (6, 9, 9), (6, 40, 7), (None, 5, 5), (None, None, None)],
)
def test_the_step_to_go_on_with_is_never_a_finished_one(completed, wanted, number):
    progress = Progress(done=False, completed=completed, total=12)

    assert next_number(progress, wanted) == number


def test_a_quotation_is_cut_at_the_end_or_at_the_beginning():
    text = "\n".join(f"line {number}" for number in range(100))

    assert quote(text, bytes_max=40).endswith("\n> […]")
    assert quote(text, bytes_max=40).startswith("> line 0\n")
    assert quote(text, bytes_max=40, keep_end=True).startswith("> […]\n")
    assert quote(text, bytes_max=40, keep_end=True).endswith("> line 99")
    assert quote("\u00e9" * 100, bytes_max=31).split("\n")[0].startswith("> \u00e9\u00e9")
