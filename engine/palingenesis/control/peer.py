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
            size = struct.calcsize("3i")
            raw = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size)
            return int(struct.unpack("3i", raw)[1])
        # struct xucred: version, uid, …
        raw = connection.getsockopt(_DARWIN_SOL_LOCAL, _DARWIN_LOCAL_PEERCRED, 76)
        return int(struct.unpack_from("=II", raw)[1])
    except (OSError, struct.error):
        return None


def is_ourselves(connection: _Options) -> bool:
    """Whether the other end runs as the same user; nobody else may come in, not even root."""
    return peer_uid(connection) == os.getuid()
