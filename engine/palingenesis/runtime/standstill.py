"""The standstill: while the journal cannot be written, nothing is done; when it can, it goes on.

Theory of operation. The loop comes here with the error and returns when writing works again. That
it works is found out by writing it down (`WritingResumed`), once a second. When it is the disk that
is full, the room of the reserve is given away first: that the disk is full is written into it, and
then what ends something that is under way or only restrains us, and nothing else, until there is
room again. Where not even that can be written, people are told without it being written down: it
is the one thing that we do so.
"""

import logging
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Final, Protocol

from palingenesis.core import events
from palingenesis.core.errors import JournalError
from palingenesis.core.events import Event
from palingenesis.core.step import Turn
from palingenesis.runtime.inbox import Inbox
from palingenesis.runtime.ports import Clock, Emergency

log = logging.getLogger("palingenesis.loop")

PAUSE_S: Final = 1.0
_ALARM_AFTER: Final = timedelta(seconds=5)
"""Trouble that is over sooner is told afterwards."""
_SAME: Final = timedelta(minutes=10)
"""Trouble that comes back sooner is the same trouble: it is told once."""


class Note(Protocol):
    """Takes an event beside the queue, where that can be written now."""

    def __call__(self, event: Event, *, acts: bool = True) -> Awaitable[Turn | None]:
        """The turn; None: it was not taken. Without `acts`, only one that does nothing but tell."""
        ...


class Standstill:
    """Why nothing can be written, since when, and whom we told."""

    def __init__(
        self,
        *,
        clock: Clock,
        inbox: Inbox,
        emergency: Emergency,
        note: Note,
        pulse: Callable[[], None],
    ) -> None:
        self.why = ""
        """Empty: writing works."""
        self.lives_on_reserve = False
        """The disk is full, and the room that was kept for it is used."""
        self._clock = clock
        self._inbox = inbox
        self._reserve = emergency.reserve
        self._alarm = emergency.alarm
        self._note = note
        self._pulse = pulse
        """Standing still is no reason to be taken for dead."""
        self._since: datetime | None = None
        self._told_at: datetime | None = None
        self._dropped = 0

    def begin(self, error: JournalError) -> None:
        """Writing failed, now or still."""
        if self._since is None:
            log.warning("nothing is done until the journal can be written: %s", error)
            self._since, self._dropped = self._clock.now(), self._inbox.dropped
        self.why = error.message

    def end(self) -> None:
        """It is over."""
        if self._since is not None:
            log.warning("the journal can be written again")
        self.why, self._since, self.lives_on_reserve = "", None, False

    async def last(self, error: JournalError) -> None:
        """Return when the journal can be written again, and that it can is written."""
        self.begin(error)
        if self._reserve.release():
            await self._live_on_reserve()
        while self.why:
            self._pulse()
            await self._clock.sleep(PAUSE_S)
            now = self._clock.now()
            if self.lives_on_reserve:
                await self._take_what_ends()
                if not self._reserve.restore():
                    continue
            self._sound_alarm(now)
            if await self._note(self._resumed(now)) is not None:
                self._alarm.silence()
                self._reserve.restore()
                self.end()
                await self._take_what_ends()  # before what was being taken when it began

    async def _live_on_reserve(self) -> None:
        now = self._clock.now()
        failed = events.WritingFailed(at=now, why=self.why, told=self._is_told(now))
        if await self._note(failed, acts=False) is not None:
            self.lives_on_reserve, self._told_at = True, now

    async def _take_what_ends(self) -> None:
        """Take outcomes, and what restrains us; an outcome that would have us act waits."""
        for waiting in self._inbox.closing():
            acts = not isinstance(waiting.event, events.EffectEnded)
            turn = await self._note(waiting.event, acts=acts)
            if turn is not None:
                self._inbox.remove(waiting)
                waiting.answer(turn)

    def _sound_alarm(self, now: datetime) -> None:
        since = self._since or now
        if now - since >= _ALARM_AFTER and not self._is_told(now):
            self._alarm.sound(self.why, since)
        if self._alarm.is_heard():
            self._told_at = now

    def _resumed(self, now: datetime) -> events.WritingResumed:
        return events.WritingResumed(
            at=now,
            since=self._since or now,
            why=self.why,
            told=self._is_told(now),
            dropped=self._inbox.dropped - self._dropped,
        )

    def _is_told(self, now: datetime) -> bool:
        """Whether people know: since it began, or from a moment before."""
        if self._told_at is None or self._since is None:
            return False
        return self._told_at >= self._since or now - self._told_at < _SAME
