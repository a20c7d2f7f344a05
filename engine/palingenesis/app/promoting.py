"""Promoting: a candidate becomes the person's policy file, whole or not at all."""

import contextlib
import os
from datetime import datetime
from pathlib import Path

from palingenesis import shipped
from palingenesis.core.errors import PalingenesisError


def replace_policy(target: Path, content: bytes, at: datetime) -> Path | None:
    """Write `content` in the place of a policy; returns where the former one is kept, if any.

    The new text is on the disk before it takes the place of the old one, and a link stays a link.

    Raises:
        PalingenesisError: it ships with palingenesis, or the folder cannot be written to.
    """
    real = Path(os.path.realpath(target))
    if real.is_relative_to(shipped.folder("policies")):
        raise PalingenesisError(
            f"{target} ships with palingenesis and is not written over",
            "start the daemon without --policy, and promote into your own policy.yaml",
        )
    new = real.with_name(f".{real.name}.new")
    try:
        real.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        backup = _keep(real, at)
        _write(new, content)
        new.replace(real)
        _sync(real.parent)
    except OSError as error:
        with contextlib.suppress(OSError):
            new.unlink()
        reason = (error.strerror or str(error)).lower()
        raise PalingenesisError(f"cannot write {target}: {reason}") from error
    return backup


def _keep(policy: Path, at: datetime) -> Path | None:
    """A copy beside the policy that never takes the place of another one."""
    try:
        content = policy.read_bytes()
    except FileNotFoundError:
        return None
    stem = f"policy-backup-{at:%Y%m%d-%H%M}"
    for number in range(1, 1000):
        backup = policy.with_name(f"{stem}{f'-{number}' if number > 1 else ''}.yaml")
        with contextlib.suppress(FileExistsError):
            _write(backup, content, os.O_EXCL)
            return backup
    raise PalingenesisError(f"there are too many backups in {policy.parent}")


def _write(path: Path, content: bytes, flags: int = os.O_TRUNC) -> None:
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | flags, 0o600)
    with os.fdopen(file, "wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())


def _sync(folder: Path) -> None:
    file = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(file)
    finally:
        os.close(file)
