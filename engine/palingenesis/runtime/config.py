"""The configuration: how the daemon runs and whom it tells. What it does is the policy's business.

Here is what can be configured, with its defaults; config_file.py reads it from a file.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from palingenesis.core.errors import InvalidConfigError
from palingenesis.runtime.bounded_file import read_bounded
from palingenesis.runtime.config_bounds import MIB
from palingenesis.runtime.paths import POLICY_VARIABLE, Paths, expanded
from palingenesis.runtime.trust import way_out, why_untrusted

SECRET_CHARS_MAX = 4096
_WAY_OUT = "put it there, or correct [notifications] in config.toml"


@dataclass(frozen=True, slots=True, kw_only=True)
class Secret:
    """Where a secret is to be found: an environment variable or a file. Never the secret itself."""

    env: str | None = None
    file: str | None = None

    def reveal(self, environ: Mapping[str, str]) -> str:
        """The secret, without surrounding white space.

        Raises:
            InvalidConfigError: it is not there, or empty.
        """
        if self.env is not None:
            value, place = environ.get(self.env, ""), f"the environment variable {self.env}"
        else:
            place = f"the file {self.file}"
            value = _read_secret(expanded(self.file or "", "a secret"), place)
        value = value.strip()
        if not value:
            raise InvalidConfigError(f"a secret is missing: {place} is empty", _WAY_OUT)
        if len(value) > SECRET_CHARS_MAX or not (value.isascii() and value.isprintable()):
            raise InvalidConfigError(
                f"{place} holds no secret that could be sent: it is one line of ASCII, at most"
                f" {SECRET_CHARS_MAX} characters",
                _WAY_OUT,
            )
        return value


def _read_secret(path: Path, place: str) -> str:
    try:
        if why := why_untrusted(path):
            raise InvalidConfigError(f"a secret is not safe to use: {why}", way_out(path))
        return read_bounded(path, 4 * SECRET_CHARS_MAX, silence_s=0.1).decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidConfigError(f"cannot read a secret from {place}", _WAY_OUT) from error


@dataclass(frozen=True, slots=True, kw_only=True)
class DaemonConfig:
    """How the daemon itself runs."""

    check_interval: timedelta = timedelta(seconds=5)
    """How often the sensors reconcile what they saw with what is."""
    log_level: str = "info"


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenCodeConfig:
    """How OpenCode is run and reached."""

    mode: str = "managed"
    """`managed`: we run `opencode serve`. `observed`: we only watch what the person runs."""
    executable: str | None = None
    auto_restart: bool = True
    serve_port: int = 4096
    serve_hostname: str = "127.0.0.1"
    restart_delay: timedelta = timedelta(seconds=1)
    health_check_interval: timedelta = timedelta(seconds=5)


@dataclass(frozen=True, slots=True, kw_only=True)
class MonitoringConfig:
    """What is watched."""

    assistants: tuple[str, ...] = ()
    """Empty: whatever is found."""
    session_dir: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NotificationsConfig:
    """Whom we tell. Addresses may hold secrets, so they are kept out of every `repr`."""

    webhook_url: str | Secret | None = field(default=None, repr=False)
    webhook_secret: Secret | None = None
    ntfy_topic: str | Secret | None = field(default=None, repr=False)
    ntfy_url: str = "https://ntfy.sh"
    ntfy_token: Secret | None = None
    allow_private: bool = False
    """Whether addresses inside private networks may be told; loopback always may."""

    @property
    def secret_variables(self) -> frozenset[str]:
        """The environment variables that hold our secrets, and are nobody else's business."""
        values = (self.webhook_url, self.webhook_secret, self.ntfy_topic, self.ntfy_token)
        return frozenset(it.env for it in values if isinstance(it, Secret) and it.env is not None)

    @property
    def channels(self) -> frozenset[str]:
        """The names of the channels that are configured."""
        found = {"webhook": self.webhook_url, "ntfy": self.ntfy_topic}
        return frozenset(name for name, address in found.items() if address is not None)


@dataclass(frozen=True, slots=True, kw_only=True)
class HookConfig:
    """A program that a policy may run by its name: no shell, and a limit of time."""

    argv: tuple[str, ...]
    timeout: timedelta = timedelta(seconds=30)


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalConfig:
    """How much of the past is kept; what is open or alive stays whatever this says."""

    max_size: int = 64 * MIB
    """Bytes, for everything that the journal keeps on the disk together."""
    keep: timedelta = timedelta(days=90)


@dataclass(frozen=True, slots=True, kw_only=True)
class OtelConfig:
    """Where traces, metrics and logs go."""

    enabled: bool = False
    endpoint: str = "http://localhost:4318"
    service_name: str = "palingenesis"


@dataclass(frozen=True, slots=True, kw_only=True)
class Listen:
    """A port of this machine, at an address that no other machine reaches; port 0: a free one."""

    host: str
    port: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricsConfig:
    """Where Prometheus may ask for what is counted."""

    listen: Listen | None = None
    """None: nobody can ask; `palingenesis metrics export` works all the same."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """The whole configuration, complete and checked."""

    daemon: DaemonConfig = field(default_factory=DaemonConfig)
    opencode: OpenCodeConfig = field(default_factory=OpenCodeConfig)
    monitoring: MonitoringConfig = field(default_factory=MonitoringConfig)
    notifications: NotificationsConfig = field(default_factory=NotificationsConfig)
    journal: JournalConfig = field(default_factory=JournalConfig)
    otel: OtelConfig = field(default_factory=OtelConfig)
    metrics: MetricsConfig = field(default_factory=MetricsConfig)
    hooks: Mapping[str, HookConfig] = field(default_factory=dict)
    policy: str | None = None
    """`[policy] path`, as written."""
    source: Path | None = None
    warnings: tuple[str, ...] = ()
    """Things a person should know; one line each, with file, line and column."""


class ConfigProblemsError(InvalidConfigError):
    """The configuration has problems; `problems` are all of them, ready to print."""

    def __init__(self, problems: tuple[str, ...], source: str) -> None:
        count = f"{len(problems)} problems" if len(problems) > 1 else "a problem"
        super().__init__(
            f"the configuration {source} has {count}",
            hint="correct it, or move it away: without it the defaults hold",
        )
        self.problems = problems


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyChoice:
    """Which policy is used, and who said so. `path` None: the shipped default."""

    path: Path | None
    origin: str


def choose_policy(
    *, flag: Path | None, environ: Mapping[str, str], config: Config, paths: Paths
) -> PolicyChoice:
    """The policy to use: flag, then environment, configuration, own file, shipped default."""
    if flag is not None:
        return PolicyChoice(path=expanded(str(flag), "--policy").absolute(), origin="--policy")
    if value := environ.get(POLICY_VARIABLE, ""):
        return PolicyChoice(
            path=expanded(value, POLICY_VARIABLE).absolute(), origin=POLICY_VARIABLE
        )
    if config.policy is not None:
        home = config.source.parent if config.source is not None else paths.config
        path = home / expanded(config.policy, "[policy] path")
        return PolicyChoice(path=path, origin="[policy] path in config.toml")
    if paths.policy_file.exists() or paths.policy_file.is_symlink():
        return PolicyChoice(path=paths.policy_file, origin="your own policy.yaml")
    return PolicyChoice(path=None, origin="shipped")
