"""Whose figures these are: the labels by which those of a team can be told apart and added up."""

import getpass
import socket
from collections.abc import Mapping


def labels() -> Mapping[str, str]:
    """`host` and `user`; `unknown` where the system does not tell."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError, ImportError):  # a container's user may have no name
        user = "unknown"
    return {"host": socket.gethostname() or "unknown", "user": user}
