"""`policy facts`: what a condition may ask about."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import click

from palingenesis.runtime.door import SCHEMA_VERSION
from palingenesis.surfaces.cli.examples import examples
from palingenesis.surfaces.cli.naming import KnownWord, choose_name
from palingenesis.surfaces.cli.wording import say_json

if TYPE_CHECKING:
    from palingenesis.core.facts import Fact


def _names() -> Iterable[str]:
    from palingenesis.core.facts import FACTS
    from palingenesis.core.policy.functions import FUNCTIONS

    return (*FACTS, *FUNCTIONS)


@click.command(
    short_help="What a condition may ask about, each with an example.",
    epilog=examples("policy facts", "policy facts stop.reason", "policy facts session"),
)
@click.argument("name", required=False, type=KnownWord("name", _names))
@click.option("--agent", metavar="ASSISTANT", help="Only what this assistant tells: opencode.")
@click.option("--json", "as_json", is_flag=True, help="The same facts as JSON.")
def facts(name: str | None, agent: str | None, as_json: bool) -> None:
    """The facts and functions of conditions; with NAME one of them, or a group such as stop."""
    from palingenesis.core.facts import ASSISTANTS, FACTS
    from palingenesis.core.policy.examples import tells
    from palingenesis.core.policy.functions import FUNCTIONS

    told = list(FACTS.values())
    if agent is not None:
        assistant = choose_name(agent, ASSISTANTS, what="assistant", hint=", ".join(ASSISTANTS))
        told = [fact for fact in told if tells(assistant, fact.name)]
    functions = list(FUNCTIONS)
    if name is not None:
        told, functions = _chosen(name, told, functions)
    if as_json:
        rows = {"facts": [_plain(fact) for fact in told], "functions": _called(functions)}
        say_json({"schema_version": SCHEMA_VERSION, **rows})
    elif len(told) + len(functions) == 1:
        _tell_one(told, functions)
    else:
        _list(told, functions)


def _chosen(name: str, told: list["Fact"], functions: list[str]) -> tuple[list["Fact"], list[str]]:
    """The one fact or function of that name, or the facts of that group."""
    group = [fact for fact in told if fact.name.startswith(f"{name.removesuffix('.')}.")]
    if group:
        return group, []
    known = [*(fact.name for fact in told), *functions]
    word = choose_name(
        name.removesuffix("()"), known, what="fact or function", hint="palingenesis policy facts"
    )
    return [fact for fact in told if fact.name == word], [it for it in functions if it == word]


def _list(told: list["Fact"], functions: list[str]) -> None:
    from palingenesis.core.policy.examples import of_function

    width = max((len(fact.name) for fact in told), default=0)
    for fact in told:
        click.echo(f"{click.style(f'{fact.name:{width}}', fg='cyan')}  {_kind(fact):10} {fact.doc}")
    if functions:
        click.echo("\nfunctions:")
        for name in functions:
            click.echo(f"  {of_function(name).removeprefix('when: ')}")


def _tell_one(told: list["Fact"], functions: list[str]) -> None:
    from palingenesis.core.policy.examples import of_fact, of_function

    for name in functions:
        click.echo(f"{name}()\n\n    {of_function(name)}")
    for fact in told:
        unknown = ", may be unknown" if fact.optional else ""
        text = ", only in messages" if fact.only_text else ""
        click.echo(f"{fact.name}: {fact.kind.value}{unknown}{text}, from: {fact.source}")
        click.echo(fact.doc)
        if fact.values:
            click.echo(f"one of: {', '.join(fact.values)}")
        click.echo(f"\n    {of_fact(fact)}")


def _kind(fact: "Fact") -> str:
    return fact.kind.value + ("?" if fact.optional else "")


def _plain(fact: "Fact") -> dict[str, Any]:
    from palingenesis.core.facts import ASSISTANTS
    from palingenesis.core.policy.examples import of_fact, tells

    return {
        "name": fact.name,
        "kind": fact.kind.value,
        "optional": fact.optional,
        "only_text": fact.only_text,
        "values": list(fact.values),
        "doc": fact.doc,
        "source": fact.source,
        "assistants": [one for one in ASSISTANTS if tells(one, fact.name)],
        "example": of_fact(fact),
    }


def _called(functions: list[str]) -> list[dict[str, str]]:
    from palingenesis.core.policy.examples import of_function

    return [{"name": name, "example": of_function(name)} for name in functions]
