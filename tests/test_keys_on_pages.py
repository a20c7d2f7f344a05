"""Every key that a schema knows stands on the page about its kind of file."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
PAGES = {
    "policy": ("policy.md", "actions.md"),
    "policy-test": ("policy-tests.md", "policy.md", "actions.md", "facts.md"),
    "scenario": ("scenarios.md", "policy.md", "actions.md", "facts.md"),
    "config": ("configuration.md",),
}


def keys(schema: Any) -> Iterator[str]:
    """Every name that a mapping may have, at any depth."""
    if isinstance(schema, dict):
        named = schema.get("properties")
        if isinstance(named, dict):
            yield from named
        for inner in schema.values():
            yield from keys(inner)
    elif isinstance(schema, list):
        for inner in schema:
            yield from keys(inner)


@pytest.mark.parametrize("kind", PAGES)
def test_a_key_that_the_schema_knows_is_on_the_page(kind: str):
    schema = json.loads((ROOT / "schemas" / f"{kind}.schema.json").read_text(encoding="utf-8"))
    known = set(keys(schema))
    pages = [(ROOT / "docs/reference" / page).read_text(encoding="utf-8") for page in PAGES[kind]]
    words = set(re.findall(r"[\w.]+(?:-\w+)*", "\n".join(pages)))

    assert len(known) > 20
    assert sorted(known - words) == []
