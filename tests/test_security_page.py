"""The page about security names what holds each promise; that has to be there."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs/explanation/security.md").read_text(encoding="utf-8")


def test_everything_that_the_page_names_as_held_by_is_there():
    named = re.findall(r"`(tests/[^`]+)`", PAGE)

    assert len(named) > 20
    assert [place for place in named if not (ROOT / place).exists()] == []


def test_every_threat_has_its_place_on_the_page():
    assert [number for number in range(1, 17) if not re.search(rf"\bT{number}\b", PAGE)] == []
