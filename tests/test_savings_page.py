"""The page of the savings says what the code counts."""

from pathlib import Path

from palingenesis.core.savings import DEFINITIONS
from palingenesis.runtime.savings_status import SavingsStatus

PAGE = Path(__file__).parent.parent / "docs/reference/savings.md"

MEANINGS = {
    "since": "when counting began; null: it has not",
    "stops": "stops, by [reason](stop-reasons.md)",
    "saves": "saves",
    "saves_by": "saves, by the reason of the stop that began the trouble",
    "handed_over": "stops handed over",
    "taken_over": "stops taken over",
    "success_rate": "success rate, 0 to 1; null without any",
    "waited_s": "time waited, in seconds",
    "saved_s": "time saved, in seconds",
    "sessions": "sessions that stopped at least once",
    "interrupted": "of these, the ones with an intervention",
    "uninterrupted": "share of uninterrupted sessions, 0 to 1; null without any",
    "blocks": "permissions and questions of agents, by kind",
    "interventions": "interventions",
    "intervened": "when the last intervention was",
    "days_without": "days without intervention; null when nothing was counted",
    "prompts": "prompts",
    "reruns": "silent re-runs",
    "restarts": "restarts of a server that were ordered",
    "notices": "notifications that were ordered",
    "refusals": "refusals by rails and limits",
    "unknown": "unknown outcomes",
    "policies": "policies that took effect, at a start or a reload",
    "policies_refused": "policies that were refused",
    "greeted": "whether the first save has been greeted, which is done once",
}


def rows_of(title: str) -> list[str]:
    """The rows of the table under a title of the page."""
    section = PAGE.read_text(encoding="utf-8").partition(f"\n## {title}\n")[2].partition("\n## ")[0]
    return [line for line in section.splitlines() if line.startswith("| ")][2:]


def test_the_page_has_the_definition_of_every_figure():
    defined = [f"| {word} | {text} |" for word, text in DEFINITIONS.items()]

    assert rows_of("What each figure means") == defined


def test_the_page_has_every_key_of_the_answer():
    assert rows_of("As JSON") == [f"| `{key}` | {text} |" for key, text in MEANINGS.items()]


def test_every_key_of_the_answer_has_a_meaning():
    assert list(MEANINGS) == list(SavingsStatus.__annotations__)
