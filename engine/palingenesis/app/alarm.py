"""Telling people what cannot be written down first: that nothing can be written down."""

import asyncio
from collections.abc import Sequence
from datetime import datetime
from typing import Final

from palingenesis.core.kernel.writing import TITLE, trouble_told
from palingenesis.core.values import Result, Severity
from palingenesis.runtime.ports import Channel, Clock, Notice

_LIMIT_S: Final = 60.0
_PAUSE_S: Final = 15.0


class ChannelAlarm:
    """Sends one notice for each trouble through every channel, until one has taken it; an `Alarm`.

    It is the only notice without an entry in the journal, so a crash may let it be sent again.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._sounding = asyncio.Event()
        self._notice: Notice | None = None
        self._is_heard = False

    def sound(self, why: str, since: datetime) -> None:
        """See `Alarm`."""
        if self._notice is not None:
            return
        self._notice = Notice(
            key=f"unwritable-{since:%Y%m%dT%H%M%S.%fZ}",
            at=since,
            severity=Severity.CRITICAL,
            title=TITLE,
            message=trouble_told(why),
        )
        self._sounding.set()

    def is_heard(self) -> bool:
        """See `Alarm`."""
        return self._is_heard

    def silence(self) -> None:
        """See `Alarm`."""
        self._notice, self._is_heard = None, False
        self._sounding.clear()

    async def watch(self, channels: Sequence[Channel]) -> None:
        """Tell whenever it sounds, until it is heard or silenced."""
        while True:
            await self._sounding.wait()
            notice = self._notice
            if notice is not None:
                heard = [await self._told(channel, notice) for channel in channels]
                if notice is self._notice and any(heard):
                    self._is_heard = True
                    self._sounding.clear()
                    continue
            await self._clock.sleep(_PAUSE_S)

    async def _told(self, channel: Channel, notice: Notice) -> bool:
        try:
            async with asyncio.timeout(_LIMIT_S):
                outcome = await channel.send(notice)
        except Exception:  # noqa: BLE001  whatever a channel does, the next one is tried
            return False
        return outcome.result in {Result.OK, Result.SUPERSEDED}
