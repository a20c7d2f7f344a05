"""The channels that a configuration asks for."""

from collections.abc import Callable, Mapping
from urllib.parse import urlsplit

from palingenesis.channels.address import Resolve, resolve
from palingenesis.channels.ntfy import Ntfy
from palingenesis.channels.posting import Address, Post, post
from palingenesis.channels.rooms import Discord, Slack
from palingenesis.channels.webhook import Webhook, read_secret
from palingenesis.core.errors import InvalidConfigError
from palingenesis.runtime.config import Config, ConfigProblemsError
from palingenesis.runtime.notice_address import check_form
from palingenesis.runtime.ports import Channel, Clock
from palingenesis.runtime.secret import Secret
from palingenesis.wire.redaction import remember

_PATH_MIN = 16


IsUnknown = Callable[[Secret], bool]
"""Whether a secret cannot be looked up from where one stands."""


def make_channels(
    config: Config,
    *,
    environ: Mapping[str, str],
    clock: Clock,
    post: Post = post,
    resolve: Resolve = resolve,
    is_unknown: IsUnknown | None = None,
) -> tuple[Channel, ...]:
    """One channel for each that is configured; their secrets are looked up now.

    Args:
        config: what asks for them.
        environ: the variables that secrets may be in.
        clock: for the time on what is sent.
        post: sends.
        resolve: finds the addresses of a host.
        is_unknown: which secrets cannot be looked up from here; what needs one is left out.

    Raises:
        ConfigProblemsError: secrets are missing, or addresses cannot be used; all of them, each
            with the place of its key.
    """
    told, made = config.notifications, _Making(config, environ, is_unknown)
    channels: list[Channel] = []

    def address(url: str) -> Address:
        return Address(url, allow_private=told.allow_private, post=post, resolve=resolve)

    if told.webhook_url is not None:
        url = made.url("webhook_url", told.webhook_url)
        secret = made.revealed("webhook_secret", told.webhook_secret)
        usable = secret is None or made.tried("webhook_secret", lambda: read_secret(secret))
        if url is not None and usable:
            channels.append(Webhook(address(url), clock, secret=secret))
    if (topic := made.revealed("ntfy_topic", told.ntfy_topic)) is not None:
        token = made.revealed("ntfy_token", told.ntfy_token)
        if made.tried("ntfy_url", lambda: check_form(told.ntfy_url)):
            root = urlsplit(told.ntfy_url)
            channels.append(Ntfy(address(f"{root.scheme}://{root.netloc}/"), topic, token=token))
    if (url := made.url("discord_webhook", told.discord_webhook)) is not None:
        channels.append(Discord(address(url)))
    if (url := made.url("slack_webhook", told.slack_webhook)) is not None:
        channels.append(Slack(address(url)))
    if made.problems:
        raise ConfigProblemsError(tuple(made.problems), str(config.source or "config.toml"))
    return tuple(channels)


class _Making:
    """Looks up what channels need, and collects what is wrong with it."""

    def __init__(
        self, config: Config, environ: Mapping[str, str], is_unknown: IsUnknown | None
    ) -> None:
        self.problems: list[str] = []
        self._config = config
        self._environ = environ
        self._is_unknown = is_unknown

    def url(self, key: str, value: str | Secret | None) -> str | None:
        """An address that may be told; None: there is none."""
        url = self.revealed(key, value)
        return url if url is not None and self.tried(key, lambda: check_form(url)) else None

    def revealed(self, key: str, value: str | Secret | None) -> str | None:
        """The value itself; None: there is none."""
        found: list[str] = []
        if isinstance(value, Secret):
            if self._is_unknown is None or not self._is_unknown(value):
                self.tried(key, lambda: found.append(value.reveal(self._environ)))
        elif value is not None:
            found.append(value)
        for secret in found:
            _remember(secret)
        return found[0] if found else None

    def tried(self, key: str, act: Callable[[], object]) -> bool:
        """Do it; False: it cannot be done, which is now a problem of that key."""
        try:
            act()
        except InvalidConfigError as error:
            place = self._config.place("notifications", key)
            advice = f"\n  help: {error.hint}" if error.hint else ""
            self.problems.append(f"{place}: error: notifications.{key}: {error.message}{advice}")
            return False
        return True


def _remember(secret: str) -> None:
    """Have it, and what is secret of an address, redacted from now on."""
    remember(secret)
    try:
        path = urlsplit(secret).path.strip("/")
    except ValueError:
        return  # it is no address, and told as such elsewhere
    if len(path) >= _PATH_MIN and any(letter.isdigit() for letter in path):
        remember(path)  # of such an address, the path is the secret
