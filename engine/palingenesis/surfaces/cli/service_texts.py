"""What a service manager is told to run: systemd's unit, launchd's property list."""

import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from palingenesis.runtime.paths import (
    CACHE_VARIABLE,
    CONFIG_VARIABLE,
    POLICY_VARIABLE,
    RUNTIME_VARIABLE,
    STATE_VARIABLE,
    Paths,
)
from palingenesis.surfaces.cli.service_file import sealed

UNIT = "palingenesis.service"
LABEL = "palingenesis"
ENVIRONMENT_FILE = "environment"
"""In the configuration's folder: variables with secrets, which have no place in a unit."""

_PASSED_ON = (
    STATE_VARIABLE,
    CONFIG_VARIABLE,
    RUNTIME_VARIABLE,
    CACHE_VARIABLE,
    POLICY_VARIABLE,
    "PALINGENESIS_OPENCODE",
    "XDG_CONFIG_HOME",
    "XDG_DATA_HOME",
    "XDG_STATE_HOME",
    "XDG_CACHE_HOME",
)

_RUNS = re.compile(r'^ExecStart="?(/.*?)"? -P -m palingenesis ', re.MULTILINE)

_STRICT = """\
# --strict: agents work under these rules too. No containers, no GPU, no `sudo`.
PrivateUsers=yes
PrivateMounts=yes
PrivateDevices=yes
CapabilityBoundingSet=
LockPersonality=yes
RestrictSUIDSGID=yes
RestrictNamespaces=yes
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK
SystemCallArchitectures=native
SystemCallFilter=@system-service @pkey @debug
SystemCallFilter=~@clock @module @raw-io @reboot @swap @obsolete @cpu-emulation
SystemCallErrorNumber=EPERM
KeyringMode=private
ProtectSystem=full
ProtectKernelModules=yes
ProtectControlGroups=yes
ProtectClock=yes
ProtectHostname=yes
"""

_UNIT = """\
[Unit]
Description=palingenesis, watching over coding agents
# It begins again for as long as it takes: what cannot be cured by that is in
# RestartPreventExitStatus, and what may pass is waited for by the daemon, ever more slowly.
StartLimitIntervalSec=0

[Service]
Type=notify
NotifyAccess=main
ExecStart={run}
ExecReload={reload}
{variables}
EnvironmentFile=-{environment_file}

Restart=on-failure
RestartSec=2
RestartPreventExitStatus=2 4 5

# The decision loop itself feeds the watchdog, every 5 seconds at least.
WatchdogSec=60
TimeoutStartSec=90
TimeoutStopSec=20
TimeoutAbortSec=2

# Agents outlive the daemon, and one of them that needs too much memory does not end it.
KillMode=process
OOMPolicy=continue

NoNewPrivileges=yes
RestrictRealtime=yes
{strict}
[Install]
WantedBy=default.target
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """How the daemon is run as a service."""

    python: str
    variables: Mapping[str, str]
    environment_file: Path
    log: Path
    flags: tuple[str, ...] = ()
    strict: bool = False

    def words(self, *words: str) -> list[str]:
        """A command of this palingenesis, with the whole path of the interpreter that runs now.

        `-P`: a folder named palingenesis where it happens to stand must not be imported.
        """
        return [self.python, "-P", "-m", "palingenesis", *words]


def program_here(
    environ: Mapping[str, str], paths: Paths, flags: tuple[str, ...], *, strict: bool
) -> Program:
    """This palingenesis, with what it needs of this environment; secrets are left out."""
    variables = {"PATH": _search_path(environ.get("PATH", ""))}
    variables |= {name: environ[name] for name in _PASSED_ON if environ.get(name)}
    return Program(
        python=sys.executable,
        variables=variables,
        environment_file=paths.config / ENVIRONMENT_FILE,
        log=paths.log,
        flags=flags,
        strict=strict,
    )


def unit(program: Program) -> str:
    """The text of systemd's unit."""
    variables = "\n".join(
        "Environment=" + _quoted(f"{name}={value}") for name, value in program.variables.items()
    )
    text = _UNIT.format(
        run=" ".join(map(_argument, program.words("daemon", "run", *program.flags))),
        reload=" ".join(map(_argument, program.words("daemon", "reload"))),
        variables=variables,
        environment_file=str(program.environment_file).replace("%", "%%"),
        strict=_STRICT if program.strict else "",
    )
    return sealed(text, lambda line: f"# {line}")


def property_list(program: Program) -> str:
    """The text of launchd's property list."""
    import plistlib

    text = plistlib.dumps(
        {
            "Label": LABEL,
            "ProgramArguments": program.words("daemon", "run", *program.flags),
            "EnvironmentVariables": dict(program.variables),
            "RunAtLoad": True,
            "KeepAlive": {"SuccessfulExit": False},
            "ThrottleInterval": 30,
            "AbandonProcessGroup": True,
            "StandardOutPath": str(program.log),
            "StandardErrorPath": str(program.log),
        }
    ).decode()
    return sealed(text, lambda line: f"<!-- {line} -->")


def interpreter_of(text: str) -> str:
    """What a unit of ours runs; empty when it does not say."""
    found = _RUNS.search(text)
    return found[1].replace("$$", "$").replace("%%", "%") if found is not None else ""


def _search_path(text: str) -> str:
    """The folders of PATH that mean the same everywhere, each once."""
    return ":".join(dict.fromkeys(it for it in text.split(":") if it.startswith("/")))


def _quoted(text: str) -> str:
    """A word of `Environment=`: quoted, with systemd's specifiers taken as they stand."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
    return f'"{escaped}"'


def _argument(text: str) -> str:
    """A word of a command line, where `$` would be read too."""
    plain = text.replace("%", "%%").replace("$", "$$")
    safe = all(it.isalnum() or it in "/._-:=+@,%" for it in text)
    return plain if safe else _quoted(text).replace("$", "$$")
