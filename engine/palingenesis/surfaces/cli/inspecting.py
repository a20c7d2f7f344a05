"""`inspect`: everything that is known of one session; also with the daemon down."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import islice
from typing import TYPE_CHECKING, Final

import click

from palingenesis.runtime.foreign_text import plain
from palingenesis.runtime.spans import say_span
from palingenesis.surfaces.cli.choosing import choose_session
from palingenesis.surfaces.cli.desk import Desk
from palingenesis.surfaces.cli.examples import examples
from palingenesis.surfaces.cli.journal_reading import open_journal
from palingenesis.surfaces.cli.limit_text import say_limit
from palingenesis.surfaces.cli.wording import (
    count_of,
    read_time,
    say_json,
    say_session,
    say_time,
    short_ids,
)

if TYPE_CHECKING:
    from palingenesis.core.world import Session
    from palingenesis.journal import ReadOnlyJournal
    from palingenesis.runtime.door import EventRow
    from palingenesis.runtime.inspection import Inspection, PlanView, Would

_HISTORY: Final = 200
"""How many entries of the episode are looked at, the newest."""
_SHOWN: Final = 15
_QUIET: Final = frozenset({"session-alive", "facts-observed"})
_MARKS: Final = {"won": "✓", "limited": "!", "false": "·", "unknown": "?"}
_EPOCH: Final = datetime.fromisoformat("1970-01-01T00:00:00Z")


@click.command(epilog=examples("inspect", "inspect ses_1abc", "inspect 'Write the docs' --json"))
@click.argument("session", required=False)
@click.option("--json", "as_json", is_flag=True, help="The same facts as JSON.")
@click.pass_obj
def inspect(desk: Desk, session: str | None, as_json: bool) -> None:
    """Everything known of a SESSION (id, prefix or title), and which rule would match now.

    Also with the daemon down.
    """
    found, all_paused = _inspected(desk, session)
    if as_json:
        say_json({**found})
        return
    for line in lines(found, all_paused=all_paused):
        click.echo(line)


def _inspected(desk: Desk, asked: str | None) -> "tuple[Inspection, bool]":
    """Read the world from the journal, as a start would; also whether all are paused in it.

    Raises:
        NotRunningError: there is no journal yet.
        JournalError: it cannot be read.
        UnclearSessionError: no session, or more than one, is meant.
    """
    from palingenesis.runtime.clock import SystemClock
    from palingenesis.runtime.inspection import inspect as inspected
    from palingenesis.runtime.recovery import recover
    from palingenesis.runtime.views import session_status

    now = SystemClock().now()
    with open_journal(desk.paths) as journal:
        recovered = recover(journal)
        world = recovered.world
        rows = [session_status(one, now) for one in world.sessions.values()]
        ours = [row for row in rows if row["supervised"] and row["successor"] is None]
        chosen = choose_session(rows if asked is not None else ours, asked)
        session = next(one for one in world.sessions.values() if one.id == chosen["id"])
        history = _history(journal, session)
    return inspected(world, recovered.policy, session, now, history), world.paused


def _history(journal: "ReadOnlyJournal", session: "Session") -> "list[EventRow]":
    from palingenesis.journal import entry_to_plain
    from palingenesis.runtime.event_rows import Ordered, event_row
    from palingenesis.runtime.views import decoded

    since = session.episode.started_at if session.episode is not None else None
    newest = journal.entries(since=since, session=session.id, newest_first=True)
    found, ordered = [*islice(newest, _HISTORY)][::-1], Ordered(look_up=journal.ordered)
    rows = [event_row(decoded(one), entry_to_plain(one), ordered) for one in found]
    return [row for row in rows if row["kind"] not in _QUIET or row["rule"]]


# ── for people ────────────────────────────────────────────────────────────────────────────────


def lines(found: "Inspection", *, all_paused: bool = False) -> Iterator[str]:
    """All of it, section by section."""
    now = read_time(found["at"]) or _EPOCH
    row = found["session"]
    short = short_ids([row["id"]])
    yield say_session(row, short[row["id"]], now, all_paused=all_paused)
    if all_paused:
        yield click.style("! paused: nothing is done until 'palingenesis resume'", fg="yellow")
    yield from _who(found, now)
    if (plan := found["plan"]) is not None:
        yield from _plan(plan, now)
    yield from _holds(found, now)
    yield from _trouble(found, now)
    yield from _would(found["would"], found["rails"])
    yield from _table("work", found["work"])
    others = {name: fact for name, fact in found["facts"].items() if name not in found["work"]}
    yield from _table("facts", others)
    yield from _told(found)
    yield ""
    yield f"  why: palingenesis explain {plain(short[row['id']])}"


def _who(found: "Inspection", now: datetime) -> Iterator[str]:
    row, agent = found["session"], found["agent"]
    yield f"  id            {plain(row['id'])}"
    yield f"  directory     {plain(row['directory'])}"
    if agent is not None:
        up = "up" if agent["up"] else "down"
        yield (
            f"  agent         {plain(agent['id'])} · {plain(agent['assistant'])}"
            f" {plain(agent['version'])} · {agent['way']} · {up}"
        )
    yield f"  supervised    {'yes' if row['supervised'] else 'no'}"
    for word, id_ in (
        ("parent", found["parent"]),
        ("continues", found["predecessor"]),
        ("continued", row["successor"]),
    ):
        if id_:
            yield f"  {word:13} {plain(id_)}"
    for word, text in found["times"].items():
        at = read_time(text)
        if at is not None:
            distance = f"{say_span(now - at)} ago" if at <= now else f"in {say_span(at - now)}"
            yield f"  {word.replace('_', ' '):13} {say_time(at, now)} ({distance})"


def _plan(plan: "PlanView", now: datetime) -> Iterator[str]:
    yield _title(f"plan of rule {plain(plan['rule'])} #{plan['decision']}, on {plan['event']}")
    for number, step in enumerate(plan["steps"]):
        mark = "✓" if number < plan["at"] else ">" if number == plan["at"] else " "
        yield f"  {mark} {number + 1}. {plain(step)}"
    until = read_time(plan["deadline"])
    if until is not None:
        left = f"in {say_span(until - now)}" if until > now else "now due"
        yield f"    until {say_time(until, now)} ({left}): {plain(plan['because'], 200)}"
    if plan["awaits"]:
        yield f"    or as soon as {plain(plan['awaits'], 200)}"
    if plan["question"]:
        yield f"    answer it: palingenesis answer {plain(plan['question'])} yes|no"
    if plan["limited"]:
        yield f"    the policy's limit was reached: {plain(plan['limited'])}"


def _holds(found: "Inspection", now: datetime) -> Iterator[str]:
    for hold in found["holds"]:
        until = read_time(hold["until"]) or now
        left = say_span(max(until - now, timedelta(0)))
        yield f"  holds: rule {plain(hold['rule'])} decides in {left} if it stays true"


def _trouble(found: "Inspection", now: datetime) -> Iterator[str]:
    episode, attempts = found["episode"], found["attempts"]
    yield _title("trouble")
    if episode is None:
        yield "    none"
    else:
        begun = read_time(episode["begun"]) or now
        yield f"    since {say_time(begun, now)}, first {plain(episode['first_reason'])}"
        yield f"    {count_of(episode['attempts'], 'prompt')} since the last progress"
        for rule, tries in episode["tries"].items():
            yield f"    rule {plain(rule)}: {count_of(tries, 'plan')}"
    yield (
        f"    prompts: {attempts['last_hour']} of {attempts['most_an_hour']} this hour"
        f" · {attempts['unproductive']} in a row achieved nothing"
        f" · {count_of(attempts['repeats'], 'stop')} since the last progress"
    )
    for rail in found["rails"]:
        yield click.style(f"    rail: {plain(rail)}", fg="red")
    for limit in found["limits"]:
        name = plain(limit["name"])
        yield f"    {say_limit(limit, {}, now) or f'limit {name}: open'}"


def _would(would: "Would", rails: Sequence[str]) -> Iterator[str]:
    from palingenesis.core.safety import HER_STOP

    does = ", then ".join(would["steps"]) or "nothing"
    limited = ", its limit reached" if would["limited"] else ""
    yield _title(f"on '{plain(would['event'])}' now: rule {plain(would['rule'])}{limited}")
    yield f"    would {plain(does, 200)}" + (
        f", because {plain(would['why'], 200)}" if would["why"] else ""
    )
    if HER_STOP.rail in rails:
        yield click.style(f"    but no rule goes on with it: {HER_STOP.rail}", fg="red")
    for one in would["considered"]:
        if one["outcome"] in {"other event", "not reached"}:
            continue
        mark = _MARKS.get(one["outcome"], " ")
        yield f"    {mark} {plain(one['rule'])}  {plain(one['why'], 200)}".rstrip()


def _table(title: str, values: Mapping[str, bool | int | float | str]) -> Iterator[str]:
    yield _title(title)
    width = max((len(name) for name in values), default=0)
    for name, value in values.items():
        yield f"    {plain(name):{width}}  {plain(str(value))}"


def _told(found: "Inspection") -> Iterator[str]:
    rows = found["history"]
    since = "since its trouble began" if found["episode"] is not None else "lately"
    yield _title(f"what happened {since}")
    if len(rows) > _SHOWN:
        yield f"    … {len(rows) - _SHOWN} more: palingenesis events --session"
    for row in rows[-_SHOWN:]:
        at = read_time(row["at"])
        clock = f"{at.astimezone():%a %H:%M:%S}" if at is not None else ""
        rule = f" → {plain(row['rule'])}" if row["rule"] else ""
        effects = f" · {plain(', '.join(row['effects']), 80)}" if row["effects"] else ""
        yield f"    {clock}  {plain(row['summary'] or row['kind'], 120)}{rule}{effects}"


def _title(text: str) -> str:
    return click.style(f"\n  {text}", bold=True)
