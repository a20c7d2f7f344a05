"""A budget of work: analysis that would take too long says so, and never guesses."""

from collections.abc import Callable


class SpentError(Exception):
    """The budget is used up, so the question has no answer."""


class Budget:
    """How much work a question may cost, counted in looks at a box."""

    def __init__(self, most: int, tick: Callable[[], None] | None = None) -> None:
        """Allow `most` looks; `tick` is called now and then and may raise `SpentError`."""
        self.left = most
        self._tick = tick
        self._next_tick = most - _EVERY

    def spend(self, looks: int = 1) -> None:
        """Use some of it up.

        Raises:
            SpentError: nothing is left.
        """
        self.left -= looks
        if self.left < 0:
            raise SpentError
        if self._tick is not None and self.left < self._next_tick:
            self._next_tick = self.left - _EVERY
            self._tick()


_EVERY = 2_000
"""Looks between two calls of `tick`; about a millisecond."""
