"""Whether a file that steers us is the person's own: nobody else may be able to write to it."""

import os
import stat
from pathlib import Path


def why_untrusted(path: Path) -> str:
    """Why the file must not steer us, or "" when it may.

    The file (symlinks followed) and its folder must belong to the user or to root, and only their
    owner may write to them; a sticky folder such as /tmp is no safe place either, but the file in
    it is judged by its own owner and mode.

    Raises:
        OSError: the file cannot be looked at.
    """
    target = Path(os.path.realpath(path, strict=True))  # `resolve` calls a loop no OSError
    for place in (target, target.parent):
        status = place.stat()
        if status.st_uid not in (os.getuid(), 0):
            return f"{place} belongs to another user"
        sticky = stat.S_ISDIR(status.st_mode) and status.st_mode & stat.S_ISVTX
        if status.st_mode & 0o022 and not sticky:
            return f"{place} can be written by other users"
    return ""


def is_readable_by_others(path: Path) -> bool:
    """Whether other users of this machine can read the file itself.

    Raises:
        OSError: the file cannot be looked at.
    """
    return bool(path.stat().st_mode & 0o044)
