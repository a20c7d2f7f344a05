"""The page about trouble has an entry for every check, and quotes what is really said."""

import ast
import re
from pathlib import Path

from palingenesis.app.checkup.checks import CHECKS

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "how-to" / "troubleshooting.md").read_text(encoding="utf-8")
CHECKUP = ROOT / "engine" / "palingenesis" / "app" / "checkup"
WORD = re.compile(r"[^\W\d]+")


def said_anywhere() -> str:
    """All texts of the checks, one in a line; a placeholder parts a text."""
    trees = [ast.parse(path.read_text(encoding="utf-8")) for path in sorted(CHECKUP.glob("*.py"))]
    texts = (node.value for tree in trees for node in ast.walk(tree) if is_text(node))
    return "\n".join(str(text) for text in texts)


def is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def quoted() -> list[str]:
    """What stands alone, as code, in the first column of a table."""
    return re.findall(r"^\| `([^`]+)` \|", PAGE, flags=re.MULTILINE)


def test_every_check_has_its_entry_in_the_order_in_which_it_is_asked():
    assert re.findall(r"^### (\S+)$", PAGE, flags=re.MULTILINE) == [one.id for one in CHECKS]


def test_every_entry_says_what_to_do():
    entries = re.split(r"^### \S+$", PAGE, flags=re.MULTILINE)[1:]

    assert [entry for entry in entries if "| what to do |" not in entry] == []


def test_what_the_page_quotes_is_what_the_checks_say():
    said = said_anywhere()
    parts = [part.strip() for line in quoted() for part in line.split("…") if WORD.search(part)]

    assert len(parts) > 40
    assert [part for part in parts if part not in said] == []
