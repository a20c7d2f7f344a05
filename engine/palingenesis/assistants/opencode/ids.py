"""The message and part ids that we give our own prompts: OpenCode's idempotency keys.

OpenCode's ids are `msg_` or `prt_`, twelve hexadecimal digits that grow with time (the low 48 bits
of milliseconds times 4096, plus a counter), and fourteen letters and digits.
Ours have the same shape; the fourteen are a marker and a digest of the effect's id, so that an
effect that is sent again names the same message, and so that we know our own prompts again.
"""

from datetime import UTC, datetime, timedelta
from hashlib import sha256

MARK = "PALIN"

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_HEAD = len("msg_") + 12
_TAIL = 14 - len(MARK)


def prompt_ids(effect_id: str, at: datetime) -> tuple[str, str]:
    """The ids of the message and of its only part; the same effect at the same time: the same ids.

    Args:
        effect_id: id of the effect (`<decision>.<step>`), unique in one journal.
        at: when the effect was decided; it only places the id among OpenCode's own.
    """
    ticks = ((at - _EPOCH) // _MILLISECOND) << 12
    return _named("msg", effect_id, ticks + 1), _named("prt", effect_id, ticks + 2)


def is_ours(message_id: str) -> bool:
    """Whether a message was sent by us (by any palingenesis, this journal's or another)."""
    return message_id.startswith("msg_") and message_id[_HEAD : _HEAD + len(MARK)] == MARK


def _named(prefix: str, effect_id: str, ticks: int) -> str:
    digest = int.from_bytes(sha256(f"{prefix}:{effect_id}".encode()).digest(), "big")
    tail = ""
    for _ in range(_TAIL):
        digest, letter = divmod(digest, len(_ALPHABET))
        tail += _ALPHABET[letter]
    return f"{prefix}_{ticks & 0xFFFFFFFFFFFF:012x}{MARK}{tail}"
