"""A policy or scenario file that was named on the command line, whatever it turns out to be."""

from pathlib import Path

from palingenesis.core.errors import InvalidConfigError
from palingenesis.runtime.bounded_file import read_bounded, why_not

_BYTES_MAX = 1024 * 1024
"""A little more than a policy may have: the rest is not needed to refuse it."""


def read_given(path: Path, hint: str = "") -> bytes:
    """Its bytes.

    Raises:
        InvalidConfigError: it cannot be read.
    """
    try:
        return read_bounded(path, _BYTES_MAX)
    except OSError as error:
        raise InvalidConfigError(f"cannot read {path}: {why_not(error)}", hint=hint) from error
    except ValueError as error:
        raise InvalidConfigError(f"cannot read {str(path)!r}: no such name is possible") from error
