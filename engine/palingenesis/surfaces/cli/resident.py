"""`daemon run` without the command line's library, which would stay in memory with the daemon.

Only plain orders are understood here; whatever else is said goes the usual way, and ends here too.
"""

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from palingenesis.core.errors import PalingenesisError
from palingenesis.runtime.foreign_text import plain
from palingenesis.surfaces.cli.desk import Desk

_COMMAND = ["daemon", "run"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """How the daemon is to run; the options of `daemon run`."""

    policy: Path | None = None
    server: str | None = None
    debug: bool = False
    allow_root: bool = False


def plain_order(args: Sequence[str]) -> Order | None:
    """The order that a command line gives if it is `daemon run` with plain options, else None."""
    if list(args[:2]) != _COMMAND:
        return None
    order, rest = Order(), list(args[2:])
    while rest:
        match rest:
            case ["--debug", *rest]:
                order = replace(order, debug=True)
            case ["--allow-root", *rest]:
                order = replace(order, allow_root=True)
            case ["--policy", file, *rest] if file and not file.startswith("-"):
                order = replace(order, policy=Path(file))
            case _:
                return None
    return order


def run_here(desk: Desk, order: Order) -> int:
    """Run the daemon in this process until it is stopped; returns its exit code."""
    refuse_sudo(desk, order.allow_root)
    from palingenesis.app import run as run_app
    from palingenesis.processes.beginning import keep_trying
    from palingenesis.processes.supervisor import Supervisor
    from palingenesis.runtime.clock import SystemClock
    from palingenesis.runtime.config_file import load_config

    supervisor = Supervisor.of(os.environ)

    def once() -> int:
        paths = desk.paths
        config = load_config(paths)
        for warning in config.warnings:
            _say(plain(warning, 500))
        paths.prepare()
        return run_app(
            config=config,
            paths=paths,
            policy=order.policy,
            server=order.server,
            debug=desk.debug,
            supervisor=supervisor,
        )

    desk.debug = desk.debug or order.debug
    return int(keep_trying(once, supervisor, clock=SystemClock(), say=_say_why_not_yet))


def refuse_sudo(desk: Desk, allowed: bool) -> None:
    """A daemon that sudo made root would run the user's agents as root, in root's home."""
    became_root = os.geteuid() == 0 and desk.environ.get("SUDO_UID", "0") not in ("", "0")
    if became_root and not allowed and desk.environ.get("PALINGENESIS_ALLOW_ROOT") != "1":
        raise PalingenesisError(
            "the daemon would run as root, and your agents with it",
            hint="run it without sudo, or say --allow-root",
        )


def _say_why_not_yet(message: str, hint: str) -> None:
    _say(f"cannot begin yet: {plain(message, 500)}")
    if hint:
        _say(f"hint: {plain(hint, 500)}")


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
