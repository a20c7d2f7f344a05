"""A night whose daemon is kept by systemd: the unit of `palingenesis service install`, for real."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from signal import Signals
from types import TracebackType

from palingenesis.core.errors import PalingenesisError
from palingenesis.surfaces.cli.service_texts import ENVIRONMENT_FILE, UNIT
from tests.live.calls import wait_until
from tests.live.night import Night
from tests.systemd_user import UserManager

START_S_MAX = 300.0
"""A machine that does other things too may take long; what is measured is measured elsewhere."""


class KeptNight(Night):
    """A night under a user manager of its own.

    `changes` are lines that a person adds with `systemctl --user edit`.
    """

    def __init__(self, opencode: Path, *, policy: str | None = None) -> None:
        super().__init__(opencode, policy=policy)
        self._manager: UserManager | None = None
        self.changes: list[str] = []

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        manager, self._manager = self._manager, None
        if manager is not None:
            manager.stop()
        super().__exit__(kind, error, trace)
        if manager is not None:
            manager.remove_cgroups()

    @property
    def manager(self) -> UserManager:
        """The user manager; made when it is first asked for."""
        if self._manager is None:
            self._manager = UserManager(self.root, self.home.home)
        return self._manager

    @property
    def log_file(self) -> Path:
        """Where the daemon's own words go."""
        return self.root / "daemon.log"

    def environment(self) -> dict[str, str]:
        """With the way to the manager."""
        return {**super().environment(), "XDG_RUNTIME_DIR": str(self.manager.runtime)}

    def start(
        self, *, until_agent_up: bool = True, environment: Mapping[str, str] | None = None
    ) -> None:
        """Install the unit, or start it again; returns when daemon and agent answer."""
        if not (self.manager.units / UNIT).exists():
            self.manager.start()
            self._edit(self.changes)
            self._write_environment(environment or {})
            done = self.palin("service", "install")
            assert done.returncode == 0, f"{done.stdout}{done.stderr}{self.log()}"
        else:
            self.manager.systemctl("start", UNIT)
        wait_until(lambda: self._is_up(until_agent_up), START_S_MAX, "the daemon and its agent")

    def stop(self, number: Signals = Signals.SIGTERM) -> int:
        """Have systemd stop it, or send it a signal."""
        if number is Signals.SIGTERM:
            self.manager.systemctl("stop", UNIT)
        else:
            self.send(self.daemon_pid(), number)
        return 0

    def daemon_pid(self) -> int:
        """The daemon's process as systemd knows it; 0: there is none."""
        return self.manager.main_pid(UNIT) if self._manager is not None else 0

    def answering_pid(self) -> int:
        """The process that answers at the control door; 0: nobody does."""
        try:
            return int(self.control.status()["pid"])
        except PalingenesisError:
            return 0

    def _daemon_lives(self) -> bool:
        return self.daemon_pid() != 0

    def _edit(self, lines: Sequence[str]) -> None:
        folder = self.manager.units / f"{UNIT}.d"
        folder.mkdir(parents=True, exist_ok=True)
        log = [f"StandardOutput=append:{self.log_file}", f"StandardError=append:{self.log_file}"]
        (folder / "night.conf").write_text("\n".join(["[Service]", *log, *lines, ""]))

    def _write_environment(self, more: Mapping[str, str]) -> None:
        """What keeps OpenCode in this home, and would be in a person's own environment."""
        path = self.root / "config" / ENVIRONMENT_FILE
        variables = {**self.home.environment(), **more}
        path.write_text("".join(f'{name}="{value}"\n' for name, value in variables.items()))
        path.chmod(0o600)
