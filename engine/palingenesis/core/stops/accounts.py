"""Whose limit it was: a short digest of the account's name, as far as the answer tells it."""

from collections.abc import Mapping
from hashlib import sha256
from typing import Final

_HEADERS: Final = ("anthropic-organization-id", "openai-organization")
_DIGITS: Final = 8


def account_of(headers: Mapping[str, str]) -> str:
    """A digest that tells accounts apart and names none; "" where the answer does not say."""
    named = next((headers[name] for name in _HEADERS if headers.get(name)), "")
    return sha256(named.encode(errors="backslashreplace")).hexdigest()[:_DIGITS] if named else ""
