"""Crashing at every boundary of a deed: each thing it asks of the system may be its last.

What Python asks of the system (open, rename, unlink, listdir, connect, …) is seen by an audit hook,
SQL by whoever hands `boundary` to a connection. At the n-th the process ends on the spot, as by
SIGKILL: before it, and nothing is flushed. Run in a process of its own, which forks:

    python -m tests.journal.crashing MODULE:NAME FOLDER STRIDE

where MODULE has `make_NAME(path)`, `do_NAME(path)` and `check_NAME(path)`; only every STRIDE-th
boundary is tried.
"""

import os
import subprocess
import sys
from collections.abc import Callable
from importlib import import_module
from itertools import count
from pathlib import Path

CRASHED = 9
WATCHED = ("open", "os.", "shutil.", "sqlite3.")
_left = [0]


def boundary(*_: object) -> None:
    """Here it may end."""
    _left[0] -= 1
    if _left[0] == 0:
        os._exit(CRASHED)


def crashed_at(number: int, deed: Callable[[Path], None], path: Path) -> bool:
    """Do it in a child that ends at its `number`-th boundary; whether it got that far."""
    child = os.fork()
    if child == 0:
        _left[0] = number
        try:
            sys.addaudithook(lambda event, _: boundary() if event.startswith(WATCHED) else None)
            deed(path)
        except BaseException:  # noqa: BLE001  told by the exit code
            os._exit(1)
        os._exit(0)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert code in {0, CRASHED}, f"boundary {number}: exit code {code}"
    return code == CRASHED


def crash_everywhere(story: str, folder: Path, *, stride: int = 1) -> int:
    """At how many boundaries it was crashed, without anything that its check complained about."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.journal.crashing", story, str(folder), str(stride)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return int(done.stdout)


def main() -> None:
    module, _, name = sys.argv[1].partition(":")
    story = import_module(module)
    make, deed, check = (getattr(story, f"{part}_{name}") for part in ("make", "do", "check"))
    crashes = 0
    for number in count(1, int(sys.argv[3])):
        path = Path(sys.argv[2]) / str(number) / "journal.db"
        make(path)
        crashed = crashed_at(number, deed, path)
        check(path)
        if not crashed:
            break
        crashes += 1
    sys.stdout.write(f"{crashes}\n")


if __name__ == "__main__":
    import_module("tests.journal.crashing").main()  # the one that deeds import
