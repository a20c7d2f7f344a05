"""The command line: a client of the control door that speaks the glossary's words."""

import gc
import signal
import sys
from collections.abc import Sequence

_STAYS = ["daemon", "run"]


def main() -> None:
    """Run the command line with the process's arguments and exit with its code.

    Ctrl-C ends it without a word at any moment: by the signal itself while modules are imported
    and after everything was said, and with exit code 130 in between, where there is to tidy up.
    Whoever had us started with the signal ignored, as `nohup` does, is not interrupted.
    """
    ours = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if ours:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    args = sys.argv[1:]
    if args[:2] != _STAYS:
        _prepare()
    try:
        if ours:
            signal.signal(signal.SIGINT, signal.default_int_handler)
        code = _run(args)
    except KeyboardInterrupt:
        code = 130
    if ours:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    sys.exit(code)


def _prepare() -> None:
    """Import what every command needs, while the signal still ends it.

    None of it ever becomes garbage: looking for some in it meanwhile, again while the command runs,
    and at the end takes a seventh of the time that a `status` takes.
    """
    gc.disable()
    import palingenesis.surfaces.cli.program  # noqa: F401

    gc.freeze()
    gc.enable()


def _run(args: Sequence[str]) -> int:
    """Run a command; the daemon itself without what only commands need."""
    return _stay(args) if args[:2] == _STAYS else _visit(args)


def _visit(args: Sequence[str]) -> int:
    from palingenesis.surfaces.cli.program import run

    return run(args)


def _stay(args: Sequence[str]) -> int:
    from palingenesis.surfaces.cli.desk import Desk
    from palingenesis.surfaces.cli.resident import plain_order, run_here

    order = plain_order(args)
    if order is None:
        return _visit(args)
    desk = Desk()
    try:
        return run_here(desk, order)
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001  the last edge
        from palingenesis.surfaces.cli.program import told

        return told(error, desk)
