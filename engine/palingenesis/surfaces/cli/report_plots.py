"""The plots of a report as inline SVG: the way of every session, stops by reason, saves by day.

Each has a title and a description for those who do not see it, and every shape has its own title.
Text of others is escaped before it comes near a tag.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from html import escape
from typing import Final

from palingenesis.core.values import Status
from palingenesis.runtime.foreign_text import plain
from palingenesis.runtime.lanes import Lane, Span
from palingenesis.runtime.morning import Day, Mark, Morning
from palingenesis.runtime.spans import say_span

LANES_MAX: Final = 40
"""So many sessions have a lane; the ones with the most trouble."""
_WIDE: Final = 1180
_GUTTER: Final = 210
_RIGHT: Final = 20
_LANE: Final = 46
_BAR: Final = 22
_RESTS: Final = 6
"""How tall a status is in which nothing is to come."""
_RESTING: Final = frozenset(
    {Status.COMPLETED, Status.STOOD_DOWN, Status.DISCOVERING, Status.DETACHED}
)
_TICKS: Final = 13
_HOURS: Final = (1, 2, 3, 6, 12, 24, 48, 96, 168, 336, 720, 2160)
_DAY_HOURS: Final = 24
_MARK_WORDS: Final = {
    "stop": "stop",
    "save": "save",
    "handed": "handed over to you",
    "person": "you spoke to it",
}
_STATUSES: Final = (
    *("working", "verifying", "waiting", "holding", "acting", "asking", "blocked", "stalled"),
    *("attention", "paused", "stood_down", "completed", "deciding", "discovering", "detached"),
)


def text(words: str, most: int = 200) -> str:
    """Foreign text: without control characters, cut, and escaped."""
    return escape(plain(words, most), quote=True)


# ── the way of every session ──────────────────────────────────────────────────────────────────


def timeline(morning: Morning) -> str:
    """One lane for each session, coloured by its status, with a mark for what happened."""
    lanes = _chosen(morning)
    if not lanes:
        return ""
    scale = _Scale(morning.since, morning.until)
    height = len(lanes) * _LANE + 30
    ticks = list(scale.ticks())
    grid = "".join(
        f'<line class="rule" x1="{x:.1f}" x2="{x:.1f}" y1="4" y2="{height - 24}"/>'
        f'<text class="tick" x="{x:.1f}" y="{height - 8}">{escape(word)}</text>'
        for x, word in ticks
    )
    marks: dict[int, list[Mark]] = {}
    of = {id_: place for place, lane in enumerate(lanes) for id_ in lane.ids}
    for mark in morning.marks:
        if (place := of.get(mark.session)) is not None:
            marks.setdefault(place, []).append(mark)
    rows = "".join(
        _lane(lane, place, scale, marks.get(place, ())) for place, lane in enumerate(lanes)
    )
    seen = {span.status.value for lane in lanes for span in lane.spans}
    kinds = {mark.kind for found in marks.values() for mark in found}
    spoken = "; ".join(
        f"{plain(lane.title or lane.session, 60)} ends {_word(lane.spans[-1])}" for lane in lanes
    )
    svg = _svg("way", height, "The way of every session", spoken, grid + rows)
    return f'<div class="wide">{svg}</div>{_legend(seen, kinds)}'


def left_out(morning: Morning) -> int:
    """How many sessions have no lane."""
    return max(len(morning.lanes) - LANES_MAX, 0)


def _chosen(morning: Morning) -> Sequence[Lane]:
    if len(morning.lanes) <= LANES_MAX:
        return morning.lanes
    count: dict[str, int] = {}
    for mark in morning.marks:
        count[mark.session] = count.get(mark.session, 0) + 1
    most = sorted(morning.lanes, key=lambda lane: -sum(count.get(id_, 0) for id_ in lane.ids))
    chosen = {id(lane) for lane in most[:LANES_MAX]}
    return [lane for lane in morning.lanes if id(lane) in chosen]


class _Scale:
    """From instants to places on the plot."""

    def __init__(self, since: datetime, until: datetime) -> None:
        self._since = since
        self._until = until
        self._length = max((until - since).total_seconds(), 1.0)
        self._wide = _WIDE - _GUTTER - _RIGHT

    def x(self, at: datetime) -> float:
        share = (at - self._since).total_seconds() / self._length
        return _GUTTER + min(max(share, 0.0), 1.0) * self._wide

    def clock(self, at: datetime) -> str:
        here = at.astimezone()
        is_long = self._length > _DAY_HOURS * 3600
        return f"{here:%a %H:%M:%S}" if is_long else f"{here:%H:%M:%S}"

    def ticks(self) -> Iterator[tuple[float, str]]:
        every = next((n for n in _HOURS if self._length / 3600 / n <= _TICKS), _HOURS[-1])
        here = self._since.astimezone().replace(minute=0, second=0, microsecond=0)
        at = self._since - (self._since.astimezone() - here) + timedelta(hours=1)
        days = 0
        while at <= self._until:
            local = at.astimezone()
            if local.hour == 0:
                days += 1
            if local.hour % min(every, _DAY_HOURS) == 0 and (
                every <= _DAY_HOURS or days % (every // _DAY_HOURS) == 0
            ):
                yield self.x(at), f"{local:%a %d}" if local.hour == 0 else f"{local:%H:%M}"
            at += timedelta(hours=1)


def _lane(lane: Lane, place: int, scale: _Scale, marks: Iterable[Mark]) -> str:
    top = place * _LANE + 6
    name = text(lane.title or lane.session, 25)
    last = lane.spans[-1]
    spans = "".join(_span(span, top, scale) for span in lane.spans)
    shapes = "".join(_mark(mark, top + _BAR + 8, scale) for mark in marks)
    whole = text(f"{lane.title} ({lane.session})", 200)
    return (
        f'<g><text class="name" x="0" y="{top + 10}">{name}<title>{whole}</title></text>'
        f'<text class="soft" x="0" y="{top + 25}">{escape(_word(last))}</text>'
        f'<rect class="track" x="{_GUTTER}" y="{top}" width="{_WIDE - _GUTTER - _RIGHT}" '
        f'height="{_BAR}" rx="4"/>{spans}{shapes}</g>'
    )


def _span(span: Span, top: int, scale: _Scale) -> str:
    left, right = scale.x(span.start), scale.x(span.end)
    if right <= left:
        return ""
    why = f"\n{plain(span.why, 160)}" if span.why else ""
    tip = (
        f"{_word(span)} for {say_span(span.end - span.start)}, "
        f"{scale.clock(span.start)} to {scale.clock(span.end)}{why}"
    )
    tall = _RESTS if span.status in _RESTING else _BAR
    return (
        f'<rect x="{left:.1f}" y="{top + (_BAR - tall) // 2}" '
        f'width="{max(right - left, 1.2):.1f}" height="{tall}" '
        f'fill="var(--{span.status.value})"><title>{escape(tip)}</title></rect>'
    )


def _mark(mark: Mark, y: int, scale: _Scale) -> str:
    x = scale.x(mark.at)
    tip = f"<title>{escape(f'{scale.clock(mark.at)} {plain(mark.text, 160)}')}</title>"
    return (
        f'<g class="m {mark.kind}" transform="translate({x:.1f} {y})">{_shape(mark.kind)}{tip}</g>'
    )


def _shape(kind: str) -> str:
    shapes = {
        "stop": '<path d="M-1.5-5h3V5h-3z"/>',
        "save": '<circle r="4.5"/>',
        "handed": '<path d="M0-6 6 0 0 6-6 0z"/>',
        "person": '<path d="M-4.5-4.5h9v9h-9z"/>',
    }
    return shapes[kind]


def _legend(seen: set[str], kinds: set[str]) -> str:
    colours = "".join(
        f'<span><i style="background:var(--{word})"></i>{word.replace("_", " ")}</span>'
        for word in _STATUSES
        if word in seen
    )
    marks = "".join(
        f'<span><svg width="14" height="14" viewBox="-7 -7 14 14" aria-hidden="true">'
        f'<g class="m {kind}">{_shape(kind)}</g></svg>{words}</span>'
        for kind, words in _MARK_WORDS.items()
        if kind in kinds
    )
    return f'<div class="legend">{colours}{marks}</div>'


def _word(span: Span) -> str:
    return span.status.value.replace("_", " ")


# ── bars ──────────────────────────────────────────────────────────────────────────────────────


def reasons(stops: dict[str, int]) -> str:
    """How often each reason stopped a session."""
    found = sorted(stops.items(), key=lambda item: (-item[1], item[0]))
    if not found:
        return ""
    wide, gutter, row = 560, 150, 26
    most = found[0][1]
    bars = []
    for place, (reason, count) in enumerate(found):
        y, length = place * row, max(count / most * (wide - gutter - 46), 2.0)
        tip = f"<title>{text(reason)}: {count}</title>"
        bars.append(
            f'<text class="label" x="{gutter - 10}" y="{y + 15}">{text(reason, 24)}</text>'
            f'<rect class="bar" x="{gutter}" y="{y + 3}" width="{length:.1f}" height="16" rx="3">'
            f"{tip}</rect>"
            f'<text class="count" x="{gutter + length + 8:.1f}" y="{y + 15}">{count}</text>'
        )
    spoken = ", ".join(f"{plain(reason, 40)} {count}" for reason, count in found)
    height = len(found) * row
    return _svg("reasons", height, "Stops by reason", spoken, "".join(bars), wide=wide)


def days(found: Sequence[Day]) -> str:
    """Saves, and what was handed over, on each day."""
    most = max((day.saves + day.handed_over for day in found), default=0)
    if not most or len(found) < 2:  # noqa: PLR2004 - a single day is no plot
        return ""
    wide, tall, floor = 560, 190, 158
    step = (wide - 30) / len(found)
    every = -(-len(found) // 14)
    parts = [_level(most, wide, floor)]
    for place, day in enumerate(found):
        width = min(step * 0.64, 54.0)
        x = 30 + (place + 0.5) * step - width / 2
        tip = f"{day.day:%a %d %b}: {day.saves} saves, {day.handed_over} handed over"
        tall_saves = day.saves / most * (floor - 16)
        tall_handed = day.handed_over / most * (floor - 16)
        parts.append(f"<g><title>{escape(tip)}</title>")
        parts.append(_column(x, floor - tall_saves, width, tall_saves, "good"))
        parts.append(_column(x, floor - tall_saves - tall_handed, width, tall_handed, "attention"))
        if day.saves:
            middle, y = x + width / 2, floor - tall_saves - tall_handed - 5
            parts.append(f'<text class="tick" x="{middle:.1f}" y="{y:.1f}">{day.saves}</text>')
        if place % every == 0:
            middle = x + width / 2
            parts.append(
                f'<text class="tick" x="{middle:.1f}" y="{floor + 15}">{day.day:%a}</text>'
                f'<text class="tick" x="{middle:.1f}" y="{floor + 28}">{day.day:%d}</text>'
            )
        parts.append("</g>")
    spoken = ", ".join(f"{day.day:%a %d %b} {day.saves}" for day in found)
    return _svg("days", tall, "Saves per day", spoken, "".join(parts), wide=wide)


def _column(x: float, y: float, width: float, tall: float, colour: str) -> str:
    if tall <= 0:
        return ""
    return (
        f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{tall:.1f}" rx="2" '
        f'fill="var(--{colour})"/>'
    )


def _level(most: int, wide: int, floor: int) -> str:
    """The ground line, and one at the highest value."""
    return (
        f'<line class="rule" x1="30" x2="{wide}" y1="{floor}" y2="{floor}"/>'
        f'<line class="rule" x1="30" x2="{wide}" y1="16" y2="16"/>'
        f'<text class="count" x="0" y="20">{most}</text>'
        f'<text class="count" x="0" y="{floor + 4}">0</text>'
    )


def _svg(name: str, height: int, title: str, spoken: str, body: str, *, wide: int = _WIDE) -> str:
    return (
        f'<svg class="plot" viewBox="0 0 {wide} {height}" role="img" '
        f'aria-labelledby="{name}-t {name}-d"><title id="{name}-t">{escape(title)}</title>'
        f'<desc id="{name}-d">{escape(spoken)}</desc>{body}</svg>'
    )
