"""Wrong designs, put into the daemon on purpose: a campaign that does not find them finds nothing.

Each spoils the fork that is to become a daemon, before it begins.
"""

import os
from collections.abc import Callable, Mapping
from contextlib import nullcontext

from palingenesis.app import running
from palingenesis.app.daemon import Daemon
from palingenesis.assistants.opencode import actuator, continuing
from palingenesis.assistants.opencode.actuator import OpenCodeActuator
from palingenesis.assistants.opencode.freshness import keys_of
from palingenesis.core.effects import Effect
from palingenesis.runtime.dispatch import Dispatch
from palingenesis.runtime.ports import Outcome


def _skip() -> None:
    """After a crash, what is open is taken for done."""

    def take_up(self: Dispatch, effect: Effect) -> None:
        self.drop(effect, "it will have happened")

    Dispatch.take_up = take_up  # type: ignore[method-assign]


def _redo() -> None:
    """After a crash, what is open is done again, under a key that nobody knows."""

    def other_keys(effect_id: str, stop_key: str) -> tuple[str, str]:
        return keys_of(f"{effect_id} {os.getpid()}", stop_key)

    async def did_not_happen(_self: OpenCodeActuator, _effect: Effect) -> Outcome | None:
        return None

    actuator.keys_of = continuing.keys_of = other_keys
    OpenCodeActuator.reconcile = did_not_happen  # type: ignore[method-assign]
    actuator.why_superseded = lambda *_: ""


def _stale() -> None:
    """Nobody looks whether the session still stands where it stood."""
    actuator.why_superseded = lambda *_: ""
    Daemon._why_void = lambda *_: ""  # type: ignore[method-assign]


def _unlocked() -> None:
    """The state directory keeps no second daemon out; daemons.py has to see it."""
    running.lock = lambda state, **_: nullcontext(state)  # type: ignore[assignment]


PLANTED: Mapping[str, Callable[[], None]] = {
    "skip": _skip,
    "redo": _redo,
    "stale": _stale,
    "unlocked": _unlocked,
}
