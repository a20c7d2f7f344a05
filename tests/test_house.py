"""The house rules that no linter knows."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FILES = sorted((ROOT / "engine").rglob("*.py"))
LINES_OF_A_FILE = 400
LINES_OF_A_FUNCTION = 50
FORBIDDEN_NAMES = {"utils", "helpers", "common", "manager", "base", "misc"}


def statements(path: Path) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    return [node for node in ast.walk(tree) if isinstance(node, kinds)]


def length(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines from the first statement after the docstring to the last one."""
    body = function.body
    documented = isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant)
    first = body[1] if documented and len(body) > 1 else body[0]
    return (function.end_lineno or 0) - first.lineno + 1


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT / "engine")))
def test_a_file_is_one_idea_and_a_function_one_screen(path):
    lines = path.read_text(encoding="utf-8").count("\n")

    assert lines <= LINES_OF_A_FILE
    assert {f.name: length(f) for f in statements(path) if length(f) > LINES_OF_A_FUNCTION} == {}


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT / "engine")))
def test_no_file_has_a_name_that_says_nothing(path):
    assert path.stem not in FORBIDDEN_NAMES


def test_a_checkout_finds_what_ships():
    from palingenesis import shipped

    assert shipped.policy().is_file()
    assert shipped.schema("policy").is_file()
