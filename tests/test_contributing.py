"""The pages for those who change palingenesis name what is there."""

import re
from importlib import import_module
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = ROOT / "docs" / "contributing"
SOURCES = [path for folder in ("engine", "tests") for path in (ROOT / folder).rglob("*.py")]


def text_of(page: str) -> str:
    return (PAGES / page).read_text(encoding="utf-8")


WORDS = re.findall(r"^\| ([^|]+) \| [^|]+ \| `([\w.]+)` \|$", text_of("glossary.md"), re.MULTILINE)
PATHS = re.findall(r"^\d\. .*?(?=:)", text_of("reading-order.md"), re.MULTILINE)


@pytest.mark.parametrize(("word", "place"), WORDS, ids=[word for word, _ in WORDS])
def test_the_code_has_every_word_where_the_glossary_says(word: str, place: str):
    module, _, name = f"palingenesis.{place}".rpartition(".")

    if name[0].isupper():
        assert hasattr(import_module(module), name)
    else:
        assert import_module(f"{module}.{name}")


def test_the_glossary_explains_a_word_once():
    names = [name for words, _ in WORDS for name in words.split(", ")]

    assert len(names) > 50
    assert sorted(names) == sorted(set(names))


def test_the_reading_order_names_files_that_are_there():
    named = [path for line in PATHS for path in re.findall(r"`([\w/]+\.(?:py|yaml))`", line)]
    engine = ROOT / "engine" / "palingenesis"

    assert len(named) > 15
    assert [one for one in named if not ((engine / one).exists() or (ROOT / one).exists())] == []


@pytest.mark.parametrize("page", sorted(path.name for path in PAGES.glob("*.md")))
def test_code_that_a_page_shows_stands_somewhere(page: str):
    shown = re.findall(r"^```python\n(.*?)^```$", text_of(page), re.MULTILINE | re.DOTALL)
    written = [path.read_text(encoding="utf-8") for path in SOURCES]

    assert [code for code in shown if not any(code.rstrip() in text for text in written)] == []
