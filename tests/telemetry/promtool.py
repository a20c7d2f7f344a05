"""Prometheus' own checker: the one that is installed, or Debian's, fetched once into the cache.

Where there is neither, a test that needs it is skipped at home and fails where CI=true promises it.
"""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.live.executable import cache, locked

FETCH_S_MAX = 300.0


def promtool() -> str:
    """The path of the program."""
    found = shutil.which("promtool")
    if found is not None:
        return found
    place = cache() / "prometheus"
    if not place.is_dir():
        with locked(cache() / "prometheus.lock"):
            if not place.is_dir():
                _fetch(place)
    return str(place / "usr" / "bin" / "promtool")


def _fetch(place: Path) -> None:
    if shutil.which("apt-get") is None or shutil.which("dpkg-deb") is None:
        _unavailable("there is neither promtool nor Debian's apt-get")
    room = place.with_name(f"{place.name}.{os.getpid()}")
    shutil.rmtree(room, ignore_errors=True)
    room.mkdir()
    if not _did(room, "apt-get", "download", "prometheus"):
        _did(room, "apt-get", "update")
        if not _did(room, "apt-get", "download", "prometheus"):
            _unavailable("apt-get cannot download the package prometheus")
    (package,) = room.glob("*.deb")
    if not _did(room, "dpkg-deb", "--extract", package.name, "."):
        _unavailable("the package prometheus cannot be unpacked")
    package.unlink()
    room.rename(place)


def _did(room: Path, *words: str) -> bool:
    done = subprocess.run(words, cwd=room, capture_output=True, timeout=FETCH_S_MAX, check=False)
    return done.returncode == 0


def _unavailable(reason: str) -> None:
    if os.environ.get("CI") == "true":
        pytest.fail(f"this test cannot run: {reason}")
    pytest.skip(f"this test needs promtool: {reason}")
