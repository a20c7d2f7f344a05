"""`--server URL`: the address of somebody's OpenCode server."""

from urllib.parse import urlsplit

import click


class ServerAddress(click.ParamType[str]):
    """An http address with a host; anything else is a slip that no waiting would cure."""

    name = "url"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> str:
        """The address as it was given; a usage error when it is none."""
        text = str(value).strip()
        try:
            parts = urlsplit(text)
            _ = parts.port  # raises when it is no port
            usable = parts.scheme in ("http", "https") and bool(parts.hostname)
            has_secret = parts.username is not None or parts.password is not None
        except ValueError:
            usable = has_secret = False
        if has_secret:
            advice = "its password belongs into OPENCODE_SERVER_PASSWORD: who runs `ps` sees this"
            self.fail(f"an address with a user or a password: {advice}", param, ctx)
        if not usable:
            self.fail(f"'{text}' is no address such as http://127.0.0.1:4096", param, ctx)
        return text
