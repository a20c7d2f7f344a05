"""`policy test`: run the unit tests of policies, and say what they cover."""

from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, NoReturn

import click

from palingenesis.core.errors import ExitCode
from palingenesis.runtime.door import SCHEMA_VERSION
from palingenesis.surfaces.cli.wording import say_json

if TYPE_CHECKING:
    from palingenesis.surfaces.cli.policy_suite import Ran, Suite

_Path = click.Path(path_type=Path, readable=False)

EXAMPLES = """\b
Examples:
  palingenesis policy test
  palingenesis policy test night.test.yaml -k "rate limit"
  palingenesis policy test policies --coverage --fail-under 100
"""


@click.command(short_help="Run the unit tests of policies.", epilog=EXAMPLES)
@click.argument("paths", nargs=-1, type=_Path, metavar="[PATHS]...")
@click.option("-k", "named", default="", metavar="TEXT", help="Only tests whose name has TEXT.")
@click.option("--coverage", is_flag=True, help="Say what the tests cover, and what they do not.")
@click.option(
    "--fail-under",
    type=click.FloatRange(0, 100),
    metavar="PERCENT",
    help="Fail when a policy is covered less than that.",
)
@click.option("--update", is_flag=True, help="Write what was seen over what was expected.")
@click.option("--watch", is_flag=True, help="Run again whenever a test or a policy is saved.")
@click.option(
    "--fail-on-empty/--allow-empty",
    default=True,
    show_default=True,
    help="Whether it is a failure that no test was run.",
)
@click.option("--json", "as_json", is_flag=True, help="The same facts as JSON.")
@click.pass_context
def test(
    ctx: click.Context,
    paths: tuple[Path, ...],
    named: str,
    coverage: bool,
    fail_under: float | None,
    update: bool,
    watch: bool,
    fail_on_empty: bool,
    as_json: bool,
) -> None:
    """Run the tests in PATHS: files, and directories with all *.test.yaml below; else from here.

    Every test has a fresh session on a virtual clock, and the daemon's own kernel.
    """
    if watch and (as_json or update):
        raise click.UsageError("--watch goes with neither --json nor --update")
    wanted = _Wanted(paths or (Path(),), named, coverage or fail_under is not None, fail_under)
    if watch:
        _watch(wanted)
    began = perf_counter()
    suite = _run(wanted, quiet=as_json or update)
    if update:
        suite = _update(suite, wanted, quiet=as_json)
    took_s = perf_counter() - began
    code = _exit_code(suite, wanted, fail_on_empty=fail_on_empty)
    if as_json:
        _say_json(suite, wanted, took_s)
    else:
        _say_end(suite, wanted, took_s, code)
    ctx.exit(code)


class _Wanted:
    """What was asked for on the command line."""

    def __init__(
        self, paths: tuple[Path, ...], named: str, coverage: bool, fail_under: float | None
    ) -> None:
        self.paths = paths
        self.named = named
        self.coverage = coverage
        self.fail_under = fail_under


def _run(wanted: _Wanted, *, quiet: bool) -> "Suite":
    from palingenesis.surfaces.cli.policy_suite import find_files, run_files

    def ignore(_ran: "Ran") -> None:
        """Nothing is said before the end."""

    return run_files(find_files(wanted.paths), wanted.named, ignore if quiet else _say_file)


def _say_file(ran: "Ran") -> None:
    from palingenesis.surfaces.cli.policy_test_text import lines_of
    from palingenesis.surfaces.cli.policy_text import render

    if ran.diagnostics:
        said = render(ran.diagnostics, ran.blamed_text, str(ran.blamed), ran.sources)
        click.echo(said, err=True, nl=False)
    if ran.results:
        click.echo("\n".join(lines_of(ran)))


def _say_end(suite: "Suite", wanted: _Wanted, took_s: float, code: int) -> None:
    from palingenesis.surfaces.cli.policy_test_text import coverage_lines, summary

    click.echo(f"\n{summary(suite, took_s)}")
    if wanted.coverage:
        for path, _, coverage in suite.coverage:
            click.echo("\n" + "\n".join(coverage_lines(path, coverage)))
    word = "error: " if code else ""
    for told in _troubles(suite, wanted):
        click.echo(f"{word}{told}", err=True)


def _say_json(suite: "Suite", wanted: _Wanted, took_s: float) -> None:
    from palingenesis.surfaces.cli.policy_test_text import plain_coverage, plain_file

    document: dict[str, object] = {
        "schema_version": SCHEMA_VERSION,
        "files": [plain_file(one) for one in suite.ran],
        "passed": suite.count("passed"),
        "failed": suite.count("failed"),
        "todo": suite.count("todo"),
        "took_ms": round(took_s * 1000, 1),
    }
    if wanted.coverage:
        document["coverage"] = [plain_coverage(path, it) for path, _, it in suite.coverage]
    say_json(document)


def _troubles(suite: "Suite", wanted: _Wanted) -> list[str]:
    """Why the run is a failure, beside failed tests."""
    from palingenesis.simulation.testing.coverage import percent

    told = []
    unreadable = [one for one in suite.ran if one.policy is None]
    if unreadable:
        files = "1 file" if len(unreadable) == 1 else f"{len(unreadable)} files"
        told.append(f"{files} of tests cannot be used")
    elif not suite.count("passed") + suite.count("failed"):
        told.append("no test was run")
    if wanted.fail_under is not None:
        for path, _, it in suite.coverage:
            share = percent(it.seen, it.pieces)
            if share < wanted.fail_under:
                told.append(f"{path}: {share:.1f}% covered, less than {wanted.fail_under:g}%")
    return told


def _exit_code(suite: "Suite", wanted: _Wanted, *, fail_on_empty: bool) -> ExitCode:
    if suite.unreadable:
        return ExitCode.INVALID
    is_empty = not suite.count("passed") + suite.count("failed")
    if suite.count("failed") or (is_empty and fail_on_empty):
        return ExitCode.FAILURE
    return ExitCode.FAILURE if _troubles(suite, wanted) and not is_empty else ExitCode.OK


def _update(suite: "Suite", wanted: _Wanted, *, quiet: bool) -> "Suite":
    """Write what was seen over what failed, and run everything once more."""
    from palingenesis.simulation.testing.updating import update
    from palingenesis.surfaces.cli.policy_suite import write

    for ran in suite.ran:
        if ran.file is None or all(test.outcome != "failed" for test in ran.results):
            continue
        new = update(ran.file.text, ran.results)
        if new.written:
            write(ran, new.text)
            values = "1 value" if new.written == 1 else f"{new.written} values"
            click.echo(f"updated {values} in {ran.path}", err=True)
    return _run(wanted, quiet=quiet)


def _watch(wanted: _Wanted) -> NoReturn:
    """Run again and again, whenever a file of the run, or a new one, is saved."""
    while True:
        began = perf_counter()
        suite = _run(wanted, quiet=False)
        code = _exit_code(suite, wanted, fail_on_empty=True)
        _say_end(suite, wanted, perf_counter() - began, code)
        click.echo("waiting for a change; Ctrl-C ends it", err=True)
        _wait(suite, wanted)
        click.clear()


def _wait(suite: "Suite", wanted: _Wanted) -> None:
    from palingenesis.sensors.watching import wait_for_change
    from palingenesis.surfaces.cli.policy_suite import find_files

    known = suite.contents()
    wait_for_change(known, lambda: {*known, *find_files(wanted.paths)})
