"""A limit on how long an analysis may think."""

from collections.abc import Callable
from datetime import timedelta

from palingenesis.runtime.clock import SystemClock


def within(span: timedelta) -> Callable[[], None]:
    """What an analysis calls now and then: it raises `SpentError` once the time is over."""
    from palingenesis.core.policy.analysis.budget import SpentError

    clock = SystemClock()
    end = clock.now() + span

    def tick() -> None:
        if clock.now() >= end:
            raise SpentError

    return tick
