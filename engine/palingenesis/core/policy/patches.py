"""Patches: small changes of a text at known places, so that everything else stays as it was.

Rewriting a file from its data would lose comments, quotes and the order that its author chose.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from palingenesis.core.policy.diagnostics import Span


@dataclass(frozen=True, slots=True)
class Patch:
    """What stands at `span` becomes `text`."""

    span: Span
    text: str


def patched(text: str, patches: Iterable[Patch]) -> str:
    """The text with every patch applied; patches never overlap."""
    out: list[str] = []
    at = 0
    for patch in sorted(patches, key=lambda one: one.span.start):
        assert patch.span.start >= at, "two patches overlap"
        out += [text[at : patch.span.start], patch.text]
        at = patch.span.end
    return "".join([*out, text[at:]])
