"""The channels that a configuration asks for."""

from collections.abc import Mapping
from urllib.parse import urlsplit

from palingenesis.channels.address import Resolve, check_form, resolve
from palingenesis.channels.ntfy import Ntfy
from palingenesis.channels.posting import Address, Post, post
from palingenesis.channels.rooms import Discord, Slack
from palingenesis.channels.webhook import Webhook
from palingenesis.runtime.config import NotificationsConfig
from palingenesis.runtime.ports import Channel, Clock
from palingenesis.runtime.secret import Secret
from palingenesis.wire.redaction import remember

_PATH_MIN = 16


def make_channels(
    config: NotificationsConfig,
    *,
    environ: Mapping[str, str],
    clock: Clock,
    post: Post = post,
    resolve: Resolve = resolve,
) -> tuple[Channel, ...]:
    """One channel for each that is configured; their secrets are looked up now.

    Raises:
        InvalidConfigError: a secret is missing, or an address cannot be used.
    """

    def address(url: str) -> Address:
        check_form(url)
        return Address(url, allow_private=config.allow_private, post=post, resolve=resolve)

    def reveal(value: str | Secret | None) -> str | None:
        secret = value.reveal(environ) if isinstance(value, Secret) else value
        if secret is not None:
            remember(secret)
            path = urlsplit(secret).path.strip("/")
            if len(path) >= _PATH_MIN and any(letter.isdigit() for letter in path):
                remember(path)  # of such an address, the path is the secret
        return secret

    channels: list[Channel] = []
    if (url := reveal(config.webhook_url)) is not None:
        secret = reveal(config.webhook_secret)
        channels.append(Webhook(address(url), clock, secret=secret))
    if (topic := reveal(config.ntfy_topic)) is not None:
        root = urlsplit(config.ntfy_url)
        server = f"{root.scheme}://{root.netloc}/"
        channels.append(Ntfy(address(server), topic, token=reveal(config.ntfy_token)))
    if (url := reveal(config.discord_webhook)) is not None:
        channels.append(Discord(address(url)))
    if (url := reveal(config.slack_webhook)) is not None:
        channels.append(Slack(address(url)))
    return tuple(channels)
