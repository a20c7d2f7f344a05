"""The published schema of an entry says what `entry_to_plain` prints.

`REWRITE=1 pytest tests/journal/test_schema.py` writes the schema anew after the core has grown.
"""

import json
import os
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

from palingenesis.core.effects import Effect
from palingenesis.core.events import Event
from palingenesis.core.record import RECORD_VERSION, json_schema
from palingenesis.journal import SqliteJournal, entry_to_plain
from tests.journal.nights import adopted, ended, night, turn

FILE = Path(__file__).parents[2] / "schemas" / "journal-entry.schema.json"


def generated() -> dict[str, Any]:
    definitions: dict[str, Any] = {}
    event = json_schema(Event, definitions)
    effect = json_schema(Effect, definitions)
    for each in definitions.values():
        each.pop("x-class", None)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "An entry of the journal",
        "description": "One turn of the loop: what happened, what was decided, what will be done.",
        "type": "object",
        "properties": {
            "seq": {"type": "integer", "minimum": 1},
            "version": {"const": RECORD_VERSION},
            "event": event,
            "decisions": {"type": "array", "items": {"type": "object"}},
            "effects": {"type": "array", "items": effect},
        },
        "required": ["seq", "version", "event", "decisions", "effects"],
        "$defs": dict(sorted(definitions.items())),
    }


def test_the_published_schema_is_the_one_the_core_implies() -> None:
    text = json.dumps(generated(), indent=2, ensure_ascii=False) + "\n"
    if os.environ.get("REWRITE"):
        FILE.write_text(text, encoding="utf-8")

    assert FILE.read_text(encoding="utf-8") == text, "run this test with REWRITE=1"


def test_what_is_printed_fits_the_schema(tmp_path: Path) -> None:
    schema = json.loads(FILE.read_text(encoding="utf-8"))
    Draft202012Validator.check_schema(schema)
    validator = Draft202012Validator(schema)
    with SqliteJournal.open(tmp_path / "journal.db") as journal:
        for entry in (turn(adopted("d1", rules=[])), *night(3), turn(ended(1))):
            journal.append(entry)
        printed = [entry_to_plain(it) for it in journal.entries()]

    assert [list(validator.iter_errors(json.loads(json.dumps(it)))) for it in printed] == [[]] * 5
    assert not validator.is_valid({**printed[0], "event": {"is": "Teapot"}})
