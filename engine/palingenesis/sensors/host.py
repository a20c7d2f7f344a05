"""What is true of this machine: a way out to the network, room on disk and in memory, power.

Shares are told in coarse steps, and a step is only left when it is clearly left, so that a machine
at work does not fill the journal.
"""

from math import floor
from pathlib import Path

from palingenesis.core.events import FactsObserved
from palingenesis.core.values import FactValue
from palingenesis.processes import machine
from palingenesis.runtime.ports import Clock, Emit

EVERY_S = 30.0
_UP = 0x1
_REJECT = 0x200
_LOOPBACK = 0x8


_DISK = "host.disk_free"
_MEMORY = "host.mem_free"
_STEP = 0.05
_SMALL_STEP = 0.01
_SMALL = 0.1
"""Below this share the steps are small: it begins to matter."""


class Host:
    """Sensor: observes the machine every 30 s and tells what changed."""

    name = "host"

    def __init__(
        self,
        *,
        clock: Clock,
        routes: Path = Path("/proc/net"),
        interfaces: Path = Path("/sys/class/net"),
        disk: Path = Path("/"),
        meminfo: Path = machine.MEMINFO,
        supplies: Path = machine.SUPPLIES,
    ) -> None:
        self._clock = clock
        self._routes = routes
        self._interfaces = interfaces
        self._disk = disk
        self._meminfo = meminfo
        self._supplies = supplies

    async def watch(self, emit: Emit) -> None:
        """Observe now and every 30 s, until cancelled."""
        told: dict[str, FactValue | None] = {}
        while True:
            facts: dict[str, FactValue | None] = {
                "host.network": self.network(),
                "host.disk_free": coarse(machine.disk_free(self._disk), told.get(_DISK)),
                "host.mem_free": coarse(machine.memory_free(self._meminfo), told.get(_MEMORY)),
                "host.on_battery": machine.on_battery(self._supplies),
            }
            changed = {name: value for name, value in facts.items() if told.get(name) != value}
            if changed:
                emit(FactsObserved(at=self._clock.now(), facts=changed))
                told = facts
            await self._clock.sleep(EVERY_S)

    def network(self) -> bool | None:
        """Whether a default route or an interface other than loopback is up; None: cannot tell."""
        answers = [
            _has_default_route(self._routes / "route"),
            _has_default_route_6(self._routes / "ipv6_route"),
            self._has_interface(),
        ]
        if any(answers):
            return True
        return None if all(answer is None for answer in answers) else False

    def _has_interface(self) -> bool | None:
        try:
            names = sorted(self._interfaces.iterdir())
        except OSError:
            return None
        return any(_is_up(name) for name in names)


def coarse(share: float | None, before: FactValue | None) -> float | None:
    """A share rounded down to its step; `before` is what was told last, and stays if it is near."""
    if share is None:
        return None
    step = _SMALL_STEP if share < _SMALL else _STEP
    if isinstance(before, float) and before - step / 5 <= share < before + step * 1.2:
        return before
    return round(floor(share / step + 1e-9) * step, 2)


def _lines_of(path: Path) -> list[list[str]] | None:
    try:
        return [line.split() for line in path.read_text(encoding="ascii").splitlines()]
    except (OSError, ValueError):
        return None


def _has_default_route(path: Path) -> bool | None:
    """Columns: interface, destination, gateway, flags, …, mask at 7 (proc(5))."""
    lines = _lines_of(path)
    if lines is None:
        return None
    return any(
        len(line) > 7  # noqa: PLR2004
        and line[0] != "lo"
        and (line[1], line[7]) == ("00000000", "00000000")
        and _flags(line[3]) & (_UP | _REJECT) == _UP
        for line in lines[1:]
    )


def _has_default_route_6(path: Path) -> bool | None:
    """Columns: destination, prefix length, …, flags at 8, interface at 9."""
    lines = _lines_of(path)
    if lines is None:
        return None
    return any(
        len(line) > 9  # noqa: PLR2004
        and line[9] != "lo"
        and (line[0], line[1]) == ("0" * 32, "00")
        and _flags(line[8]) & (_UP | _REJECT) == _UP
        for line in lines
    )


def _is_up(interface: Path) -> bool:
    try:
        state = (interface / "operstate").read_text(encoding="ascii").strip()
        flags = _flags((interface / "flags").read_text(encoding="ascii"))
    except (OSError, ValueError):
        return False
    return state == "up" and not flags & _LOOPBACK


def _flags(text: str) -> int:
    try:
        return int(text.strip(), 16)
    except ValueError:
        return 0
