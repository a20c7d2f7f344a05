"""What the live screen asks the daemon, in the background, so that a key is answered at once.

One thread gives the orders and asks for the status, one after the other; another follows the
events and has the status asked again when something happened. Each of them begins anew when the
daemon ends or does not answer, so the screen is right again by itself after a restart.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from queue import Empty, Queue
from threading import Event, Lock, Thread
from typing import TYPE_CHECKING, Final

from palingenesis.core.errors import NotRunningError, PalingenesisError
from palingenesis.surfaces.cli.attach_frame import worth_a_line

if TYPE_CHECKING:
    from palingenesis.control.client import ControlClient
    from palingenesis.runtime.door import EventRow, Status

_ROWS: Final = 200
_EVERY_S: Final = 1.0
_AGAIN_S: Final = 1.0
_CALM_S: Final = 0.1
"""Between two questions, however much happens."""

Order = Callable[["ControlClient"], "Said"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What came of an order."""

    message: str = ""
    page: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What is known by now."""

    told: "Status | None"
    trouble: str
    rows: "tuple[EventRow, ...]"
    said: Said | None
    """What came of the last order; told once."""


class Watch:
    """Asks in the background; `wake` is called, from there, when there is something new."""

    def __init__(self, client: "Callable[[], ControlClient]", wake: Callable[[], None]) -> None:
        self._client = client
        self._wake = wake
        self._orders: Queue[Order | None] = Queue()
        self._lock = Lock()
        self._told: Status | None = None
        self._trouble = ""
        self._rows: deque[EventRow] = deque(maxlen=_ROWS)
        self._said: Said | None = None
        self._ended = Event()
        self._has_begun = False

    def begin(self) -> None:
        """Begin to ask, once; both threads end with the program."""
        if self._has_begun:
            return
        self._has_begun = True
        for work in (self._ask, self._follow):
            Thread(target=work, daemon=True).start()

    def end(self) -> None:
        """Ask no more."""
        self._ended.set()
        self._orders.put(None)

    def order(self, order: Order) -> None:
        """Give an order; what comes of it is in `known` later."""
        self._orders.put(order)

    def known(self) -> Known:
        """What is known now."""
        with self._lock:
            said, self._said = self._said, None
            return Known(told=self._told, trouble=self._trouble, rows=tuple(self._rows), said=said)

    def _ask(self) -> None:
        while not self._ended.is_set():
            self._refresh()
            self._wake()
            try:
                order = self._orders.get(timeout=_EVERY_S)
            except Empty:
                continue
            if order is None:
                self._ended.wait(_CALM_S)
                self._forget_repeats()
            else:
                self._give(order)

    def _refresh(self) -> None:
        try:
            told = self._client().status()
        except PalingenesisError as error:
            with self._lock:
                self._trouble = f"{error.message}; trying again"
            return
        with self._lock:
            self._told, self._trouble = told, ""

    def _give(self, order: Order) -> None:
        try:
            said = order(self._client())
        except PalingenesisError as error:
            hint = f" ({error.hint})" if error.hint else ""
            said = Said(message=f"{error.message}{hint}")
        with self._lock:
            self._said = said

    def _forget_repeats(self) -> None:
        """Whatever was asked to be looked at again meanwhile is looked at once."""
        kept = []
        while True:
            try:
                kept.append(self._orders.get_nowait())
            except Empty:
                break
        for order in kept:
            if order is not None:
                self._orders.put(order)

    def _follow(self) -> None:
        after = 0
        while not self._ended.is_set():
            try:
                client = self._client()
                if not after:
                    newest = client.events(limit=50)
                    self._keep(newest)
                    after = newest[-1]["seq"] if newest else 0
                for row in client.follow(after=after):
                    after = row["seq"]
                    self._keep([row])
                    if self._ended.is_set():
                        return
            except NotRunningError:
                after = 0  # whoever answers next may have another journal
                with self._lock:
                    self._rows.clear()
            except (PalingenesisError, ValueError):
                pass
            self._orders.put(None)
            self._ended.wait(_AGAIN_S)

    def _keep(self, rows: "list[EventRow]") -> None:
        with self._lock:
            self._rows.extend(row for row in rows if worth_a_line(row))
        self._orders.put(None)
