"""What every command needs at hand: where things are, and the way to the daemon."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from palingenesis.control.client import ControlClient
    from palingenesis.runtime.paths import Paths


@dataclass(kw_only=True)
class Desk:
    """Handed to every command; everything costly is found when it is asked for."""

    environ: Mapping[str, str] = field(default_factory=lambda: os.environ)
    debug: bool = False

    @property
    def paths(self) -> "Paths":
        """Where this user's things are."""
        from palingenesis.runtime.paths import find_paths

        return find_paths(self.environ)

    @property
    def who(self) -> str:
        """Who gives a command here, for the journal."""
        from palingenesis.surfaces.cli.who import who

        return who(self.environ)

    def reached(self) -> "ControlClient":
        """The way to a daemon that has just answered.

        An order may take its time, so that one who gives it to a daemon that hangs would wait long
        for nothing.
        """
        client = self.client()
        client.status()
        return client

    def client(self, *, timeout_s: float = 6.0) -> "ControlClient":
        """The way to the daemon; nothing is asked yet."""
        from palingenesis.control.client import ControlClient

        return ControlClient(self.paths.socket, timeout_s=timeout_s)
