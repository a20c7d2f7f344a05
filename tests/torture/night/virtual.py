"""An event loop in virtual time: nothing waits, nothing runs beside it, all of it repeats.

It runs what is ready, one after the other, in the order in which it became ready. When nothing is
ready somebody else (`driver`) decides what time it is.
"""

import asyncio
import heapq
from asyncio import events
from collections import deque
from collections.abc import Callable
from contextvars import Context
from typing import Any

_MOST = 200_000
"""So many callbacks in one instant are an endless loop."""


class Killed(SystemExit):
    """The process ends here, as SIGKILL ends it: nothing of it runs any more."""


class EndlessError(Exception):
    """What is ready never ends: no time passes any more."""


class VirtualLoop(asyncio.AbstractEventLoop):
    """What asyncio's tasks, futures, timeouts and groups need of a loop, and no more."""

    def __init__(self) -> None:
        self.now = 0.0
        self._ready: deque[asyncio.Handle] = deque()
        self._timers: list[tuple[float, int, asyncio.TimerHandle]] = []
        self._count = 0
        self._tasks: dict[asyncio.Task[Any], None] = {}
        self.complaints: list[str] = []
        """What asyncio would have logged: nothing, if all is well."""

    # ── what asyncio asks for ─────────────────────────────────────────────────────────────────

    def get_debug(self) -> bool:
        return False

    def is_running(self) -> bool:
        return True

    def is_closed(self) -> bool:
        return False

    def time(self) -> float:
        return self.now

    def call_soon(
        self, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.Handle:
        handle = asyncio.Handle(callback, args, self, context)
        self._ready.append(handle)
        return handle

    def call_later(
        self, delay: float, callback: Callable[..., object], *args: Any, context: Any = None
    ) -> asyncio.TimerHandle:
        return self.call_at(self.now + delay, callback, *args, context=context)

    def call_at(
        self, when: float, callback: Callable[..., object], *args: Any, context: Any = None
    ) -> asyncio.TimerHandle:
        handle = asyncio.TimerHandle(when, callback, args, self, context)
        self._count += 1
        heapq.heappush(self._timers, (when, self._count, handle))
        return handle

    def create_future(self) -> "asyncio.Future[Any]":
        return asyncio.Future(loop=self)

    def create_task(self, coro: Any, **options: Any) -> "asyncio.Task[Any]":
        task: asyncio.Task[Any] = asyncio.Task(coro, loop=self, **options)
        self._tasks[task] = None
        task.add_done_callback(self._forget)
        return task

    def _forget(self, task: "asyncio.Task[Any]") -> None:
        self._tasks.pop(task, None)

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        error = context.get("exception")
        if not isinstance(error, Killed):
            self.complaints.append(f"{context.get('message')}: {error!r}")

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        pass

    # ── what the driver asks for ──────────────────────────────────────────────────────────────

    @property
    def tasks(self) -> int:
        """How many tasks are alive."""
        return len(self._tasks)

    def run_ready(self) -> None:
        """Run until nothing is ready. Raises what a task must not survive: `Killed`."""
        ready = self._ready
        events._set_running_loop(self)
        try:
            for _ in range(_MOST):
                if not ready:
                    return
                handle = ready.popleft()
                if not handle._cancelled:
                    handle._run()
            raise EndlessError
        finally:
            events._set_running_loop(None)

    def next_timer(self) -> float | None:
        """When the next timer is due; None: there is none."""
        timers = self._timers
        while timers and timers[0][2]._cancelled:
            heapq.heappop(timers)
        return timers[0][0] if timers else None

    def is_only_timer(self) -> bool:
        """Whether no other timer is set than the next one."""
        return sum(not handle._cancelled for _, _, handle in self._timers) <= 1

    def advance(self, now: float) -> None:
        """Let time pass; what is due becomes ready."""
        self.now = max(self.now, now)
        timers = self._timers
        while timers and timers[0][0] <= self.now:
            handle = heapq.heappop(timers)[2]
            if not handle._cancelled:
                self._ready.append(handle)

    def bury(self) -> None:
        """Unwind what a killed process left behind. Its doors are shut: nothing comes of it."""
        while self._tasks:
            for task in self._tasks:
                task.cancel()
            try:
                self.run_ready()
            except Killed:
                continue
        self._ready.clear()
        self._timers.clear()
