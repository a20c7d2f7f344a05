"""What a value in config.toml may be: each function reads one kind, and gives it its type.

Every function takes what TOML gave, and raises ValueError with what was expected instead.
"""

import re
from collections.abc import Callable
from datetime import timedelta
from ipaddress import ip_address

from palingenesis.core.errors import InvalidConfigError
from palingenesis.core.facts import parse_duration
from palingenesis.runtime.config import Listen
from palingenesis.runtime.notice_address import PATTERN, check_form
from palingenesis.runtime.paths import expanded
from palingenesis.runtime.secret import Secret

URL = r"https?://[^\s/]\S*"
TOPIC = r"[A-Za-z0-9_-]{1,64}"

Read = Callable[[object], object]
"""Checks one value and gives it its type; raises ValueError with what was expected instead."""


def text(value: object) -> object:
    """Some text."""
    if not isinstance(value, str) or not value.strip():
        raise ValueError("text")
    return value


def flag(value: object) -> object:
    """`true` or `false`."""
    if not isinstance(value, bool):
        raise ValueError("true or false")  # noqa: TRY004  collected as one kind of problem
    return value


def span(value: object) -> object:
    """From 100 ms to 1 h."""
    if isinstance(value, str):
        try:
            span = parse_duration(value)
        except InvalidConfigError:
            span = timedelta(0)
        if timedelta(milliseconds=100) <= span <= timedelta(hours=1):
            return span
    raise ValueError('a span from 100ms to 1h with its unit, such as "5s"')


def milliseconds(value: object) -> object:
    """A whole number of milliseconds, at most ten minutes."""
    return timedelta(milliseconds=whole(value, 0, 600_000))


def port(value: object) -> object:
    """A port; 0 is any."""
    return whole(value, 0, 65535)


def whole(value: object, least: int, most: int) -> int:
    """A whole number within bounds."""
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise ValueError(f"a whole number from {least} to {most}")
    return value


def one_of(*words: str) -> Read:
    """One of these words."""

    def read(value: object) -> object:
        if value not in words:
            raise ValueError("one of " + ", ".join(f'"{word}"' for word in words))
        return value

    return read


def texts(value: object) -> object:
    """A list of texts."""
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise ValueError("a list of texts")
    return tuple(value)


def argv(value: object) -> object:
    """A program and its arguments."""
    texts = isinstance(value, list) and all(isinstance(item, str) for item in value)
    if not isinstance(value, list) or not texts or not value or not value[0].strip():
        raise ValueError("a list of texts, the program first")
    if any("\0" in item for item in value):
        raise ValueError("a list of texts without a NUL")
    try:
        return (str(expanded(value[0], "argv")), *value[1:])
    except InvalidConfigError as error:
        raise ValueError("a program whose home exists") from error


def url(value: object) -> object:
    """An address on the web."""
    if not isinstance(value, str) or not re.fullmatch(URL, value):
        raise ValueError("an address that begins with https://")
    return value


def notice_url(value: object) -> object:
    """An address that notices may go to."""
    try:
        if not isinstance(value, str) or not re.fullmatch(PATTERN, value):
            raise ValueError(_NOTICE_URL)
        check_form(value)
    except InvalidConfigError as error:
        raise ValueError(_NOTICE_URL) from error
    return value


_NOTICE_URL = (
    "an address that begins with https://, unless it is on this machine,"
    " without a user name or password"
)


def secret(value: object) -> object:
    """A reference to a secret, never the secret itself."""
    if isinstance(value, dict) and len(value) == 1:
        ((kind, name),) = value.items()
        if isinstance(name, str) and name and kind in ("env", "file"):
            return Secret(env=name) if kind == "env" else Secret(file=name)
        words = isinstance(name, list) and all(isinstance(word, str) for word in name)
        if kind == "command" and words and name and name[0].strip() and "\0" not in "".join(name):
            return Secret(command=tuple(name))
    raise ValueError(
        'a reference such as { env = "NAME" }, { file = "~/secret" }'
        ' or { command = ["pass", "show", "it"] }'
    )


def address(value: object) -> object:
    """An address that notices may go to, or a reference to one."""
    return secret(value) if isinstance(value, dict) else notice_url(value)


def topic(value: object) -> object:
    """A topic of ntfy, or a reference to one."""
    if isinstance(value, str) and not re.fullmatch(TOPIC, value):
        raise ValueError("a topic of letters, digits, '-' and '_', at most 64")
    return value if isinstance(value, str) else secret(value)


def listen(value: object) -> object:
    """Where to listen: an address of this machine alone, and a port."""
    found = _PLACE.fullmatch(value) if isinstance(value, str) else None
    if found is None or int(found[2]) > 65535 or not _is_this_machine(found[1]):  # noqa: PLR2004
        raise ValueError('an address of this machine and a port, such as "127.0.0.1:9464"')
    host = "127.0.0.1" if found[1] == "localhost" else found[1].strip("[]")
    return Listen(host=host, port=int(found[2]))


_PLACE = re.compile(r"(localhost|[0-9.]+|\[[0-9a-f:]+\]):([0-9]{1,5})")


def _is_this_machine(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
