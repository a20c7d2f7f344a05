"""`health`: one word for a script, and why; a monitor asks nothing else.

The word is about palingenesis, not about the work: a session that waits for its person is no
illness of ours, and is told beside it.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import click

from palingenesis.core.errors import DeadlineError, ExitCode, NotRunningError
from palingenesis.runtime.door import SCHEMA_VERSION, Status
from palingenesis.runtime.foreign_text import plain
from palingenesis.surfaces.cli.desk import Desk
from palingenesis.surfaces.cli.wording import count_of, read_time, say_json, say_time

EXAMPLES = """\b
Examples:
  palingenesis health
  palingenesis health | grep -q degraded && page-me
  palingenesis health --json | jq -r '.complaints[].fix'
"""

_COLORS: Final = {
    "healthy": "green",
    "starting": "yellow",
    "degraded": "yellow",
    "unresponsive": "red",
    "down": "red",
}
_CODES: Final = {
    "healthy": ExitCode.OK,
    "starting": ExitCode.TRY_AGAIN,
    "degraded": ExitCode.FAILURE,
    "down": ExitCode.NOT_RUNNING,
    "unresponsive": ExitCode.TIMEOUT,
}
NEEDS_A_PERSON: Final = frozenset({"attention", "blocked", "asking"})
"""Statuses of sessions that go on only with their person."""
_SENSOR: Final = "the sensor of "
_START: Final = "start"
_STARTS_WITHIN: Final = timedelta(minutes=1)
"""A server is ready within half a minute; one that we left, or its rest, is dealt with before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Complaint:
    """One thing that is not as it should be, and the command that shows or mends it."""

    about: str
    """One word for programs: `hold`, `pause`, `journal`, `policy`, `agent`, `start`, `rail`,
    `notices`, `sensor`, `config`, `daemon`."""
    text: str
    fix: str


@click.command(epilog=EXAMPLES)
@click.option("--json", "as_json", is_flag=True, help="The same facts as JSON.")
@click.pass_context
def health(ctx: click.Context, as_json: bool) -> None:
    """One word: healthy, starting, degraded, unresponsive or down; then why, one line each.

    Exit code 0 when healthy, 75 when starting, 1 when degraded, 3 when down, 6 when it does not
    answer.
    """
    complaints: list[Complaint] = []
    waiting: list[str] = []
    try:
        told = ctx.ensure_object(Desk).client().status()
    except NotRunningError as error:
        word = "down"
        complaints.append(Complaint(about="daemon", text=error.message, fix=error.hint))
    except DeadlineError as error:
        word = "unresponsive"
        complaints.append(Complaint(about="daemon", text=error.message, fix=error.hint))
    else:
        complaints = complaints_of(told)
        waiting = [row["id"] for row in told["sessions"] if row["status"] in NEEDS_A_PERSON]
        word = word_for(complaints)
    if as_json:
        say_json(
            {
                "schema_version": SCHEMA_VERSION,
                "health": word,
                "complaints": [
                    {"about": one.about, "text": one.text, "fix": one.fix} for one in complaints
                ],
                "sessions_waiting_for_you": waiting,
            }
        )
    else:
        _say(word, complaints, len(waiting))
    ctx.exit(_CODES[word])


def _say(word: str, complaints: list[Complaint], waiting: int) -> None:
    click.secho(word, fg=_COLORS[word], bold=True)
    for one in complaints:
        click.echo(f"  {one.about}: {plain(one.text, 300)}")
        click.echo(f"    → {plain(one.fix, 300)}")
    if waiting:
        verb = "waits" if waiting == 1 else "wait"
        click.echo(f"  {count_of(waiting, 'session')} {verb} for you: palingenesis status")


def word_for(complaints: Collection[Complaint]) -> str:
    """`healthy`, `degraded`, or `starting`: nothing is amiss but that it began a moment ago."""
    if not complaints:
        return "healthy"
    return "starting" if all(one.about == _START for one in complaints) else "degraded"


def complaints_of(told: Status) -> list[Complaint]:
    """Everything in a status that is not as it should be, the gravest first."""
    found = []
    if (held := told["safe_hold"]) is not None:
        text = f"palingenesis holds itself: {held['what']}"
        found.append(Complaint(about="hold", text=text, fix="palingenesis status"))
    if not told["journal"]["ok"]:
        text = f"nothing can be written down, so nothing is done: {told['journal']['detail']}"
        found.append(Complaint(about="journal", text=text, fix="palingenesis doctor"))
    if told["paused"]:
        text = "paused: nothing is done"
        found.append(Complaint(about="pause", text=text, fix="palingenesis resume"))
    if told["policy"]["stale"]:
        found.append(_of_policy(told))
    found += _of_agents(told)
    now = read_time(told["at"])
    for rail in told["rails"]:
        text = _until(rail["rail"], rail["until"], now)
        found.append(Complaint(about="rail", text=text, fix="palingenesis status"))
    if failed := told["notifications"]["failed"]:
        text = f"{count_of(failed, 'notice')} could not be delivered"
        found.append(Complaint(about="notices", text=text, fix="palingenesis doctor"))
    return found + [one for text in told["warnings"] for one in _of_warning(text)]


def _of_warning(warning: str) -> list[Complaint]:
    from palingenesis.runtime.refusals import CONFIG_REFUSED, CONFIG_WAY_OUT

    if warning.startswith(CONFIG_REFUSED):
        return [Complaint(about="config", text=CONFIG_REFUSED, fix=CONFIG_WAY_OUT)]
    if warning.startswith(_SENSOR):
        return [Complaint(about="sensor", text=warning, fix="palingenesis doctor")]
    return []


def _of_policy(told: Status) -> Complaint:
    from palingenesis.runtime.refusals import is_gone, stays

    if is_gone(told["policy"]["stale"]):
        text = "the policy's file is gone, what it said last decides: restore it, or begin anew"
        return Complaint(about="policy", text=text, fix="palingenesis daemon restart")
    policy = told["policy"]
    text = f"the newest policy was refused, {stays(policy)}"
    fix = f"palingenesis policy validate {policy.get('refused') or policy['path']}"
    return Complaint(about="policy", text=text, fix=fix)


def _of_agents(told: Status) -> list[Complaint]:
    found = []
    now = read_time(told["at"])
    began = read_time(told["since"])
    starts = now is not None and began is not None and now - began < _STARTS_WITHIN
    for agent in told["agents"]:
        if starts and not agent["up"] and not agent.get("heard", True):
            text = f"{agent['id']} is not reached yet: the daemon has begun a moment ago"
            found.append(Complaint(about=_START, text=text, fix="palingenesis status"))
        elif not agent["up"]:
            detail = f": {agent['detail']}" if agent["detail"] else ""
            text = f"{agent['id']} is not up{detail}"
            found.append(Complaint(about="agent", text=text, fix="palingenesis doctor"))
        elif not agent["supported"]:
            text = f"{agent['id']} {agent['version']} was not tested: watched, never acted on"
            found.append(Complaint(about="agent", text=text, fix="palingenesis doctor"))
        for rail in agent["rails"]:
            text = f"{agent['id']}: {_until(rail['rail'], rail['until'], now)}"
            found.append(Complaint(about="rail", text=text, fix="palingenesis status"))
    return found


def _until(text: str, until: str | None, now: datetime | None) -> str:
    at = read_time(until)
    return f"{text}, until {say_time(at, now)}" if at and now else text
