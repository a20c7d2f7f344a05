"""The machine: room on disk and in memory, its clock, its power."""

from collections.abc import Iterator
from typing import Final

from palingenesis.app.checkup.finding import Finding, good, note, problem, warning
from palingenesis.app.checkup.patient import Patient
from palingenesis.processes import machine
from palingenesis.runtime.clock import SystemClock
from palingenesis.runtime.zones import zones_of

_LITTLE: Final = 0.05
_TOO_LITTLE: Final = 0.01


def disk(patient: Patient) -> Iterator[Finding]:
    """Whether there is room for a night's journal; without it nothing is done."""
    place = next(one for one in (patient.paths.state, *patient.paths.state.parents) if one.exists())
    share = machine.disk_free(place)
    if share is None:
        yield note(f"how full the disk of {place} is cannot be told")
    elif share < _LITTLE:
        told = problem if share < _TOO_LITTLE else warning
        yield told(
            f"{share:.1%} of the disk of {place} is free", f"du -xh {place} | sort -h | tail"
        )
    else:
        yield good(f"{share:.0%} of the disk of {place} is free")


def memory(_patient: Patient) -> Iterator[Finding]:
    """Whether there is memory for another server of the assistant, about half a gigabyte."""
    share = machine.memory_free()
    if share is None:
        yield note("how much memory is free cannot be told")
    elif share < _LITTLE:
        yield warning(f"{share:.1%} of the memory is free", "ps aux --sort=-rss | head")
    else:
        yield good(f"{share:.0%} of the memory is free")


def clock(patient: Patient) -> Iterator[Finding]:
    """Whether the clock is kept right, and which time zone calendars go by."""
    zones = zones_of(patient.environ)
    if zones("Europe/Berlin") is None:
        said = "there is no time-zone data: calendars with a time-zone cannot be used"
        yield problem(said, "pip install tzdata")
    kept = machine.clock_is_kept()
    here = SystemClock().now().astimezone()
    zone = zones.own or "UTC (none is set)"
    if kept is False:
        said = f"no time server keeps the clock right; it says {here:%Y-%m-%d %H:%M} in {zone}"
        yield warning(said, "timedatectl set-ntp true")
    else:
        yield good(f"it is {here:%Y-%m-%d %H:%M} in {zone}")


def power(_patient: Patient) -> Iterator[Finding]:
    """Whether the machine runs on its battery: a night is longer than that."""
    on_battery = machine.on_battery()
    if on_battery:
        yield warning("the machine runs on its battery", "plug it in")
    else:
        yield good("mains" if on_battery is False else "not known here")
