"""`GET /v1/agents/opencode`, upgraded: a program of the person's own that stays connected."""

from typing import Final

from palingenesis.control.asking import Request, Switch
from palingenesis.control.wire_format import AGENT_PROTOCOL, LINKS_MAX, UsageError
from palingenesis.core.errors import BusyError
from palingenesis.runtime.door import Door
from palingenesis.runtime.linking import Caller, Link

_DIGITS_MAX: Final = 10
_VERSION_MAX: Final = 40
_PATH_MAX: Final = 4096


class Joining:
    """Lets programs join, a bounded number of them."""

    def __init__(self, door: Door) -> None:
        self._door = door
        self._joined = 0

    async def answer(self, request: Request) -> Switch:
        """Let it stay.

        Raises:
            PalingenesisError: it asks in a way that we do not understand, or we do not want it.
        """
        asked = request.headers.get("upgrade", "").strip().lower()
        if asked != AGENT_PROTOCOL:
            raise UsageError(
                f"this path is joined with 'Upgrade: {AGENT_PROTOCOL}'",
                "palingenesis integrate opencode",
            )
        if self._joined >= LINKS_MAX:
            raise BusyError(f"{LINKS_MAX} programs are connected already")
        join = self._door.admit(_caller(request))

        async def stay(link: Link) -> None:
            self._joined += 1
            try:
                await join(link)
            finally:
                self._joined -= 1

        return Switch(protocol=AGENT_PROTOCOL, join=stay)


def _caller(request: Request) -> Caller:
    """Who asks: the kernel's word for its process, where there is one, stands above its own."""
    said = request.query.get("pid", "")
    pid = request.pid
    if pid is None and said.isascii() and said.isdigit() and len(said) <= _DIGITS_MAX:
        pid = int(said)
    if not pid:
        raise UsageError("it is not known which process asks")
    directory = request.query.get("directory", "")[:_PATH_MAX]
    return Caller(
        pid=pid,
        directories=(directory,) if directory.startswith("/") else (),
        plugin=request.query.get("plugin", "")[:_VERSION_MAX],
    )
