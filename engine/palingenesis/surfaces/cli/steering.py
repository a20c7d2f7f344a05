"""`pause`, `resume`, `abort`, `skip`, `new-session`, `enrol`, `detach`: a person's commands.

Each is given to a session, to all sessions of an agent, or to all. What is given twice does what
it did once, and every one leaves its line in the journal, with who asked.
"""

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

import click

from palingenesis.control.client import ControlClient
from palingenesis.core.errors import (
    BusyError,
    DeadlineError,
    NotRunningError,
    PalingenesisError,
)
from palingenesis.runtime.door import SCHEMA_VERSION, Answer, CommandName, SessionStatus
from palingenesis.runtime.foreign_text import plain
from palingenesis.surfaces.cli.choosing import SessionWord, choose_session, sessions_of_agent
from palingenesis.surfaces.cli.desk import Desk
from palingenesis.surfaces.cli.wording import count_of, say_json, say_refused, short_ids

_CROWD: Final = timedelta(seconds=60)
"""How long many commands may take: the door takes ten a second."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Verb:
    """One command: whom it is for when nobody is named, and whether a person is asked first."""

    name: CommandName
    line: str
    examples: Sequence[str]
    all_when_unnamed: bool = False
    ends_something: bool = False
    fits: Callable[[SessionStatus], bool] = lambda row: row["supervised"]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Wish:
    """What was asked for on one command line."""

    session: str | None
    everything: bool
    dry_run: bool
    yes: bool
    as_json: bool


def _command(verb: _Verb) -> click.Command:
    examples = "\n".join(f"  palingenesis {one}" for one in verb.examples)

    @click.command(verb.name, help=verb.line, epilog=f"\b\nExamples:\n{examples}\n")
    @click.argument("session", required=False, type=SessionWord(), metavar="[SESSION|AGENT]")
    @click.option("--all", "everything", is_flag=True, help="Every session that it fits.")
    @click.option("--dry-run", is_flag=True, help="Only tell which sessions are meant.")
    @click.option("--yes", is_flag=True, help="Do not ask.")
    @click.option("--json", "as_json", is_flag=True, help="The answer as JSON.")
    @click.pass_context
    def give(ctx: click.Context, /, **asked: Any) -> None:
        _give(ctx.ensure_object(Desk), verb, _Wish(**asked))

    return give


def _give(desk: Desk, verb: _Verb, wish: _Wish) -> None:
    client = desk.client()
    rows = client.sessions()
    meant = _meant(verb, wish, rows)
    if wish.dry_run:
        _tell_meant(verb, wish, meant, rows)
        return
    if not wish.yes and _has_to_ask(verb, meant):
        named = "\n".join(f"  {line}" for line in _names(meant or (), rows))
        click.echo(f"{verb.name}:\n{named}", err=True)
        click.confirm("go on?", abort=True, err=True)
    targets = [None] if meant is None else [row["id"] for row in meant]
    many = len(targets) > 1
    told = [(one, _ordered(client, verb.name, one, desk.who, many=many)) for one in targets]
    failed = [answer["message"] for _, answer in told if not answer["ok"]]
    done = [answer["message"] for _, answer in told if answer["ok"]]
    if wish.as_json:
        given = [
            {"session": one, "ok": answer["ok"], "message": answer["message"]}
            for one, answer in told
        ]
        message = told[0][1]["message"] if len(told) == 1 else f"{verb.name}: {len(done)} done"
        say_json(
            {
                "schema_version": SCHEMA_VERSION,
                "ok": not failed,
                "message": message,
                "given": given,
            }
        )
    else:
        for message in done:
            click.echo(plain(message, 500))
        if not told:
            click.echo(f"{verb.name}: there is no session for it", err=True)
    if failed:
        rest = f" (and {len(failed) - 1} more)" if len(failed) > 1 else ""
        raise PalingenesisError(f"{failed[0]}{rest}")


def _meant(
    verb: _Verb, wish: _Wish, rows: Sequence[SessionStatus]
) -> Sequence[SessionStatus] | None:
    """The sessions that are meant; None: all there are and will be, in one command.

    Raises:
        UsageError: both one and all were asked for.
        UnclearSessionError: none fits, or more than one.
    """
    if wish.session is not None and wish.everything:
        raise click.UsageError("a session and --all cannot both be given")
    fitting = [row for row in rows if verb.fits(row)]
    if wish.session is not None:
        if ours := sessions_of_agent(rows, wish.session):
            return [row for row in ours if verb.fits(row)]
        return [choose_session(rows, wish.session)]
    if verb.all_when_unnamed:
        return None
    return fitting if wish.everything else [choose_session(fitting, None)]


def _has_to_ask(verb: _Verb, meant: Sequence[SessionStatus] | None) -> bool:
    """Whether something ends, or many are meant, and somebody is there to be asked."""
    many = meant is not None and len(meant) > 1
    is_there = sys.stdin is not None and sys.stdin.isatty() and sys.stderr.isatty()
    return is_there and (verb.ends_something or (many and not verb.all_when_unnamed))


def _tell_meant(
    verb: _Verb,
    wish: _Wish,
    meant: Sequence[SessionStatus] | None,
    rows: Sequence[SessionStatus],
) -> None:
    told = [row for row in rows if row["supervised"]] if meant is None else meant
    if wish.as_json:
        would = [row["id"] for row in told]
        say_json({"schema_version": SCHEMA_VERSION, "dry_run": True, "would": would})
        return
    whom = "all sessions, and those to come" if meant is None else count_of(len(told), "session")
    click.echo(f"would {verb.name} {whom}{':' if told else ''}")
    for line in _names(told, rows):
        click.echo(f"  {line}")


def _names(meant: Sequence[SessionStatus], rows: Sequence[SessionStatus]) -> list[str]:
    short = short_ids(row["id"] for row in rows)
    return [
        f"{plain(row['title'], 48) or '(no title)'} ({plain(short[row['id']])}): {row['status']}"
        for row in meant
    ]


def _ordered(
    client: ControlClient, name: CommandName, session: str | None, who: str, *, many: bool
) -> Answer:
    """The answer to a command; one of many neither presses the door nor ends the others."""
    from palingenesis.surfaces.cli.patience import Patience

    patience = Patience(_CROWD)
    while True:
        try:
            return client.command(name, session, who)
        except BusyError:
            if not patience.lasts():
                raise
        except (NotRunningError, DeadlineError):
            raise
        except PalingenesisError as error:
            if not many:
                raise
            return {"ok": False, "message": say_refused(error)}


pause = _command(
    _Verb(
        name="pause",
        line="Stop acting and keep watching: one SESSION (id, prefix or title), those of an AGENT,"
        " or all there are and will be. It survives a restart.",
        examples=("pause", "pause 'Refactor the parser'", "pause opencode"),
        all_when_unnamed=True,
    )
)
resume = _command(
    _Verb(
        name="resume",
        line="Act again: one SESSION (id, prefix or title), those of an AGENT, or all. "
        "A session in attention is decided anew when it is named.",
        examples=("resume", "resume ses_1abc"),
        all_when_unnamed=True,
    )
)
abort = _command(
    _Verb(
        name="abort",
        line="End the turn of a SESSION, of those of an AGENT, or of all, and leave it alone from"
        " now on.",
        examples=("abort ses_1abc", "abort --all --dry-run", "abort --all --yes"),
        ends_something=True,
    )
)
skip = _command(
    _Verb(
        name="skip",
        line="Leave the current step of a SESSION's work, note it as skipped for whoever takes the"
        " work over, and go on with the next one.",
        examples=("skip", "skip 'Write the docs'"),
    )
)
new_session = _command(
    _Verb(
        name="new-session",
        line="Continue a SESSION's work in a new one, from Next-step.md.",
        examples=("new-session ses_1abc", "new-session ses_1abc --dry-run"),
        ends_something=True,
    )
)
enrol = _command(
    _Verb(
        name="enrol",
        line="Supervise a SESSION that was not seen working.",
        examples=("sessions", "enrol ses_1abc"),
        fits=lambda row: not row["supervised"],
    )
)
detach = _command(
    _Verb(
        name="detach",
        line="Leave a SESSION alone; it is found again only by 'enrol'.",
        examples=("detach ses_1abc",),
    )
)
