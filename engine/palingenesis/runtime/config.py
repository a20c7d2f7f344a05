"""The configuration: how the daemon runs and whom it tells. What it does is the policy's business.

Here is what can be configured, with its defaults; config_file.py reads it from a file.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from palingenesis.core.errors import InvalidConfigError
from palingenesis.runtime.bounded_file import may_be_there
from palingenesis.runtime.config_bounds import MIB
from palingenesis.runtime.door import PolicyStatus
from palingenesis.runtime.paths import POLICY_VARIABLE, Paths, expanded
from palingenesis.runtime.resume_policy import ORIGIN, ResumeConfig, write_policy
from palingenesis.runtime.secret import Secret

VERSION = 1
"""Of the configuration's language. A file may say `version = 1`, and need not."""

Name = tuple[str, str]
"""A key by its section and its name: ("daemon", "log_level")."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where a value is from: a line of a file, or an environment variable."""

    file: str = ""
    line: int = 0
    column: int = 0
    variable: str = ""

    def __str__(self) -> str:
        if self.variable:
            return self.variable
        return f"{self.file}:{self.line}" if self.line else self.file


@dataclass(frozen=True, slots=True, kw_only=True)
class DaemonConfig:
    """How the daemon itself runs."""

    check_interval: timedelta = timedelta(seconds=5)
    """How often the sensors reconcile what they saw with what is."""
    log_level: str = "info"
    log_format: str = "text"
    """How a record is written where systemd's journal does not take it: `text` or `json`."""


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
    """Empty: whatever is found; "none": nobody."""
    session_dir: str | None = None

    @property
    def has_somebody(self) -> bool:
        """Whether any assistant is to be supervised."""
        return "none" not in self.assistants


@dataclass(frozen=True, slots=True, kw_only=True)
class NotificationsConfig:
    """Whom we tell. Addresses may hold secrets, so they are kept out of every `repr`."""

    webhook_url: str | Secret | None = field(default=None, repr=False)
    webhook_secret: Secret | None = None
    ntfy_topic: str | Secret | None = field(default=None, repr=False)
    ntfy_url: str = "https://ntfy.sh"
    ntfy_token: Secret | None = None
    discord_webhook: str | Secret | None = field(default=None, repr=False)
    slack_webhook: str | Secret | None = field(default=None, repr=False)
    allow_private: bool = False
    """Whether addresses inside private networks may be told; loopback always may."""

    @property
    def secret_variables(self) -> frozenset[str]:
        """The environment variables that hold our secrets, and are nobody else's business."""
        values = (
            *(self.webhook_url, self.webhook_secret, self.ntfy_topic, self.ntfy_token),
            *(self.discord_webhook, self.slack_webhook),
        )
        return frozenset(it.env for it in values if isinstance(it, Secret) and it.env is not None)

    @property
    def channels(self) -> frozenset[str]:
        """The names of the channels that are configured."""
        found = {
            "webhook": self.webhook_url,
            "ntfy": self.ntfy_topic,
            "discord": self.discord_webhook,
            "slack": self.slack_webhook,
        }
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
    resume: ResumeConfig = field(default_factory=ResumeConfig)
    hooks: Mapping[str, HookConfig] = field(default_factory=dict)
    policy: str | None = None
    """`[policy] path`, as written."""
    policy_mode: str = "enforce"
    """`[policy] mode`. `shadow`: whatever the policy says, it is only written down."""
    source: Path | None = None
    origins: Mapping[Name, Origin] = field(default_factory=dict, compare=False)
    """Where each value that was given is from; what is missing here is a default."""
    warnings: tuple[str, ...] = field(default=(), compare=False)
    """Things a person should know; one line each, with file, line and column."""

    def place(self, section: str, name: str) -> str:
        """Where the value of a key is from, as a message begins: file, line and column."""
        origin = self.origins.get((section, name))
        if origin is None:
            return str(self.source or "config.toml")
        return f"{origin}:{origin.column}" if origin.line else str(origin)


class ConfigProblemsError(InvalidConfigError):
    """The configuration has problems; `problems` are all of them, ready to print.

    `variables` are those of the environment that some of them are about.
    """

    def __init__(
        self, problems: tuple[str, ...], source: str, variables: tuple[str, ...] = ()
    ) -> None:
        count = f"{len(problems)} problems" if len(problems) > 1 else "a problem"
        unset = " and ".join(variables)
        if not variables:
            message = f"the configuration {source} has {count}"
            hint = "correct it, or move it away: without it the defaults hold"
        elif len(variables) == len(problems):
            message, hint = f"the environment has {count}", f"correct {unset}, or unset it"
        else:
            message = f"the configuration {source} and the environment have {count}"
            hint = f"correct the file, and correct or unset {unset}"
        super().__init__(message, hint=hint)
        self.problems = problems


OWN_ORIGIN = "your own policy.yaml"
SHIPPED_ORIGIN = "shipped"
FLAG_ORIGIN = "--policy"


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyChoice:
    """Which policy is used, and who said so. `path` None: the shipped default."""

    path: Path | None
    origin: str
    short_hands: Path | None = None
    """What `[resume]` makes of the shipped policy, or where a running daemon has its shipped one.

    It decides as long as `path` is None.
    """

    def file(self, default: Path) -> Path:
        """The file that decides; `default` is the shipped policy."""
        return self.path or self.short_hands or default


def choose_policy(
    *, flag: Path | None, environ: Mapping[str, str], config: Config, paths: Paths
) -> PolicyChoice:
    """The policy to use: flag, then environment, configuration, own file, shipped default.

    Raises:
        PalingenesisError: what `[resume]` makes of the shipped one cannot be written.
    """
    if flag is not None:
        return PolicyChoice(path=expanded(str(flag), FLAG_ORIGIN).absolute(), origin=FLAG_ORIGIN)
    if value := environ.get(POLICY_VARIABLE, ""):
        return PolicyChoice(
            path=expanded(value, POLICY_VARIABLE).absolute(), origin=POLICY_VARIABLE
        )
    if config.policy is not None:
        home = config.source.parent if config.source is not None else paths.config
        path = home / expanded(config.policy, "[policy] path")
        return PolicyChoice(path=path, origin="[policy] path in config.toml")
    if may_be_there(paths.policy_file) or paths.policy_file.is_symlink():
        return PolicyChoice(path=paths.policy_file, origin=OWN_ORIGIN)
    made = write_policy(config.resume, paths.state)
    return PolicyChoice(
        path=None, origin=SHIPPED_ORIGIN if made is None else ORIGIN, short_hands=made
    )


def choice_told(told: PolicyStatus) -> PolicyChoice:
    """What a running daemon says of its policy, as a choice: the file, also one that it refused.

    A flag and a variable are its own: whoever asks may have given other ones, or none.
    """
    path, origin = Path(told.get("refused") or told["path"]), told.get("origin", "")
    if origin in {SHIPPED_ORIGIN, ORIGIN}:
        return PolicyChoice(path=None, origin=origin, short_hands=path)
    if origin in {FLAG_ORIGIN, POLICY_VARIABLE, ""}:
        origin = f"{origin} of the running daemon" if origin else "the running daemon"
    return PolicyChoice(path=path, origin=origin)


def why_without_effect(config: Config, chosen: PolicyChoice) -> str:
    """Why the short-hands change nothing, where they stand in the file; "" when they do."""
    if config.resume == ResumeConfig() or chosen.path is None:
        return ""
    return f"[resume] has no effect: your own policy {chosen.path} decides ({chosen.origin})"
