"""The composition root: the only room that knows every adapter, and wires them together."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from palingenesis.runtime.config import Config
from palingenesis.runtime.paths import Paths

if TYPE_CHECKING:
    from palingenesis.app.demo import Morning, Show
    from palingenesis.processes.supervisor import Supervisor


def run(
    *,
    config: Config,
    paths: Paths,
    policy: Path | None,
    server: str | None,
    debug: bool,
    supervisor: "Supervisor",
) -> int:
    """Run the daemon in the foreground until it is stopped; returns the exit code.

    Args:
        config: how the daemon runs.
        paths: where it keeps its things; prepared.
        policy: the policy file that a flag named.
        server: address of somebody's OpenCode server to attach to instead of running one.
        debug: log more.
        supervisor: the service manager that keeps us, if one does.

    Raises:
        PalingenesisError: it cannot run; with the way out.
    """
    from palingenesis.app.running import run_daemon

    return run_daemon(
        config=config,
        paths=paths,
        policy=policy,
        server=server,
        debug=debug,
        supervisor=supervisor,
    )


def run_demo(
    *, environ: Mapping[str, str], executable: str | None, show: "Show", keeps: bool, debug: bool
) -> "Morning":
    """Play a night in fast motion; see `palingenesis.app.demo.run_demo`."""
    from palingenesis.app.demo import run_demo as play

    return play(environ=environ, executable=executable, show=show, keeps=keeps, debug=debug)
