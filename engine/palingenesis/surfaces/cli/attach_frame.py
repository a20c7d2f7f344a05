"""One frame of the live screen: what is known, at a width and a height; it asks nobody.

Every line fits: what is too long is cut or goes on in the next line, so nothing ever flickers or
scrolls. Whatever others wrote is made harmless first.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from rich.cells import cell_len, set_cell_size
from rich.text import Text

from palingenesis.runtime.foreign_text import plain
from palingenesis.runtime.spans import say_span
from palingenesis.surfaces.cli.limit_text import say_limit
from palingenesis.surfaces.cli.saved_text import say_saved
from palingenesis.surfaces.cli.wording import local_times, read_time, say_time, short_ids

if TYPE_CHECKING:
    from palingenesis.runtime.door import EventRow, SessionStatus, Status

_COLORS: Final = {
    "working": "green",
    "verifying": "green",
    "acting": "cyan",
    "deciding": "cyan",
    "holding": "yellow",
    "waiting": "yellow",
    "asking": "magenta",
    "blocked": "magenta",
    "stalled": "red",
    "attention": "bold red",
    "paused": "blue",
}
_KEYS: Final = (
    *(("up/down", "choose"), ("p", "pause"), ("r", "resume")),
    *(("a", "abort"), ("e", "explain"), ("q", "quit")),
)
_QUIET: Final = frozenset({"session-alive", "facts-observed", "ticked"})
_STEPS: Final = 16
"""How wide the bar of a work's steps is."""
_NARROW: Final = 56
_LONG: Final = 300
_EPOCH: Final = datetime.fromisoformat("1970-01-01T00:00:00Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """What the screen shows."""

    told: "Status | None" = None
    """The newest answer of the daemon; None: there was none yet."""
    trouble: str = ""
    """Why there is no newer one."""
    rows: "tuple[EventRow, ...]" = ()
    """What happened last, newest last."""
    chosen: str = ""
    """Id of the session that a key is about; "": the first."""
    message: str = ""
    """What came of the last key."""
    question: str = ""
    """What is asked now, yes or no."""
    page: tuple[str, ...] = ()
    """An explanation that is read; empty: none is."""
    scroll: int = 0
    """How many lines of it have been passed."""


def worth_a_line(row: "EventRow") -> bool:
    """Whether a person wants to see it; signs of life and good outcomes come all the time."""
    if row["kind"] == "effect-ended":
        event = row["data"].get("event")
        return not (isinstance(event, Mapping) and event.get("result") == "ok")
    return row["kind"] not in _QUIET


def chosen_of(view: View) -> "SessionStatus | None":
    """The session that a key is about."""
    rows = view.told["sessions"] if view.told is not None else ()
    return next((row for row in rows if row["id"] == view.chosen), rows[0] if rows else None)


def frame(view: View, width: int, height: int, *, fancy: bool = True) -> list[Text]:
    """The whole screen, line by line; never more than `height` lines of `width` cells.

    `fancy`: whether the terminal knows more than ASCII.
    """
    head, foot = list(_head(view, width)), list(_foot(view, width))
    room = max(height - len(head) - len(foot), 1)
    body = _page(view, width, room) if view.page else _body(view, width, room, fancy=fancy)
    body = body[:room] + [Text()] * (room - len(body))
    lines = [*head, *body, *foot][-max(height, 1) :]
    return [_fit(line, width) for line in lines]  # an indent alone may be wider than that


def once(view: View, width: int, *, fancy: bool = True) -> list[Text]:
    """All there is to see, as tall as it is, without keys: for a pipe, or `--once`."""
    blocks = [line for block in _sessions(view, width, fancy=fancy, marks=False) for line in block]
    return [*_head(view, width), *blocks, *_events(view, width, len(view.rows))]


# ── above ─────────────────────────────────────────────────────────────────────────────────────


def _head(view: View, width: int) -> Iterator[Text]:
    told = view.told
    if told is None:
        yield _fit(Text("palingenesis", style="bold"), width)
    else:
        now = _now(view)
        since = read_time(told["since"])
        runs = f" · up {say_span(now - since)}" if since is not None else ""
        policy = f" · policy {plain(told['policy']['name'], 40)}"
        yield _fit(Text(f"palingenesis {plain(told['version'], 20)}{runs}{policy}", "bold"), width)
        if "savings" in told:
            yield from _wrapped(Text(say_saved(told["savings"]), "dim"), width)
    if view.trouble:
        yield from _wrapped(Text(f"! {plain(view.trouble, _LONG)}", "bold red"), width)
    if told is not None:
        yield from _alarms(told, width)
    yield Text("─" * width if width > 0 else "", "dim")


def _alarms(told: "Status", width: int) -> Iterator[Text]:
    now = read_time(told["at"]) or _EPOCH
    if (held := told["safe_hold"]) is not None:
        what = f"! palingenesis holds itself: {plain(held['what'], _LONG)}"
        yield from _wrapped(Text(what, "bold red"), width)
    if not told["journal"]["ok"]:
        what = f"! nothing is done: {plain(told['journal']['detail'], _LONG)}"
        yield from _wrapped(Text(what, "bold red"), width)
    for warning in told["warnings"]:
        said = local_times(plain(warning, _LONG), now)
        yield from _wrapped(Text(f"! {said}", "yellow"), width)
    rails = [*told["rails"], *(rail for agent in told["agents"] for rail in agent["rails"])]
    for rail in rails:
        yield from _wrapped(Text(f"! rail: {plain(rail['rail'])}", "yellow"), width)
    for agent in told["agents"]:
        if not agent["up"]:
            detail = f": {plain(agent['detail'])}" if agent["detail"] else ""
            yield from _wrapped(Text(f"! {plain(agent['id'])} is down{detail}", "red"), width)
    short = short_ids(row["id"] for row in told["sessions"])
    for limit in told["limits"]:
        if line := say_limit(limit, short, now):
            yield from _wrapped(Text(line, "dim"), width)


# ── the sessions ──────────────────────────────────────────────────────────────────────────────


def _body(view: View, width: int, room: int, *, fancy: bool) -> list[Text]:
    """Sessions, the chosen one among them, and below what happened as far as there is room."""
    blocks = list(_sessions(view, width, fancy=fancy, marks=True))
    chosen = chosen_of(view)
    told = view.told
    place = 0
    if told is not None and chosen is not None:
        place = [row["id"] for row in told["sessions"]].index(chosen["id"])
    first = 0
    while first < place and sum(len(block) for block in blocks[first : place + 1]) > room:
        first += 1
    lines = [line for block in blocks[first:] for line in block]
    left = room - len(lines)
    return [*lines, *_events(view, width, left - 1)] if left > 1 else lines


def _sessions(view: View, width: int, *, fancy: bool, marks: bool) -> Iterator[list[Text]]:
    told = view.told
    if told is None:
        yield [] if view.trouble else [Text("asking the daemon …", "dim")]
        return
    if not told["sessions"]:
        yield list(_wrapped(Text("no supervised sessions: they appear as they work", "dim"), width))
    chosen = chosen_of(view)
    for row in told["sessions"]:
        is_chosen = marks and chosen is not None and row["id"] == chosen["id"]
        yield list(_session(row, _now(view), width, is_chosen=is_chosen, fancy=fancy))


def _session(
    row: "SessionStatus", now: datetime, width: int, *, is_chosen: bool, fancy: bool
) -> Iterator[Text]:
    mark = (">" if not fancy else "▸") if is_chosen else " "
    status = row["status"].replace("_", " ")
    title = plain(row["title"], 100) or plain(row["id"], 60)
    room = max(width - cell_len(status) - 4, 4)
    line = Text(f"{mark} ", "bold cyan")
    line.append(set_cell_size(title, min(room, width)) if width > _NARROW else _cut(title, room))
    line.append(" " * max(width - line.cell_len - cell_len(status), 1))
    line.append(status, _COLORS.get(row["status"], ""))
    if is_chosen:
        line.stylize("bold")
    yield _fit(line, width)
    for text in _details(row, now, fancy=fancy):
        yield from _wrapped(text, width, indent="  ")


def _details(row: "SessionStatus", now: datetime, *, fancy: bool) -> Iterator[Text]:
    parts = []
    if row["for"]:
        joint = "for " if row["status"] in {"waiting", "holding", "asking"} else ""
        parts.append(f"{joint}{plain(row['for'], 160)}")
    until = read_time(row["until"])
    if until is not None:
        left = f"in {say_span(until - now)}" if until > now else "now due"
        parts.append(f"until {say_time(until, now)} ({left})")
    if row["next"]:
        parts.append(f"then {plain(row['next'], 80)}")
    if row["rule"]:
        number = f" #{row['decision']}" if row["decision"] is not None else ""
        parts.append(f"rule {plain(row['rule'], 40)}{number}")
    since = read_time(row["since"])
    if not parts and since is not None:
        parts.append(f"for {say_span(max(now - since, timedelta(0)))}")
    if row["reason"]:
        message = f": {plain(row['message'], 100)}" if row["message"] else ""
        parts.append(f"{plain(row['reason'], 30)}{message}")
    if parts:
        yield Text(" · ".join(parts), "dim")
    if row["question"]:
        yield Text(f"palingenesis answer {plain(row['question'], 20)} yes|no", "bold magenta")
    if (work := _work(row, fancy=fancy)) is not None:
        yield work
    for rail in row["rails"]:
        yield Text(f"rail: {plain(rail)}", "red")


def _work(row: "SessionStatus", *, fancy: bool) -> Text | None:
    """How far the work is, and how full the context, where these are known."""
    done, total, step = row["work"]["completed"], row["work"]["total"], row["work"]["step"]
    text = Text()
    if done is not None and total:
        filled = round(min(done / total, 1.0) * _STEPS)
        full, rest = ("█", "░") if fancy else ("#", "-")
        text.append(full * filled, "green").append(rest * (_STEPS - filled), "dim")
        text.append(f" step {min(done + 1, total)} of {total}" if done < total else " all done")
        if step and done < total:
            text.append(f": {plain(step, 60)}", "dim")
    elif row["work"]["state"] == "torn":
        text.append("its work document is torn", "yellow")
    if row["context_used"] is not None:
        text.append(" · " if text else "").append(f"context {row['context_used']:.0%}", "dim")
    return text or None


# ── below ─────────────────────────────────────────────────────────────────────────────────────


def _events(view: View, width: int, room: int) -> list[Text]:
    """What happened last, newest last, a line each."""
    if room < 1 or not view.rows:
        return []
    lines = [Text("─" * width, "dim")]
    titles = {
        row["id"]: plain(row["title"], 24) for row in (view.told["sessions"] if view.told else ())
    }
    for row in view.rows[-(room - 1) :] if room > 1 else ():
        at = read_time(row["at"])
        clock = f"{at.astimezone():%H:%M:%S}" if at is not None else "        "
        text = Text(f"{clock} ", "dim")
        if title := titles.get(row["session"] or ""):
            text.append(f"{title}: ")
        text.append(plain(row["summary"] or row["kind"], 160))
        if row["rule"]:
            text.append(f" → {plain(row['rule'], 40)}", "cyan")
        lines.append(_fit(text, width))
    return lines


def _page(view: View, width: int, room: int) -> list[Text]:
    lines = [piece for line in view.page for piece in _wrapped(Text(line), width)]
    first = min(view.scroll, max(len(lines) - room, 0))
    return lines[first : first + room]


def _foot(view: View, width: int) -> Iterator[Text]:
    yield Text("─" * width, "dim")
    if view.question:
        yield from _wrapped(Text(f"{plain(view.question)} y/n", "bold yellow"), width)
        return
    if view.message:
        yield _fit(Text(plain(view.message, _LONG), "bold"), width)
    if view.page:
        yield _fit(Text("up/down read · any other key: back", "dim"), width)
        return
    words = [f"{key} {word}" for key, word in _KEYS]
    yield from _wrapped(Text(" · ".join(words), "dim"), width)


# ── fitting ───────────────────────────────────────────────────────────────────────────────────


def _fit(text: Text, width: int) -> Text:
    """The text in one line of that width."""
    text.truncate(max(width, 1), overflow="ellipsis")
    return text


def _cut(words: str, width: int) -> str:
    text = Text(words)
    text.truncate(max(width, 1), overflow="ellipsis")
    return text.plain


def _wrapped(text: Text, width: int, *, indent: str = "") -> Iterator[Text]:
    """The text in as many lines as it needs, broken between words where that can be."""
    from rich.console import Console

    room = max(width - len(indent), 1)
    console = Console(width=room, legacy_windows=False, color_system=None)
    for line in text.wrap(console, room):
        line.rstrip()
        yield Text(indent) + _fit(line, room)


def _now(view: View) -> datetime:
    at = read_time(view.told["at"]) if view.told is not None else None
    return at or _EPOCH


def texts(lines: Sequence[Text]) -> list[str]:
    """The lines without their colours."""
    return [line.plain for line in lines]
