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
_START = timedelta(seconds=90)
"""How long one start may take; the manager is asked for so much more each time."""
_SHORT = timedelta(minutes=1)
"""A run that breaks sooner may be one of many: the next one has to wait."""
_BREATH_S = 10.0


def keep_trying(
    run: Callable[[], int],
    supervisor: Supervisor,
    *,
    say: Callable[[str, str], None],
    clock: Clock,
) -> int:
    """Run the daemon; under a manager, a start that may work later is tried again by ourselves.

    systemd would start us anew at one speed for ever, or give up and leave the night alone. So a
    full disk, or another daemon that holds the state, is waited for here, ever more slowly. A run
    that had begun and broke ends, for a process of its own is the better second try; but where it
    broke at once, it ends a little later.

    Args:
        run: one whole run.
        supervisor: the manager; where there is none, errors leave.
        say: tells a person a new reason and the way out.
        clock: waits.

    Raises:
        Exception: what ended the run, when trying again here is useless, or nobody would notice.
    """
    pause_s, last = _FIRST_S, ""
    while True:
        began = clock.now()
        try:
            return run()
        except Exception as error:
            cause = _cause(error)
            message = cause.message if isinstance(cause, PalingenesisError) else repr(cause)
            if not supervisor.is_there or getattr(cause, "exit_code", None) in INCURABLE:
                raise
            if supervisor.is_ready:
                if timedelta() <= clock.now() - began < _SHORT:
                    asyncio.run(_sleep(clock, _BREATH_S))
                raise
            if message != last:
                say(message, getattr(cause, "hint", ""))
                last = message
            supervisor.wait_longer(
                f"cannot begin, next try in {pause_s:g} s: {message}",
                timedelta(seconds=pause_s) + _START,
            )
        asyncio.run(_sleep(clock, pause_s))
        pause_s = min(pause_s * 2, _LONGEST_S)


def _cause(error: Exception) -> Exception:
    """What is meant by an error that ended several tasks at once: one of ours, if there is one."""
    while isinstance(error, ExceptionGroup):
        meant = error.subgroup(PalingenesisError)
        error = (meant if meant is not None else error).exceptions[0]
    return error


async def _sleep(clock: Clock, seconds: float) -> None:
    await clock.sleep(seconds)
