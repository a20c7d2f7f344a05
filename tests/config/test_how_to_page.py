"""The page about configuring is a play: its commands are typed, and print what it shows."""

from pathlib import Path

import pytest

from tests.test_pages import played

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "configure.md"


def test_what_the_page_shows_is_what_comes_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    tmp_path.chmod(0o700)
    text = PAGE.read_text(encoding="utf-8")

    seen = played(text, tmp_path, capsys)

    assert seen.replace(str(tmp_path), "/home/ada") == text
