"""The demo as a person runs it: a whole night, and nothing left of it."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.live.executable import opencode_executable
from tests.simulation.replaying import replay

NIGHT_S_MAX = 60.0


@pytest.fixture
def place() -> Iterator[Path]:
    """A temporary folder with a short name: a socket's path has a limit."""
    place = Path(tempfile.mkdtemp(prefix="pd-")).resolve()
    yield place
    shutil.rmtree(place, ignore_errors=True)


def begin(place: Path, *words: str, **variables: str) -> "subprocess.Popen[str]":
    environ = {
        "PATH": "/usr/bin:/bin",
        "HOME": str(place / "home"),
        "TMPDIR": str(place / "tmp"),
        "PYTHONPATH": os.pathsep.join(sys.path),
        **variables,
    }
    (place / "tmp").mkdir(exist_ok=True)
    return subprocess.Popen(
        [sys.executable, "-m", "palingenesis", "demo", *words],
        env=environ,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
    )


def left_behind(place: Path) -> list[str]:
    """Files, and processes that live in or were started for the night."""
    found = [str(path) for path in (place / "tmp").iterdir()]
    for process in psutil.process_iter():
        try:
            if str(place) in process.cwd() or process.environ().get("TMPDIR", "") == str(
                place / "tmp"
            ):
                found.append(str(process))
        except psutil.Error:
            continue
    return found


def lines_of(told: Mapping[str, Any], word: str) -> list[str]:
    return [line["text"] for line in told["timeline"] if line["word"] == word]


def test_a_night_on_the_stand_in_ends_well_in_under_a_minute_and_leaves_nothing(place: Path):
    night = begin(place, "--json")

    out, err = night.communicate(timeout=NIGHT_S_MAX)

    told = json.loads(out)
    assert [one for one in told["expectations"] if not one["holds"]] == []
    assert (night.returncode, err) == (0, "")
    assert told["opencode"]["real"] is False
    assert told["saves"] == 3
    assert told["provider"] == {"requests": 12, "prompts_by_people": 2, "prompts_by_us": 2}
    assert any(text.startswith("2 h") for text in lines_of(told, "time"))
    assert left_behind(place) == []


def test_the_timeline_is_plain_ascii_where_the_terminal_cannot_do_more(place: Path):
    night = begin(place, PYTHONIOENCODING="ascii", COLUMNS="80")

    out, err = night.communicate(timeout=NIGHT_S_MAX)

    assert (night.returncode, err) == (0, "")
    assert out.isascii()
    assert "\x1b" not in out
    assert max(len(line) for line in out.splitlines()) <= 80
    assert "the stand-in" in out.splitlines()[1]
    assert "2 h pass" in out


def test_an_interrupted_night_leaves_nothing_either(place: Path):
    night = begin(place)
    assert night.stdout is not None
    for line in night.stdout:
        if "begins to work" in line:
            break

    night.send_signal(signal.SIGINT)
    night.communicate(timeout=NIGHT_S_MAX)

    assert night.returncode == 130
    assert left_behind(place) == []


def test_a_night_whose_audience_leaves_ends_quietly(place: Path):
    night = begin(place)
    assert night.stdout is not None
    assert night.stderr is not None
    night.stdout.readline()
    night.stdout.close()

    night.wait(timeout=NIGHT_S_MAX)
    err = night.stderr.read()
    night.stderr.close()

    assert (night.returncode, err) == (0, "")
    assert left_behind(place) == []


def claim_that_it_replays(out: str) -> Path:
    """The journal of a night that was kept comes out of the kernel again, byte for byte."""
    kept = Path(json.loads(out)["kept_in"])
    turns = list(replay(kept / "state" / "journal.db"))
    assert [turn for turn in turns if turn.recorded != turn.again] == []
    assert len([turn for turn in turns if b'"kind":"decided"' in turn.recorded]) >= 5
    assert {turn.event for turn in turns} >= {"SessionStopped", "EffectEnded", "AgentDown"}
    return kept


def test_a_night_can_be_kept_and_its_journal_replays_byte_for_byte(place: Path):
    night = begin(place, "--json", "--keep")

    out, _ = night.communicate(timeout=NIGHT_S_MAX)

    kept = claim_that_it_replays(out)
    assert list((kept / "state" / "backups").glob("session-backup-*.md"))


@pytest.mark.live
@pytest.mark.timeout(600)
def test_a_night_of_the_real_opencode_replays_byte_for_byte(place: Path):
    executable = str(opencode_executable())
    night = begin(place, "--json", "--keep", PALINGENESIS_OPENCODE=executable)

    out, _ = night.communicate(timeout=2 * NIGHT_S_MAX)

    assert json.loads(out)["opencode"]["real"] is True
    claim_that_it_replays(out)


@pytest.mark.live
@pytest.mark.timeout(600)
def test_a_night_on_the_real_opencode_ends_well(place: Path):
    night = begin(place, "--json", PALINGENESIS_OPENCODE=str(opencode_executable()))

    out, err = night.communicate(timeout=2 * NIGHT_S_MAX)

    told = json.loads(out)
    assert [one for one in told["expectations"] if not one["holds"]] == []
    assert (night.returncode, err) == (0, "")
    assert told["opencode"]["real"] is True
    assert left_behind(place) == []
