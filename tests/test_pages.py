"""Pages that teach are plays: their files are written, their commands typed, their outputs held.

A block ```yaml title="NAME"` is a file beside the reader; in a block ```console every line that
begins with `$ palingenesis` is typed there, and what is printed has to be what the page shows
(how long something took excepted).
`REWRITE=1 pytest tests/test_pages.py` writes the outputs anew; look at the difference.
"""

import os
import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from palingenesis.surfaces.cli.program import run

ROOT = Path(__file__).parents[1]
FOLDERS = ("tutorial", "cookbook")
FOLLOWED = {"first-save.md"}
"""Pages that need a running daemon: tests/test_first_save.py types what they show."""
PAGES = sorted(
    page
    for folder in FOLDERS
    for page in (ROOT / "docs" / folder).glob("*.md")
    if page.name not in FOLLOWED
)
BLOCK = re.compile(r"^```(?P<info>[^\n]*)\n(?P<body>.*?)^```$", re.MULTILINE | re.DOTALL)
TITLE = re.compile(r'^yaml title="(?P<name>[^"]+)"$')
TOOK = re.compile(r"[\d.]+ m?s of real time")
TYPED = re.compile(r"^\$ palingenesis (?P<words>.*)\n", re.MULTILINE)


def played(text: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> str:
    """The page with the outputs that its commands have in `folder`."""

    def one(block: re.Match[str]) -> str:
        titled = TITLE.match(block["info"])
        if titled is not None:
            (folder / titled["name"]).write_text(block["body"], encoding="utf-8")
        if block["info"] != "console" or not TYPED.search(block["body"]):
            return block[0]
        commands = [found["words"] for found in TYPED.finditer(block["body"])]
        return f"```console\n{''.join(said(words, folder, capsys) for words in commands)}```"

    return BLOCK.sub(one, text)


def said(words: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> str:
    environment = {"HOME": str(folder), "PATH": os.environ["PATH"], "NO_COLOR": "1", "TZ": "UTC"}
    capsys.readouterr()
    run(shlex.split(words), environment)
    out, err = capsys.readouterr()
    return f"$ palingenesis {words}\n{TOOK.sub('9 ms of real time', out)}{err}"


@pytest.fixture(name="beside")
def _beside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")
    return tmp_path


@pytest.mark.parametrize("page", PAGES, ids=lambda page: f"{page.parent.name}/{page.stem}")
def test_what_a_page_shows_is_what_comes_out(
    page: Path, beside: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = page.read_text(encoding="utf-8")

    seen = played(text, beside, capsys)

    if os.environ.get("REWRITE"):
        page.write_text(seen, encoding="utf-8")
    assert seen == text, "run this test with REWRITE=1"


TYPED_LINES = [
    (page, found["words"])
    for page in sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])
    for found in TYPED.finditer(page.read_text(encoding="utf-8"))
]


@pytest.mark.parametrize(("page", "words"), TYPED_LINES, ids=str)
def test_a_shell_leaves_what_a_page_types_as_it_is(page: Path, words: str) -> None:
    script = f"printf '%s\\0' {words}"
    typed = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True)

    assert typed.stdout.split("\0")[:-1] == shlex.split(words)


LINKS = [
    (page, target)
    for page in sorted((ROOT / "docs").rglob("*.md"))
    for target in sorted(set(re.findall(r"\]\(([^):#]+)(?:#[^)]*)?\)", page.read_text("utf-8"))))
]


@pytest.mark.parametrize(("page", "target"), LINKS, ids=str)
def test_a_link_leads_to_a_page_that_is_there(page: Path, target: str) -> None:
    assert (page.parent / target).exists()
