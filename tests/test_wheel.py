"""The wheel is the same file whoever builds it, and whenever."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def built(folder: Path, zone: str, mask: int) -> str:
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)],
        cwd=ROOT,
        env={**os.environ, "TZ": zone},
        umask=mask,
        check=True,
        capture_output=True,
        timeout=120,
    )
    (wheel,) = folder.glob("*.whl")
    return hashlib.sha256(wheel.read_bytes()).hexdigest()


def test_two_builds_make_the_same_file(tmp_path: Path):
    first = built(tmp_path / "a", "UTC", 0o022)
    second = built(tmp_path / "b", "Asia/Tokyo", 0o077)

    assert first == second
