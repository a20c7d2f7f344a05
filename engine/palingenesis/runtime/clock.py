"""The clock and the dice of this machine: the only module that reads either."""

import asyncio
import secrets
import time
from datetime import UTC, datetime
from typing import Final

from palingenesis.runtime.ports import Reading

_BOOTTIME: Final[int | None] = getattr(time, "CLOCK_BOOTTIME", None)
_AT_ONCE_S: Final = 0.01
"""Three clocks that were read within this time were read at the same moment."""
_TRIES: Final = 5


class SystemClock:
    """Wall-clock time in UTC; a `Clock`."""

    def now(self) -> datetime:
        """The present, aware, in UTC."""
        return datetime.now(UTC)

    def reading(self) -> Reading | None:
        """All clocks at one moment; None where the system has none that counts a suspend."""
        if _BOOTTIME is None:
            return None
        best, best_s = None, float("inf")
        for _ in range(_TRIES):
            began_s = time.clock_gettime(_BOOTTIME)
            awake_s, at = time.monotonic(), datetime.now(UTC)
            took_s = time.clock_gettime(_BOOTTIME) - began_s
            if took_s < best_s:
                best, best_s = Reading(at=at, elapsed_s=began_s, awake_s=awake_s), took_s
            if took_s <= _AT_ONCE_S:
                break
        return best

    async def sleep(self, seconds: float) -> None:
        """Return after that many seconds. Suspend stretches it: deadlines are wall-clock data."""
        await asyncio.sleep(max(0.0, seconds))


class SystemDice:
    """The operating system's random numbers; a `Dice`."""

    def token(self) -> str:
        """32 random hexadecimal digits."""
        return secrets.token_hex(16)
