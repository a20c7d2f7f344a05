"""What commands print with `--json` is what the published schema says, command by command.

`REWRITE=1 pytest tests/cli/test_output_schema.py` writes the parts anew that the control door's
types imply; what a command makes of them is written by hand.
"""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest
from jsonschema import Draft202012Validator

from palingenesis.surfaces.cli.program import cli, run
from tests.cli.output_schema import door_definitions
from tests.cli.samples import ROOT, SAMPLES, a_house, typed
from tests.cli.test_with_the_daemon_down import night

__all__ = ["night"]

FILE = ROOT / "schemas" / "command-output.schema.json"
SCHEMA = json.loads(FILE.read_text(encoding="utf-8"))
SAID = [(command, sample) for command, samples in SAMPLES.items() for sample in samples]

NOT_ONE_DOCUMENT = {"logs", "policy schema"}
"""A line for each record, and a schema: they have no version of ours."""
WITHOUT_JSON = {
    "attach",  # `status --json` has the same facts
    "metrics export",  # --format json
    "daemon run",
    "config schema",  # is JSON
    "config edit",
    "help",
    "man",
    "completion",
}


def leaves(command: click.Command, path: tuple[str, ...] = ()) -> Iterator[tuple[str, Any]]:
    context = click.Context(command)
    if not isinstance(command, click.Group):
        yield " ".join(path), command
        return
    for name in command.list_commands(context):
        inner = command.get_command(context, name)
        assert inner is not None
        yield from leaves(inner, (*path, name))


def options_of(command: click.Command) -> set[str]:
    return {name for param in command.params for name in param.opts}


COMMANDS = dict(leaves(cli))


def test_every_command_can_answer_in_json():
    without = {name for name, one in COMMANDS.items() if "--json" not in options_of(one)}

    assert without == WITHOUT_JSON


def test_every_output_in_json_is_described_and_nothing_else_is():
    with_json = {name for name, one in COMMANDS.items() if "--json" in options_of(one)}
    described = {name for name in SCHEMA["$defs"] if not name[0].isupper()} - {"steering"}

    assert described == with_json, "say in schemas/command-output.schema.json what it prints"
    assert set(SAMPLES) == with_json, "say in tests/cli/samples.py how it is typed"


def test_the_parts_of_the_door_are_what_its_types_imply():
    wanted = door_definitions()
    if os.environ.get("REWRITE"):
        own = {name: one for name, one in SCHEMA["$defs"].items() if not name[0].isupper()}
        document = {**SCHEMA, "$defs": {**own, **wanted}}
        FILE.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")

    written = json.loads(FILE.read_text(encoding="utf-8"))["$defs"]

    assert {name: one for name, one in written.items() if name[0].isupper()} == wanted


def test_the_schema_is_one():
    Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize(("command", "sample"), SAID, ids=" ".join)
@pytest.mark.usefixtures("night")
def test_what_is_printed_fits_the_schema(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], command: str, sample: str
):
    with a_house(tmp_path) as (environ, here):
        words, how = typed(sample, tmp_path)
        if how == "DOWN":
            environ |= {"PALINGENESIS_RUNTIME_DIR": str(tmp_path / "s")}
        if how == "ILL":
            here.door.agent_changes = {"up": False, "detail": "nobody listens"}
        if how == "REFUSED":
            here.door.reload_answer = {"ok": False, "message": "refused", "problems": ["p"]}
        run([*command.split(), *words, "--json"], environ)

    document = json.loads(capsys.readouterr().out)
    if command not in NOT_ONE_DOCUMENT:
        assert document["schema_version"] == 1
    validator_of(command).validate(document)


def test_a_document_that_lacks_what_is_promised_does_not_fit():
    """The schema is no open door: for every command a document can be refused."""
    for command in SAMPLES:
        assert not validator_of(command).is_valid({}), command
        assert not validator_of(command).is_valid({"schema_version": 2}), command


def validator_of(command: str) -> Draft202012Validator:
    return Draft202012Validator({"$ref": f"#/$defs/{command}", "$defs": SCHEMA["$defs"]})


def test_the_schema_ships():
    from palingenesis import shipped

    assert shipped.schema("command-output") == FILE
