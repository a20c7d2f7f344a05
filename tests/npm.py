"""Packages from npm that judge what we write: fetched once into the cache, outside the repository.

Without npm such a test is skipped at home, and fails where CI=true promises it.
"""

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.live.executable import cache, locked

INSTALL_S_MAX = 300.0
NAMES = {"@": "", "/": "-"}


def installed(name: str, version: str, *others: str) -> Path:
    """The folder of an installed package; what it depends on, and `others`, are beside it."""

    def install(room: Path, package: str) -> None:
        _install(room, package, *others)

    return _made(name, version, "node_modules", install) / "node_modules" / name


def unpacked(name: str, version: str) -> Path:
    """The folder of a package alone, without what it depends on."""
    return _made(name, version, "package", _unpack) / "package"


def _made(name: str, version: str, kind: str, make: Callable[[Path, str], None]) -> Path:
    spelled = "".join(NAMES.get(char, char) for char in name)
    place = cache() / f"npm-{spelled}-{version}-{kind}"
    if place.is_dir():
        return place
    if shutil.which("npm") is None or shutil.which("node") is None:
        unavailable("npm is not installed")
    with locked(cache() / f"{place.name}.lock"):
        if not place.is_dir():
            room = place.with_name(f"{place.name}.{os.getpid()}")
            shutil.rmtree(room, ignore_errors=True)
            room.mkdir()
            make(room, f"{name}@{version}")
            room.rename(place)
    return place


def _install(room: Path, *packages: str) -> None:
    _npm(
        "install", "--ignore-scripts", "--no-save", "--no-audit", "--no-fund",
        f"--prefix={room}", *packages, folder=room,
    )  # fmt: skip


def _unpack(room: Path, package: str) -> None:
    _npm("pack", package, folder=room)
    (archive,) = room.glob("*.tgz")
    subprocess.run(["tar", "xzf", archive.name], cwd=room, check=True, timeout=60)


def _npm(*args: str, folder: Path) -> None:
    done = subprocess.run(
        ["npm", *args, "--loglevel=error"],
        cwd=folder, capture_output=True, text=True, timeout=INSTALL_S_MAX, check=False,
    )  # fmt: skip
    if done.returncode != 0:
        unavailable(f"npm {args[0]} {args[-1]}: {done.stderr[-500:]}")


def unavailable(reason: str) -> None:
    """A missing package is a pity at home and a failure where it is promised."""
    if os.environ.get("CI") == "true":
        pytest.fail(f"this test cannot run: {reason}")
    pytest.skip(f"this test needs npm: {reason}")
