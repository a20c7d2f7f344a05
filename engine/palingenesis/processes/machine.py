"""The machine itself: how much memory and disk is free, its power, and whether its clock is right.

Read from /proc and /sys where there are such, else through psutil, which a daemon that rests does
without.
"""

import shutil
from pathlib import Path
from typing import Final

MEMINFO: Final = Path("/proc/meminfo")
SUPPLIES: Final = Path("/sys/class/power_supply")


def memory_free(meminfo: Path = MEMINFO) -> float | None:
    """The share of the memory that is available to a new program; None: it cannot be told."""
    try:
        lines = meminfo.read_text(encoding="ascii").splitlines()
    except (OSError, ValueError):
        return None if meminfo.parent.exists() else _memory_free_of_psutil()
    known = {name: amount.split() for name, _, amount in (line.partition(":") for line in lines)}
    try:
        available, total = (int(known[name][0]) for name in ("MemAvailable", "MemTotal"))
    except (KeyError, IndexError, ValueError):
        return None
    return available / total if 0 <= available <= total and total else None


def disk_free(place: Path) -> float | None:
    """The free share of the disk that `place` is on; None: it cannot be told."""
    try:
        usage = shutil.disk_usage(place)
    except OSError:
        return None
    return usage.free / usage.total if usage.total else None


def on_battery(supplies: Path = SUPPLIES) -> bool | None:
    """Whether the machine runs on its battery; without one it does not. None: it cannot be told."""
    try:
        found = [(_read(place / "type"), place) for place in sorted(supplies.iterdir())]
    except OSError:
        return False if supplies.parent.exists() else _on_battery_of_psutil()
    mains = [_read(place / "online") for kind, place in found if kind in {"Mains", "USB"}]
    if "1" in mains:
        return False
    states = [
        _read(place / "status")
        for kind, place in found
        if kind == "Battery" and _read(place / "scope") != "Device"  # not that of a mouse
    ]
    return "Discharging" in states


def clock_is_kept() -> bool | None:
    """Whether the kernel's clock follows a time server; None: it cannot be told here."""
    import ctypes

    try:
        ask = ctypes.CDLL(None).adjtimex
    except (OSError, AttributeError):
        return None
    state = ask(ctypes.create_string_buffer(_TIMEX_BYTES))  # all zero: it only asks
    return None if state < 0 else state != _TIME_ERROR


_TIMEX_BYTES: Final = 512
"""More than `struct timex` has on any system."""
_TIME_ERROR: Final = 5
"""adjtimex(2): the clock is not synchronised."""


def _read(place: Path) -> str:
    try:
        return place.read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        return ""


def _memory_free_of_psutil() -> float | None:
    import psutil

    memory = psutil.virtual_memory()
    return memory.available / memory.total if memory.total else None


def _on_battery_of_psutil() -> bool | None:
    import psutil

    ask = getattr(psutil, "sensors_battery", None)
    if ask is None:
        return None
    battery = ask()
    return battery is not None and battery.power_plugged is False
