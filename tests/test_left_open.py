"""What a file of tests leaves open is that file's error, and not the next one's."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
LEAVES = """\
import socket

def test_it_leaves_a_socket_open():
    circle = [socket.socket()]
    circle.append(circle)  # only a collection finds it
"""
COLLECTS = """\
import gc

def test_it_collects():
    gc.collect()
"""


def test_who_has_left_something_open_is_told_of_it(tmp_path: Path):
    for name, text in (("test_one.py", LEAVES), ("test_other.py", COLLECTS)):
        (tmp_path / name).write_text(text)
    words = [sys.executable, "-m", "pytest", "-n0", "-q", "-p", "no:cacheprovider"]
    words += ["-p", "tests.conftest", "-c", str(ROOT / "pyproject.toml"), str(tmp_path)]

    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)

    assert "test_one.py::test_it_leaves_a_socket_open - " in done.stdout
    assert "unclosed <socket.socket" in done.stdout
    assert "2 passed, 1 error in" in done.stdout
