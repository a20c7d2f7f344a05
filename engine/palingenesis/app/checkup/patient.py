"""Whom the checks look at: this user's installation, its daemon, its agent, its projects.

Everything is found when it is first asked for, and once.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

from palingenesis import shipped
from palingenesis.assistants.opencode.executable import find_executable
from palingenesis.assistants.opencode.inquiry import Inquiry
from palingenesis.control.client import ControlClient
from palingenesis.core.errors import InvalidConfigError, PalingenesisError
from palingenesis.core.policy.compile import Compiled, compile_text
from palingenesis.runtime.config import Config, PolicyChoice, choice_told, choose_policy
from palingenesis.runtime.config_file import load_config
from palingenesis.runtime.door import SessionStatus, Status
from palingenesis.runtime.outside import outside_of
from palingenesis.runtime.paths import Paths

_ANSWERS_WITHIN_S = 3.0
_PROJECTS_MOST = 10


class Service(NamedTuple):
    """How the daemon is kept alive by the machine's service manager."""

    runs: bool
    lingers: bool | None
    """Whether it lives on when the person logs out, and starts at boot; None: not known."""
    next: str
    """The one command that helps most."""


def no_service() -> Service:
    """Where nobody knows how to ask.

    Raises:
        PalingenesisError: always.
    """
    raise PalingenesisError("how the daemon is kept alive is not known here")


@dataclass(frozen=True, kw_only=True)
class Patient:
    """One user's installation. What it asks for may raise a PalingenesisError."""

    paths: Paths
    environ: Mapping[str, str]
    here: Path
    """Where the person stands: the project that is meant when no session is supervised."""
    service: Callable[[], Service] = no_service

    @cached_property
    def config(self) -> Config:
        """The configuration."""
        return load_config(self.paths, self.environ)

    @cached_property
    def choice(self) -> PolicyChoice:
        """Which policy decides, and who said so: the daemon that runs, or what it would begin with.

        It answers, or does not, to the checks of the daemon as well: nobody waits twice.
        """
        if (running := self.running) is not None:
            return choice_told(running["policy"])
        return self.next_choice

    @cached_property
    def next_choice(self) -> PolicyChoice:
        """Which policy a daemon would begin with that is started here without options."""
        return choose_policy(flag=None, environ=self.environ, config=self.config, paths=self.paths)

    @cached_property
    def policy_path(self) -> Path:
        """The policy that the daemon uses, or would use now."""
        return self.choice.file(shipped.policy())

    @cached_property
    def compiled(self) -> Compiled:
        """That policy, read and checked.

        Raises:
            InvalidConfigError: there is no such file, or it cannot be read.
        """
        path = self.policy_path
        around = outside_of(
            path,
            presets=shipped.presets(),
            environ=self.environ,
            channels=self.config.notifications.channels,
            hooks=frozenset(self.config.hooks),
        )
        try:
            text = path.read_bytes()
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            raise InvalidConfigError(
                f"the policy {path} ({self.choice.origin}) cannot be read: {reason}",
                "correct where it is looked for, or write one: palingenesis policy init",
            ) from error
        return compile_text(
            text,
            name=path.stem,
            schema=shipped.schema("policy").read_text(encoding="utf-8"),
            outside=around.outside,
        )

    @cached_property
    def status(self) -> Status | PalingenesisError:
        """What the daemon says of itself, or why it says nothing."""
        try:
            return ControlClient(self.paths.socket, timeout_s=_ANSWERS_WITHIN_S).status()
        except PalingenesisError as error:
            return error

    @property
    def running(self) -> Status | None:
        """What the daemon says of itself; None: it does not answer."""
        return None if isinstance(self.status, PalingenesisError) else self.status

    def goes_by(self, digest: str) -> bool:
        """Whether the daemon goes by that policy, beside what is laid over its file.

        That is what projects and `[policy] mode` ask for. One that does not run goes by any.

        Raises:
            PalingenesisError: the daemon does not answer any more.
        """
        if self.running is None or self.running["policy"]["digest"] == digest:
            return True
        told = ControlClient(self.paths.socket, timeout_s=_ANSWERS_WITHIN_S).policy()
        return told.get("alone", told["digest"]) == digest

    @property
    def sessions(self) -> Sequence[SessionStatus]:
        """The supervised sessions."""
        return self.running["sessions"] if self.running is not None else ()

    @cached_property
    def executable(self) -> Path:
        """The program `opencode`."""
        return find_executable(self.config.opencode.executable, self.environ)

    @cached_property
    def projects(self) -> Sequence[Path]:
        """Where the supervised sessions work; without any, where the person stands."""
        found = dict.fromkeys(one["directory"] for one in self.sessions if one["directory"])
        return [Path(one) for one in found][:_PROJECTS_MOST] or [self.here]

    @cached_property
    def inquiry(self) -> Inquiry:
        """What OpenCode itself says of its settings, models and permissions."""
        return Inquiry.make(str(self.executable), self.environ, self.projects)

    @property
    def agent(self) -> Inquiry | None:
        """The same; None: there is no OpenCode to be asked."""
        with suppress(PalingenesisError):
            return self.inquiry
        return None
