"""From config.toml to a `Config`: every key checked, every problem told with its line and column.

`parse_config` is a pure function of the text and the environment; `load_config` reads the file.
Without a file the defaults hold. All problems are told together.
"""

import os
import tomllib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from palingenesis.core.errors import InvalidConfigError
from palingenesis.runtime.bounded_file import read_bounded, unreadable
from palingenesis.runtime.config import (
    VERSION,
    Config,
    ConfigProblemsError,
    DaemonConfig,
    JournalConfig,
    MetricsConfig,
    MonitoringConfig,
    NotificationsConfig,
    OpenCodeConfig,
    OtelConfig,
)
from palingenesis.runtime.config_keys import SECTIONS
from palingenesis.runtime.config_reading import Reading, short
from palingenesis.runtime.config_syntax import syntax_problem
from palingenesis.runtime.paths import Paths
from palingenesis.runtime.resume_policy import ResumeConfig
from palingenesis.runtime.trust import is_readable_by_others, way_out, why_untrusted

CONFIG_BYTES_MAX = 64 * 1024
"""tomllib takes quadratic time for a key of many parts: half a second for so many bytes."""
_WITHOUT = "without it the defaults hold"
_MARK = "\ufeff"
_NOTHING: Mapping[str, str] = MappingProxyType({})


def load_config(paths: Paths, environ: Mapping[str, str] = os.environ) -> Config:
    """The configuration of this user; the defaults when there is no file.

    Raises:
        ConfigProblemsError: it has problems.
        InvalidConfigError: it cannot be read, or other users can write to it.
    """
    path = paths.config_file
    raw = read_config_file(path)
    if raw is None:
        return replace(parse_config(b"", path, environ), source=None)
    config = parse_config(raw, path, environ)
    told = config.notifications
    plain = (told.webhook_url, told.discord_webhook, told.slack_webhook)
    if any(isinstance(address, str) for address in plain) and is_readable_by_others(path):
        text = f"{path}: warning: other users can read your webhook's address: chmod 600 it"
        return replace(config, warnings=(*config.warnings, text))
    return config


def read_config_file(path: Path) -> bytes | None:
    """What is in the file, a little more than may be; None: there is none.

    Raises:
        InvalidConfigError: it cannot be read, or other users can write to it.
        PassingError: it cannot be read now.
    """
    try:
        if reason := why_untrusted(path):
            raise InvalidConfigError(
                f"the configuration is not safe to use: {reason}",
                hint=f"make it yours alone: {way_out(path)}",
            )
        return read_bounded(path, CONFIG_BYTES_MAX + 1, silence_s=0.1)
    except FileNotFoundError as error:
        if not path.is_symlink():
            return None
        raise InvalidConfigError(
            f"cannot read {path}: it is a link to a file that does not exist",
            hint=f"restore that file, or remove the link: {_WITHOUT}",
        ) from error
    except OSError as error:
        hint = f"make it a file that you can read, or move it away: {_WITHOUT}"
        raise unreadable(f"cannot read {path}", error, hint) from error


def parse_config(text: bytes | str, source: Path, environ: Mapping[str, str] = _NOTHING) -> Config:
    """The configuration that the text and the variables describe; `source` is only named.

    Raises:
        ConfigProblemsError: it is not TOML, is of a later version, or has unknown keys or wrong
            values.
    """
    decoded, tree = _tree(text, source)
    _check_version(tree, source)
    reading = Reading(decoded, source, environ)
    tree = reading.renamed(tree)
    values = {section: reading.section(section, tree.get(section)) for section in SECTIONS}
    hooks = reading.hooks(tree.get("hooks", {}))
    reading.refuse_unknown("", tree, ["version", *SECTIONS, "hooks"])
    reading.warn_about(values)
    if reading.problems:
        raise ConfigProblemsError(tuple(reading.problems), str(source), tuple(reading.variables))
    return Config(
        daemon=DaemonConfig(**values["daemon"]),
        opencode=OpenCodeConfig(**values["opencode"]),
        monitoring=MonitoringConfig(**values["monitoring"]),
        resume=ResumeConfig(**values["resume"]),
        notifications=NotificationsConfig(**values["notifications"]),
        journal=JournalConfig(**values["journal"]),
        otel=OtelConfig(**values["otel"]),
        metrics=MetricsConfig(**values["metrics"]),
        hooks=hooks,
        **values["policy"],
        source=source,
        origins=reading.origins,
        warnings=tuple(reading.warnings),
    )


def _tree(text: bytes | str, source: Path) -> tuple[str, dict[str, Any]]:
    if len(text) > CONFIG_BYTES_MAX:
        message = f"{source}: error: larger than {CONFIG_BYTES_MAX // 1024} KiB"
        raise ConfigProblemsError((message,), str(source))
    try:
        decoded = (text if isinstance(text, str) else text.decode("utf-8")).removeprefix(_MARK)
        return decoded, tomllib.loads(decoded)
    except (ValueError, RecursionError) as error:
        raise ConfigProblemsError((syntax_problem(error, text, source),), str(source)) from error


def _check_version(tree: Mapping[str, object], source: Path) -> None:
    version = tree.get("version", VERSION)
    if isinstance(version, bool) or not isinstance(version, int) or version < 1:
        problem = f"{source}: error: 'version' has a wrong value\n  help: write version = {VERSION}"
        raise ConfigProblemsError((problem,), str(source))
    if version > VERSION:
        problem = (
            f"{source}: error: it is written in version {short(str(version))}, and this"
            f" palingenesis reads version {VERSION}\n  help: update palingenesis"
        )
        raise ConfigProblemsError((problem,), str(source))
