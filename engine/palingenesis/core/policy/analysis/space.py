"""The space of facts, and boxes in it.

Theory of operation: a box says for every axis which of its cells are allowed, as bits; all axes lie
side by side in one integer with a spare bit after each ("positional cubes", as in espresso). Two
boxes meet in `a & b`. The result is empty if any axis has no bit left, and one addition tells:
adding the full mask carries into the spare bit of exactly those axes that are not zero. What
remains of a box outside another one is at most one box for each axis; covering, gaps, witnesses and
differences are all made of that one step.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from palingenesis.core.policy.analysis.axes import Axis
from palingenesis.core.policy.analysis.budget import Budget
from palingenesis.core.values import FactValue

EMPTY: Final = 0
"""No box at all."""


class Space:
    """All axes side by side."""

    def __init__(self, axes: Sequence[Axis]) -> None:
        self.axes: Mapping[str, Axis] = {axis.key: axis for axis in axes}
        self._offsets: dict[str, int] = {}
        self._fields: dict[int, int] = {}
        self._keys: dict[int, str] = {}
        self.full = 0
        self._spare = 0
        at = 0
        for axis in axes:
            self._offsets[axis.key] = at
            field = axis.whole << at
            spare = 1 << (at + len(axis.cells))
            self.full |= field
            self._spare |= spare
            self._fields[spare] = field
            self._keys[spare] = axis.key
            at += len(axis.cells) + 1

    # ── boxes ─────────────────────────────────────────────────────────────────────────────────

    def box(self, key: str, mask: int) -> int:
        """The box where one axis is limited to some of its cells; EMPTY if there are none."""
        if not mask:
            return EMPTY
        axis, at = self.axes[key], self._offsets[key]
        return self.full & ~(axis.whole << at) | (mask << at)

    def mask(self, box: int, key: str) -> int:
        """The cells that a box allows on one axis."""
        return (box >> self._offsets[key]) & self.axes[key].whole

    def meet(self, one: int, other: int) -> int:
        """What two boxes share."""
        both = one & other
        return both if (both + self.full) & self._spare == self._spare else EMPTY

    def meets(self, ones: Sequence[int], others: Sequence[int], budget: Budget) -> list[int]:
        """What two unions of boxes share."""
        full, spare = self.full, self._spare
        budget.spend(len(ones) * len(others))
        found = []
        for one in ones:
            for other in others:
                both = one & other
                if (both + full) & spare == spare:
                    found.append(both)
        return found

    def joined(self, boxes: Sequence[int], budget: Budget) -> list[int]:
        """The same union with fewer boxes: swallowed ones dropped, neighbours made one."""
        todo = list(dict.fromkeys(boxes))
        done: list[int] = []
        while todo:
            box = todo.pop()
            budget.spend(len(done))
            for index, other in enumerate(done):
                if not box & ~other:
                    break
                if not other & ~box or self._differ_once(box, other):
                    del done[index]
                    todo.append(box | other)
                    break
            else:
                done.append(box)
        return done[::-1] if len(done) > 1 else done

    def _differ_once(self, one: int, other: int) -> bool:
        """Whether two boxes differ on one axis only, so that their union is a box."""
        axes = ((one ^ other) + self.full) & self._spare
        return axes & (axes - 1) == 0

    # ── what is left ──────────────────────────────────────────────────────────────────────────

    def pieces(self, box: int, off: Sequence[int], budget: Budget) -> Iterator[int]:
        """Boxes that do not overlap and together are `box` without everything in `off`."""
        full, spare, fields = self.full, self._spare, self._fields
        budget.spend(len(off))
        near = [one for one in off if ((box & one) + full) & spare == spare]
        if any(not box & ~one for one in near):
            return
        near.sort(key=int.bit_count, reverse=True)
        todo = [(box, 0)]
        while todo:
            rest, first = todo.pop()
            for index in range(first, len(near)):
                both = rest & near[index]
                if (both + full) & spare != spare:
                    continue
                budget.spend(index + 1 - first)
                outer = rest & ~near[index]
                axes = (outer + full) & spare
                while axes:
                    low = axes & -axes
                    axes ^= low
                    field = fields[low]
                    todo.append((rest & ~field | outer & field, index + 1))
                    rest = rest & ~field | both & field
                break
            else:
                budget.spend(len(near) - first + 1)
                yield rest

    def outside(self, boxes: Sequence[int], off: Sequence[int], budget: Budget) -> int:
        """One box of what `boxes` has beyond `off`; EMPTY if everything is covered."""
        for box in boxes:
            for piece in self.pieces(box, off, budget):
                return piece
        return EMPTY

    def widened(
        self,
        piece: int,
        within: int,
        off: Sequence[int],
        budget: Budget,
        *,
        only: str | None = None,
    ) -> int:
        """A piece made as large as it can be inside a box without touching `off`.

        `only` names the one axis to widen.
        """
        for low, field in self._fields.items():
            wider = within & ~piece & field
            if not wider or only not in {None, self._keys[low]}:
                continue
            if self._is_clear(piece | wider, off, budget):
                piece |= wider
                continue
            while wider:
                cell = wider & -wider
                wider ^= cell
                if self._is_clear(piece | cell, off, budget):
                    piece |= cell
        return piece

    def _is_clear(self, box: int, off: Sequence[int], budget: Budget) -> bool:
        """Whether a box meets none of some others."""
        full, spare = self.full, self._spare
        budget.spend(len(off))
        return not any(((box & one) + full) & spare == spare for one in off)

    # ── points ────────────────────────────────────────────────────────────────────────────────

    def point(self, facts: Mapping[str, FactValue]) -> int:
        """The box of one cell an axis that facts lie in."""
        found = self.full
        for key, axis in self.axes.items():
            found &= self.box(key, 1 << axis.index_of(facts.get(key)))
        return found

    def limited(self, box: int) -> Iterator[tuple[Axis, int]]:
        """The axes on which a box does not allow everything, with what it allows."""
        for key, axis in self.axes.items():
            mask = self.mask(box, key)
            if mask != axis.whole:
                yield axis, mask
