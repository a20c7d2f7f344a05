import errno
import importlib.abc
import json
import re
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from palingenesis.sensors.frontmatter import (
    Absent,
    Invalid,
    Torn,
    Valid,
    read_header,
    read_mapping,
)

TELLTALE = ("stepsCompleted", "workflowType")


def mapping_of(text):
    header = read_header(text, telltale=TELLTALE)
    assert isinstance(header, Valid), header
    return header.mapping


@pytest.mark.parametrize(
    "text",
    [
        "---\nsteps: 3\n---\n\n# Title\n",
        "---\r\nsteps: 3\r\n---\r\nbody",
        "\ufeff---\nsteps: 3\n---",
        "\n\n---\nsteps: 3\n---",
        "-----\nsteps: 3\n-----\n",
        "---\n# a comment\nsteps: 3\n...\nbody",
        "<!-- licence\nof two lines -->\n---\nsteps: 3\n---\n",
        b"\xef\xbb\xbf---\nsteps: 3\n---\n",
        "---\nsteps: 3\n---\n".encode("utf-16"),
    ],
)
def test_a_header_is_found_however_the_editor_saved_it(text):
    assert mapping_of(text) == {"steps": 3}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n \n",
        "# Title\n\nbody",
        "---\n\nA line across the page, and text.\n",
        "---\n\nText: with a line\n\nabove and below\n\n---\n".replace("Text:", "Text"),
        '{\n"steps": 3\n}\n',
        "+++\nsteps = 3\n+++\n",
        "# Title\n\n---\nauthor: someone\n---\n",
        "# Title\n\n```yaml\n---\nstepsCompleted: [1]\n---\n```\n",
        b"\0" * 4096,
    ],
)
def test_a_text_without_a_header_has_none(text):
    assert read_header(text, telltale=TELLTALE) == Absent()


@pytest.mark.parametrize(
    "text",
    ["---", "---\n", "---\nste", "---\nstepsCompleted: [1, 2", "---\ntitle: x\nstatus: dr"],
)
def test_a_header_that_does_not_end_is_torn(text):
    assert read_header(text) == Torn(1)


def test_bytes_that_end_in_the_middle_of_a_character_are_torn_too():
    assert read_header("---\ntitle: caf\u00e9".encode()[:-1]) == Torn(1)


def test_a_block_after_the_title_counts_when_it_has_a_telltale_key():
    text = "# Report\n\n**Date:** today\n\n---\nstepsCompleted: [one]\n---\n\n## Body\n"

    header = read_header(text, telltale=TELLTALE)

    assert header == Valid(5, {"stepsCompleted": ["one"]})
    assert read_header(text) == Absent()
    assert read_header(text.rpartition("---")[0], telltale=TELLTALE) == Torn(5)
    assert read_header("\n" * 41 + text, telltale=TELLTALE) == Absent()


def test_a_header_in_a_comment_counts_too():
    text = '# Report\n\n<!-- stepsCompleted: ["one", "two"] -->\n\n---\n\n## Body\n'

    assert read_header(text, telltale=TELLTALE) == Valid(3, {"stepsCompleted": ["one", "two"]})
    assert read_header("# R\n<!-- stepsCompleted: [1", telltale=TELLTALE) == Torn(2)


def test_dates_are_text_and_numbers_are_decimal_and_yes_is_a_word():
    mapping = mapping_of(
        "---\nday: 2026-02-05\ntime: 12:30:45\nn: 010\nm: 08\nok: yes\noff: true\nnone:\n1: a\n---"
    )

    assert mapping == {
        "day": "2026-02-05",
        "time": "12:30:45",
        "n": 10,
        "m": 8,
        "ok": "yes",
        "off": True,
        "none": None,
        "1": "a",
    }
    json.dumps(mapping)


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("---\nsteps: [1, 2\nstatus: x\n---\n", 3, "expected ',' or ']'"),
        ("---\na: 1\n\tb: 2\n---\n", 3, "tab"),
        ("---\na: 1\na: 2\n---\n", 3, "'a' is there twice"),
        ("---\na: &x 1\nb: *x\n---\n", 3, "an alias"),
        ("---\na: !!python/object:os.system x\n---\n", 2, "a tag"),
        ("---\n- 1\n- 2\n---\n", 2, "no list of keys"),
        ("---\n? [a]\n: b\n---\n", 2, "a key that is no text"),
        ("---\na: " + "[" * 30 + "]" * 30 + "\n---\n", 2, "nested deeper than 24"),
        ("---\na: " + "[" * 60_000 + "\n---\n", 2, "nested deeper than 24"),
        ("---\n" + "a: b\n" * 20_000, 1, "does not end within 64 KiB"),
        ("---\na: \0\n---\n", 2, "control characters"),
    ],
)
def test_a_broken_header_says_where_and_why(text, line, message):
    header = read_header(text)

    assert isinstance(header, Invalid)
    assert header.line == line
    assert message in header.message


def test_latin_1_is_read_as_what_it_is():
    assert mapping_of("---\nname: caf\u00e9\n---\n".encode("latin-1")) == {"name": "caf\u00e9"}


def test_a_whole_file_of_yaml_is_read_with_the_same_care():
    assert read_mapping("a: 1\n") == Valid(1, {"a": 1})
    assert isinstance(read_mapping("a: ["), Invalid)
    assert read_mapping(" \n") == Absent()


@settings(max_examples=200, deadline=None)
@given(st.one_of(st.text(), st.binary(), st.text(alphabet="-:\n ab[]{}'\"#&*!<>|%@,?0")))
def test_nothing_that_can_be_written_raises(text):
    fence = b"---\n" if isinstance(text, bytes) else "---\n"
    for data in (text, fence + text, fence + text + fence):
        read_header(data, telltale=TELLTALE)
        read_mapping(data)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(0, 40), max_size=12), st.integers(4, 400))
def test_a_cut_header_is_never_read_as_a_whole_one(steps, cut):
    whole = f"---\nstepsCompleted: {steps}\nstatus: complete\n---\n"
    cut_text = whole[: min(cut, len(whole) - len("---\n"))]

    assert isinstance(read_header(cut_text), Torn | Absent)
    assert re.match("---", cut_text)


_NOTHING_LOADED = """
import sys
from palingenesis.sensors.frontmatter import decode

before = set(sys.modules)
texts = [b"plain", b"\\xef\\xbb\\xbfmarked", b"cut \\xc3", b"\\xff\\xfew\\0", b"\\xe9 latin"]
print([decode(text) for text in texts], sorted(set(sys.modules) - before))
"""


def test_to_decode_a_text_no_file_of_python_s_own_is_opened():
    """Where no descriptors are left, that would break whoever reads a document."""
    said = subprocess.run(
        [sys.executable, "-c", _NOTHING_LOADED], capture_output=True, text=True, check=True
    )

    assert said.stdout.strip() == "['plain', 'marked', 'cut ', 'w', '\xe9 latin'] []"


class _Exhausted(importlib.abc.MetaPathFinder):
    def find_spec(self, fullname: str, *_: object) -> None:
        if fullname == "frontmatter":
            raise OSError(errno.EMFILE, "Too many open files")


def test_a_header_whose_reader_cannot_be_loaded_now_is_not_guessed_at(
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.delitem(sys.modules, "frontmatter", raising=False)
    monkeypatch.setattr(sys, "meta_path", [_Exhausted(), *sys.meta_path])

    header = read_header("---\nstatus: done\n---\n")

    assert header == Invalid(2, "cannot be read now: too many open files")
