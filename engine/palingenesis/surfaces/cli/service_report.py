"""How the service is: one look at its file and at systemd, and the one thing to do next."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from palingenesis.core.errors import ExitCode
from palingenesis.surfaces.cli.service_file import ServiceFile, Standing
from palingenesis.surfaces.cli.service_texts import UNIT, interpreter_of
from palingenesis.surfaces.cli.systemd import Systemd, lingers

SCHEMA_VERSION: Final = 1
LOG = "journalctl --user -u palingenesis -n 20"
_STANDINGS: Final[Mapping[Standing, str]] = {
    "absent": "no",
    "same": "yes",
    "ours": "yes",
    "edited": "yes, and changed by hand",
    "foreign": "no: the file there is not ours",
}
_KILLED = "2"
"""systemd's number for a process that a signal ended; 3 is the same with a core dump."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What is known of the service."""

    path: str
    standing: Standing
    interpreter: str
    """What it runs; empty when the file does not say."""
    properties: Mapping[str, str]
    lingers: bool | None

    @property
    def is_running(self) -> bool:
        """Whether the daemon runs and said that it is ready."""
        return self.properties.get("ActiveState") in ("active", "reloading")

    @property
    def is_enabled(self) -> bool:
        """Whether it starts by itself."""
        return self.properties.get("UnitFileState") == "enabled"

    @property
    def is_gone(self) -> bool:
        """Whether the palingenesis that it runs was removed, by an upgrade for instance."""
        return bool(self.interpreter) and not Path(self.interpreter).exists()

    @property
    def active(self) -> str:
        """What it does, in words."""
        state, sub = self.properties.get("ActiveState", ""), self.properties.get("SubState", "")
        pid = self.properties.get("MainPID", "0")
        running = f", pid {pid}" if pid not in ("", "0") else ""
        return f"{state or 'unknown'} ({sub}{running})" if sub else state or "unknown"

    @property
    def last_exit(self) -> str:
        """How its process ended last; empty while that is not known."""
        code = self.properties.get("ExecMainCode", "0")
        status = self.properties.get("ExecMainStatus", "0")
        result = self.properties.get("Result", "")
        if code in ("", "0") and result in ("", "success"):
            return ""
        if code in (_KILLED, "3"):
            return f"signal {status} ({result})"
        named = f", {_meaning(status)}" if status.isdigit() and int(status) in set(ExitCode) else ""
        return f"exit code {status}{named}" + (f" ({result})" if result != "success" else "")

    @property
    def next(self) -> str:
        """The one command that helps most."""
        if self.standing == "absent" or not self.is_enabled or self.is_gone:
            return "palingenesis service install"
        if self.standing == "foreign":
            return "palingenesis service install --force"
        if self.properties.get("NeedDaemonReload") == "yes":
            return "systemctl --user daemon-reload"
        if self.properties.get("ActiveState") in ("failed", "activating"):
            return LOG
        if not self.is_running:
            return "systemctl --user start palingenesis"
        if self.lingers is False:
            return "loginctl enable-linger"
        return "palingenesis status"

    def lines(self) -> list[tuple[str, str]]:
        """For people."""
        told = [
            ("installed", f"{_STANDINGS[self.standing]} ({self.path})"),
            ("runs", f"{self.interpreter}{', which is gone' if self.is_gone else ''}"),
            ("enabled", "yes" if self.is_enabled else "no"),
            ("active", self.active),
            ("says", self.properties.get("StatusText", "")),
            ("restarts", self.properties.get("NRestarts", "")),
            ("last exit", self.last_exit),
            ("lingers", {True: "yes", False: "no", None: "unknown"}[self.lingers]),
        ]
        return [(name, value) for name, value in told if value]

    def document(self) -> dict[str, object]:
        """For scripts."""
        pid = self.properties.get("MainPID", "")
        restarts = self.properties.get("NRestarts", "")
        return {
            "schema_version": SCHEMA_VERSION,
            "path": self.path,
            "installed": self.standing not in ("absent", "foreign"),
            "file": self.standing,
            "interpreter": self.interpreter or None,
            "enabled": self.is_enabled,
            "running": self.is_running,
            "active": self.properties.get("ActiveState", ""),
            "pid": int(pid) if pid.isdigit() and pid != "0" else None,
            "says": self.properties.get("StatusText", ""),
            "restarts": int(restarts) if restarts.isdigit() else 0,
            "last_exit": self.last_exit or None,
            "lingers": self.lingers,
            "next": self.next,
        }


def report(file: ServiceFile, systemd: Systemd) -> Report:
    """Look at everything.

    Raises:
        PalingenesisError: systemd does not answer, or the file cannot be read.
    """
    return Report(
        path=str(file.path),
        standing=file.standing(),
        interpreter=interpreter_of(file.found() or ""),
        properties=systemd.shown(UNIT),
        lingers=lingers(),
    )


def _meaning(status: str) -> str:
    return ExitCode(int(status)).name.lower().replace("_", " ")
