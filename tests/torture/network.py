"""Whom does it talk to? Every address that anything connects to in a night, by default nobody's.

    python -m tests.torture.network
    python -m tests.torture.network --real --strace

A night with a default configuration (no notifications) and a scripted provider on this machine:
a session works, is refused for a moment, goes on, and its server is killed once. What is asked of
the network is written down by Python's own audit events, in the daemon and in every Python that it
starts; with `--strace` by the kernel, for every process, whatever it is written in. Exits with 1
when the daemon itself asked for anything but this machine; what OpenCode asks for is listed beside
it, because it is OpenCode's own doing (its updates and its list of models, both turned off here).
"""

import argparse
import ipaddress
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from palingenesis.demo.replies import Text, rate_limited
from tests.live.executable import opencode_executable
from tests.live.night import Night
from tests.torture.standing_in import stand_in
from tests.torture.telling import commit

HOOK = """
import os, sys

def _hear(event, args):
    if event in ("socket.connect", "socket.sendto", "socket.sendmsg"):
        address = args[1] if len(args) > 1 else None
    elif event in ("socket.getaddrinfo", "socket.gethostbyname"):
        address = args[0:2]
    else:
        return
    words = sys.orig_argv
    kind = "stand-in" if "serve" in words else "daemon" if "daemon" in words else "command"
    line = f"{kind}\\t{event}\\t{address!r}\\n".encode()
    file = os.open(os.environ["HEARD"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    os.write(file, line)
    os.close(file)

sys.addaudithook(_hear)
"""
_TRACED = re.compile(r"^(\d+) +.*?(?:connect|sendto)\(.*?(\{sa_family=[^}]*\})")
_EXECUTED = re.compile(r'^(\d+) +execve\("([^"]+)", \[(.*?)\]')


@dataclass(frozen=True)
class Asked:
    """One request to the network."""

    by: str
    """`daemon`, `stand-in`, `opencode` or another program."""
    what: str
    address: str

    @property
    def is_here(self) -> bool:
        """Whether it stays on this machine: a path, or a loopback address by number or name."""
        if self.address.startswith(("'/", "sun_path", "None")):
            return True
        host = re.search(r"""['"]([^'"]*)['"]""", self.address)
        return host is not None and _is_loopback(host[1])


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def heard(text: str) -> list[Asked]:
    """What the audit events say."""
    found = []
    for line in text.splitlines():
        kind, what, address = line.split("\t", 2)
        found.append(Asked(kind, what, address.removeprefix("(")))
    return found


def traced(text: str) -> list[Asked]:
    """What strace says."""
    who: dict[str, str] = {}
    found = []
    for line in text.splitlines():
        if ran := _EXECUTED.search(line):
            words = ran[3]
            who[ran[1]] = (
                "daemon"
                if '"daemon"' in words
                else "command"
                if '"palingenesis"' in words
                else "opencode"
                if "opencode" in ran[2] or '"serve"' in words
                else Path(ran[2]).name
            )
        elif (cloned := re.match(r"^(\d+) +.*(?:clone3?|v?fork)\(.* = (\d+)$", line)) and cloned[
            1
        ] in who:
            who.setdefault(cloned[2], who[cloned[1]])
        elif asked := _TRACED.search(line):
            address = asked[2].partition(", ")[2].rstrip("}")
            if "AF_NETLINK" not in asked[2] and "AF_UNSPEC" not in asked[2]:
                found.append(Asked(who.get(asked[1], "?"), "connect", address))
    return found


def play(
    opencode: Path, *, strace: bool = False, hostile: Mapping[str, str] | None = None
) -> list[Asked]:
    """One night, in a hostile environment if one is given; returns what the network was asked."""
    with tempfile.TemporaryDirectory(prefix="palin-heard-") as folder:
        told = Path(folder) / "heard"
        (Path(folder) / "sitecustomize.py").write_text(HOOK)
        told.touch()
        with Night(opencode, daemon_starts=False) as night:
            config = night.root / "config" / "config.toml"
            config.write_text(config.read_text().partition("[notifications]")[0])
            environment = dict(hostile or {})
            environment |= {} if strace else {"PYTHONPATH": folder, "HEARD": str(told)}
            with _Under(strace, told):
                night.start(environment=environment)
                _live(night, environment)
        return (traced if strace else heard)(told.read_text())


class _Under:
    """Has the next Python that is started run under strace."""

    def __init__(self, wanted: bool, told: Path) -> None:
        self._wanted, self._told, self._real = wanted, told, sys.executable

    def __enter__(self) -> None:
        if not self._wanted:
            return
        wrapper = self._told.with_name("python")
        calls = "connect,sendto,execve,clone,clone3,fork,vfork"
        strace = shutil.which("strace") or "strace"
        wrapper.write_text(
            f"#!/bin/sh\nexec {strace} -f -qq -A -s 200 -e trace={calls} -e signal=none"
            f' -o {self._told} {self._real} "$@"\n'
        )
        wrapper.chmod(0o700)
        sys.executable = str(wrapper)

    def __exit__(self, *_: object) -> None:
        sys.executable = self._real


def _live(night: Night, environment: Mapping[str, str]) -> None:
    night.provider.script(Text(text="done"), rate_limited(1), Text(text="done"))
    session = night.begin("do it")
    night.wait_for(session, "completed", timeout_s=60)
    night.settle()
    night.prompt(session, "do more")
    night.wait(lambda: len(night.provider.requests) >= 3, 60, lambda: "three requests")
    night.wait_for(session, "completed", timeout_s=60)
    before = night.kill_agent()
    night.wait(
        lambda: night.agent_pid(of_any=True) not in (None, before), 60, lambda: "a new server"
    )
    for words in (("status",), ("events",), ("doctor",), ("preflight",), ("policy", "show")):
        subprocess.run(
            [sys.executable, "-m", "palingenesis", *words],
            env={**night.environment(), **environment},
            cwd=night.project,
            capture_output=True,
            timeout=120,
            check=False,
        )


def tell(asked: Iterable[Asked], say: Callable[[str], None] = print) -> int:
    """Print each address with who asked how often; returns how many of ours leave the machine."""
    counted = Counter((one.by, re.sub(r"\d{4,5}", "PORT", one.address)) for one in asked)
    for (by, address), times in sorted(counted.items()):
        say(f"{times:6} {by:9} {address[:100]}")
    return sum(not one.is_here for one in asked if one.by not in ("opencode", "stand-in"))


def main(arguments: list[str] | None = None) -> int:
    """Play the night; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.torture.network", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--real", action="store_true", help="with the real OpenCode")
    parser.add_argument("--strace", action="store_true", help="ask the kernel (needs strace)")
    asked = parser.parse_args(arguments)
    if asked.real:
        found = play(opencode_executable(), strace=asked.strace)
    else:
        with stand_in() as program:
            found = play(program, strace=asked.strace)
    leaving = tell(found)
    by_agent = sum(not one.is_here for one in found) - leaving
    print(f"requests to the network: {len(found)}; by us beyond this machine: {leaving};"
          f" by OpenCode beyond it: {by_agent}")  # fmt: skip
    print(f"date: {datetime.now(UTC):%Y-%m-%d}, commit {commit()}, pid {os.getpid()}")
    return int(leaving > 0)


if __name__ == "__main__":
    sys.exit(main())
