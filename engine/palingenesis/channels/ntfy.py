"""ntfy: a push to whoever subscribed to a topic (docs.ntfy.sh, "Publish as JSON")."""

import json
from collections.abc import Mapping

from palingenesis.channels.posting import Address
from palingenesis.core.values import Severity
from palingenesis.runtime.foreign_text import plain, plain_lines
from palingenesis.runtime.ports import Notice, Outcome
from palingenesis.wire.redaction import redact

_BYTES_MAX = 4000
"""The server turns messages above 4,096 bytes into attachments."""

_PRIORITIES: Mapping[Severity, int] = {
    Severity.INFO: 3,
    Severity.WARNING: 4,
    Severity.CRITICAL: 5,
}
_TAGS: Mapping[Severity, str] = {
    Severity.INFO: "information_source",
    Severity.WARNING: "warning",
    Severity.CRITICAL: "rotating_light",
}


class Ntfy:
    """Publishes each notice to a topic; a `Channel`.

    Args:
        address: the server's root, not the topic's page.
        topic: whoever knows it can read along, so it is treated as a secret.
        token: an access token, for topics that need one.
    """

    name = "ntfy"

    def __init__(self, address: Address, topic: str, *, token: str | None = None) -> None:
        self._address = address
        self._topic = topic
        self._headers = {"authorization": f"Bearer {token}"} if token else {}

    async def send(self, notice: Notice) -> Outcome:
        """Deliver, or say why not."""
        document = {
            "topic": self._topic,
            "title": plain(redact(notice.title)),
            "message": _cut(plain_lines(redact(notice.message), _BYTES_MAX)),
            "priority": _PRIORITIES[notice.severity],
            "tags": [_TAGS[notice.severity]],
        }
        body = json.dumps(document, ensure_ascii=True).encode()
        return await self._address.send(body, self._headers)


def _cut(text: str) -> str:
    raw = text.encode("utf-8", "replace")
    if len(raw) <= _BYTES_MAX:
        return text
    return raw[: _BYTES_MAX - 3].decode("utf-8", "ignore") + "…"
