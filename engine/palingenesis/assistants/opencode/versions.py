"""Which versions of OpenCode we act on; everything else is watched and told about only."""

import re

OLDEST = (1, 18, 17)
"""Up to 1.18.16 OpenCode repeats a refused request without end."""
TESTED = (1, 18, 33)
BEYOND = (2, 0, 0)
"""The next line has another interface under the same name."""


def is_supported(version: str) -> bool:
    """Whether we may act on an OpenCode of this version."""
    read = _read(version)
    return read is not None and OLDEST <= read < BEYOND


def is_beyond(version: str) -> bool:
    """Whether it is of the next line, whose first start converts the database for good."""
    read = _read(version.partition("-")[0])
    return read is not None and read >= BEYOND


def what_is_wrong(version: str) -> str:
    """One line for a person about a version that is not supported; "" when it is."""
    read = _read(version)
    if read is None:
        return (
            f"OpenCode calls its version {version[:40]!r}, which is not known; it is only watched"
        )
    if read < OLDEST:
        return (
            f"OpenCode {version} is too old and is only watched;"
            f" {_told(OLDEST)} or newer is supported"
        )
    if read >= BEYOND:
        return (
            f"OpenCode {version} is newer than what is supported and is only watched;"
            f" {_told(TESTED)} was tested"
        )
    return ""


def _read(version: str) -> tuple[int, int, int] | None:
    # A local build (`0.0.0-dev-…`) or a preview has a suffix: it is none of the tested ones.
    found = re.fullmatch(r"v?(\d{1,6})\.(\d{1,6})\.(\d{1,6})", version.strip(), re.ASCII)
    return (int(found[1]), int(found[2]), int(found[3])) if found else None


def _told(version: tuple[int, int, int]) -> str:
    return ".".join(map(str, version))
