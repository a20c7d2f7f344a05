"""Somebody else's OpenCode server, reached by its address."""

import asyncio

from palingenesis.assistants.opencode.client import OpenCode, denies_strangers
from palingenesis.assistants.opencode.running import AtWork, Ending, Running
from palingenesis.assistants.opencode.versions import what_is_wrong
from palingenesis.core.errors import AssistantError
from palingenesis.core.values import Way
from palingenesis.processes.exits import Exit, wait_gone
from palingenesis.processes.finding import listening_ports, of_this_user, started_at
from palingenesis.processes.identity import Identity, is_alive
from palingenesis.runtime.ports import Clock
from palingenesis.wire.redaction import remember

_PROBE_S = 3.0
_OPEN = (
    "it answers without a password: any program and any web page on this machine can drive it;"
    " start it with OPENCODE_SERVER_PASSWORD set"
)


class AttachedServer:
    """Somebody else's server, reached by its address; never restarted by us."""

    way = Way.ATTACHED

    def __init__(self, origin: str, password: str | None, clock: Clock) -> None:
        self._origin = origin
        self._password = password
        remember(password or "")
        self._clock = clock
        self._running: Running | None = None

    @property
    def running(self) -> Running | None:
        """See `Server`."""
        now = self._running
        if now is not None and now.identity is not None and not is_alive(now.identity):
            return None
        return now

    async def up(self) -> Running:
        """See `Server`."""
        async with OpenCode(self._origin, password=self._password, fresh=True) as client:
            version = await client.version(timeout_s=_PROBE_S)
            origin = client.origin
        try:
            is_open = not await denies_strangers(origin, _PROBE_S)
        except AssistantError:
            is_open = False  # not known; it is asked again when it comes back
        notes = (what_is_wrong(version), _OPEN if is_open else "")
        identity = await asyncio.to_thread(listener_of, origin)
        began = started_at(identity) if identity is not None else None
        self._running = Running(
            origin=origin,
            version=version,
            started_at=began or self._clock.now(),
            password=self._password,
            identity=identity,
            detail="; ".join(note for note in notes if note),
        )
        return self._running

    async def gone(self, running: Running) -> Exit:
        """See `Server`."""
        if running.identity is None:
            await asyncio.get_running_loop().create_future()
            raise AssertionError("what cannot be seen does not end")
        return await wait_gone(running.identity)

    async def why_gone(self, running: Running, ended: Exit, at_work: AtWork) -> Ending:
        """See `Server`."""
        return Ending.of_server(ended)

    async def restart(self, grace_s: float) -> Running:
        """Refused."""
        raise AssistantError(
            "an attached server is never restarted by us", "restart it where it was started"
        )

    async def stop(self, grace_s: float) -> None:
        """Refused."""
        raise AssistantError(
            "an attached server is never stopped by us", "stop it where it was started"
        )


def listener_of(origin: str) -> Identity | None:
    """The process behind an address of this machine, if it is an OpenCode of this user."""
    host, _, port = origin.rpartition(":")
    if not any(local in host for local in ("127.0.0.1", "localhost", "[::1]")):
        return None
    for found in of_this_user(["opencode", "opencode.exe"]):
        if port.isdigit() and int(port) in listening_ports(found.identity):
            return found.identity
    return None
