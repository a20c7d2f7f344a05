"""The report as one self-contained page: no script, nothing from outside, all text escaped."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from html import escape

from palingenesis.core.savings import DEFINITIONS
from palingenesis.core.values import Status
from palingenesis.runtime.door import SessionStatus
from palingenesis.runtime.foreign_text import plain
from palingenesis.runtime.lanes import Lane
from palingenesis.runtime.spans import say_span
from palingenesis.surfaces.cli.night_style import STYLE
from palingenesis.surfaces.cli.report_plots import days, left_out, reasons, text, timeline
from palingenesis.surfaces.cli.report_reading import Told
from palingenesis.surfaces.cli.report_style import STYLE as OWN_STYLE
from palingenesis.surfaces.cli.report_text import figures, name_of, say_rule, shorts, when
from palingenesis.surfaces.cli.wording import count_of, local_times, release_of, say_time

_AT_WORK = frozenset({Status.WORKING, Status.VERIFYING})
_HERS = frozenset({Status.ATTENTION, Status.BLOCKED, Status.ASKING})
_OVER = frozenset({Status.COMPLETED, Status.STOOD_DOWN, Status.DISCOVERING, Status.DETACHED})


def page_of(told: Told, name: str) -> str:
    """The whole page."""
    body = "".join((_head(told, name), _plots(told), _tables(told), _definitions(), _foot(told)))
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta http-equiv="Content-Security-Policy" '
        "content=\"default-src 'none'; style-src 'unsafe-inline'\">"
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{escape(_title(told, name))}</title><style>{STYLE}{OWN_STYLE}</style></head>\n"
        f"<body><main>{body}</main></body></html>\n"
    )


def _title(told: Told, name: str) -> str:
    begun = told.morning.since.astimezone()
    return f"{name} of {begun:%d %B %Y}" if name != "What happened" else name


# ── what matters first ────────────────────────────────────────────────────────────────────────


def _head(told: Told, name: str) -> str:
    morning = told.morning
    whose = f"{text(told.user, 60)} on {text(told.host, 60)} · policy {text(told.policy, 60)}"
    cards = "".join(
        f"<div class=card><b>{escape(number)}</b>"
        f"<span>{escape(word)}<br>{escape(more)}</span></div>"
        for number, word, more in figures(morning.savings)
    )
    return (
        f"<div class=bar-top><h1>{escape(_title(told, name))}</h1><span class=soft>{whose}</span>"
        f"</div><div class=soft>{escape(when(morning.since, morning.until))}</div>"
        f"{''.join(_notes(told))}<div class=cards>{cards}</div>{_waiting(told)}"
    )


def _notes(told: Told) -> Iterator[str]:
    notes = []
    if not told.runs:
        notes.append(
            "The daemon is not running: nobody watches now. <code>palingenesis daemon start</code>"
        )
    if told.all_paused:
        notes.append("Paused: nothing is done until <code>palingenesis resume</code>.")
    if told.complete_since is not None:
        at = escape(say_time(told.complete_since, told.morning.until))
        notes.append(f"Older entries were removed: what is before {at} is there in part at most.")
    if told.damaged:
        notes.append(f"{count_of(told.damaged, 'entry')} cannot be read and is left out.")
    for note in notes:
        yield f'<div class="panel note"><p>{note}</p></div>'


def _waiting(told: Told) -> str:
    if not told.waiting:
        return '<div class="panel calm"><h2>Nothing waits for you</h2></div>'
    short = shorts(told)
    rows = []
    for row in told.waiting:
        known = plain(short.get(row["id"], row["id"]), 60)
        because = local_times(row["for"] or row["message"] or "", told.morning.until)
        because = because.rstrip(" :")
        ways = (f"palingenesis explain {known}", _way_out(row, known, told))
        said = " ".join(f"<code>{escape(way)}</code>" for way in ways)
        rows.append(
            f"<p><b>{text(row['title'] or row['id'], 80)}</b> "
            f"{escape(row['status'].replace('_', ' '))}"
            f"{f': {text(because, 300)}' if because else ''}<br>{said}</p>"
        )
    return f'<div class="panel needs"><h2>Waits for you</h2>{"".join(rows)}</div>'


def _way_out(row: SessionStatus, known: str, told: Told) -> str:
    if row["question"]:
        return f"palingenesis answer {plain(row['question'], 40)} yes"
    if row["status"] in {"attention", "paused"}:
        return release_of(row, known, all_paused=told.all_paused)
    return f"palingenesis open {known}" if row["status"] == "blocked" else "palingenesis status"


def _plots(told: Told) -> str:
    morning = told.morning
    way = timeline(morning)
    more = left_out(morning)
    note = f"<div class=soft>{count_of(more, 'more session')} without a lane</div>" if more else ""
    panels = [
        f"<div class=panel><h2>{title}</h2>{plot}</div>"
        for title, plot in (
            ("Stops by reason", reasons(dict(morning.savings.stops))),
            ("Saves per day", days(morning.days)),
        )
        if plot
    ]
    two = f'<div class="two">{"".join(panels)}</div>' if panels else ""
    chart = f"<h2>The way of every session</h2><div class=chart>{way}{note}</div>" if way else ""
    return chart + two


# ── tables ────────────────────────────────────────────────────────────────────────────────────


def _tables(told: Told) -> str:
    parts = (_sessions(told), _saves(told), _handed(told), _rules(told), _odd(told), _notices(told))
    return f"<div class=tables>{''.join(parts)}</div>"


def _sessions(told: Told) -> str:
    rows = []
    for lane in told.morning.lanes:
        worked, waited, hers = _times(lane)
        last = lane.spans[-1]
        why = f"<div class=soft>{text(last.why, 160)}</div>" if last.why else ""
        rows.append(
            (
                text(lane.title or lane.session, 80),
                f"{escape(last.status.value.replace('_', ' '))}{why}",
                _said(worked),
                _said(waited),
                _said(hers),
            )
        )
    heads = ("session", "at the end", "worked", "on the way back", "for a person")
    return _table("Sessions", heads, rows, numbers=(2, 3, 4))


def _times(lane: Lane) -> tuple[timedelta, timedelta, timedelta]:
    """At work, on the way back to work, and waiting for a person."""
    worked = waited = hers = timedelta(0)
    for span in lane.spans:
        length = span.end - span.start
        if span.status in _AT_WORK:
            worked += length
        elif span.status in _HERS:
            hers += length
        elif span.status not in _OVER:
            waited += length
    return worked, waited, hers


def _saves(told: Told) -> str:
    short = shorts(told)
    rows = [
        (
            _clock(one.at),
            text(name_of(told, one.session, short), 60),
            text(one.reason, 40),
            escape(say_span(one.waited)),
            f"{text(one.rule, 60)} <span class=soft>#{one.decision}</span>",
        )
        for one in told.morning.saves
    ]
    heads = ("when", "session", "stopped by", "works again after", "by rule")
    return _table("Saved", heads, rows, times=(0,), numbers=(3,))


def _handed(told: Told) -> str:
    short = shorts(told)
    rows = [
        (
            _clock(one.at),
            text(name_of(told, one.session, short), 60),
            text(one.reason, 40),
            f"{text(one.rule, 60)} <span class=soft>#{one.decision}</span>",
            text(one.why, 240),
        )
        for one in told.morning.handed
    ]
    heads = ("when", "session", "stopped by", "by rule", "because")
    return _table("Handed over to you", heads, rows, times=(0,))


def _rules(told: Told) -> str:
    rows = [
        (text(one.rule, 60), str(one.times), str(one.sessions), escape(say_rule(one)))
        for one in told.morning.rules
    ]
    heads = ("rule", "times", "sessions", "what it did")
    return _table("What was decided, and why", heads, rows, numbers=(1, 2))


def _odd(told: Told) -> str:
    short = shorts(told)
    rows = [
        (
            _clock(one.at),
            escape(one.kind),
            text(name_of(told, one.session, short), 60),
            text(one.text, 300),
            str(one.times),
        )
        for one in told.morning.odd
    ]
    heads = ("last", "what", "session", "", "times")
    return _table("Odd", heads, rows, times=(0,), numbers=(4,))


def _notices(told: Told) -> str:
    rows = [(_clock(at), escape(loud), text(said, 300)) for at, loud, said in told.morning.notices]
    return _table("What you were told", ("when", "how loud", "what"), rows, times=(0,))


def _table(
    title: str,
    heads: Iterable[str],
    rows: Sequence[tuple[str, ...]],
    *,
    times: tuple[int, ...] = (),
    numbers: tuple[int, ...] = (),
) -> str:
    """A table of cells that are HTML already; none without rows."""
    if not rows:
        return ""

    def kind(place: int) -> str:
        return ' class="n"' if place in numbers else ' class="t"' if place in times else ""

    head = "".join(
        f'<th scope="col"{kind(place)}>{escape(cell)}</th>' for place, cell in enumerate(heads)
    )
    body = "".join(
        f"<tr>{''.join(f'<td{kind(place)}>{cell}</td>' for place, cell in enumerate(row))}</tr>"
        for row in rows
    )
    return (
        f"<table><caption>{escape(title)}</caption><thead><tr>{head}</tr></thead>"
        f"<tbody>{body}</tbody></table>"
    )


def _definitions() -> str:
    terms = "".join(
        f"<dt>{escape(word)}</dt><dd>{escape(said)}</dd>" for word, said in DEFINITIONS.items()
    )
    head = "<summary>What each figure means</summary>"
    return f'<details class="terms">{head}<dl>{terms}</dl></details>'


def _foot(told: Told) -> str:
    total, until = told.total, told.morning.until
    since = f" since {escape(say_time(total.since, until))}" if total.since else ""
    days_without = total.days_without(until)
    calm = (
        f" · {count_of(days_without, 'day')} without intervention"
        if days_without is not None
        else ""
    )
    return (
        f"<footer>In all{since}: {count_of(total.saves, 'save')}, {_said(total.won)} of work saved"
        f"{calm}. Times are local ({escape(until.astimezone().tzname() or '')}).</footer>"
    )


def _said(span: timedelta) -> str:
    return escape(say_span(span)) if span >= timedelta(seconds=1) else "0 min"


def _clock(at: datetime) -> str:
    return f"{at.astimezone():%a %H:%M}"
