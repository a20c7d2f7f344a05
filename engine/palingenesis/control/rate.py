"""How often something may happen: a burst at once, and so many a second after that."""


class Rate:
    """Counts what happens against a limit.

    Args:
        burst: how many may come at once.
        per_s: how many a second become free again.
    """

    def __init__(self, burst: int, per_s: float) -> None:
        self._burst = burst
        self._per_s = per_s
        self._free = float(burst)
        self._at_s = 0.0

    def allows(self, at_s: float) -> bool:
        """Whether one more may happen at that second of any clock that never goes back."""
        self._free = min(self._burst, self._free + (at_s - self._at_s) * self._per_s)
        self._at_s = at_s
        if self._free < 1:
            return False
        self._free -= 1
        return True
