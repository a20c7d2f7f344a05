"""Every key of config.toml: where it stands, which field it fills, what it may be, what it is for.

One table, from which the reader, the schema, `config init`, `config show` and `config set` are
made, so that none of them can know a key that another one does not.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from palingenesis.core.facts import show_duration
from palingenesis.runtime import config_bounds as bounds
from palingenesis.runtime import config_values as values
from palingenesis.runtime.config import Listen, Name
from palingenesis.runtime.notice_address import PATTERN
from palingenesis.runtime.secret import Secret


def plainly(value: object) -> object:
    """A value in the words of TOML, as it is written into the file."""
    match value:
        case timedelta():
            return show_duration(value)
        case Secret(env=str(name)):
            return {"env": name}
        case Secret(file=str(name)):
            return {"file": name}
        case Secret(command=tuple(words)):
            return {"command": list(words)}
        case Listen(host=host, port=port):
            return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        case tuple():
            return list(value)
        case _:
            return value


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """What a value may be: for the reader, for an editor, and back into the words of TOML."""

    read: values.Read
    schema: Mapping[str, Any]
    write: Callable[[Any], object] = plainly


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """One key."""

    field: str
    kind: Kind
    says: str
    """What it is for, in a line."""
    live: bool = True
    """Whether a change takes effect while the daemon runs."""
    example: object = None
    """For a key whose default is nothing; in the words of TOML."""
    private: bool = False
    """Whether its value is not for everybody's eyes."""


Keys = Mapping[str, Key]


def _words(*words: str) -> Kind:
    return Kind(read=values.one_of(*words), schema={"enum": list(words)})


def _whole(least: int, most: int) -> Kind:
    def read(value: object) -> object:
        return values.whole(value, least, most)

    return Kind(read=read, schema={"type": "integer", "minimum": least, "maximum": most})


_LIST: Final = {"type": "array", "items": {"type": "string"}}
_REFERENCE: Final = {
    "type": "object",
    "minProperties": 1,
    "maxProperties": 1,
    "additionalProperties": False,
    "properties": {
        "env": {"type": "string", "minLength": 1},
        "file": {"type": "string", "minLength": 1},
        "command": {**_LIST, "minItems": 1},
    },
}
_SPAN: Final = {"type": "string", "pattern": r"^[0-9]+(\.[0-9]+)?(w|d|h|m|s|ms)[0-9.a-z]*$"}
_URL: Final = {"type": "string", "pattern": f"^{values.URL}$"}
_NOTICE_URL: Final = {"type": "string", "pattern": f"^{PATTERN}$"}

TEXT = Kind(read=values.text, schema={"type": "string", "pattern": r"\S"})
FLAG = Kind(read=values.flag, schema={"type": "boolean"})
SPAN = Kind(read=values.span, schema=_SPAN)
MILLISECONDS = Kind(
    read=values.milliseconds,
    schema={"type": "integer", "minimum": 0, "maximum": 600_000},
    write=lambda span: round(span / timedelta(milliseconds=1)),
)
TEXTS = Kind(read=values.texts, schema=_LIST)
ARGV = Kind(read=values.argv, schema={**_LIST, "minItems": 1})
URL = Kind(read=values.url, schema=_URL)
NOTICE_URL = Kind(read=values.notice_url, schema=_NOTICE_URL)
SECRET = Kind(read=values.secret, schema=_REFERENCE)
ADDRESS = Kind(read=values.address, schema={"anyOf": [_NOTICE_URL, _REFERENCE]})
TOPIC = Kind(
    read=values.topic,
    schema={"anyOf": [{"type": "string", "pattern": f"^{values.TOPIC}$"}, _REFERENCE]},
)
LISTEN = Kind(
    read=values.listen,
    schema={"type": "string", "pattern": r"^(localhost|[0-9.]+|\[[0-9a-f:]+\]):[0-9]{1,5}$"},
)
SIZE = Kind(
    read=bounds.size,
    schema={"type": "string", "pattern": "^[0-9]{1,6} ?(MiB|GiB)$"},
    write=bounds.show_size,
)
DAYS = Kind(read=bounds.days, schema=_SPAN)

SECTIONS: Mapping[str, Keys] = {
    "daemon": {
        "check_interval": Key(
            field="check_interval",
            kind=SPAN,
            says="how often what was seen is compared with what is",
        ),
        "log_level": Key(
            field="log_level",
            kind=_words("debug", "info", "warn", "error"),
            says="debug, info, warn or error",
        ),
        "log_format": Key(
            field="log_format",
            kind=_words("text", "json"),
            says="text for people, json for programs; systemd's journal has its own",
            live=False,
        ),
    },
    "opencode": {
        "mode": Key(
            field="mode",
            kind=_words("managed", "observed"),
            says="managed: we run `opencode serve`; observed: we only watch",
            live=False,
        ),
        "executable": Key(
            field="executable",
            kind=TEXT,
            says="the program; default: `opencode` on the PATH",
            live=False,
            example="/opt/opencode",
        ),
        "auto_restart": Key(
            field="auto_restart", kind=FLAG, says="start the server again when it is gone"
        ),
        "serve_port": Key(
            field="serve_port",
            kind=_whole(0, 65535),
            says="if a stranger holds it, a free port is used; 0: always a free one",
            live=False,
        ),
        "serve_hostname": Key(
            field="serve_hostname",
            kind=TEXT,
            says="anything else lets other machines reach OpenCode",
            live=False,
        ),
        "restart_delay_ms": Key(
            field="restart_delay", kind=MILLISECONDS, says="pause before a restart"
        ),
        "health_check_interval": Key(
            field="health_check_interval",
            kind=SPAN,
            says="how long the server may be silent, beyond the 10 s between two heartbeats, "
            "before it is asked whether it is well",
        ),
    },
    "monitoring": {
        "assistants": Key(
            field="assistants",
            kind=TEXTS,
            says='empty: whatever is found; "none": nobody; today there is "opencode"',
            live=False,
        ),
        "session_dir": Key(
            field="session_dir",
            kind=TEXT,
            says="a folder of further workflow documents; default: none",
            live=False,
            example="~/notes",
        ),
    },
    "resume": {
        "rate_limit_strategy": Key(
            field="rate_limit_strategy",
            kind=_words("wait", "skip", "new-session"),
            says="wait; skip: leave the session to you; new-session: wait, then begin anew",
            example="wait",
        ),
        "context_strategy": Key(
            field="context_strategy",
            kind=_words("new-session", "abort"),
            says="at a full context: go on in a new session, or leave it to you",
            example="new-session",
        ),
        "backup_before_new": Key(
            field="backup_before_new",
            kind=FLAG,
            says="back a session up before a new one is begun; that is done in any case",
            example=True,
        ),
        "max_retries": Key(
            field="max_retries",
            kind=_whole(1, 100),
            says="tries after errors, crashes and stalls until you are told; limits are waited for",
            example=3,
        ),
    },
    "notifications": {
        "webhook_url": Key(
            field="webhook_url",
            kind=ADDRESS,
            says="gets each notice as JSON",
            example="https://example.org/hook",
            private=True,
        ),
        "webhook_secret": Key(
            field="webhook_secret",
            kind=SECRET,
            says="signs what the webhook gets",
            example={"env": "HOOK_SECRET"},
        ),
        "ntfy_topic": Key(
            field="ntfy_topic",
            kind=TOPIC,
            says="whoever knows it can read along",
            example={"file": "~/.config/palingenesis/topic"},
            private=True,
        ),
        "ntfy_url": Key(field="ntfy_url", kind=NOTICE_URL, says="the ntfy server"),
        "ntfy_token": Key(
            field="ntfy_token",
            kind=SECRET,
            says="for topics that need one",
            example={"command": ["pass", "show", "ntfy"]},
        ),
        "discord_webhook": Key(
            field="discord_webhook",
            kind=ADDRESS,
            says="an incoming webhook of a Discord channel",
            example={"env": "DISCORD_WEBHOOK"},
            private=True,
        ),
        "slack_webhook": Key(
            field="slack_webhook",
            kind=ADDRESS,
            says="an incoming webhook of a Slack app",
            example={"env": "SLACK_WEBHOOK"},
            private=True,
        ),
        "allow_private": Key(
            field="allow_private",
            kind=FLAG,
            says="whether hosts inside private networks may be told",
        ),
    },
    "policy": {
        "path": Key(
            field="policy",
            kind=TEXT,
            says="your policy; relative to this file",
            live=False,
            example="night.yaml",
        ),
        "mode": Key(
            field="policy_mode",
            kind=_words("enforce", "shadow"),
            says="shadow: decisions are written down, and nothing is done",
        ),
    },
    "journal": {
        "max_size": Key(
            field="max_size",
            kind=SIZE,
            says="all that the journal keeps on the disk; from 16MiB to 64GiB",
        ),
        "retention": Key(
            field="keep", kind=DAYS, says="how long what happened stays; at least a day"
        ),
    },
    "otel": {
        "enabled": Key(field="enabled", kind=FLAG, says="traces, metrics and logs over OTLP"),
        "endpoint": Key(field="endpoint", kind=URL, says="where they go"),
        "service_name": Key(field="service_name", kind=TEXT, says="what we are called there"),
    },
    "metrics": {
        "listen": Key(
            field="listen",
            kind=LISTEN,
            says="where Prometheus may ask; default: nowhere",
            example="127.0.0.1:9464",
        ),
    },
}
"""Every section with its keys, in the order in which they are told."""

HOOK: Keys = {
    "argv": Key(field="argv", kind=ARGV, says="the program, and what it is given"),
    "timeout": Key(field="timeout", kind=SPAN, says="then it is ended"),
}
"""The keys of every `[hooks.NAME]`."""

RENAMED: Mapping[Name, Name] = {("journal", "keep"): ("journal", "retention")}
"""Keys of earlier days, which are read with a warning, and their names of today."""

HOOK_NAME = re.compile(r"[a-z][a-z0-9_-]{0,63}")
EMPTY_IS_ABSENT = ("notifications",)
ASSISTANTS = ("opencode",)
"""Whom we can supervise."""
ASSISTANTS_TO_COME = ("claude-code", "codex")
NO_ASSISTANT = "none"
"""What stands in `[monitoring] assistants` where nobody is meant; an empty list means all."""


def find_key(section: str, name: str) -> Key | None:
    """The key of that name; None: there is none. A hook's section is `hooks.NAME`."""
    if section.startswith("hooks.") and HOOK_NAME.fullmatch(section.removeprefix("hooks.")):
        return HOOK.get(name)
    return SECTIONS.get(section, {}).get(name)


def all_names() -> list[str]:
    """Every key as it is typed: `daemon.log_level`."""
    return [f"{section}.{name}" for section, keys in SECTIONS.items() for name in keys]
