"""`systemd --user` as a plain process of its own: units can be tried without a login session.

systemd refuses to run where it did not boot the machine, unless `/run/systemd/system` exists, and
it manages units by cgroups named after them. So ours gets a mount namespace whose `/run` has that
directory, and cgroups of its own: the machine sees nothing of it, and two at once do not meet.
"""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self
from uuid import uuid4

import pytest

PROGRAMS = (Path("/usr/lib/systemd/systemd"), Path("/lib/systemd/systemd"))
START_S_MAX = 20.0
STOP_S_MAX = 30.0
_TREES = ("/sys/fs/cgroup", "/sys/fs/cgroup/systemd", "/sys/fs/cgroup/unified")
_BEGIN = """
for tree in {trees}; do
  if [ -w "$tree/cgroup.procs" ] && mkdir -p "$tree/$NAME" 2>/dev/null; then
    echo $$ 2>/dev/null > "$tree/$NAME/cgroup.procs" || true
  fi
done
unset NAME
exec unshare {user} --mount sh -c '
  mount -t tmpfs tmpfs /run && mkdir -p /run/systemd/system || exit 1
  if [ -n "$BOOT_ID" ]; then
    mount --bind "$BOOT_ID" /proc/sys/kernel/random/boot_id || exit 1
  fi
  unset BOOT_ID
  exec "$0" --user' "{program}"
"""


def missing() -> str:
    """Why there can be no manager on this machine; empty: there can."""
    if _program() is None:
        return "systemd is not installed"
    if shutil.which("systemctl") is None or shutil.which("unshare") is None:
        return "systemctl or unshare is not installed"
    words = ["unshare", *_user_namespace(), "--mount", "mount", "-t", "tmpfs", "tmpfs", "/run"]
    tried = subprocess.run(words, capture_output=True, text=True, check=False)
    return "" if tried.returncode == 0 else f"no mount namespace: {tried.stderr.strip()}"


def needed() -> None:
    """Skip the test where no manager can run; where one is promised, that is a failure."""
    reason = missing()
    if reason and os.environ.get("CI") == "true":
        pytest.fail(f"systemd's user manager cannot run: {reason}")
    if reason:
        pytest.skip(f"needs a user manager of systemd: {reason}")


class UserManager:
    """A manager of units for the home at `home`: `with UserManager(root, home) as manager`."""

    def __init__(self, root: Path, home: Path) -> None:
        self.runtime = root / "xdg"
        self.units = home / ".config" / "systemd" / "user"
        self._home = home
        self._log = root / "systemd.log"
        self._name = f"palin-{os.getpid()}-{root.name}"
        self._boot_id = root / "boot_id"
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()
        self.remove_cgroups()

    def boot(self) -> None:
        """From the next start on everything below the manager sees another boot of the machine."""
        self._boot_id.write_text(f"{uuid4()}\n")

    def start(self) -> None:
        """Start the manager; returns when it answers."""
        self.runtime.mkdir(mode=0o700, exist_ok=True)
        self.units.mkdir(parents=True, exist_ok=True)
        begin = _BEGIN.format(
            trees=" ".join(_TREES), user=" ".join(_user_namespace()), program=_program()
        )
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                ["sh", "-c", begin],
                env=self.environment(
                    {
                        "NAME": self._name,
                        "BOOT_ID": str(self._boot_id) if self._boot_id.exists() else "",
                    }
                ),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        deadline = time.monotonic() + START_S_MAX
        while not self._answers():
            assert self._process.poll() is None, f"systemd ended: {self.log()}"
            assert time.monotonic() < deadline, f"systemd does not answer: {self.log()}"
            time.sleep(0.05)

    def stop(self, number: signal.Signals = signal.SIGTERM) -> None:
        """End the manager, and with SIGTERM all its units before it."""
        process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(number)
        try:
            process.wait(STOP_S_MAX)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(STOP_S_MAX)

    def environment(self, more: Mapping[str, str] | None = None) -> dict[str, str]:
        """The variables with which a program finds this manager."""
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self._home),
            "XDG_CONFIG_HOME": str(self._home / ".config"),
            "XDG_RUNTIME_DIR": str(self.runtime),
            "LANG": "C.UTF-8",
            **(more or {}),
        }

    def systemctl(self, *words: str, check: bool = True) -> str:
        """Run `systemctl --user`; returns what it printed."""
        done = subprocess.run(
            ["systemctl", "--user", "--no-pager", *words],
            env=self.environment(),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0 or not check, f"{words}: {done.stderr}{done.stdout}"
        return done.stdout.strip()

    def show(self, unit: str, *names: str) -> dict[str, str]:
        """Properties of a unit."""
        lines = self.systemctl("show", unit, "--property=" + ",".join(names)).splitlines()
        return dict(line.split("=", 1) for line in lines if "=" in line)

    def main_pid(self, unit: str) -> int:
        """The unit's process; 0 while it has none."""
        return int(self.show(unit, "MainPID")["MainPID"])

    def log(self) -> str:
        """What the manager itself has printed."""
        return self._log.read_text(errors="replace") if self._log.exists() else ""

    def _answers(self) -> bool:
        """`is-system-running` would say "offline" wherever systemd did not boot the machine."""
        try:
            return "Version=" in self.systemctl("show", "--property=Version", check=False)
        except subprocess.TimeoutExpired:
            return False

    def remove_cgroups(self) -> None:
        """Take away what was made for it; where something still lives, later calls do."""
        for tree in _TREES:
            for folder, _, _ in os.walk(Path(tree) / self._name, topdown=False):
                try:
                    Path(folder).rmdir()
                except OSError:
                    continue  # something of it still lives there, and goes on doing so


def _program() -> Path | None:
    return next((program for program in PROGRAMS if program.is_file()), None)


def _user_namespace() -> tuple[str, ...]:
    """Only root may mount; anybody is root in a user namespace of her own."""
    return () if os.geteuid() == 0 else ("--user", "--map-root-user")
