"""Finds the real OpenCode, or fetches it once into the cache, outside the repository."""

import fcntl
import os
import platform
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

VERSION = "1.18.33"
VARIABLE = "PALINGENESIS_TEST_OPENCODE"
INSTALL_S_MAX = 600.0


def opencode_executable() -> Path:
    """The path of the real OpenCode. Skips the test when there is no way to have it."""
    given = os.environ.get(VARIABLE)
    if given:
        path = Path(given)
        assert path.is_file(), f"{VARIABLE} names no file: {path}"
        return path
    place = cache() / f"opencode-{VERSION}"
    program = place / "opencode"
    if program.is_file():
        return program
    if shutil.which("npm") is None:
        unavailable("npm is not installed, and " + VARIABLE + " names no OpenCode")
    with locked(cache() / f"opencode-{VERSION}.lock"):
        if not program.is_file():
            install(place)
    return program


def cache() -> Path:
    """The cache of these tests, in the person's own XDG cache."""
    below = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    place = Path(below) / "palingenesis-tests"
    place.mkdir(parents=True, exist_ok=True)
    return place


def install(place: Path) -> None:
    """Only the package of this platform: the umbrella package pulls twice as much."""
    room = place.with_name(f"{place.name}.{os.getpid()}")
    shutil.rmtree(room, ignore_errors=True)
    room.mkdir()
    package = package_of_this_platform()
    try:
        done = subprocess.run(
            [
                "npm", "install", "--ignore-scripts", "--no-save", "--no-audit", "--no-fund",
                "--loglevel=error", f"--prefix={room}", f"{package}@{VERSION}",
            ],
            capture_output=True, text=True, timeout=INSTALL_S_MAX, check=False,
        )  # fmt: skip
        if done.returncode != 0:
            unavailable(f"npm could not install {package}@{VERSION}: {done.stderr[-500:]}")
        finished = room / "finished"
        finished.mkdir()
        shutil.move(room / "node_modules" / package / "bin" / "opencode", finished / "opencode")
        (finished / "opencode").chmod(0o755)
        shutil.rmtree(place, ignore_errors=True)
        finished.rename(place)
    finally:
        shutil.rmtree(room, ignore_errors=True)


def package_of_this_platform() -> str:
    machine = (platform.system(), platform.machine())
    match machine:
        case ("Linux", "x86_64"):
            has_avx2 = "avx2" in Path("/proc/cpuinfo").read_text(encoding="utf-8").split()
            name = "opencode-linux-x64" if has_avx2 else "opencode-linux-x64-baseline"
        case ("Linux", "aarch64"):
            name = "opencode-linux-arm64"
        case ("Darwin", "arm64"):
            name = "opencode-darwin-arm64"
        case ("Darwin", "x86_64"):
            name = "opencode-darwin-x64"
        case _:
            unavailable(f"OpenCode is not made for {machine}")
            raise AssertionError
    is_musl = machine[0] == "Linux" and any(Path("/lib").glob("ld-musl-*"))
    return f"{name}-musl" if is_musl else name


def unavailable(reason: str) -> None:
    """A missing OpenCode is a pity at home and a failure where it is promised."""
    if os.environ.get("CI") == "true":
        pytest.fail(f"the live tests cannot run: {reason}")
    pytest.skip(f"the live tests need the real OpenCode: {reason}")


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """One installer at a time, however many workers ask."""
    with path.open("w", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
