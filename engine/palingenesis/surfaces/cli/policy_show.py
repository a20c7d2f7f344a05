"""`policy show`: the policy in force, the one that would be, or any other; as text or resolved."""

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.shell_completion import CompletionItem

from palingenesis import shipped
from palingenesis.core.errors import InvalidConfigError, NotRunningError, PalingenesisError
from palingenesis.runtime.door import SCHEMA_VERSION, PolicyText
from palingenesis.runtime.foreign_text import plain
from palingenesis.surfaces.cli.desk import Desk
from palingenesis.surfaces.cli.given_file import read_given
from palingenesis.surfaces.cli.given_policy import PolicyWord, read_policy
from palingenesis.surfaces.cli.naming import Word, choose_name
from palingenesis.surfaces.cli.other_kinds import way_out
from palingenesis.surfaces.cli.policy_in_force import is_forgotten, named, policy_of, remark_on
from palingenesis.surfaces.cli.policy_in_use import given_or_in_use, in_use
from palingenesis.surfaces.cli.wording import say_json

if TYPE_CHECKING:
    from palingenesis.core.policy.compile import Compiled
    from palingenesis.core.policy.model import Policy
    from palingenesis.surfaces.cli.rule_text import Fired

_COMPLETE_S = 1.0

EXAMPLES = """\b
Examples:
  palingenesis policy show                       the text of the policy in force
  palingenesis policy show --resolved            each rule with its tries written out
  palingenesis policy show --rule crash          one of them
  palingenesis policy show my.yaml --rule crash --source
"""


class RuleId(Word):
    """A rule's id; a shell completes it from the policy that the command line names."""

    name = "rule"

    def shell_complete(  # noqa: D102
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        # Behind an unfinished option click has not yet given the words their names.
        word = ctx.params.get("file") or next(iter(ctx.args), None)
        if word == "-":
            return []
        try:
            given = given_or_in_use(Desk(), word, within_s=_COMPLETE_S)
        except InvalidConfigError:
            return []
        policy = _compiled(given.raw, given.path or Path(given.name)).policy
        rules = policy.rules if policy is not None else ()
        return [CompletionItem(one.id) for one in rules if one.id.startswith(incomplete)]


@click.command(short_help="The policy in force, or the one that would be.", epilog=EXAMPLES)
@click.argument("file", required=False, type=PolicyWord(), metavar="[FILE|NAME|-]")
@click.option("--resolved", is_flag=True, help="Each rule with its tries and limits written out.")
@click.option("--rule", "rule_id", type=RuleId(), metavar="ID", help="Only this rule, resolved.")
@click.option("--source", is_flag=True, help="As it is written in the file.")
@click.option("--json", "as_json", is_flag=True, help="The same facts as JSON.")
@click.pass_obj
def show(
    desk: Desk,
    file: str | None,
    resolved: bool,
    rule_id: str | None,
    source: bool,
    as_json: bool,
) -> None:
    """The policy in force; with the daemon down, the one that it would use; or FILE."""
    if source and resolved:
        raise click.UsageError("--source and --resolved are two ways to show it; choose one")
    told, remark = _told(desk, file)
    if remark:
        click.echo(f"warning: {plain(remark, 500)}", err=True)
        if Path(told["path"]).exists():
            click.echo(f"hint: palingenesis policy validate {plain(told['path'], 500)}", err=True)
    if rule_id is None and not resolved and not is_forgotten(told):
        _say_source(told, is_file=not (remark and "resolved" in told), as_json=as_json)
        return
    if rule_id is None and not resolved:
        click.echo("# its text is not known any more; these are its rules", err=True)
    policy = _policy(told)
    hint = "palingenesis policy show --resolved"
    if rule_id is not None:
        rule_id = choose_name(rule_id, [one.id for one in policy.rules], what="rule", hint=hint)
    if source and rule_id is not None and not as_json:
        if is_forgotten(told):
            raise PalingenesisError("the text of the policy in force is not known any more", hint)
        click.echo(_lines_of(told["source"], rule_id))
        return
    _say_resolved(desk, told, policy, rule_id, as_json=as_json)


def _told(desk: Desk, file: str | None) -> tuple[PolicyText, str]:
    """The policy that is meant, and what is wrong with it."""
    if file is not None:
        given = read_policy(file)
        return _text(given.raw, given.path or Path(given.name), origin="given")
    try:
        told = desk.client().policy()
    except NotRunningError:
        return _would_use(desk)
    return told, remark_on(told)


def _say_source(told: PolicyText, *, is_file: bool, as_json: bool) -> None:
    """The text; `is_file`: that is what stands in the file."""
    if as_json:
        text = {key: value for key, value in told.items() if key != "resolved"}
        say_json({"schema_version": SCHEMA_VERSION, **text})
        return
    head = f"{told['path']} ({told['origin']})" if is_file else f"{named(told)}, as it was adopted"
    click.echo(plain(f"# {head}", 500), err=True)
    click.echo(told["source"].rstrip("\n"))


def _say_resolved(
    desk: Desk, told: PolicyText, policy: "Policy", rule_id: str | None, *, as_json: bool
) -> None:
    from palingenesis.runtime.clock import SystemClock
    from palingenesis.surfaces.cli.rule_text import as_plain, plan, write_rule

    now = SystemClock().now()
    fired = _fired(desk, now)
    rules = [one for one in policy.rules if rule_id in {None, one.id}]
    if as_json:
        rows = [as_plain(one, policy, fired) for one in rules]
        say_json(_document(told, policy, rows, whole=rule_id is None))
        return
    for index, one in enumerate(rules):
        if index:
            click.echo("")
        lately = None if fired is None else fired.get(one.id, _never())
        file = Path(told.get("file", told["path"])).name
        for line in write_rule(one, policy, file, lately, now):
            click.echo(line)
    if rule_id is None:
        click.echo(f"\n{click.style('default', fg='cyan')}\n  do        {plan(policy.default)}")


def _never() -> "Fired":
    from palingenesis.surfaces.cli.rule_text import Fired

    return Fired(times=0, last=None)


def _document(
    told: PolicyText, policy: "Policy", rows: list[dict[str, object]], *, whole: bool
) -> dict[str, Any]:
    found: dict[str, Any] = {
        "schema_version": SCHEMA_VERSION,
        "name": policy.name,
        "digest": policy.digest,
        "path": told["path"],
        "origin": told["origin"],
        "mode": policy.mode.value,
        "rules": rows,
    }
    return {**found, "resolved": policy.resolved} if whole else found


def _fired(desk: Desk, now: datetime) -> "dict[str, Fired] | None":
    """How often each rule decided within thirty days; None where there is no journal."""
    from palingenesis.core.errors import JournalError
    from palingenesis.surfaces.cli.fired_rules import fired_since

    try:
        return fired_since(desk.paths, now)
    except NotRunningError:
        return None
    except JournalError as error:
        click.echo(f"warning: how often rules fired is not known: {error.message}", err=True)
        return None


def _lines_of(source: str, rule_id: str) -> str:
    """The lines of a rule, with the comments directly above it."""
    from palingenesis.core.policy.rule_lines import lines_of

    return lines_of(source, rule_id)


def _policy(told: PolicyText) -> "Policy":
    from palingenesis.surfaces.cli.policy_text import render

    if (in_force := policy_of(told)) is not None:
        return in_force
    compiled = _compiled(told["source"].encode(), Path(told["path"]))
    if compiled.policy is None:
        text = render(compiled.diagnostics, told["source"], told["path"], compiled.sources)
        click.echo(text, err=True, nl=False)
        raise InvalidConfigError(
            f"the policy {told['path']} cannot be used",
            hint=way_out(told["source"], told["path"]),
        )
    return compiled.policy


def _would_use(desk: Desk) -> tuple[PolicyText, str]:
    """What the daemon would begin with, and what is wrong with it."""
    chosen = in_use(desk)
    path = chosen.file(shipped.policy())
    raw = read_given(path, hint=f"{chosen.origin} names this file" if chosen.path else "")
    return _text(raw, path, origin=chosen.origin)


def _text(raw: bytes, path: Path, *, origin: str) -> tuple[PolicyText, str]:
    """A policy as the daemon would tell it, and what is wrong with it."""
    from palingenesis.surfaces.cli.policy_text import summary

    try:
        source = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InvalidConfigError(
            f"{path} is not UTF-8 (byte {error.start + 1})", hint="save the file as UTF-8"
        ) from error
    compiled = _compiled(raw, path)
    told: PolicyText = {
        "name": path.stem,
        "digest": compiled.policy.digest if compiled.policy is not None else "",
        "path": str(path),
        "origin": origin,
        "source": source,
    }
    return told, summary(compiled, str(path)) if compiled.policy is None else ""


def _compiled(raw: bytes, path: Path) -> "Compiled":
    from palingenesis.surfaces.cli.policy_text import compile_here

    return compile_here(raw, path)
