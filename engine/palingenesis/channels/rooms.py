"""Discord and Slack: a notice into a room where people talk, through an incoming webhook.

Discord takes `{"content": …}` (discord.com/developers, "Execute Webhook"), Slack `{"text": …}`
(docs.slack.dev, "Incoming webhooks"). Whatever stands in a notice mentions nobody and is no markup:
an agent or a provider may have written it.
"""

import json
import re
from collections.abc import Mapping
from typing import Any, Final

from palingenesis.channels.posting import Address
from palingenesis.core.values import Severity
from palingenesis.runtime.foreign_text import plain, plain_lines
from palingenesis.runtime.ports import Notice, Outcome
from palingenesis.wire.redaction import redact

_DISCORD_CHARS_MAX: Final = 2000
_SLACK_CHARS_MAX: Final = 4000
_TITLE_CHARS_MAX: Final = 200
_SUPPRESS_EMBEDS: Final = 1 << 2
"""Discord fetches nothing that a message links to."""

_MARKS: Final[Mapping[Severity, str]] = {
    Severity.INFO: "ℹ️",  # noqa: RUF001
    Severity.WARNING: "⚠️",
    Severity.CRITICAL: "🚨",
}
_DISCORD_MARKUP: Final = re.compile(r"([\\*_~`|>#\[\]<])")


class Discord:
    """Posts each notice into a channel of Discord; a `Channel`."""

    name = "discord"

    def __init__(self, address: Address) -> None:
        self._address = address

    async def send(self, notice: Notice) -> Outcome:
        """Deliver, or say why not."""
        title, message = _said(notice)
        text = f"{_MARKS[notice.severity]} **{_bare(title)}**\n{_bare(message)}"
        document = {
            "content": _cut(text, _DISCORD_CHARS_MAX),
            "allowed_mentions": {"parse": []},
            "flags": _SUPPRESS_EMBEDS,
        }
        return await self._address.send(_encoded(document), {})


class Slack:
    """Posts each notice into a channel of Slack; a `Channel`."""

    name = "slack"

    def __init__(self, address: Address) -> None:
        self._address = address

    async def send(self, notice: Notice) -> Outcome:
        """Deliver, or say why not."""
        title, message = _said(notice)
        text = _cut(f"{_MARKS[notice.severity]} {title}\n{message}", _SLACK_CHARS_MAX)
        document = {
            "text": text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;"),
            "mrkdwn": False,
            "unfurl_links": False,
        }
        return await self._address.send(_encoded(document), {})


def _said(notice: Notice) -> tuple[str, str]:
    title = plain(redact(notice.title), _TITLE_CHARS_MAX)
    return title, plain_lines(redact(notice.message), _SLACK_CHARS_MAX)


def _bare(text: str) -> str:
    """The text as it is, whatever Discord takes for markup."""
    return _DISCORD_MARKUP.sub(r"\\\1", text)


def _cut(text: str, most: int) -> str:
    """At most so many UTF-16 units, which is how Discord counts."""
    raw = text.encode("utf-16-le", "replace")
    if len(raw) <= 2 * most:
        return text
    return raw[: 2 * (most - 1)].decode("utf-16-le", "ignore").rstrip("\\") + "…"


def _encoded(document: Mapping[str, Any]) -> bytes:
    return json.dumps(document, ensure_ascii=True).encode()
