"""The clock and the dice of this machine: the only module that reads either."""

import asyncio
import secrets
from datetime import UTC, datetime


class SystemClock:
    """Wall-clock time in UTC; a `Clock`."""

    def now(self) -> datetime:
        """The present, aware, in UTC."""
        return datetime.now(UTC)

    async def sleep(self, seconds: float) -> None:
        """Return after that many seconds. Suspend stretches it: deadlines are wall-clock data."""
        await asyncio.sleep(max(0.0, seconds))


class SystemDice:
    """The operating system's random numbers; a `Dice`."""

    def token(self) -> str:
        """32 random hexadecimal digits."""
        return secrets.token_hex(16)
