"""Beginning again, where a service manager keeps us and a start may work later."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Final

from palingenesis.core.errors import ExitCode, PalingenesisError
from palingenesis.processes.supervisor import Supervisor
from palingenesis.runtime.ports import Clock

INCURABLE: Final = frozenset({ExitCode.USAGE, ExitCode.AUTH, ExitCode.INVALID})
"""How a start ends that would end so again: the service does not try it (the unit says so too)."""

_FIRST_S, _LONGEST_S = 2.0, 60.0
_START_S = 90.0
"""How long one start may take; the manager is asked for so much more each time."""


def keep_trying(
    run: Callable[[], int],
    supervisor: Supervisor,
    *,
    say: Callable[[str, str], None],
    clock: Clock,
) -> int:
    """Run the daemon; under a manager, a start that may work later is tried again by ourselves.

    systemd would start us anew at one speed for ever, or give up and leave the night alone. So a
    full disk, or another daemon that holds the state, is waited for here, ever more slowly.

    Args:
        run: one whole run.
        supervisor: the manager; where there is none, or once it was told that we run, errors leave.
        say: tells a person a new reason and what comes next.
        clock: waits.

    Raises:
        PalingenesisError: trying again is useless, or nobody would notice.
    """
    pause_s, last = _FIRST_S, ""
    while True:
        try:
            return run()
        except PalingenesisError as error:
            hopeless = error.exit_code in INCURABLE
            if hopeless or supervisor.is_ready or not supervisor.is_there:
                raise
            if error.message != last:
                say(error.message, error.hint)
                last = error.message
            supervisor.wait_longer(
                f"cannot begin, next try in {pause_s:g} s: {error.message}",
                timedelta(seconds=pause_s + _START_S),
            )
        asyncio.run(_sleep(clock, pause_s))
        pause_s = min(pause_s * 2, _LONGEST_S)


async def _sleep(clock: Clock, seconds: float) -> None:
    await clock.sleep(seconds)
