"""Which prompts of the person were told, by whichever sensor heard them.

Two programs may have one session open. Whoever runs the turn hears her prompt at once; the other
one finds it among the messages later, and must not take it for one that nobody heard.
"""

from typing import Final

_SESSIONS_MAX: Final = 1000
"""Of more sessions the oldest are forgotten: their prompts are old news in any program."""


class Prompts:
    """The latest prompt of each session that was told."""

    def __init__(self) -> None:
        self._told: dict[str, str] = {}

    def note(self, session: str, message: str) -> None:
        """It is told now."""
        self._told.pop(session, None)
        self._told[session] = message
        if len(self._told) > _SESSIONS_MAX:
            del self._told[next(iter(self._told))]

    def is_told(self, session: str, message: str) -> bool:
        """Whether it is the latest one that was told."""
        return self._told.get(session) == message
