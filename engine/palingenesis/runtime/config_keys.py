"""Every key of config.toml: which section it is in, which field it fills, and what it may be."""

import re
from collections.abc import Mapping

from palingenesis.runtime import config_bounds
from palingenesis.runtime import config_values as values

Keys = Mapping[str, tuple[str, values.Read]]

SECTIONS: Mapping[str, Keys] = {
    "daemon": {
        "check_interval": ("check_interval", values.span),
        "log_level": ("log_level", values.one_of("debug", "info", "warn", "error")),
    },
    "opencode": {
        "mode": ("mode", values.one_of("managed", "observed")),
        "executable": ("executable", values.text),
        "auto_restart": ("auto_restart", values.flag),
        "serve_port": ("serve_port", values.port),
        "serve_hostname": ("serve_hostname", values.text),
        "restart_delay_ms": ("restart_delay", values.milliseconds),
        "health_check_interval": ("health_check_interval", values.span),
    },
    "monitoring": {
        "assistants": ("assistants", values.texts),
        "session_dir": ("session_dir", values.text),
    },
    "notifications": {
        "webhook_url": ("webhook_url", values.address),
        "webhook_secret": ("webhook_secret", values.secret),
        "ntfy_topic": ("ntfy_topic", values.topic),
        "ntfy_url": ("ntfy_url", values.url),
        "ntfy_token": ("ntfy_token", values.secret),
        "allow_private": ("allow_private", values.flag),
        "discord_webhook": ("", values.address),
        "slack_webhook": ("", values.address),
    },
    "policy": {"path": ("path", values.text)},
    "journal": {
        "max_size": ("max_size", config_bounds.size),
        "keep": ("keep", config_bounds.days),
    },
    "otel": {
        "enabled": ("enabled", values.flag),
        "endpoint": ("endpoint", values.url),
        "service_name": ("service_name", values.text),
    },
    "metrics": {"listen": ("listen", values.listen)},
}
"""Every section and key, the field it fills ("": none yet), and how its value is read."""

HOOK: Keys = {"argv": ("argv", values.argv), "timeout": ("timeout", values.span)}
"""The keys of every `[hooks.NAME]`."""

HOOK_NAME = re.compile(r"[a-z][a-z0-9_-]{0,63}")
MOVED_SECTIONS = ("resume",)
NOT_YET = ("discord_webhook", "slack_webhook")
EMPTY_IS_ABSENT = ("notifications",)
ASSISTANTS = ("opencode",)
