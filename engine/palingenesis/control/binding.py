"""The control socket's file: ours alone, and never left behind for a stranger to find."""

import os
import socket
from pathlib import Path

from palingenesis.core.errors import BusyError, PalingenesisError
from palingenesis.runtime.paths import check_socket_path

_BACKLOG = 64


def bind(path: Path) -> socket.socket:
    """A listening, non-blocking Unix socket at `path`, mode 0600, in a 0700 folder.

    A socket file that nobody answers at is removed first.

    Raises:
        InvalidConfigError: the path is too long for a socket.
        BusyError: somebody answers there already.
        PalingenesisError: the folder is not ours alone, or the socket cannot be made.
    """
    check_socket_path(path)
    try:
        folder = path.parent.stat()
        if folder.st_uid != os.getuid() or folder.st_mode & 0o077:
            raise PalingenesisError(
                f"the folder of the control socket must be yours alone: {path.parent}",
                hint=f"chmod 700 {path.parent}",
            )
        _remove_dead(path)
        listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        before = os.umask(0o177)
        try:
            listening.bind(str(path))
        except OSError:
            listening.close()
            raise
        finally:
            os.umask(before)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise PalingenesisError(f"cannot make the control socket {path}: {reason}") from error
    listening.listen(_BACKLOG)
    listening.settimeout(0.0)
    return listening


def identity(path: Path) -> tuple[int, int] | None:
    """Device and inode of the file at `path`; None when there is none."""
    try:
        status = path.lstat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _remove_dead(path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(1.0)
        try:
            probe.connect(str(path))
        except FileNotFoundError:
            return
        except (ConnectionRefusedError, TimeoutError):
            path.unlink(missing_ok=True)
            return
    raise BusyError(
        f"another daemon answers at {path}", hint="palingenesis daemon stop, or use that one"
    )
