"""How the command line speaks: foreign text made harmless, local time, JSON, one line a session."""

import json
import re
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

import click

from palingenesis.core.errors import PalingenesisError
from palingenesis.runtime.door import SessionStatus
from palingenesis.runtime.foreign_text import plain
from palingenesis.runtime.spans import say_span

_SHORT_ID = 12
_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
_COLORS = {
    "working": "green",
    "verifying": "green",
    "acting": "cyan",
    "deciding": "cyan",
    "holding": "yellow",
    "waiting": "yellow",
    "asking": "magenta",
    "blocked": "magenta",
    "stalled": "red",
    "attention": "red",
}


def say_json(document: Mapping[str, object]) -> None:
    """Print a document for scripts, on stdout."""
    click.echo(json.dumps(document, indent=2, ensure_ascii=True))


def say_yaml(document: Mapping[str, object]) -> None:
    """Print a document as YAML, on stdout; a mark ahead lets several follow each other."""
    import yaml

    text = yaml.safe_dump(json.loads(json.dumps(document)), sort_keys=False, explicit_start=True)
    click.echo(text, nl=False)


def count_of(number: int, word: str) -> str:
    """A number and what it counts: `1 rule`, `2 rules`."""
    return f"{number} {word}" if number == 1 else f"{number} {word}s"


def say_refused(error: PalingenesisError) -> str:
    """Why a typed value is refused, and how it is written, in one line."""
    quoted = ", and in quotes, or the shell reads it" if "$" in (error.hint or "") else ""
    return f"{error.message} ({error.hint}{quoted})" if error.hint else error.message


def read_time(text: str | None) -> datetime | None:
    """An instant from the daemon's JSON; None when there is none or it makes no sense."""
    try:
        return datetime.fromisoformat(text) if text else None
    except ValueError:
        return None


def say_time(at: datetime, now: datetime) -> str:
    """An instant in local time: the hour on the same day, the weekday within six days."""
    here, today = at.astimezone(), now.astimezone()
    days = (here.date() - today.date()).days
    if days == 0:
        return f"{here:%H:%M}"
    near = timedelta(days=6) >= abs(here - today)
    return f"{here:%a %H:%M}" if near else f"{here:%Y-%m-%d %H:%M}"


def local_times(text: str, now: datetime) -> str:
    """A line of the daemon's with its instants (`2026-01-31T22:00:00Z`) in local time."""

    def said(found: re.Match[str]) -> str:
        at = read_time(found[0])
        return say_time(at, now) if at is not None else found[0]

    return _INSTANT.sub(said, text)


def short_ids(ids: Iterable[str]) -> dict[str, str]:
    """For each id the shortest prefix, of 12 characters or more, that no other id shares."""
    known = sorted(set(ids))
    short = {}
    for one in known:
        length = _SHORT_ID
        while length < len(one) and any(
            other != one and other.startswith(one[:length]) for other in known
        ):
            length += 1
        short[one] = one[:length]
    return short


def say_session(row: SessionStatus, short: str, now: datetime, *, all_paused: bool = False) -> str:
    """One session in one line: what it does; if it waits: for what, until when, what then, who."""
    return " · ".join(session_parts(row, short, now, all_paused=all_paused))


def session_parts(
    row: SessionStatus, short: str, now: datetime, *, all_paused: bool = False
) -> list[str]:
    """The pieces of a session's line, the most telling first.

    While all are paused (`all_paused`), none can be released alone, and none offers it.
    """
    name = plain(row["title"], 48) or "(no title)"
    word = click.style(row["status"].replace("_", " "), fg=_COLORS.get(row["status"]))
    parts = [f"{name} ({plain(short)}): {word}{_pending(row, now)}"]
    if row["status"] in ("working", "verifying", "stalled", "blocked"):
        since = read_time(row["since"])
        parts += [f"for {say_span(now - since)}"] if since else []
    if row["question"]:
        question = plain(row["question"], 20)
        parts.append(click.style(f"answer it: palingenesis answer {question} yes|no", bold=True))
    if row["rule"]:
        number = f" #{row['decision']}" if row["decision"] is not None else ""
        parts.append(f"rule {plain(row['rule'])}{number}")
    if (said := _because(row)) is not None:
        parts.append(said)
    work = row["work"]
    if work["completed"] is not None and work["total"] is not None:
        parts.append(f"{work['completed']} of {work['total']} steps done")
    elif work["state"] == "torn":
        parts.append("its work document is torn")
    if row["context_used"] is not None:
        parts.append(f"context {row['context_used']:.0%}")
    parts += [click.style(f"rail: {plain(rail)}", fg="red") for rail in row["rails"]]
    return parts + _way_out(row, short, all_paused=all_paused)


def release_of(row: SessionStatus, short: str, *, all_paused: bool) -> str:
    """The command that has a session act again; a pause of all ends as a whole, and first."""
    alone = f"palingenesis resume {plain(short)}"
    if not all_paused:
        return alone
    # One in attention is decided anew only when it is named.
    needs_both = row["status"] == "attention"
    return f"palingenesis resume && {alone}" if needs_both else "palingenesis resume"


def _way_out(row: SessionStatus, short: str, *, all_paused: bool) -> list[str]:
    """What a person can type about a session that goes on only with her."""
    match row["status"]:
        case "paused" if all_paused:
            return []  # said once, of all
        case "attention":
            out = f"when that is mended: {release_of(row, short, all_paused=all_paused)}"
        case "blocked":
            out = f"answer it: palingenesis open {plain(short)}"
        case "paused" if row["for"] == "paused":  # by a person, not because we hold ourselves
            out = f"act again: {release_of(row, short, all_paused=all_paused)}"
        case "stood_down" if row["reason"] == "crash":  # not her doing, so she may not know it
            out = f"go on with it: palingenesis open {plain(short)}"
        case _:
            return []
    return [click.style(out, bold=True)]


def _pending(row: SessionStatus, now: datetime) -> str:
    joint = " for " if row["status"] in {"waiting", "holding", "asking"} else ": "
    text = f"{joint}{plain(row['for'])}" if row["for"] not in {None, "", row["status"]} else ""
    if (until := read_time(row["until"])) is not None:
        left = f"in {say_span(until - now)}" if until > now else "now due"
        text += f" until {say_time(until, now)} ({left})"
    then = "on yes" if row["question"] else "then"
    return text + (f", {then} {plain(row['next'])}" if row["next"] else "")


def _because(row: SessionStatus) -> str | None:
    if not row["reason"]:
        return None
    message = f": {plain(row['message'], 80)}" if row["message"] else ""
    said = f"{plain(row['reason'])}{message}"
    return said if said != plain(row["for"] or "") else None
