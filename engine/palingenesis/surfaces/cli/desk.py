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

    def client(self, *, timeout_s: float = 6.0) -> "ControlClient":
        """The way to the daemon; nothing is asked yet."""
        from palingenesis.control.client import ControlClient

        return ControlClient(self.paths.socket, timeout_s=timeout_s)
