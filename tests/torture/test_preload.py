import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.torture.preload import Arming, Mode, Report, compiled, has_compiler

WRITES = """
import os
for place in range(5):
    descriptor = os.open(f"{place}", os.O_CREAT | os.O_WRONLY)
    os.write(descriptor, b"x")
    try:
        os.fsync(descriptor)
    except OSError as error:
        print(place, error.errno)
"""


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if not has_compiler():
        assert "CI" not in os.environ, "no C compiler in CI"
        pytest.skip("there is no C compiler")
    return compiled(tmp_path_factory.mktemp("preload"))


def run(library: Path, arming: Arming, folder: Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-c", WRITES],
        cwd=folder,
        env={**os.environ, **arming.environment(library)},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def test_a_process_is_killed_before_or_after_the_boundary_that_was_named(
    library: Path, tmp_path: Path
):
    names = ("fsync",)
    for mode, count in ((Mode.KILL_BEFORE, 3), (Mode.KILL_AFTER, 3)):
        report = Report(tmp_path / "report")
        done = run(library, Arming(report=report.path, mode=mode, at=3, names=names), tmp_path)

        assert done.returncode == -9
        assert (report.count, report.hits, report.name) == (count, 1, "fsync")
        assert (tmp_path / "2").exists()
        assert not (tmp_path / "3").exists()
        report.close()
        (tmp_path / "2").unlink()


@pytest.mark.parametrize(
    ("mode", "failed"), [(Mode.FAIL_ONCE, ["3"]), (Mode.FAIL_ON, ["3", "4"]), (Mode.COUNT, [])]
)
def test_calls_fail_once_or_from_then_on(
    library: Path, tmp_path: Path, mode: Mode, failed: list[str]
):
    report = Report(tmp_path / "report")
    arming = Arming(report=report.path, mode=mode, at=4, error=errno.EIO, names=("fsync",))

    done = run(library, arming, tmp_path)

    assert done.returncode == 0
    assert done.stdout.split("\n")[:-1] == [f"{place} {errno.EIO}" for place in failed]
    assert (report.count, report.hits) == (5, len(failed))
    report.close()


def test_calls_are_told_apart_where_nothing_is_done_to_them(library: Path, tmp_path: Path):
    report = Report(tmp_path / "report")

    run(library, Arming(report=report.path, names=("fsync", "write")), tmp_path)

    assert report.calls == {"fsync": 5, "write": 5}
    report.close()


def test_children_are_not_counted(library: Path, tmp_path: Path):
    report = Report(tmp_path / "report")
    arming = Arming(report=report.path, names=("write",))
    program = "import subprocess; subprocess.run(['sh', '-c', 'echo a; echo b'])"

    subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, **arming.environment(library)},
        capture_output=True,
        timeout=30,
        check=True,
    )

    assert report.count == 0
    report.close()


def test_what_fails_from_then_on_fails_no_more_once_it_is_switched_off(
    library: Path, tmp_path: Path
):
    report = Report(tmp_path / "report")
    arming = Arming(report=report.path, mode=Mode.FAIL_ON, at=1, error=errno.EIO, names=("fsync",))
    program = """
import os, sys
descriptor = os.open("x", os.O_CREAT | os.O_WRONLY)
for line in sys.stdin:
    try:
        os.fsync(descriptor)
        print("ok", flush=True)
    except OSError as error:
        print(error.errno, flush=True)
"""
    with subprocess.Popen(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        env={**os.environ, **arming.environment(library)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        said = []
        for is_last in (False, False, True):
            if is_last:
                report.switch_off()
            process.stdin.write("again\n")
            process.stdin.flush()
            said.append(process.stdout.readline().strip())
        process.stdin.close()

    assert said == [f"{errno.EIO}", f"{errno.EIO}", "ok"]
    report.close()


def test_a_write_comes_short(library: Path, tmp_path: Path):
    report = Report(tmp_path / "report")
    arming = Arming(report=report.path, mode=Mode.SHORT, at=2, names=("write",))
    program = "import os\nd = os.open('x', 65)\nprint(*(os.write(d, b'1234') for _ in range(3)))"

    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        env={**os.environ, **arming.environment(library)},
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )

    assert done.stdout.split() == ["4", "2", "4"]
    assert report.hits == 1
    report.close()


def test_a_child_that_is_not_to_be_had_is_none(library: Path, tmp_path: Path):
    report = Report(tmp_path / "report")
    arming = Arming(
        report=report.path, mode=Mode.FAIL_ONCE, at=1, error=errno.EAGAIN, names=("fork",)
    )
    program = """
import subprocess
for _ in range(2):
    try:
        print(subprocess.run(["true"]).returncode)
    except OSError as error:
        print("errno", error.errno)
"""

    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, **arming.environment(library)},
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )

    assert done.stdout.split("\n")[:-1] == [f"errno {errno.EAGAIN}", "0"]
    report.close()
