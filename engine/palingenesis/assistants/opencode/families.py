"""Whose subagent each session is, and what must wait until that is known."""

from palingenesis.assistants.opencode.life import root_of
from palingenesis.assistants.opencode.signals import Signal, TextDelta


class Families:
    """The families of the sessions of one server, as far as it has named them."""

    def __init__(self) -> None:
        self._parents: dict[str, str | None] = {}
        self._held: dict[str, list[Signal]] = {}

    def name(self, session: str, parent: str | None) -> None:
        """The server says whose subagent it is; None: nobody's."""
        self._parents[session] = parent

    def is_named(self, session: str) -> bool:
        """Whether it is known whose subagent it is."""
        return session in self._parents

    def root(self, session: str) -> str:
        """The session at the top of its family, as far as it is known."""
        return root_of(session, self._parents)

    def stranger(self, session: str) -> str | None:
        """Who must be asked about to know its family: it, or the first one above it."""
        top = self.root(session)
        return None if top in self._parents else top

    def hold(self, stranger: str, signal: Signal) -> bool:
        """Keep a signal until that one is known; whether it is the first that waits for it."""
        is_first = stranger not in self._held
        if is_first or not isinstance(signal, TextDelta):
            self._held.setdefault(stranger, []).append(signal)
        return is_first

    @property
    def waited_for(self) -> tuple[str, ...]:
        """Those for whom signals wait."""
        return tuple(self._held)

    def release(self) -> tuple[Signal, ...]:
        """The signals that need not wait any more, in the order in which they came."""
        known = [one for one in self._held if one in self._parents]
        return tuple(signal for one in known for signal in self._held.pop(one))

    def drop(self) -> None:
        """What waits is out of date."""
        self._held.clear()
