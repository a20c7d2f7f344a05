"""A conversation as a document that a person can read."""

from collections.abc import Iterable

from palingenesis.assistants.opencode.signals import SessionSummary


def as_markdown(session: SessionSummary, messages: Iterable[object]) -> str:
    """The whole conversation, from raw `{info, parts}` messages, oldest first."""
    raise NotImplementedError
