"""The tutorial of the first save is followed, in a home where nothing was set up.

The test is the person: what a block ```console types with `$ ` is typed here, in the order of the
page, and every line that is shown has to come out, numbers and names of sessions excepted.
"""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from palingenesis.demo.provider import ModelRequest
from palingenesis.demo.replies import Reply, Text
from tests.live.executable import opencode_executable
from tests.live.night import Night
from tests.shown import missing, typed
from tests.torture.standing_in import stand_in

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

PAGE = Path(__file__).parents[1] / "docs" / "tutorial" / "first-save.md"
PROMISED_S = 300.0
POEM = Text(text=" ".join(["stanza"] * 400), chunk_delay_s=0.2)
REST = Text(text=" ".join(["stanza"] * 20), chunk_delay_s=0.1)


def answer(request: ModelRequest) -> Reply:
    """The poem takes longer than the person; when it goes on, it is soon at its end."""
    return POEM if "poem" in request.last_user_text else REST


class Person:
    """Somebody who follows the page."""

    def __init__(self, night: Night) -> None:
        self._night = night
        self.kills = 0
        self._environment = night.environment()
        folder = night.root / "bin"
        folder.mkdir()
        program = folder / "palingenesis"
        program.write_text(f'#!/bin/sh\nexec {sys.executable} -m palingenesis "$@"\n')
        program.chmod(0o700)
        self._environment |= {
            "PATH": f"{folder}:{os.environ['PATH']}", "NO_COLOR": "1", "TZ": "UTC", "COLUMNS": "120"
        }  # fmt: skip

    def type(self, words: str) -> list[str]:
        """Type a line into a shell; returns what it prints."""
        self.kills += "kill" in words
        said = subprocess.run(
            ["sh", "-c", words],
            env=self._environment,
            cwd=self._night.project,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert said.returncode == 0, f"{words}: {said.stdout}{said.stderr}"
        return said.stdout.splitlines()

    def sees(self, words: str, shown: Sequence[str]) -> None:
        """Type it until every line that the page shows has come out."""
        self._night.wait(
            lambda: not missing(shown, self.type(words)),
            60,
            lambda: f"{missing(shown, self.type(words))} under {words!r}",
        )


@pytest.fixture(name="opencode", params=["stand-in", pytest.param("real", marks=pytest.mark.live)])
def _opencode(request: pytest.FixtureRequest) -> Iterator[Path]:
    if request.param == "real":
        yield opencode_executable()
        return
    with stand_in() as program:
        yield program


@pytest.mark.skipif(shutil.which("jq") is None, reason="the page uses jq")
def test_whoever_follows_the_tutorial_has_a_save_within_five_minutes(opencode: Path):
    began = time.monotonic()
    start, working, waiting, back, saved, why = typed(PAGE)
    with Night(opencode, daemon_starts=False) as night:
        person = Person(night)
        night.provider.respond(answer)

        person.sees(*start)
        night.wait(lambda: night.control.status()["agents"][0]["up"], 60, lambda: "the agent")
        session = night.begin("Write a poem of forty stanzas about the night shift.")
        person.sees(*working)
        person.sees(*waiting)  # whoever looks too late kills once more: the next wait is longer
        person.sees(*back)
        night.wait_for(session, "completed", timeout_s=60)
        person.sees(*saved)
        person.sees(*why)

        told = [one for one in night.asked(session) if one.last_user_text.startswith("Continue")]
        assert 1 <= len(told) <= person.kills
        person.type("palingenesis daemon stop --agents")
    assert time.monotonic() - began < PROMISED_S
