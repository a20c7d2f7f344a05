"""`policy graph`: how a policy decides, and how a session lives, drawn."""

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from palingenesis.core.errors import NotRunningError
from palingenesis.runtime.door import SCHEMA_VERSION
from palingenesis.surfaces.cli.choosing import choose_session
from palingenesis.surfaces.cli.desk import Desk
from palingenesis.surfaces.cli.given_policy import GivenPolicy, PolicyWord
from palingenesis.surfaces.cli.naming import choose_name
from palingenesis.surfaces.cli.policy_in_force import policy_of
from palingenesis.surfaces.cli.policy_in_use import given_or_in_use
from palingenesis.surfaces.cli.wording import say_json

if TYPE_CHECKING:
    from palingenesis.core.policy.model import Policy
    from palingenesis.runtime.door import SessionStatus

EXAMPLES = """\b
Examples:
  palingenesis policy graph --event stopped            the rules in the order they are tried
  palingenesis policy graph my.yaml --format mermaid   paste it where Mermaid is drawn
  palingenesis policy graph --states --session ses_1   where a session is in its life
"""


@click.command(
    "graph", short_help="How a policy decides, and how a session lives, drawn.", epilog=EXAMPLES
)
@click.argument("file", required=False, type=PolicyWord(), metavar="[FILE|NAME|-]")
@click.option("--states", is_flag=True, help="A session's life instead of the decisions.")
@click.option("--event", metavar="EVENT", help="Only rules that listen to this event.")
@click.option("--session", metavar="ID", help="Mark where this session is now.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "mermaid"]),
    default="text",
    show_default=True,
    help="For people, or for whatever draws Mermaid.",
)
@click.option("--json", "as_json", is_flag=True, help="The same facts as JSON.")
@click.pass_obj
def graph(
    desk: Desk,
    file: str | None,
    states: bool,
    event: str | None,
    session: str | None,
    form: str,
    as_json: bool,
) -> None:
    """Draw the decision flow of FILE (else the policy in use), or with --states a session's life.

    Where the daemon runs, what supervised sessions do now is marked.
    """
    from palingenesis.core.facts import EVENTS

    if states and (file or event):
        raise click.UsageError("--states is the same for every policy; leave FILE and --event out")
    rows = _live(desk, session)
    if states:
        if as_json:
            say_json({"schema_version": SCHEMA_VERSION, "statuses": _statuses(rows)})
        else:
            click.echo(_life(rows, form), nl=False)
        return
    if event is not None:
        event = choose_name(event, EVENTS, what="event", hint=f"one of: {', '.join(EVENTS)}")
    from palingenesis.simulation.decision_flow import Flow, as_mermaid, as_plain, as_text

    now = frozenset(row["rule"] for row in rows if row["rule"] is not None)
    flow = Flow(policy=_policy(desk, file), event=event, now=now if file is None else frozenset())
    if as_json:
        say_json({"schema_version": SCHEMA_VERSION, **as_plain(flow)})
        return
    click.echo(as_mermaid(flow) if form == "mermaid" else as_text(flow), nl=False)


def _live(desk: Desk, session: str | None) -> "list[SessionStatus]":
    """The session that is meant, or all supervised ones; none where the daemon does not run."""
    try:
        rows = desk.client().sessions()
    except NotRunningError:
        if session is not None:
            raise
        return []
    if session is not None:
        return [choose_session(rows, session)]
    return [row for row in rows if row["supervised"]]


def _statuses(rows: "list[SessionStatus]") -> "list[dict[str, Any]]":
    """Every status with its ways out, and the sessions that are in it now."""
    from palingenesis.core.lifecycle import TRANSITIONS
    from palingenesis.core.values import Status

    return [
        {
            "status": status.value,
            "sessions": [row["id"] for row in rows if row["status"] == status],
            "ways": [
                {"trigger": trigger, "to": dest.value}
                for trigger, sources, dest in TRANSITIONS
                if status in sources
            ],
        }
        for status in Status
    ]


def _life(rows: "list[SessionStatus]", form: str) -> str:
    from palingenesis.core.lifecycle import TRANSITIONS, mermaid

    now: dict[str, int] = {}
    for row in rows:
        now[row["status"]] = now.get(row["status"], 0) + 1
    if form == "mermaid":
        lit = f"    class {','.join(sorted(now))} now\n" if now else ""
        return f"{mermaid()}    classDef now fill:#fd7,stroke:#b60,color:#000\n{lit}"
    lines: list[str] = []
    for status in dict.fromkeys(source for _, sources, _ in TRANSITIONS for source in sources):
        count = now.get(status, 0)
        here = f"  ← {count} now" if count else ""
        lines.append(f"{click.style(str(status), fg='cyan')}{here}")
        ways: dict[str, list[str]] = {}
        for trigger, sources, dest in TRANSITIONS:
            if status in sources:
                ways.setdefault(str(dest), []).append(trigger)
        lines += [f"  → {dest:12} {', '.join(triggers)}" for dest, triggers in ways.items()]
    return "\n".join(lines) + "\n"


def _policy(desk: Desk, file: str | None) -> "Policy":
    """The one that was named, the one in force, or the one that would be."""
    from palingenesis.surfaces.cli.usable_policy import usable_given

    if file is not None:
        return usable_given(given_or_in_use(desk, file))
    with contextlib.suppress(NotRunningError):
        told = desk.client().policy()
        if (in_force := policy_of(told)) is not None:
            return in_force
        path = Path(told["path"])
        raw = told["source"].encode()
        return usable_given(GivenPolicy(said=str(path), name=path.stem, raw=raw, path=path))
    return usable_given(given_or_in_use(desk, None))
