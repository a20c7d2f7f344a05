"""Our own children: started apart from us, so that they may outlive us, and waited for."""

import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from palingenesis.processes.exits import Exit, read_wait_status, wait_gone
from palingenesis.processes.identity import Identity, identify


class Child:
    """A process that we started. It has its own session and process group.

    Raises (from `start`):
        OSError: it cannot be started.
    """

    def __init__(self, process: "subprocess.Popen[bytes]", identity: Identity | None) -> None:
        self._process = process
        self.pid = process.pid
        self.identity = identity
        """None: it had ended before we could look."""
        self.exit: Exit | None = None

    @classmethod
    def start(
        cls, command: Sequence[str], *, cwd: Path, env: Mapping[str, str], log: Path
    ) -> "Child":
        """Start it with both of its outputs appended to a log that only we may read."""
        fd = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            process = subprocess.Popen(
                list(command),
                cwd=cwd,
                env=dict(env),
                stdin=subprocess.DEVNULL,
                stdout=fd,
                stderr=fd,
                start_new_session=True,
            )
        finally:
            os.close(fd)
        return cls(process, identify(process.pid))

    async def wait(self) -> Exit:
        """Return how it ended, as soon as it has."""
        if self.exit is None and self.identity is not None:
            await wait_gone(self.identity)
        if self.exit is None:
            self._process.wait(timeout=5)  # it has ended: this takes its remains away at once
        ended = self.poll()
        assert ended is not None
        return ended

    def poll(self) -> Exit | None:
        """How it ended; None while it runs. Takes its remains away."""
        if self.exit is None and self._process.poll() is not None:
            code = self._process.returncode
            self.exit = read_wait_status(-code if code < 0 else code << 8)
        return self.exit

    def leave(self) -> None:
        """Let go of it while it runs: it will live on without us."""
        if self.poll() is None:
            # Popen warns about a child that nobody waited for; this one is left on purpose.
            self._process.returncode = 0
