"""`policy diff A B --history 7d`: what two policies make of the decisions that were recorded."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import click

from palingenesis.core.facts import show_duration
from palingenesis.runtime.door import SCHEMA_VERSION
from palingenesis.runtime.foreign_text import plain
from palingenesis.surfaces.cli.desk import Desk
from palingenesis.surfaces.cli.journal_reading import open_journal
from palingenesis.surfaces.cli.wording import count_of, say_json

if TYPE_CHECKING:
    from palingenesis.core.policy.model import Policy
    from palingenesis.simulation.history import Comparison, Difference, Group, Net, Past

LIMIT = (
    "the facts are those of then: what would have followed another action cannot be known, so a "
    "decision after the first difference of its episode is marked ~"
)
"""What a retelling of the past cannot know; printed with every difference."""
ALWAYS_SAID = frozenset({"new sessions", "notifications"})
"""What is told of a net even where it stays the same."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """Recorded decisions since an instant; `skipped`: entries that are damaged."""

    since: datetime
    pasts: "Iterator[Past]"
    skipped: set[int]


@contextmanager
def recorded(desk: Desk, span: timedelta) -> Iterator[Stretch]:
    """The decisions of the last while, oldest first.

    Raises:
        NotRunningError: there is no journal yet.
        JournalError: it cannot be read.
    """
    from palingenesis.runtime.clock import SystemClock
    from palingenesis.runtime.pasts import pasts

    since = SystemClock().now() - span
    with open_journal(desk.paths, since=since) as journal:
        entries = journal.entries(since=since, decided=True)
        yield Stretch(since=since, pasts=pasts(entries), skipped=journal.skipped)


def diff_history(
    desk: Desk, before: "Policy", after: "Policy", span: timedelta, *, as_json: bool
) -> bool:
    """Tell what would have been decided differently; returns whether anything would."""
    from palingenesis.core.policy.index import indexed
    from palingenesis.simulation.history import compare

    with recorded(desk, span) as stretch:
        found = compare(stretch.pasts, indexed(before), indexed(after))
        skipped = len(stretch.skipped)
    if as_json:
        say_json(as_document(found, stretch.since, skipped))
    else:
        click.echo(as_text(found, stretch.since), nl=False)
        if skipped:
            click.echo(f"warning: {skipped} damaged entries were left out", err=True)
    return found.different > 0


# ── as text ───────────────────────────────────────────────────────────────────────────────────


def as_text(found: "Comparison", since: datetime) -> str:
    """The comparison for people."""
    if not found.decisions:
        return f"nothing was decided since {_day(since)}\n"
    counted = f"{count_of(found.decisions, 'recorded decision')} ({count_of(found.stops, 'stop')})"
    said = f"{counted} since {_day(since)}"
    renamed = f" · {found.renamed} by another rule, with the same plan" if found.renamed else ""
    if not found.different:
        return f"{said} · none would be decided differently{renamed}\n"
    uncertain = f" ({found.uncertain} of them ~)" if found.uncertain else ""
    out = [f"{said} · {found.different} would be decided differently{uncertain}{renamed}", ""]
    out += grouped_lines(found.groups)
    out += ["", f"net: {say_net(found.net)}", f"limit: {LIMIT}"]
    return "\n".join(out) + "\n"


def grouped_lines(groups: "Sequence[Group]") -> list[str]:
    """Each kind of difference: how often, from which rule to which, the plans, the first one."""
    lines: list[str] = []
    for group in groups:
        number = f"{len(group.differences)} \N{MULTIPLICATION SIGN}"
        lines.append(f"{number:>7}  {plain(group.reason):15} {_rules(group)}")
        lines.append(f"          - {plain(group.first.before.words, 300)}")
        lines.append(f"          + {plain(group.first.after.words, 300)}")
        lines.append(f"          first: {_first(group)}")
    return lines


def say_net(net: "Net") -> str:
    """What the differences come to: `waiting time -12m, new sessions +3`."""
    seconds = round(net.waiting.total_seconds())
    waiting = show_duration(timedelta(seconds=abs(seconds)))
    said = [f"waiting time {_sign(seconds)}{waiting}"]
    for name, number in net.steps.items():
        if number or name in ALWAYS_SAID:
            said.append(f"{name} {_sign(number)}{abs(number)}")
    return ", ".join(said)


def _rules(group: "Group") -> str:
    first = group.first
    names = [
        plain(one.rule) + (" (limit)" if one.limited else "") for one in (first.before, first.after)
    ]
    return " → ".join(names)


def _first(group: "Group") -> str:
    past = group.first.past
    at = past.at.astimezone()
    told = f"{at:%a %d %b %H:%M} session {plain(past.session, 40)}, decision {past.decision}"
    if not group.uncertain:
        return told
    if group.uncertain == len(group.differences):
        return f"{told}   ~"
    return f"{told}   {group.uncertain} of them ~"


def _sign(number: int) -> str:
    return "±" if number == 0 else "+" if number > 0 else "-"


def _day(at: datetime) -> str:
    return f"{at.astimezone():%a %d %b %H:%M}"


# ── as JSON ───────────────────────────────────────────────────────────────────────────────────


def as_document(found: "Comparison", since: datetime, skipped: int) -> dict[str, object]:
    """The comparison for programs."""
    return {
        "schema_version": SCHEMA_VERSION,
        "since": since.isoformat(),
        "decisions": found.decisions,
        "stops": found.stops,
        "different": found.different,
        "uncertain": found.uncertain,
        "renamed": found.renamed,
        "damaged_entries": skipped,
        "groups": [group_document(group) for group in found.groups],
        "net": {"waiting_s": found.net.waiting.total_seconds(), **found.net.steps},
        "limit": LIMIT,
    }


def group_document(group: "Group") -> dict[str, object]:
    """One kind of difference, with every decision that it holds."""
    first = group.first
    return {
        "reason": group.reason,
        "before": {"rule": group.before, "plan": first.before.words},
        "after": {"rule": group.after, "plan": first.after.words},
        "decisions": [_one(one) for one in group.differences],
    }


def _one(one: "Difference") -> dict[str, object]:
    past = one.past
    return {
        "decision": past.decision,
        "at": past.at.isoformat(),
        "session": past.session,
        "uncertain": one.uncertain,
    }
