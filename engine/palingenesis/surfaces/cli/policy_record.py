"""`policy record`: an incident of the journal becomes a test."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from itertools import islice
from typing import TYPE_CHECKING, Any

import click

from palingenesis import shipped
from palingenesis.core.errors import ExitCode, JournalError, PalingenesisError
from palingenesis.runtime.foreign_text import plain
from palingenesis.surfaces.cli.desk import Desk
from palingenesis.surfaces.cli.span import Span
from palingenesis.surfaces.cli.whole import Whole
from palingenesis.surfaces.cli.wording import say_json

if TYPE_CHECKING:
    from palingenesis.core.policy.model import Policy
    from palingenesis.core.values import SessionId
    from palingenesis.journal import ReadOnlyJournal
    from palingenesis.simulation.testing.incidents import Moment
    from palingenesis.simulation.testing.recording import Draft

SCHEMA_VERSION = 1
_LOOKED_BACK = 20_000
"""Entries of the journal that are searched."""
_BEGINNINGS = 12
"""How many earlier troubles a test is made to begin with, until it plays as the journal says."""

EXAMPLES = """\b
Examples:
  palingenesis policy record > night.test.yaml
  palingenesis policy record --decision 4812 > incident.test.yaml
  palingenesis policy record --last 8h > tonight.test.yaml
  palingenesis policy record --json | jq -r '.differences[]'
"""


@click.command(short_help="An incident of the journal becomes a test.", epilog=EXAMPLES)
@click.option("--session", metavar="SESSION", help="The last trouble of this session.")
@click.option("--last", type=Span(), metavar="SPAN", help="Every session's trouble since then.")
@click.option("--decision", type=Whole(1), help="The trouble this decision belongs to.")
@click.option("--json", "as_json", is_flag=True, help="The test, and where it is from, as JSON.")
@click.pass_context
def record(
    ctx: click.Context,
    session: str | None,
    last: timedelta | None,
    decision: int | None,
    as_json: bool,
) -> None:
    """Write a test of what happened: the last trouble, or that of a session or a decision.

    Reads the journal, also with the daemon down. The test goes to stdout, remarks to stderr; exit
    code 1 when playing the test differs from what the journal says.
    """
    from palingenesis.surfaces.cli.journal_reading import open_journal
    from palingenesis.surfaces.cli.offline import meant_session

    if sum(option is not None for option in (session, last, decision)) > 1:
        raise click.UsageError("give one of --session, --last, --decision")
    desk = ctx.ensure_object(Desk)
    with open_journal(desk.paths) as journal:
        moments = _moments(journal)
        meant = meant_session(journal, session) if session is not None else None
        wanted = _sessions(moments, meant, last, decision)
        recorded = _Recorded(journal, moments, desk)
        for one in wanted:
            recorded.add(one, decision)
    document = recorded.finish()
    if as_json:
        say_json(document)
    else:
        _say(document)
    if document["differences"]:
        ctx.exit(ExitCode.FAILURE)


def _say(document: Mapping[str, Any]) -> None:
    """The test on stdout, that it may become a file; remarks beside it."""
    click.echo(document["test"], nl=False)
    for line in document["differences"]:
        click.echo(f"warning: {line}", err=True)
    if document["differences"]:
        click.echo("hint: what was counted before the test begins may be missing in it", err=True)


def _moments(journal: "ReadOnlyJournal") -> "Sequence[Moment]":
    from palingenesis.runtime.views import decoded
    from palingenesis.simulation.testing.incidents import Moment

    newest = islice(journal.entries(newest_first=True), _LOOKED_BACK)
    read = [decoded(one) for one in newest][::-1]
    return [
        Moment(event=one.event, decisions=tuple(one.decisions), effects=tuple(one.effects))
        for one in read
    ]


def _sessions(
    moments: "Sequence[Moment]", asked: str | None, last: timedelta | None, number: int | None
) -> "list[SessionId]":
    """The sessions whose trouble is wanted, each once."""
    decided = [one for moment in moments for one in moment.decisions if one.kind == "decided"]
    if number is not None:
        decided = [one for one in decided if one.id == number]
    elif last is not None:
        from palingenesis.runtime.clock import SystemClock

        since = SystemClock().now() - last
        decided = [one for one in decided if one.at >= since]
    elif asked is not None:
        decided = [one for one in decided if one.session == asked][-1:]
    else:
        decided = decided[-1:]
    found = list(dict.fromkeys(one.session for one in decided if one.session is not None))
    if not found:
        raise PalingenesisError("nothing was decided there", "palingenesis explain --limit 20")
    return found


class _Recorded:
    """The tests that were made so far, all of one policy."""

    def __init__(self, journal: "ReadOnlyJournal", moments: "Sequence[Moment]", desk: Desk) -> None:
        self._journal = journal
        self._moments = moments
        self._desk = desk
        self._told: frozenset[SessionId] = frozenset()
        self._digest = ""
        self._policy: Policy | None = None
        self._made: list[Draft] = []
        self._recorded: list[SessionId] = []
        self._differing: list[str] = []

    def add(self, session: "SessionId", number: int | None) -> None:
        """Record the trouble of a session."""
        from palingenesis.simulation.testing.incidents import incidents

        best: tuple[Draft, list[str]] | None = None
        if session in self._told:
            return  # it is in the test of the session that it continues, or that continues it
        tried = islice(incidents(self._moments, session, decision=number), _BEGINNINGS)
        for incident in tried:
            policy = self._policy_of(incident.moments)
            self._told |= incident.ours
            made = _draft(incident, session)
            differing = list(_compared(made, policy))
            if best is None or len(differing) < len(best[1]):
                best = made, differing
            if not differing:
                break
        if best is not None:
            self._made.append(best[0])
            self._recorded.append(session)
            self._differing += [f"{plain(str(session), 40)}: {line}" for line in best[1]]

    def finish(self) -> dict[str, Any]:
        """The file, its blanks filled in; where it is from, and where it differs from that."""
        from palingenesis.simulation.testing.reading import read_tests
        from palingenesis.simulation.testing.recording import file_of
        from palingenesis.simulation.testing.running import run
        from palingenesis.simulation.testing.updating import update

        assert self._policy is not None, "there is a policy where something was decided"
        name, remark = self._named()
        remarks = [
            "Recorded from the journal with: palingenesis policy record",
            f"The policy in force was {plain(self._policy.name, 60)}, sha256 {self._digest[:12]}.",
            *([remark] if remark else []),
            "Waits have another jitter than they had; 'advance: due' goes to their end.",
        ]
        text = file_of(self._made, policy=name, remarks=remarks)
        read = read_tests(text)
        assert read.file is not None, read.diagnostics
        results = run(read.file, self._policy)
        return {
            "schema_version": SCHEMA_VERSION,
            "test": update(text, results, only_blank=True).text,
            "sessions": [str(one) for one in self._recorded],
            "policy": {"name": self._policy.name, "digest": self._digest, "used": name},
            "differences": self._differing,
        }

    def _policy_of(self, moments: "Sequence[Moment]") -> "Policy":
        from palingenesis.core.policy.build import build

        digests = [it.policy for one in moments for it in one.decisions if it.kind == "decided"]
        if self._policy is not None:
            if digests[0] != self._digest:
                self._differing.append("its policy was another one than that of the tests before")
            return self._policy
        kept: tuple[str, Mapping[str, Any]] | None = self._journal.policy(digests[0])
        if kept is None:
            raise JournalError(f"the journal has not kept the policy {digests[0][:12]}")
        self._digest, self._policy = digests[0], build(kept[1])
        return self._policy

    def _named(self) -> tuple[str, str]:
        """What to write under `policy:`, and a remark when it is not the policy of that night."""
        from palingenesis.surfaces.cli.given_file import read_given
        from palingenesis.surfaces.cli.policy_in_use import in_use
        from palingenesis.surfaces.cli.policy_text import compile_here

        chosen = in_use(self._desk)
        files = [(str(chosen.path), chosen.path)] if chosen.path is not None else []
        files += [(name, shipped.policy(name)) for name in shipped.policy_names()]
        for name, path in files:
            made = compile_here(read_given(path), path).policy if path.is_file() else None
            if made is not None and made.digest == self._digest:
                return name, ""
        return files[0][0], "That is not the policy below: it has changed since."


def _draft(incident: Any, session: "SessionId") -> "Draft":
    from palingenesis.simulation.testing.recording import draft

    began = incident.moments[0].event.at
    reasons = (
        str(one.facts.get("stop.reason", one.event))
        for moment in incident.moments
        for one in moment.decisions
        if one.kind == "decided"
    )
    name = f"{began:%Y-%m-%d %H:%M:%S} UTC, {plain(str(session), 60)}: {next(reasons, '')}"
    return draft(incident, name=name)


def _compared(made: "Draft", policy: "Policy") -> Iterator[str]:
    from palingenesis.simulation.testing.reading import read_tests
    from palingenesis.simulation.testing.recording import differences, file_of
    from palingenesis.simulation.testing.running import run

    read = read_tests(file_of([made], policy="it", remarks=()))
    assert read.file is not None, read.diagnostics
    (result,) = run(read.file, policy)
    yield from differences(made, result)
