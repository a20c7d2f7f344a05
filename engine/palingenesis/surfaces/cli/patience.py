"""Waiting in a command that runs in the foreground: short pauses, up to a limit."""

import threading
from datetime import timedelta

from palingenesis.runtime.clock import SystemClock

_PAUSE_S = 0.05


class Patience:
    """Lasts for `span` from now on, in pauses of 50 ms."""

    def __init__(self, span: timedelta) -> None:
        self.span = span
        self._clock = SystemClock()
        self._end = self._clock.now() + span

    def lasts(self) -> bool:
        """Pause a moment; False when the time is over."""
        if self._clock.now() >= self._end:
            return False
        threading.Event().wait(_PAUSE_S)
        return True
