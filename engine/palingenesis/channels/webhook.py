"""A webhook after the Standard Webhooks specification (standardwebhooks.com, version 1.0)."""

import base64
import binascii
import hashlib
import hmac
import json
from datetime import UTC, datetime

from palingenesis.channels.posting import Address
from palingenesis.core.errors import InvalidConfigError
from palingenesis.runtime.foreign_text import plain, plain_lines
from palingenesis.runtime.ports import Clock, Notice, Outcome
from palingenesis.wire.redaction import redact

TYPE = "palingenesis.notice"
_MESSAGE_MOST = 8000
_KEY_BYTES_MIN = 16


class Webhook:
    """Posts each notice as JSON, signed when there is a secret; a `Channel`.

    The notice's key is the `webhook-id`: a receiver that sees one twice got the same notice twice.
    """

    name = "webhook"

    def __init__(self, address: Address, clock: Clock, *, secret: str | None = None) -> None:
        self._address = address
        self._clock = clock
        self._key = read_secret(secret) if secret is not None else None

    async def send(self, notice: Notice) -> Outcome:
        """Deliver, or say why not."""
        body = encode(notice)
        stamp = int(self._clock.now().timestamp())
        headers = {"webhook-id": notice.key, "webhook-timestamp": str(stamp)}
        if self._key is not None:
            headers["webhook-signature"] = sign(self._key, notice.key, stamp, body)
        return await self._address.send(body, headers)


def encode(notice: Notice) -> bytes:
    """The body: type, timestamp, and the notice as data."""
    document = {
        "type": TYPE,
        "timestamp": _rfc3339(notice.at),
        "data": {
            "key": notice.key,
            "severity": str(notice.severity),
            "title": plain(redact(notice.title)),
            "message": plain_lines(redact(notice.message), _MESSAGE_MOST),
            "session": notice.session,
        },
    }
    return json.dumps(document, ensure_ascii=True, separators=(",", ":")).encode()


def sign(key: bytes, identity: str, stamp: int, body: bytes) -> str:
    """The value of `webhook-signature`: version 1, HMAC-SHA256 over id, timestamp and body."""
    signed = f"{identity}.{stamp}.".encode() + body
    digest = hmac.new(key, signed, hashlib.sha256).digest()
    return f"v1,{base64.b64encode(digest).decode()}"


def read_secret(secret: str) -> bytes:
    """The key inside a secret such as `whsec_…`, which is base64.

    Raises:
        InvalidConfigError: it is not base64, or shorter than 16 bytes.
    """
    try:
        key = base64.b64decode(secret.strip().removeprefix("whsec_"), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if len(key) < _KEY_BYTES_MIN:
        raise InvalidConfigError(
            "the webhook's secret must be base64 of 24 bytes or more",
            hint="make one: echo whsec_$(head -c 32 /dev/urandom | base64)",
        )
    return key


def _rfc3339(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
