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
