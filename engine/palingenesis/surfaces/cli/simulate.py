"""`policy simulate`: a night on a virtual clock, before the real one."""

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from palingenesis import shipped
from palingenesis.core.errors import InvalidConfigError
from palingenesis.runtime.config import choose_policy
from palingenesis.runtime.foreign_text import plain
from palingenesis.surfaces.cli.desk import Desk
from palingenesis.surfaces.cli.given_file import read_given
from palingenesis.surfaces.cli.span import Span
from palingenesis.surfaces.cli.wording import say_json

if TYPE_CHECKING:
    from palingenesis.core.policy.model import Policy
    from palingenesis.core.values import FactValue
    from palingenesis.simulation.scenario import Scenario
    from palingenesis.simulation.timeline import Line

_File = click.Path(path_type=Path, readable=False)


EXAMPLES = """\b
Examples:
  palingenesis policy simulate --reason crash --repeat 6 --every 170s
  palingenesis policy simulate --reason completed work.state=valid work.done=false
  palingenesis policy simulate examples/scenarios/01-limits.yaml --policy my.yaml
"""


@click.command(short_help="Rehearse a night on a virtual clock.", epilog=EXAMPLES)
@click.argument("scenario", required=False, type=_File)
@click.argument("given", nargs=-1, metavar="[FACT=VALUE]...")
@click.option(
    "--policy", "policy_file", type=_File, metavar="FILE", help="The policy; else the one in use."
)
@click.option("--reason", help="Instead of a scenario: a stop for this reason.")
@click.option("--repeat", default=1, show_default=True, type=click.IntRange(1, 2000))
@click.option(
    "--every", default="170s", show_default=True, type=Span(), help="Time between two of them."
)
@click.option("--retry-after", type=Span(), help="What the server asks for, as in 90s.")
@click.option(
    "--for", "tail", default="10m", show_default=True, type=Span(), help="Time after the last one."
)
@click.option("--seed", default="rehearsal", show_default=True, help="Feeds the jitter.")
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
    seed: str,
    as_json: bool,
) -> None:
    """Run a SCENARIO file, or stops of one --reason, through the real kernel on a virtual clock."""
    from palingenesis.simulation.playing import play
    from palingenesis.simulation.timeline import told

    if scenario is not None and reason is not None and "=" in str(scenario):
        given, scenario = (str(scenario), *given), None
    if (scenario is None) == (reason is None):
        raise click.UsageError("give a SCENARIO file or --reason")
    desk = ctx.ensure_object(Desk)
    policy = _policy(desk, policy_file)
    if scenario is not None:
        story = _read(scenario)
    else:
        story = _of_reason(reason or "", repeat, every, retry_after, seed, given)
    night = play(policy, story, tail=tail)
    lines = list(told(night.past))
    if as_json:
        rows = [
            {"at": line.at.isoformat(), "word": line.word, "rule": line.rule, "text": line.text}
            for line in lines
        ]
        end = night.world.sessions[night.session]
        say_json({"schema_version": 1, "lines": rows, "status": end.status, "why": end.outlook})
        return
    for line in lines:
        _say(line)
    end = night.world.sessions[night.session]
    why = f": {plain(end.outlook, 200)}" if end.outlook else ""
    click.echo(f"the night ends {end.status}{why}")


def _say(line: "Line") -> None:
    rule = click.style(f"{plain(line.rule):18}", fg="cyan")
    click.echo(f"  {line.at:%H:%M:%S}  {line.word:8} {rule} {plain(line.text, 300)}".rstrip())


def _policy(desk: Desk, given: Path | None) -> "Policy":
    from palingenesis.runtime.config_file import load_config
    from palingenesis.surfaces.cli.policy_text import usable

    paths = desk.paths
    chosen = choose_policy(flag=given, environ=desk.environ, config=load_config(paths), paths=paths)
    return usable(chosen.path or shipped.policy(), hint=f"{chosen.origin} names this file")


def _read(path: Path) -> "Scenario":
    from palingenesis.simulation.scenario import read_scenario
    from palingenesis.surfaces.cli.policy_text import render

    text = read_given(path, hint="give a scenario file, or --reason")
    found = read_scenario(text)
    if found.scenario is None:
        click.echo(render(found.diagnostics, text, str(path)), err=True, nl=False)
        raise InvalidConfigError(
            f"the scenario {path} cannot be used",
            hint=f"a policy is given with --policy {path}"
            if _is_a_policy(text)
            else "a scenario is 'version: 1' and a 'story:', as in examples/scenarios",
        )
    return found.scenario


def _is_a_policy(text: bytes) -> bool:
    return any(line.startswith((b"rules:", b"default:")) for line in text.splitlines())


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
        if not equals or name not in FACTS:
            advice = did_you_mean(name, FACTS)
            raise click.UsageError(f"'{pair}' is no FACT=VALUE{f'; {advice}' if advice else ''}")
        try:
            facts[name] = parse(name, text)
        except InvalidConfigError as error:
            raise click.UsageError(error.message) from None
    return facts
