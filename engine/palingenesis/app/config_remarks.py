"""What a valid configuration still lacks: what it names is not there, or has no effect."""

from collections.abc import Iterator, Mapping
from dataclasses import fields
from pathlib import Path

from palingenesis import shipped
from palingenesis.core.errors import InvalidConfigError
from palingenesis.runtime.config import Config, PolicyChoice, why_without_effect
from palingenesis.runtime.project_config import told_of_project
from palingenesis.runtime.secret import Secret
from palingenesis.telemetry.sending import why_impossible


def remarks(
    config: Config, chosen: PolicyChoice, *, environ: Mapping[str, str], here: Path
) -> Iterator[str]:
    """Warnings, a line each; programs that print secrets are not run.

    Args:
        config: what was read.
        chosen: which policy would decide.
        environ: the variables that secrets may be in.
        here: where the person stands.
    """
    source = config.source or "config.toml"
    if why := why_without_effect(config, chosen):
        yield f"{source}: warning: {why}"
    policy = chosen.file(shipped.policy())
    if not policy.exists():
        yield f"{source}: warning: the policy {policy} is not there ({chosen.origin})"
    for name, secret in _secrets(config):
        try:
            secret.reveal(environ)
        except InvalidConfigError as error:
            yield f"{source}: warning: notifications.{name}: {error.message} (seen from here)"
    if config.otel.enabled and (why := why_impossible(config.otel.endpoint)):
        yield f"{source}: warning: [otel] is on, and nothing would be sent: {why}"
    yield from told_of_project(here)


def _secrets(config: Config) -> Iterator[tuple[str, Secret]]:
    for field in fields(config.notifications):
        value = getattr(config.notifications, field.name)
        if isinstance(value, Secret) and value.command is None:
            yield field.name, value
