"""`metrics`: the figures, for programs that draw them and watch over them."""

import json

import click

from palingenesis.core.errors import NotRunningError
from palingenesis.surfaces.cli.desk import Desk

EXAMPLES = """\b
Examples:
  palingenesis metrics export
  palingenesis metrics export >> /var/lib/node_exporter/palingenesis.prom
  palingenesis metrics export --format json | jq '.metrics[].name'
"""


@click.group(short_help="The figures for Prometheus and other programs.")
def metrics() -> None:
    """The figures, for programs that draw them and watch over them."""


@metrics.command(short_help="Print all metrics; also with the daemon down.", epilog=EXAMPLES)
@click.option(
    "--format",
    "form",
    type=click.Choice(["prometheus", "json"]),
    default="prometheus",
    show_default=True,
    help="Prometheus' text, or a document.",
)
@click.pass_obj
def export(desk: Desk, form: str) -> None:
    """Print all metrics, once.

    With the daemon down they are read from its journal: what is counted is told, and what is now
    is not, because nobody knows.
    """
    click.echo(_asked(desk, form).rstrip("\n"))


def _asked(desk: Desk, form: str) -> str:
    try:
        return desk.client().metrics(form)
    except NotRunningError:
        return _read(desk, form)


def _read(desk: Desk, form: str) -> str:
    from palingenesis.runtime.clock import SystemClock
    from palingenesis.runtime.recovery import recover
    from palingenesis.surfaces.cli.journal_reading import open_journal
    from palingenesis.telemetry.catalogue import families
    from palingenesis.telemetry.exposition import as_json, as_prometheus
    from palingenesis.telemetry.whose import labels

    with open_journal(desk.paths) as journal:
        recovered = recover(journal)
        found = families(recovered.world, seq=recovered.seq, at=SystemClock().now())
        if form == "json":
            return json.dumps(as_json(found, labels()), indent=2)
        return as_prometheus(found, labels())
