"""The form of an address that may be told: https, or this very machine by its name.

One truth for whoever reads config.toml and for whoever sends. Where a host leads is another
question, which channels/address.py asks before every notice.
"""

from ipaddress import ip_address
from urllib.parse import urlsplit

from palingenesis.core.errors import InvalidConfigError

PATTERN = r"(https://[^\s/?#@]+|http://(localhost|127\.[0-9.]+|\[[0:]*:1\])(:[0-9]+)?)([/?#]\S*)?"
"""The same for editors, as far as a pattern goes."""


def check_form(url: str) -> None:
    """Refuse an address that could never be told, without looking up its host.

    Raises:
        InvalidConfigError: the form is wrong. The message never repeats the address.
    """
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        host, parts = None, urlsplit("")
    if not host or parts.scheme not in ("http", "https"):
        raise InvalidConfigError("a notification address must begin with https://")
    if parts.username is not None or parts.password is not None:
        raise InvalidConfigError("a notification address must not hold a user name or password")
    if parts.scheme == "http" and not is_loopback_by_name(host):
        raise InvalidConfigError(
            "a notification address must begin with https://, unless it is on this machine"
        )


def is_loopback_by_name(host: str) -> bool:
    """Whether the host plainly says that it is this machine: `localhost`, `127.0.0.1`, `[::1]`."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
