"""Events, effects and everything they are made of, to and from plain, JSON-able data.

A **record** is the plain form of a frozen dataclass: an object with its class name under `is` and
one key per field. It is what the journal stores, so its form outlives the code that wrote it.
"""

from palingenesis.core.record.codec import (
    RECORD_VERSION,
    effect_from_plain,
    event_from_plain,
    from_plain,
    to_plain,
)
from palingenesis.core.record.schema import json_schema

__all__ = [
    "RECORD_VERSION",
    "effect_from_plain",
    "event_from_plain",
    "from_plain",
    "json_schema",
    "to_plain",
]
