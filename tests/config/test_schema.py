"""The published schema and the reader know the same configuration.

`REWRITE=1 pytest tests/config/test_schema.py` writes the schema anew.
"""

import json
import os
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from palingenesis.runtime.config import ConfigProblemsError
from palingenesis.runtime.config_file import parse_config
from palingenesis.runtime.config_keys import HOOK, SECTIONS
from palingenesis.runtime.config_schema import schema_text, template
from palingenesis.runtime.config_shown import as_toml

PLACE = Path(__file__).parents[2] / "schemas" / "config.schema.json"
FILE = Path("config.toml")
SCHEMA = Draft202012Validator(json.loads(schema_text()))


def is_readable(text: str) -> bool:
    try:
        parse_config(text, FILE)
    except ConfigProblemsError:
        return False
    return True


def test_the_published_schema_is_the_one_that_the_table_makes():
    if os.environ.get("REWRITE"):
        PLACE.write_text(schema_text(), encoding="utf-8")

    assert PLACE.read_text(encoding="utf-8") == schema_text(), "REWRITE=1 writes it anew"
    Draft202012Validator.check_schema(json.loads(schema_text()))


def test_the_commented_file_is_valid_and_changes_nothing():
    text = template("file:///config.schema.json")

    config = parse_config(text, FILE)

    assert config.origins == {}
    assert config.warnings == ()
    SCHEMA.validate(tomllib.loads(text))


def test_every_line_of_the_commented_file_may_be_uncommented():
    text = template("file:///config.schema.json")
    lines = [
        line.removeprefix("# ") if " = " in line or line.startswith("# [") else line
        for line in text.splitlines()
    ]
    bare = "\n".join(lines)

    config = parse_config(bare, FILE)

    keys = {(section, name) for section, names in SECTIONS.items() for name in names}
    assert set(config.origins) == keys | {("hooks.backup", name) for name in HOOK}
    SCHEMA.validate(tomllib.loads(bare))


VALUES = st.one_of(
    st.sampled_from(
        [
            *("", " ", "5s", "1h", "90d", "64MiB", "2GiB", "x", "info", "debug", "wait", "skip"),
            *("https://example.org", "http://localhost:1", "127.0.0.1:9464", "[::1]:1", "topic"),
            *("managed", "shadow", "enforce", "abort", "new-session", "/bin/true", "opencode"),
            *(0, 1, 3, 4096, 70_000, -1, True, False, 1.5),
            *([], ["opencode"], ["none"], ["/bin/true", "x"], [1], ["claude-code"]),
            *({}, {"env": "X"}, {"file": "~/x"}, {"command": ["pass"]}, {"command": []}),
            *({"env": ""}, {"env": "X", "file": "y"}, {"what": "X"}),
        ]
    ),
    st.text(max_size=8, alphabet=st.characters(codec="ascii", exclude_categories=["Cc"])),
    st.integers(-10, 10**6),
)
PLACES = [(section, name) for section, keys in SECTIONS.items() for name in keys] + [
    ("hooks.backup", "timeout"),
    ("daemon", "strange"),
    ("strange", "key"),
]


@given(st.sampled_from(PLACES), VALUES)
def test_what_the_reader_takes_an_editor_takes_too(place: tuple[str, str], value: Any):
    section, name = place
    text = f"[{section}]\n{name} = {as_toml(value)}\n"
    if section == "hooks.backup":
        text += 'argv = ["/bin/true"]\n'

    readable, valid = is_readable(text), SCHEMA.is_valid(tomllib.loads(text))

    assert valid or not readable, text
    if not valid:
        assert not readable


@pytest.mark.parametrize(
    "text",
    [
        "[daemon]\nlog_level = 'loud'",
        "[daemon]\nlog_levle = 'info'",
        "[demon]\nlog_level = 'info'",
        "[daemon]\ncheck_interval = 5",
        "[opencode]\nserve_port = 70000",
        "[opencode]\nauto_restart = 'yes'",
        "[resume]\nmax_retries = 0",
        "[monitoring]\nassistants = ['opencod']",
        "[notifications]\nntfy_token = 'plain'",
        "[notifications]\nwebhook_url = 'http://example.org/x'",
        "[notifications]\nslack_webhook = 'https://me:word@example.org/x'",
        "[notifications]\nntfy_token = { env = 'A', file = 'b' }",
        "[hooks.backup]\ntimeout = '5s'",
        "[hooks.Backup]\nargv = ['/bin/true']",
        "version = 2",
    ],
)
def test_an_editor_sees_the_mistakes_that_the_reader_sees(text: str):
    assert not is_readable(text)
    assert not SCHEMA.is_valid(tomllib.loads(text))
