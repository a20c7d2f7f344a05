"""The service manager that keeps us, as far as it wants to hear from us: sd_notify(3).

systemd gives a service of `Type=notify` the address of a datagram socket. Whoever writes
`READY=1` there has started, and with `WatchdogSec=` whoever does not write `WATCHDOG=1` in time is
taken for hung, ended and started again. Nothing here waits or fails: a manager that does not
listen is the manager's trouble.
"""

import socket
import weakref
from collections.abc import MutableMapping
from contextlib import suppress
from datetime import timedelta

_ADDRESS = "NOTIFY_SOCKET"
_VARIABLES = (_ADDRESS, "WATCHDOG_USEC", "WATCHDOG_PID")
_STATUS_CHARS = 300


class Supervisor:
    """Tells the manager how we are; tells nobody where there is none.

    Args:
        address: the manager's socket; a leading `@` is the name of an abstract one.
    """

    def __init__(self, address: str = "") -> None:
        self.is_ready = False
        """Whether it was told that we have started."""
        self._address = "\0" + address[1:] if address.startswith("@") else address
        self._status = ""
        self._door = _opened() if address else None
        """Opened at once: a manager that hears nothing for lack of descriptors would end us."""
        if self._door is not None:
            weakref.finalize(self, self._door.close)

    @classmethod
    def of(cls, environ: MutableMapping[str, str]) -> "Supervisor":
        """The manager that started this process, if one did.

        Its variables are taken out of `environ`: no program that we start may speak for us.
        """
        address, *_ = (environ.pop(name, "") for name in _VARIABLES)
        return cls(address if address[:1] in ("/", "@") else "")

    @property
    def is_there(self) -> bool:
        """Whether anybody listens."""
        return bool(self._address)

    def ready(self, status: str) -> None:
        """We have started, or are done with reloading."""
        self.is_ready = True
        self._tell("READY=1", *self._changed(status))

    def alive(self, status: str) -> None:
        """The loop has just been seen to turn."""
        self._tell("WATCHDOG=1", *self._changed(status))

    def reloading(self) -> None:
        """Files are being read again; `ready` ends it."""
        self._tell("RELOADING=1")

    def stopping(self) -> None:
        """We are about to end."""
        self._tell("STOPPING=1")

    def wait_longer(self, status: str, span: timedelta) -> None:
        """We have not started yet, know why, and want that much more time."""
        self._tell(f"EXTEND_TIMEOUT_USEC={span // timedelta(microseconds=1)}",
                   *self._changed(status))  # fmt: skip

    def _changed(self, status: str) -> list[str]:
        """The status line, when it is another one than before."""
        line = " ".join(status.split())[:_STATUS_CHARS]
        if line == self._status:
            return []
        self._status = line
        return [f"STATUS={line}"]

    def _tell(self, *lines: str) -> None:
        if self._door is not None:
            with suppress(OSError):
                self._door.sendto("\n".join(lines).encode("utf-8", "replace"), self._address)


def _opened() -> socket.socket | None:
    with suppress(OSError):
        door = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        door.setblocking(False)  # noqa: FBT003  it takes no keyword
        return door
    return None
