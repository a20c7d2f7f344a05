"""`policy simulate`: a night on a virtual clock, before the real one."""

import os
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from palingenesis.core.errors import ExitCode, InvalidConfigError, PalingenesisError
from palingenesis.runtime.bounded_file import why_not
from palingenesis.runtime.foreign_text import plain
from palingenesis.surfaces.cli.desk import Desk
from palingenesis.surfaces.cli.given_file import read_given
from palingenesis.surfaces.cli.policy_in_use import usable_or_in_use
from palingenesis.surfaces.cli.span import Span
from palingenesis.surfaces.cli.whole import Whole
from palingenesis.surfaces.cli.wording import say_json, say_refused

if TYPE_CHECKING:
    from palingenesis.core.policy.model import Policy
    from palingenesis.core.values import FactValue
    from palingenesis.simulation.performance import Performance
    from palingenesis.simulation.scenario import Scenario

_File = click.Path(path_type=Path, readable=False)


_TYPICAL = "typical"
"""The name of the world that ships, where no file has it."""

EXAMPLES = """\b
Examples:
  palingenesis policy simulate --reason crash --repeat 6 --every 170s
  palingenesis policy simulate --reason completed work.state=valid work.done=false
  palingenesis policy simulate examples/scenarios/01-limits.yaml --policy my.yaml
  palingenesis policy simulate --nights 1000 --seed 7 --compare my.yaml
"""


@click.command(short_help="Rehearse a night on a virtual clock.", epilog=EXAMPLES)
@click.argument("scenario", required=False, type=_File)
@click.argument("given", nargs=-1, metavar="[FACT=VALUE]...")
@click.option(
    "--policy",
    "policy_file",
    type=_File,
    metavar="FILE|NAME",
    help="The policy; else the one in use.",
)
@click.option("--reason", help="Instead of a scenario: a stop for this reason.")
@click.option("--repeat", default=1, show_default=True, type=Whole(1, 2000))
@click.option(
    "--every", default="170s", show_default=True, type=Span(), help="Time between two of them."
)
@click.option("--retry-after", type=Span(), help="What the server asks for, as in 90s.")
@click.option(
    "--for", "tail", default="10m", show_default=True, type=Span(), help="Time after the last one."
)
@click.option("--seed", default=None, help="Feeds all dice; the scenario's own unless given.")
@click.option("--summary", "only_summary", is_flag=True, help="Only the morning summary.")
@click.option("--nights", type=Whole(1, 1_000_000), help="So many nights, with other dice each.")
@click.option(
    "--compare", type=_File, metavar="FILE|NAME", help="A second policy, on the same nights."
)
@click.option(
    "--html", type=click.Path(path_type=Path, dir_okay=False), help="One page to look at."
)
@click.option("--json", "as_json", is_flag=True, help="The same facts as JSON.")
@click.pass_context
def simulate(
    ctx: click.Context,
    scenario: Path | None,
    given: tuple[str, ...],
    policy_file: Path | None,
    reason: str | None,
    repeat: int,
    every: timedelta,
    retry_after: timedelta | None,
    tail: timedelta,
    seed: str | None,
    only_summary: bool,
    nights: int | None,
    compare: Path | None,
    html: Path | None,
    as_json: bool,
) -> None:
    """Run a SCENARIO file, or stops of one --reason, through the real kernel on a virtual clock."""
    from palingenesis.simulation.performance import perform

    if scenario is not None and reason is not None and "=" in str(scenario):
        given, scenario = (str(scenario), *given), None
    many = nights is not None or compare is not None
    if (scenario is not None or many) == (reason is not None):
        raise click.UsageError("give a SCENARIO file, or --reason, or --nights")
    if html is not None and (many or reason is not None):
        raise click.UsageError("--html shows one night of a SCENARIO")
    desk = ctx.ensure_object(Desk)
    policy = usable_or_in_use(desk, policy_file)
    if many:
        other = usable_or_in_use(desk, compare) if compare is not None else None
        _tell_nights(_Many(policy, other, scenario, nights or 100, seed or "7"), as_json=as_json)
        return
    if scenario is None:
        story = _of_reason(reason or "", repeat, every, retry_after, seed or "rehearsal", given)
        _tell_reason(perform(policy, story, tail=tail), as_json=as_json)
        return
    story = _read(scenario)
    played = perform(policy, story, tail=tail, seed=seed)
    if html is not None:
        _write_page(played, html)
    if not _tell_night(played, only_summary=only_summary, as_json=as_json):
        ctx.exit(ExitCode.FAILURE)


@dataclass(frozen=True, slots=True)
class _Many:
    """Which nights are asked for."""

    policy: "Policy"
    other: "Policy | None"
    scenario: Path | None
    nights: int
    seed: str


def _tell_nights(many: _Many, *, as_json: bool) -> None:
    """The distribution of many nights, and what another policy changes in them."""
    from palingenesis.simulation.nights import draw, paired
    from palingenesis.surfaces.cli import simulate_nights as words

    named = many.scenario or Path(_TYPICAL)
    story = _read(named)
    drawn = list(draw(many.policy, story, nights=many.nights, seed=many.seed))
    others = many.other and list(draw(many.other, story, nights=many.nights, seed=many.seed))
    pairs = paired(drawn, others) if others else ()
    if as_json:
        compared = {"compared": words.plain_pairs(pairs)} if pairs else {}
        say_json({"schema_version": 1, **words.plain_nights(drawn), **compared})
        return
    for line in words.told(drawn, what=named.stem, policy=many.policy.name, seed=many.seed):
        click.echo(line)
    if many.other is not None:
        click.echo()
        names = {"first": many.policy.name, "second": many.other.name}
        for line in words.compared(pairs, **names, nights=many.nights):
            click.echo(line)


def _tell_reason(played: "Performance", *, as_json: bool) -> None:
    """The short form: the timeline, and how it ends."""
    from palingenesis.simulation.summary import summary_of
    from palingenesis.surfaces.cli.simulate_json import document
    from palingenesis.surfaces.cli.simulate_text import timeline

    summary = summary_of(played)
    if as_json:
        say_json(document(played, summary))
        return
    for line in timeline(played):
        click.echo(line)
    end = summary.sessions[0]
    why = f": {plain(end.why, 200)}" if end.why else ""
    click.echo(f"the night ends {end.status}{why}")


def _write_page(played: "Performance", path: Path) -> None:
    """Write the night as a page.

    Raises:
        PalingenesisError: the file cannot be written.
    """
    from palingenesis.simulation.summary import summary_of
    from palingenesis.surfaces.cli.night_page import page

    try:
        path.write_text(page(played, summary_of(played)), encoding="utf-8")
    except OSError as error:
        raise PalingenesisError(f"cannot write {path}: {why_not(error)}") from error
    click.echo(f"written: {path}", err=True)


def _tell_night(played: "Performance", *, only_summary: bool, as_json: bool) -> bool:
    """The timeline and the morning summary; whether all is as it should be."""
    from palingenesis.simulation.summary import summary_of
    from palingenesis.surfaces.cli.simulate_json import document
    from palingenesis.surfaces.cli.simulate_text import morning, timeline

    summary = summary_of(played)
    if as_json:
        say_json(document(played, summary))
        return summary.is_good
    if not only_summary:
        for line in timeline(played):
            click.echo(line)
        click.echo()
    for line in morning(summary, played.scenario.zone, played.policy.name):
        click.echo(line)
    return summary.is_good


def _read(path: Path) -> "Scenario":
    """A scenario file, or the typical world by its name."""
    from palingenesis.simulation.typical import TYPICAL

    if str(path) == _TYPICAL and not path.exists():
        return _usable(TYPICAL.encode(), _TYPICAL)
    return _usable(read_given(path, hint="give a scenario file, or --reason"), str(path))


def _usable(text: bytes, path: str) -> "Scenario":
    """The scenario in a text; its problems are on stderr when it cannot be used."""
    from palingenesis.runtime.zones import zones_of
    from palingenesis.simulation.scenario import read_scenario
    from palingenesis.surfaces.cli.policy_text import render

    found = read_scenario(text, zones=zones_of(os.environ))
    if found.scenario is None:
        click.echo(render(found.diagnostics, text, path), err=True, nl=False)
        raise InvalidConfigError(f"the scenario {path} cannot be used", hint=_way_out(text, path))
    return found.scenario


def _way_out(text: bytes, said: str) -> str:
    from palingenesis.core.policy.modeline import kind_of
    from palingenesis.surfaces.cli.other_kinds import way_out

    if any(line.startswith((b"rules:", b"default:")) for line in text.splitlines()):
        return f"a policy is given with --policy {said}"
    if kind_of(text.decode("utf-8", "replace")) == "policy-test":
        return way_out(text, said)
    return "a scenario is 'version: 1' and a 'story:', as in examples/scenarios"


def _of_reason(
    reason: str,
    repeat: int,
    every: timedelta,
    retry_after: timedelta | None,
    seed: str,
    given: tuple[str, ...],
) -> "Scenario":
    from palingenesis.core.facts import did_you_mean, show_duration
    from palingenesis.core.values import StopReason
    from palingenesis.simulation.scenario import Happens, Scenario

    if reason not in set(StopReason):
        advice = did_you_mean(reason, [*StopReason]) or f"one of: {', '.join(StopReason)}"
        raise click.UsageError(f"'{reason}' is no stop reason; {advice}")
    options = {"reason": reason}
    if retry_after is not None:
        options["retry_after"] = show_duration(retry_after)
    stop = Happens(repeat=repeat, every=every, kind="stopped", options=options)
    return Scenario(seed=seed, given=_facts(given), story=(stop,))


def _facts(given: tuple[str, ...]) -> "dict[str, FactValue]":
    from palingenesis.core.facts import FACTS, did_you_mean, parse

    facts: dict[str, FactValue] = {}
    for pair in given:
        name, equals, text = pair.partition("=")
        if not equals:
            raise click.UsageError(f"'{plain(pair, 60)}' is no FACT=VALUE")
        if name not in FACTS:
            advice = did_you_mean(name, FACTS) or "palingenesis policy facts lists them"
            raise click.UsageError(f"unknown fact '{plain(name, 60)}'; {advice}")
        try:
            facts[name] = parse(name, text)
        except InvalidConfigError as error:
            raise click.UsageError(say_refused(error)) from None
    return facts
