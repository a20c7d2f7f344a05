"""The real program and the real daemon in a home of their own, with no OpenCode to watch."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.cli.test_commands import environment

ENGINE = Path(__file__).parents[2] / "engine"
NOBODY = "http://127.0.0.1:9"
"""A server that is not there: the daemon runs, and watches in vain."""


class Home:
    """A home, and what is typed there."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environment = {**environment(folder), "PYTHONPATH": str(ENGINE)}

    def say(self, *words: str, **variables: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [sys.executable, "-m", "palingenesis", *words],
            env={**self.environment, **variables},
            capture_output=True,
            text=True,
            timeout=90,
            check=False,
        )

    def shell(self, script: str, encoding: str = "utf-8") -> "subprocess.CompletedProcess[str]":
        """Run a recipe as it is written, with `palingenesis` on the PATH."""
        program = self.folder / "bin" / "palingenesis"
        program.parent.mkdir(exist_ok=True)
        program.write_text(f"#!/bin/sh\nexec '{sys.executable}' -m palingenesis \"$@\"\n")
        program.chmod(0o755)
        path = f"{program.parent}{os.pathsep}{self.environment['PATH']}"
        return subprocess.run(
            ["bash", "-c", script],
            env={**self.environment, "PATH": path, "PYTHONIOENCODING": encoding},
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=90,
            check=False,
        )

    def start(self) -> int:
        said = self.say("daemon", "start", "--server", NOBODY, "--json")
        assert said.returncode == 0, said.stderr
        return int(json.loads(said.stdout)["pid"])


@contextmanager
def a_home(folder: Path) -> Iterator[Home]:
    """A home whose daemon does not outlive the test, whatever state it was left in."""
    folder.chmod(0o700)
    home = Home(folder)
    try:
        yield home
    finally:
        lock = folder / "s" / "daemon.lock"
        if home.say("daemon", "stop", "--force").returncode != 0 and lock.exists():
            os.kill(int(lock.read_text()), signal.SIGKILL)
