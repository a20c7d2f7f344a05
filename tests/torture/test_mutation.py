"""The short form of `python -m tests.torture.mutation`."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.torture.mutating.changes import Change, changes_of
from tests.torture.mutation import AREAS, ROOT, SOURCE, Kept, changes, equivalent


def of_text(tmp_path: Path, text: str) -> list[Change]:
    file = tmp_path / "module.py"
    file.write_text(text)
    return changes_of(file, "module.py")


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("x = a < b", ["a < b -> a <= b", "a < b -> a >= b"]),
        ("x = a and b", ["a and b -> a or b", "a and b -> b", "a and b -> a"]),
        ("if a:\n    pass", ["a -> not a"]),
        ("x = not a", ["not a -> a"]),
        ("x = 3", ["3 -> 4"]),
        ("x = True", ["True -> False"]),
        ("x = a + b", ["a + b -> a - b"]),
        ("x = a if b else c", ["a if b else c -> c if b else a"]),
        ("x = f(a, b=c)", ["b=c -> nothing"]),
        ("raise a", ["raise a -> pass"]),
        ("f(a)", ["f(a) -> pass"]),
        ("x: a < b = 'text'", []),
        ("assert a < b", []),
    ],
)
def test_a_place_is_read_another_way(tmp_path: Path, text: str, names: list[str]):
    found = of_text(tmp_path, text)

    assert [change.name.removeprefix("module.py module: ") for change in found] == names


def test_a_change_changes_its_place_only_and_is_undone(tmp_path: Path):
    text = "def f(a, b):\n    return a < b\n\n\ndef g(a):\n    return not a\n"
    found = {change.name: change for change in of_text(tmp_path, text)}

    changed = found["module.py f: a < b -> a <= b"].source()

    assert changed == text.replace("a < b", "a <= b").replace("\n\n\n", "\n\n")
    assert found["module.py g: not a -> a"].source() != changed


def test_every_name_stands_for_one_change():
    for area in AREAS.values():
        names = [change.name for change in changes(area, share=0.05)]

        assert names
        assert len(set(names)) == len(names)


def test_several_places_can_be_chosen_and_nothing_else_is():
    chosen = ("core/kernel/telling.py ", "core/kernel/touching.py forget_touched")

    found = [change.name for change in changes(AREAS["kernel"], only=chosen)]

    assert {name.split(" ")[0] for name in found} == {name.split(" ")[0] for name in chosen}
    assert all(name.startswith(chosen) for name in found)


def test_what_nobody_could_see_is_still_there_and_has_a_reason():
    modules = {name.split(" ")[0] for name in equivalent()}
    there = {it.name for name in modules for it in changes_of(SOURCE / name, name)}

    assert set(equivalent()) - there == set()
    assert all(equivalent().values())


def run(*words: str) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-m", "tests.torture.mutation", "rails", *words],
        check=False,
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=170,
    )
    return done.returncode, done.stdout + done.stderr


def test_the_tests_of_the_rails_notice_a_change_of_them(tmp_path: Path):
    file = tmp_path / "kept.jsonl"
    words = ("--only", "core/safety.py trips:", "--resume", str(file))

    code, said = run(*words, "--tests", "tests/core/test_rails.py")

    assert code in {0, 1}, said
    assert "tests that fail without a change: 0" in said
    assert sum(it["verdict"] == "killed" for it in Kept(file).tried.values()) > 5, said


def test_a_change_that_no_test_executes_is_told_of(tmp_path: Path):
    file = tmp_path / "kept.jsonl"
    words = ("--only", "core/safety.py trips:", "--resume", str(file))

    code, said = run(*words, "--tests", "tests/core/test_copies.py")

    assert code == 1, said
    assert {it["verdict"] for it in Kept(file).tried.values()} == {"unseen"}, said
