"""Witnesses: one point of a box, as facts that a person can read and a program can try."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from palingenesis.core.facts import Kind
from palingenesis.core.policy.analysis.axes import Axis, Cell
from palingenesis.core.policy.analysis.domains import USUAL
from palingenesis.core.policy.analysis.space import EMPTY, Space
from palingenesis.core.policy.kinds import show_literal
from palingenesis.core.policy.lexing import quoted
from palingenesis.core.values import FactValue

_FIRST: Final = ("event", "stop.reason")


@dataclass(frozen=True, slots=True, kw_only=True)
class Witness:
    """Facts for which something happens. `told` are those that matter, as text.

    `exact`: False if they hold a comparison of two facts, or a text that could not be made.
    """

    facts: Mapping[str, FactValue] = field(default_factory=dict)
    told: tuple[str, ...] = ()
    exact: bool = True

    def __str__(self) -> str:
        return ", ".join(self.told) or "any facts"


def witness(space: Space, piece: int, wide: int) -> Witness:
    """A point of `piece`; what matters is what `wide`, a box around it, does not leave open."""
    facts: dict[str, FactValue] = {}
    told: list[tuple[str, str]] = []
    exact = True
    for key, axis in space.axes.items():
        cell = _chosen(axis, space.mask(piece, key))
        matters = space.mask(wide, key) != axis.whole
        is_pair = _is_pair(axis)
        if cell.sample is not None and not is_pair:
            facts[key] = cell.sample
        if matters:
            told.append((key, _told(axis, cell, is_pair=is_pair)))
            exact = exact and not is_pair and not cell.vague
    told.sort(key=lambda one: (_rank(one[0]), USUAL.get(one[0]) == facts.get(one[0])))
    return Witness(facts=facts, told=tuple(text for _, text in told), exact=exact)


def _chosen(axis: Axis, mask: int) -> Cell:
    cells = [cell for index, cell in enumerate(axis.cells) if mask >> index & 1]
    usual = USUAL.get(axis.key)
    for cell in cells:
        if usual is not None and cell.sample == usual:
            return cell
    if axis.key in _FIRST:
        return cells[0]
    return next((cell for cell in cells if cell.sample is None), cells[0])


def wishes(space: Space) -> Iterator[int]:
    """Boxes that an example should lie in if it can, the dearest first."""
    reason = space.axes["stop.reason"]
    yield space.box(reason.key, reason.known)
    for key, usual in USUAL.items():
        axis = space.axes.get(key)
        wish = space.box(key, axis.among({usual})) if axis else EMPTY
        if wish:
            yield wish


def by_interest(space: Space, point: int) -> list[str]:
    """The axes of a point in the order in which they should be left open: the dullest first."""

    def interest(axis: Axis) -> int:
        cell = _chosen(axis, space.mask(point, axis.key))
        if axis.key in _FIRST:
            return 3
        if cell.sample is None:
            return 0
        return 2 if cell.sample == USUAL.get(axis.key) else 1

    return [axis.key for axis in sorted(space.axes.values(), key=interest)]


def _rank(key: str) -> int:
    return _FIRST.index(key) if key in _FIRST else len(_FIRST)


def _is_pair(axis: Axis) -> bool:
    return axis.kind is Kind.ENUM and not axis.exact


def _told(axis: Axis, cell: Cell, *, is_pair: bool) -> str:
    if is_pair:
        return axis.key.replace(" and ", f" {cell.sample} ", 1)
    if cell.sample is None:
        return f"{axis.key} unknown"
    if cell.vague:
        wanted = " and ".join(sorted(cell.traits or ()))
        return f"{axis.key} = a text that {wanted}" if wanted else f"{axis.key} = another text"
    return f"{axis.key} = {show_value(axis.kind, cell.sample)}"


def show_value(kind: Kind, value: FactValue) -> str:
    """A value as an expression would write it, words of a closed set without quotes."""
    if isinstance(value, str):
        return value if kind is Kind.ENUM else quoted(value)
    return show_literal(kind, value)


# ── a whole box in words ──────────────────────────────────────────────────────────────────────


def describe(space: Space, box: int) -> str:
    """What a box asks for, as a condition that people can read; `always` if it asks nothing."""
    return _joined(_limits(space, box))


def in_short(space: Space, box: int) -> str:
    """The same without what usual facts satisfy: what is special about the box."""
    limits = [one for one in _limits(space, box) if not _is_usual(*one)]
    event = space.axes["event"]
    if any(axis.key == "stop.reason" for axis, _ in limits):
        limits = [one for one in limits if one != (event, event.among({"stopped"}))]
    return _joined(limits)


def _limits(space: Space, box: int) -> list[tuple[Axis, int]]:
    return sorted(space.limited(box), key=lambda one: _rank(one[0].key))


def _joined(limits: list[tuple[Axis, int]]) -> str:
    return " and ".join(_limit(axis, mask) for axis, mask in limits) or "always"


def _is_usual(axis: Axis, mask: int) -> bool:
    usual = USUAL.get(axis.key)
    if usual is None:
        return bool(mask & axis.unknown)
    return axis.key not in _FIRST and bool(axis.among({usual}) & mask)


def _limit(axis: Axis, mask: int) -> str:
    if mask == axis.unknown:
        return f"{axis.key} unknown"
    if mask == axis.known:
        return f"known({axis.key})"
    also = f" or {axis.key} unknown" if mask & axis.unknown else ""
    known = mask & axis.known
    if axis.kind is Kind.BOOL:
        text = axis.key if known == axis.among({True}) else f"not {axis.key}"
        text = text if known != axis.known else f"known({axis.key})"
    elif _is_pair(axis) or axis.kind in {Kind.ENUM, Kind.TEXT}:
        text = _words(axis, known)
    else:
        text = " or ".join(_range(axis, first, last) for first, last in _runs(known))
    return f"({text}{also})" if also or " or " in text else text


def _words(axis: Axis, mask: int) -> str:
    if _is_pair(axis):
        return " or ".join(_told(axis, cell, is_pair=True) for cell in _cells(axis, mask))
    others = axis.known & ~mask
    if axis.kind is Kind.TEXT and any(cell.traits is not None for cell in _cells(axis, mask)):
        return _text_words(axis, mask, others)
    if others and others.bit_count() < mask.bit_count():
        return f"{axis.key} {_either(axis, others, '!=', 'not in')}"
    return f"{axis.key} {_either(axis, mask, '==', 'in')}"


def _either(axis: Axis, mask: int, one: str, more: str) -> str:
    values = [quoted(str(cell.sample)) for cell in _cells(axis, mask)]
    return f"{one} {values[0]}" if len(values) == 1 else f"{more} ({', '.join(values)})"


def _text_words(axis: Axis, mask: int, others: int) -> str:
    if others and all(cell.traits is None for cell in _cells(axis, others)):
        return f"{axis.key} {_either(axis, others, '!=', 'not in')}"
    shown = []
    for cell in _cells(axis, mask):
        traits = " and ".join(sorted(cell.traits or ()))
        plain = quoted(str(cell.sample)) if cell.traits is None else "another text"
        shown.append(f"{axis.key} {traits}" if traits else f"{axis.key} is {plain}")
    return " or ".join(shown)


def _cells(axis: Axis, mask: int) -> list[Cell]:
    return [cell for index, cell in enumerate(axis.cells) if mask >> index & 1]


def _runs(mask: int) -> list[tuple[int, int]]:
    """First and last index of every unbroken row of bits."""
    found: list[tuple[int, int]] = []
    for index in range(mask.bit_length()):
        if not mask >> index & 1:
            continue
        if found and found[-1][1] == index - 1:
            found[-1] = (found[-1][0], index)
        else:
            found.append((index, index))
    return found


def _range(axis: Axis, first: int, last: int) -> str:
    """Neighbouring cells of a number as one comparison, or two."""
    low, high = axis.cells[first], axis.cells[last]
    if first == last and not low.is_gap:
        return f"{axis.key} == {_shown(axis, low.sample)}"
    found = []
    if first > 0:
        sign, end = (">", low.low) if low.is_gap else (">=", low.sample)
        found.append(f"{axis.key} {sign} {_shown(axis, end)}")
    numbers = axis.known.bit_count()
    if last < numbers - 1:
        sign, end = ("<", high.high) if high.is_gap else ("<=", high.sample)
        found.append(f"{axis.key} {sign} {_shown(axis, end)}")
    return " and ".join(found) or f"known({axis.key})"


def _shown(axis: Axis, value: FactValue | None) -> str:
    assert value is not None, "a limited end has a value"
    return show_value(axis.kind, value)
