"""The composition root: the only room that knows every adapter, and wires them together."""

from pathlib import Path

from palingenesis.runtime.config import Config
from palingenesis.runtime.paths import Paths


def run(
    *, config: Config, paths: Paths, policy: Path | None, server: str | None, debug: bool
) -> int:
    """Run the daemon in the foreground until it is stopped; returns the exit code.

    Args:
        config: how the daemon runs.
        paths: where it keeps its things; prepared.
        policy: the policy file that a flag named.
        server: address of somebody's OpenCode server to attach to instead of running one.
        debug: log more.

    Raises:
        PalingenesisError: it cannot run; with the way out.
    """
    from palingenesis.app.daemon import run_daemon

    return run_daemon(config=config, paths=paths, policy=policy, server=server, debug=debug)
