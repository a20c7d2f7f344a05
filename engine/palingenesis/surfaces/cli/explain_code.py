"""`explain-code`: what a diagnostic means, with an example that has it and one that has not."""

from collections.abc import Iterable
from textwrap import fill
from typing import TYPE_CHECKING

import click

from palingenesis.runtime.door import SCHEMA_VERSION
from palingenesis.surfaces.cli.examples import examples
from palingenesis.surfaces.cli.naming import KnownWord, choose_name
from palingenesis.surfaces.cli.wording import say_json

if TYPE_CHECKING:
    from palingenesis.core.policy.codes.code import Code

_WIDTH = 92


def _codes() -> Iterable[str]:
    from palingenesis.core.policy.codes.registry import CODES

    return CODES


@click.command(
    "explain-code",
    short_help="What a diagnostic such as E009 means.",
    epilog=examples("explain-code E009", "explain-code"),
)
@click.argument("code", required=False, type=KnownWord("code", _codes))
@click.option("--json", "as_json", is_flag=True, help="The same facts as JSON.")
def explain_code(code: str | None, as_json: bool) -> None:
    """What the CODE of a diagnostic means, such as E009; without it, all codes."""
    from palingenesis.core.policy.codes.registry import CODES, FAMILIES

    if code is not None:
        one = CODES[choose_name(code, CODES, what="code", hint="palingenesis explain-code")]
        if as_json:
            say_json({"schema_version": SCHEMA_VERSION, **_plain(one)})
        else:
            _tell(one)
        return
    if as_json:
        say_json({"schema_version": SCHEMA_VERSION, "codes": [_plain(it) for it in CODES.values()]})
        return
    for title, codes in FAMILIES:
        click.secho(title, bold=True)
        for one in codes:
            click.echo(f"  {one.code}  {one.severity.value:8} {one.title}")


def _plain(one: "Code") -> dict[str, object]:
    from palingenesis.core.policy.codes.registry import url

    return {
        "code": one.code,
        "severity": one.severity.value,
        "title": one.title,
        "explanation": one.why,
        "url": url(one.code),
        "frame": one.frame.value,
        "bad": one.bad,
        "good": one.good,
    }


def _tell(one: "Code") -> None:
    from palingenesis.core.policy.codes.registry import shown

    click.echo(f"{click.style(one.code, bold=True)} ({one.severity.value}): {one.title}\n")
    click.echo(fill(one.why, _WIDTH))
    for said, text in (("told about", one.bad), ("better", one.good)):
        click.echo(f"\n{said}:\n")
        for line in shown(text).splitlines():
            click.echo(f"    {line}".rstrip())
