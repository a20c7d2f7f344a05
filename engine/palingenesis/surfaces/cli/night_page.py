"""A night as one self-contained page to look at: lanes, marks, the summary, and every line.

No script, nothing from outside, and every text of a scenario, a policy or a provider is escaped.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from html import escape
from typing import TYPE_CHECKING, Final

from palingenesis.runtime.foreign_text import plain
from palingenesis.runtime.spans import say_span
from palingenesis.surfaces.cli.night_style import STYLE
from palingenesis.surfaces.cli.simulate_text import hours

if TYPE_CHECKING:
    from palingenesis.simulation.performance import Cast, Performance
    from palingenesis.simulation.summary import Summary
    from palingenesis.simulation.timeline import Line
    from palingenesis.simulation.watching import Span

_MARKS: Final = {"stop": "stop", "block": "stop", "tell": "notice", "rail": "rail"}
_PROMPTS: Final = ("resume", "retry", "new-session")
_MARK_WORDS: Final = {
    "stop": "stop or question",
    "prompt": "prompt of ours",
    "act": "other action",
    "notice": "notification",
    "rail": "rail",
    "person": "the person",
}
_TICKS: Final = 12
_STATUSES: Final = (
    *("working", "verifying", "waiting", "holding", "acting", "asking", "blocked", "stalled"),
    *("attention", "paused", "stood_down", "completed"),
)


def page(played: "Performance", summary: "Summary") -> str:
    """The whole page."""
    about = played.scenario.about
    zone = played.scenario.zone
    start, end = zone.local(played.start), zone.local(played.end)
    when = f"{start:%A, %d %B %Y, %H:%M} to {end:%A, %H:%M} ({zone.name})"
    title = f"The night of {start:%d %B %Y}"
    seed = f" · seed {_text(played.scenario.seed)}"
    under = f"{escape(when)} · policy {_text(played.policy.name)}{seed}"
    parts = (
        f"<h1>{escape(title)}</h1>",
        f"<div class=soft>{under}</div>",
        f"<p>{_text(about, 600)}</p>" if about else "",
        _cards(summary),
        _Chart(played).html(),
        _sessions(summary),
        _held(summary, played),
        _log(played),
    )
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta http-equiv="Content-Security-Policy" '
        "content=\"default-src 'none'; style-src 'unsafe-inline'\">"
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{escape(title)}</title><style>{STYLE}</style></head>\n"
        f"<body><main>{''.join(parts)}</main></body></html>\n"
    )


def _text(text: str, most: int = 200) -> str:
    """Foreign text: without control characters, cut, and escaped."""
    return escape(plain(text, most), quote=True)


# ── numbers ───────────────────────────────────────────────────────────────────────────────────


def _cards(summary: "Summary") -> str:
    waiting = f"waited {hours(summary.waited)}"
    cards = [
        (hours(summary.worked), f"worked · {waiting}"),
        (str(sum(summary.stops.values())), f"stops · {summary.handed_over} handed over"),
        (str(summary.saves), "saves, without a person"),
        (str(summary.prompts), f"prompts · {summary.reruns} of them without words"),
        (str(sum(summary.notifications.values())), "notifications"),
    ]
    if summary.tokens:
        cards.append((str(summary.steps), "steps completed"))
        risk = f"spent · ${summary.at_risk:.2f} at risk · ${summary.lost:.2f} lost"
        cards.append((f"${summary.cost:.2f}", risk))
    shown = "".join(
        f"<div class=card><b>{escape(number)}</b><span>{escape(words)}</span></div>"
        for number, words in cards
    )
    return f"<div class=cards>{shown}</div>"


def _sessions(summary: "Summary") -> str:
    heads = ("session", "in the morning", "worked", "waited", "for a person", "steps", "cost")
    rows = []
    for one in summary.sessions:
        why = f"<div class=soft>{_text(one.why)}</div>" if one.why else ""
        steps = "" if one.steps is None else f"{one.steps} of {one.steps_total}"
        cells = (
            f"{_text(one.title, 80)}",
            f"{escape(one.status.replace('_', ' '))}{why}",
            *(escape(hours(span)) for span in (one.worked, one.waited, one.stood)),
            steps,
            f"${one.cost:.2f}" if one.tokens else "",
        )
        rows.append(cells)
    return f"<h2>Sessions</h2>{_table(heads, rows)}"


def _held(summary: "Summary", played: "Performance") -> str:
    """Stops by reason, rails, invariants and expectations."""
    zone = played.scenario.zone
    rows = [
        ("stop", _text(reason), str(number), "") for reason, number in sorted(summary.stops.items())
    ]
    rows += [("rail", _text(rail), str(number), "") for rail, number in summary.rails.items()]
    for one in summary.breaches:
        at = f"{zone.local(one.at):%H:%M:%S}"
        rows.append(("invariant", _text(f"{one.name}: {one.text}"), at, _verdict(holds=False)))
    if not summary.breaches:
        rows.append(("invariants", "", "", _verdict(holds=True, word="kept")))
    for finding in summary.findings:
        found = f"expected {finding.expected}, found {finding.found}"
        rows.append(("expected", _text(finding.key), _text(found), _verdict(holds=finding.holds)))
    return f"<h2>Stops, rails, invariants, expectations</h2>{_table(('', '', '', ''), rows)}"


def _verdict(*, holds: bool, word: str = "holds") -> str:
    return f"<span class=ok>{word}</span>" if holds else "<span class=bad>broken</span>"


def _table(heads: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A table of cells that are HTML already."""
    head = "".join(f"<th>{cell}</th>" for cell in heads)
    head = f"<tr>{head}</tr>" if "<th></th>" * 2 not in head else ""
    body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    return f"<table class=num>{head}{body}</table>"


# ── the chart ─────────────────────────────────────────────────────────────────────────────────


class _Chart:
    """Lanes over the time of the night."""

    def __init__(self, played: "Performance") -> None:
        from palingenesis.simulation.timeline import told

        self._played = played
        self._start = played.start
        self._length = max((played.end - played.start).total_seconds(), 1.0)
        self._zone = played.scenario.zone
        self._of: dict[str, list[tuple[str, Line]]] = {}
        names: dict[str, str] = {id_: cast.name for cast in played.casts for id_ in cast.line}
        for line in told(played.past):
            kind = _kind(line)
            name = names.get(line.session or "")
            if kind and name is not None:
                self._of.setdefault(name, []).append((kind, line))
            elif line.word == "down":
                for one in self._on(line.text.partition(" ")[0]):
                    self._of.setdefault(one, []).append(("stop", line))

    def html(self) -> str:
        """The chart with its axis and legend."""
        lanes = "".join(self._lane(cast) for cast in self._played.casts)
        axis = f"<div class=lane><div></div><div class=axis>{self._axis()}</div></div>"
        return f"<div class=chart>{lanes}{axis}{self._legend()}</div>"

    def _on(self, agent: str) -> Iterator[str]:
        """The sessions of an agent."""
        for cast in self._played.casts:
            session = self._played.world.sessions.get(cast.line[-1])
            if session is not None and session.agent == agent:
                yield cast.name

    def _lane(self, cast: "Cast") -> str:
        grid = "".join(f'<div class=grid style="left:{x:.3f}%"></div>' for x, _ in self._ticks())
        spans = "".join(self._spans(cast))
        marks = "".join(self._mark(kind, line) for kind, line in self._of.get(cast.name, ()))
        model = cast.part.model if cast.part is not None else ""
        return (
            f'<div class=lane><div class=name title="{_text(cast.title)}">{_text(cast.title, 60)}'
            f"<small>{_text(model, 60)}</small></div>"
            f"<div><div class=track>{grid}{spans}</div><div class=marks>{marks}</div></div></div>"
        )

    def _spans(self, cast: "Cast") -> Iterator[str]:
        for place, id_ in enumerate(cast.line):
            lane = self._played.watch.lanes.get(id_)
            is_last = place == len(cast.line) - 1
            for span in lane.spans if lane is not None else ():
                if is_last or span.status not in {"completed", "detached"}:
                    yield self._span(span)

    def _span(self, span: "Span") -> str:
        left, right = self._x(span.start), self._x(span.end)
        if right <= left:
            return ""
        tip = (
            f"{span.status.replace('_', ' ')} for {say_span(span.end - span.start)}\n"
            f"{self._clock(span.start)} to {self._clock(span.end)}"
        )
        outlook = f"\n{plain(span.outlook, 160)}" if span.outlook else ""
        return (
            f'<div class="span{_side(left)}" data-tip="{escape(tip + outlook)}" style="'
            f"left:{left:.3f}%;width:{right - left:.3f}%;background:var(--{span.status})"
            '"></div>'
        )

    def _mark(self, kind: str, line: "Line") -> str:
        x = self._x(line.at)
        rule = f"{plain(line.rule, 60)}: " if line.rule else ""
        tip = f"{self._clock(line.at)} {line.word}\n{rule}{plain(line.text, 220)}"
        return (
            f'<div class="mark {kind}{_side(x)}" style="left:{x:.3f}%" '
            f'data-tip="{escape(tip)}"></div>'
        )

    def _x(self, at: datetime) -> float:
        share = (at - self._start).total_seconds() / self._length
        return min(max(share, 0.0), 1.0) * 100

    def _clock(self, at: datetime) -> str:
        return f"{self._zone.local(at):%H:%M:%S}"

    def _ticks(self) -> Iterator[tuple[float, str]]:
        hours = self._length / 3600
        every = next(n for n in (1, 2, 3, 6, 12, 24, 48, 96, 192, 960) if hours / n <= _TICKS)
        local = self._zone.local(self._start).replace(minute=0, second=0, microsecond=0)
        offset = self._zone.local(self._start) - local
        at = self._start - offset + timedelta(hours=1)
        while at <= self._start + timedelta(seconds=self._length):
            if self._zone.local(at).hour % min(every, 24) == 0:
                yield self._x(at), f"{self._zone.local(at):%H:%M}"
            at += timedelta(hours=1)

    def _axis(self) -> str:
        return "".join(f'<span style="left:{x:.3f}%">{word}</span>' for x, word in self._ticks())

    def _legend(self) -> str:
        watch = self._played.watch
        met = {span.status for lane in watch.lanes.values() for span in lane.spans}
        colours = "".join(
            f'<span><i style="background:var(--{word})"></i>{word.replace("_", " ")}</span>'
            for word in _STATUSES
            if word in met
        )
        kinds = {kind for marks in self._of.values() for kind, _ in marks}
        marks = "".join(
            f'<span><b class="mark {kind}"></b>{words}</span>'
            for kind, words in _MARK_WORDS.items()
            if kind in kinds
        )
        return f"<div class=legend>{colours}{marks}</div>"


def _kind(line: "Line") -> str:
    if line.word == "do":
        return "prompt" if line.text.startswith(_PROMPTS) else "act"
    return "person" if line.word == "person" else _MARKS.get(line.word, "")


def _side(x: float) -> str:
    """Where a hover text has room."""
    return " late" if x > 75 else " early" if x < 25 else ""  # noqa: PLR2004 - per cent


# ── every line ────────────────────────────────────────────────────────────────────────────────


def _log(played: "Performance") -> str:
    from palingenesis.simulation.timeline import told

    zone = played.scenario.zone
    names: dict[str, str] = {id_: cast.name for cast in played.casts for id_ in cast.line}
    rows = []
    for line in told(played.past):
        cells = (
            f"{zone.local(line.at):%H:%M:%S}",
            _text(names.get(line.session or "", ""), 20),
            f'<span class="{escape(line.word)}">{escape(line.word)}</span>',
            _text(line.rule, 40),
            _text(line.text, 300),
        )
        rows.append(f"<div>{''.join(f'<span>{cell}</span>' for cell in cells)}</div>")
    return (
        f"<h2>Everything that happened</h2><details><summary>{len(rows)} lines</summary>"
        f"<div class=log>{''.join(rows)}</div></details>"
    )
