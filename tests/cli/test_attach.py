"""The live screen, in a real pseudo-terminal, and its frames at any size."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import psutil
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from palingenesis.core.savings import Savings
from palingenesis.surfaces.cli.attach_frame import View, frame, once, texts
from palingenesis.surfaces.cli.attach_screen import keys_of
from tests.cli.test_commands import environment
from tests.control.doors import A_WAITING_SESSION, Served, StandInDoor, a_row, a_session, served
from tests.terminal import Terminal

ATTACH = (sys.executable, "-m", "palingenesis", "attach")
ENGINE = str(Path(__file__).parents[2] / "engine")
ALL_KEYS = "up/down choose · p pause · r resume · a abort · e explain · q quit"


def a_view(*rows: object, **changes: object) -> View:
    """A view of a daemon with these sessions."""
    door = StandInDoor()
    door.listed = list(rows)
    return View(told=door.status(), rows=(a_row(1), a_row(2)), **changes)


def home(folder: Path) -> dict[str, str]:
    return {**environment(folder), "PYTHONPATH": ENGINE, "LANG": "C.UTF-8", "TZ": "UTC"}


@contextmanager
def attached(folder: Path, *, columns: int = 80, rows: int = 24) -> Iterator[Terminal]:
    with Terminal(ATTACH, home(folder), columns=columns, rows=rows) as terminal:
        yield terminal


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[Served]:
    with served(tmp_path) as running:
        running.door.listed = [a_session(), A_WAITING_SESSION]
        yield running


# ── a frame ───────────────────────────────────────────────────────────────────────────────────


def test_a_frame_says_what_each_session_does_and_what_comes_next():
    lines = texts(frame(a_view(a_session(), A_WAITING_SESSION), 80, 24))

    assert lines[0].startswith("palingenesis 0.1.0 · up 2 h · policy default")
    assert lines[3] == f"▸ Refactor the parser{'working':>59}"
    assert "  ████████░░░░░░░░ step 7 of 12: step-07 · context 42%" in lines
    told = " ".join(line.strip() for line in lines)
    assert (
        "for the limit to clear · until 03:10" in told or "for the limit to clear · until" in told
    )
    assert "(in 10 min) · then resume · rule rate-limit #7" in told
    assert "rail: prompts: 11 of 12 this hour" in told
    assert lines[-1] == ALL_KEYS
    assert len(lines) == 24


def test_without_utf_8_a_frame_has_no_bars_that_cannot_be_shown():
    lines = texts(frame(a_view(a_session()), 80, 24, fancy=False))

    assert "  ########-------- step 7 of 12: step-07 · context 42%" in lines
    assert lines[3].startswith("> Refactor")


def test_the_chosen_session_is_on_the_screen_however_many_there_are():
    rows = [a_session(id=f"ses_{number}", title=f"Work {number}") for number in range(60)]

    lines = texts(frame(a_view(*rows, chosen="ses_47"), 60, 16))

    assert any(line.startswith("▸ Work 47") for line in lines)
    assert len(lines) == 16


def test_what_others_wrote_cannot_take_the_terminal():
    evil = a_session(title="\x1b]0;owned\x07\x1b[2J", **{"for": "\x1b[31mred\u202e"})

    shown = "\n".join(texts(frame(a_view(evil), 80, 24)))

    assert "\x1b" not in shown
    assert "\u202e" not in shown


def test_trouble_is_said_above_what_was_known_last():
    view = a_view(a_session(), trouble="the daemon is not running; trying again")

    lines = texts(frame(view, 80, 24))

    assert "! the daemon is not running; trying again" in lines
    assert any("Refactor the parser" in line for line in lines)


TITLES = st.text(max_size=80)
ROWS = st.lists(
    st.builds(
        lambda title, status, question: a_session(
            id=f"ses_{abs(hash(title))}", title=title, status=status, question=question
        ),
        TITLES,
        st.sampled_from(["working", "attention", "asking", "waiting"]),
        st.none() | TITLES,
    ),
    max_size=8,
)
VIEWS = st.builds(
    lambda rows, message, question, page: a_view(
        *rows, message=message, question=question, page=tuple(page)
    ),
    ROWS,
    TITLES,
    TITLES,
    st.lists(TITLES, max_size=40),
)


@given(VIEWS, st.integers(1, 120), st.integers(1, 50), st.booleans())
@example(
    a_view(a_session(question="0", status="asking"), message="", question="0", page=()),
    1,
    29,
    False,
)
def test_every_frame_fits_its_terminal(view: View, width: int, height: int, fancy: bool):
    lines = frame(view, width, height, fancy=fancy)

    assert len(lines) <= height
    assert all(line.cell_len <= width for line in lines)
    assert all("\n" not in line.plain for line in lines)


@given(VIEWS, st.integers(4, 120))
def test_what_is_printed_once_fits_too(view: View, width: int):
    assert all(line.cell_len <= width for line in once(view, width))


@given(st.binary(max_size=40))
def test_whatever_a_terminal_sends_is_some_key(pressed: bytes):
    assert len(list(keys_of(pressed))) <= len(pressed)


def test_arrows_and_letters_are_known_and_other_keys_mean_nothing():
    assert list(keys_of(b"\x1b[A\x1bOBjPq")) == ["up", "down", "down", "pause", "quit"]
    assert list(keys_of(b"\x1b[5~")) == ["other"]
    assert list(keys_of(b"\x1b")) == ["back"]


# ── the screen ────────────────────────────────────────────────────────────────────────────────


def test_a_person_looks_chooses_explains_pauses_and_quits(daemon: Served, tmp_path: Path):
    with attached(tmp_path) as terminal:
        terminal.until_shown("▸ Refactor the parser")
        assert terminal.screen[-1] == ALL_KEYS

        terminal.press("\x1b[B")
        terminal.until_shown("▸ Write the docs")
        terminal.press("e")
        terminal.until_shown("by rule rate-limit")
        terminal.press(" ")
        terminal.until_shown("▸ Write the docs")
        terminal.press("p")
        terminal.until_shown("pause: done")
        terminal.press("q")

        assert terminal.ends() == 0
        assert terminal.is_restored
    assert daemon.door.given == [("pause", "ses_2def", "attach")]


def test_abort_asks_and_only_a_yes_aborts(daemon: Served, tmp_path: Path):
    with attached(tmp_path, columns=40) as terminal:
        terminal.until_shown("▸ Refactor")
        terminal.press("a")
        terminal.until_shown("y/n")
        terminal.press("n")
        terminal.until_shown("up/down choose")
        assert daemon.door.given == []

        terminal.press("a")
        terminal.until_shown("y/n")
        terminal.press("y")
        terminal.until_shown("abort: done")
        assert all(len(line) <= 40 for line in terminal.screen)

    assert daemon.door.given == [("abort", "ses_1abc", "attach")]


def test_a_key_without_a_session_orders_nothing(daemon: Served, tmp_path: Path):
    daemon.door.listed = []
    with attached(tmp_path) as terminal:
        terminal.until_shown("no supervised sessions")
        terminal.press("paer")
        terminal.until_shown("there is no session to choose")

    assert daemon.door.given == []


def test_what_happens_is_shown_as_it_happens(daemon: Served, tmp_path: Path):
    with attached(tmp_path) as terminal:
        terminal.until_shown("▸ Refactor the parser")
        daemon.door.listed = [a_session(status="attention")]
        daemon.append({**a_row(3), "summary": "a new thing"})

        terminal.until_shown("a new thing")
        terminal.until_shown("attention")


def test_a_daemon_that_is_restarted_is_shown_again(tmp_path: Path):
    with served(tmp_path) as first:
        first.door.listed = [a_session(title="Before")]
        terminal = Terminal(ATTACH, home(tmp_path))
        terminal.until_shown("Before")
    with terminal:
        terminal.until_shown("! the daemon is not running; trying again")
        assert any("Before" in line for line in terminal.screen)

        with served(tmp_path) as second:
            second.door.listed = [a_session(title="After")]
            second.append({**a_row(9), "summary": "after the restart"})
            terminal.until_shown("After")
            terminal.until_shown("after the restart")
            assert not any("trying again" in line for line in terminal.screen)
            terminal.press("q")
            assert terminal.ends() == 0


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 0), (signal.SIGHUP, 0)]
)
def test_the_terminal_is_given_back_however_it_ends(
    daemon: Served, tmp_path: Path, number: signal.Signals, code: int
):
    with attached(tmp_path) as terminal:
        terminal.until_shown("▸ Refactor")
        terminal.process.send_signal(number)

        assert terminal.ends() == code
        assert terminal.is_restored
        assert "Traceback" not in terminal.written


def test_put_aside_it_gives_the_terminal_back_and_takes_it_again(daemon: Served, tmp_path: Path):
    with attached(tmp_path) as terminal:
        terminal.until_shown("▸ Refactor")
        process = psutil.Process(terminal.process.pid)
        terminal.process.send_signal(signal.SIGTSTP)
        terminal.until(lambda: process.status() == psutil.STATUS_STOPPED)
        terminal.read()
        assert terminal.is_restored

        terminal.process.send_signal(signal.SIGCONT)
        terminal.until(lambda: not terminal.is_restored)
        terminal.until_shown("▸ Refactor")
        terminal.press("q")
        assert terminal.ends() == 0


def test_it_follows_the_size_of_the_terminal(daemon: Served, tmp_path: Path):
    with attached(tmp_path, columns=100, rows=30) as terminal:
        terminal.until_shown("▸ Refactor")
        assert len(terminal.screen) == 30

        terminal.resize(40, 12)

        terminal.until(lambda: len(terminal.screen) == 12)
        assert all(len(line) <= 40 for line in terminal.screen)


# ── without a terminal ────────────────────────────────────────────────────────────────────────


def run(folder: Path, *args: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*ATTACH, *args],
        env={**home(folder), **variables},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_on_a_pipe_one_frame_is_printed(daemon: Served, tmp_path: Path):
    daemon.door.savings = Savings(since=datetime(2026, 11, 17, tzinfo=UTC), saves_by={"quota": 2})

    said = run(tmp_path)

    assert (said.returncode, said.stderr) == (0, "")
    assert "savings · 2 saves" in said.stdout
    assert "Refactor the parser" in said.stdout
    assert "\x1b" not in said.stdout
    assert "q quit" not in said.stdout


def test_once_is_as_wide_as_it_is_told(daemon: Served, tmp_path: Path):
    said = run(tmp_path, "--once", COLUMNS="40", TERM="dumb")

    assert said.returncode == 0
    assert max(map(len, said.stdout.splitlines())) == 40


def test_without_a_daemon_a_frame_cannot_be_printed(tmp_path: Path):
    said = run(tmp_path, "--once")

    assert said.returncode == 3
    assert said.stderr.splitlines()[0] == "error: the daemon is not running"


def test_rich_is_imported_only_where_the_screen_is_shown(tmp_path: Path):
    code = (
        "import sys; from palingenesis.surfaces.cli.program import run;"
        " run(['status']); import json; print(json.dumps('rich' in sys.modules))"
    )

    said = subprocess.run(
        [sys.executable, "-c", code],
        env={**home(tmp_path), "PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert json.loads(said.stdout.splitlines()[-1]) is False
