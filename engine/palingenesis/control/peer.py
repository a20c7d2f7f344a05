"""Who is at the other end of a Unix socket."""

import os
import socket
import struct
from typing import Protocol

_DARWIN_LOCAL_PEERCRED = 0x001
_DARWIN_SOL_LOCAL = 0


class _Options(Protocol):
    def getsockopt(self, level: int, name: int, size: int, /) -> bytes: ...


def peer_uid(connection: _Options) -> int | None:
    """The user id of the process that connected, as the kernel knows it; None: not told."""
    try:
        if hasattr(socket, "SO_PEERCRED"):
            return _credentials(connection)[1]
        # struct xucred: version, uid, …
        raw = connection.getsockopt(_DARWIN_SOL_LOCAL, _DARWIN_LOCAL_PEERCRED, 76)
        return int(struct.unpack_from("=II", raw)[1])
    except (OSError, struct.error):
        return None


def peer_pid(connection: _Options) -> int | None:
    """The process at the other end: that which connected, or which made the socket; Linux only."""
    try:
        return _credentials(connection)[0] if hasattr(socket, "SO_PEERCRED") else None
    except (OSError, struct.error):
        return None


def is_ourselves(connection: _Options) -> bool:
    """Whether the other end runs as the same user; nobody else may come in, not even root."""
    return peer_uid(connection) == os.getuid()


def _credentials(connection: _Options) -> tuple[int, int, int]:
    raw = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    pid, uid, gid = struct.unpack("3i", raw)
    return pid, uid, gid
