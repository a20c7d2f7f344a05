"""`palingenesis logs`: the daemon's own log, however long it is, wherever it is cut."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from palingenesis.runtime.log_file import KEPT, log_files, rotate
from palingenesis.runtime.log_form import Record, as_json, as_text, read_line
from palingenesis.surfaces.cli.log_journald import read_entry
from palingenesis.surfaces.cli.log_reading import LogReader, records
from palingenesis.surfaces.cli.program import run

START = datetime(2026, 2, 5, 2, 0, tzinfo=UTC)


def record(number: int, **more) -> Record:
    at = START + timedelta(minutes=number)
    told = {"at": at, "level": "info", "logger": "palingenesis.x", "message": f"record {number}"}
    return Record(**{**told, **more})


def write(path: Path, numbers: range) -> None:
    with path.open("a") as file:
        file.writelines(as_text(record(number)) + "\n" for number in numbers)


def messages(reader: LogReader, since: datetime | None = None) -> list[str]:
    found = records(reader.lines(), since)
    return [one if isinstance(one, str) else one.message for one in found]


def whole(log: Path, tail: int | None = None, since: datetime | None = None) -> list[str]:
    with closing(LogReader(log, tail=tail)) as reader:
        return messages(reader, since)


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "daemon.log"


@pytest.fixture
def read(log: Path) -> Iterator[Callable[..., LogReader]]:
    """Opens readers of the log, and closes them."""
    with ExitStack() as stack:
        yield lambda **how: stack.enter_context(closing(LogReader(log, **how)))


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    return {"PALINGENESIS_STATE_DIR": str(tmp_path), "NO_COLOR": "1", "HOME": str(tmp_path)}


@pytest.mark.parametrize("form", [as_text, as_json])
def test_a_record_is_read_as_it_was_written(form):
    lines = form(record(1, level="error", traceback=("one", "two"))).splitlines()

    (found,) = records(lines, None)

    assert found == record(1, level="error", traceback=("one", "two"))


@pytest.mark.parametrize(
    "line",
    [
        "",
        "  | File x",
        "Traceback",
        "{",
        "{}",
        "[1]",
        '{"at": 3}',
        "2026-02-05 NOISE x: y",
        "{" * 9,
    ],
)
def test_what_is_no_record_is_none(line):
    assert read_line(line) is None


def test_the_last_records_are_found_over_rotated_files(log: Path):
    write(log, range(5))
    rotate(log)
    write(log, range(5, 8))

    assert whole(log, tail=4) == [f"record {n}" for n in range(4, 8)]
    assert whole(log, tail=0) == []
    assert whole(log, tail=99) == [f"record {n}" for n in range(8)]
    assert whole(log) == [f"record {n}" for n in range(8)]


def test_the_last_records_of_a_long_file_are_found_at_every_edge_of_a_block(log: Path):
    write(log, range(5_000))

    for count in (1, 2, 999, 1_200, 1_201, 4_999, 5_000):
        found = whole(log, tail=count)
        assert found == [f"record {n}" for n in range(5_000 - count, 5_000)]


def test_a_traceback_belongs_to_its_record_and_is_not_counted(log: Path):
    log.write_text(as_text(record(1, traceback=("a", "b", "c"))) + "\n")
    write(log, range(2, 4))

    assert whole(log, tail=3) == ["record 1", "record 2", "record 3"]
    with closing(LogReader(log, tail=3)) as reader:
        (first, *_) = records(reader.lines(), None)
    assert isinstance(first, Record)
    assert first.traceback == ("a", "b", "c")


def test_what_is_older_is_left_out_and_what_has_no_time_stays_with_its_record(log: Path):
    write(log, range(2))
    with log.open("a") as file:
        file.write("Fatal Python error: Aborted\n")
    write(log, range(2, 3))

    assert whole(log, since=START + timedelta(minutes=1)) == [
        "record 1",
        "Fatal Python error: Aborted",
        "record 2",
    ]
    assert whole(log, since=START + timedelta(minutes=2)) == ["record 2"]


def test_following_goes_on_over_a_rotation_and_loses_nothing(log: Path, read):
    write(log, range(3))
    reader = read(tail=1)
    assert messages(reader) == ["record 2"]

    write(log, range(3, 5))  # not seen before it is rotated
    rotate(log)
    write(log, range(5, 6))
    rotate(log)
    write(log, range(6, 7))

    assert messages(reader) == [f"record {n}" for n in range(3, 7)]
    assert messages(reader) == []


def test_a_line_that_is_half_written_waits_for_its_end(log: Path, read):
    line = as_text(record(1))
    log.write_text(line[:20])
    reader = read()
    assert messages(reader) == []

    with log.open("a") as file:
        file.write(line[20:] + "\n")

    assert messages(reader) == ["record 1"]


def test_a_log_that_was_removed_or_emptied_is_followed_in_its_new_form(log: Path, read):
    write(log, range(3))
    rotate(log)
    write(log, range(3, 4))
    reader = read(tail=0)
    assert messages(reader) == []
    log.unlink()
    assert messages(reader) == []

    write(log, range(9, 10))
    assert messages(reader) == ["record 9"]
    os.truncate(log, 0)
    assert messages(reader) == []
    log.write_text("")
    write(log, range(7, 8))

    assert messages(reader) == ["record 7"]


def test_only_so_many_files_are_kept(log: Path):
    for number in range(KEPT + 3):
        write(log, range(number, number + 1))
        rotate(log)
    write(log, range(99, 100))

    assert len(list(log_files(log))) == KEPT + 1
    assert whole(log) == ["record 3", "record 4", "record 5", "record 99"]


def test_people_read_lines_and_programs_documents(log: Path, environ, capsys):
    write(log, range(2))
    with log.open("a") as file:
        file.write("\x1b[2Jsomebody else, Authorization: Bearer abcdefghijkl\n")

    assert run(["logs", "--tail", "2"], environ) == 0
    told = capsys.readouterr().out.splitlines()
    assert run(["logs", "--json"], environ) == 0
    documents = [json.loads(line) for line in capsys.readouterr().out.splitlines()]

    assert told[0].endswith(" info     x: record 1")
    assert told[1].isprintable()
    assert "abcdefghijkl" not in told[1]
    assert [one["message"] for one in documents[:2]] == ["record 0", "record 1"]
    assert documents[0] == json.loads(as_json(record(0)))
    assert documents[2]["at"] is None


def test_without_a_log_it_says_so(environ, capsys):
    assert run(["logs"], environ) == 3

    assert "the daemon has not run in the background" in capsys.readouterr().err


def test_a_wrong_time_is_a_usage_error(environ, capsys):
    assert run(["logs", "--since", "yesterdayish"], environ) == 2
    assert "neither a span" in capsys.readouterr().err


def test_a_million_lines_take_no_more_memory_than_a_thousand(log: Path, environ):
    write(log, range(1_000))
    text = log.read_bytes()
    with log.open("wb") as file:
        for _ in range(1_000):
            file.write(text)
    program = (
        "import resource, sys; from palingenesis.surfaces.cli.program import run;"
        "code = run(sys.argv[1:]);"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, file=sys.stderr);"
        "sys.exit(code)"
    )

    def peak_kib(*words: str) -> int:
        done = subprocess.run(
            [sys.executable, "-c", program, "logs", *words],
            env={**os.environ, **environ},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            timeout=120,
            check=True,
        )
        return int(done.stderr.splitlines()[-1])

    few = peak_kib("--tail", "10")

    assert peak_kib("--tail", "500000") < few + 8 * 1024


# ── where systemd keeps it ────────────────────────────────────────────────────────────────────


def entry(message: object, priority: str = "6", **more: object) -> bytes:
    at = str(int(START.timestamp() * 1e6) + 123_000)
    held = {"MESSAGE": message, "PRIORITY": priority, "__REALTIME_TIMESTAMP": at, **more}
    return json.dumps(held).encode() + b"\n"


def test_an_entry_of_systemds_journal_is_read_as_the_record_that_it_was():
    lines = [
        *read_entry(entry("palingenesis.loop: it broke: badly", "3")),
        *read_entry(entry("  | Traceback", "3")),
        *read_entry(entry("Started palingenesis.", SYSLOG_IDENTIFIER="systemd")),
        *read_entry(entry(list(b"palingenesis.x: \xff"), "4")),
        *read_entry(b"nonsense"),
        *read_entry(b"{}"),
    ]

    first, foreign, last = records(lines, None)

    assert isinstance(first, Record)
    assert (first.level, first.logger, first.message) == (
        "error", "palingenesis.loop", "it broke: badly",
    )  # fmt: skip
    assert first.at == START + timedelta(milliseconds=123)
    assert first.traceback == ("Traceback",)
    assert foreign == "Started palingenesis."
    assert isinstance(last, Record)
    assert (last.level, last.message) == ("warning", "\ufffd")


@pytest.fixture
def systemd(tmp_path: Path, environ: dict[str, str]) -> dict[str, str]:
    """A machine whose systemd knows our service; its journalctl tells how it was asked."""
    tools = tmp_path / "tools"
    tools.mkdir()
    (tools / "told").write_bytes(entry("palingenesis.loop: one") + entry("  | more"))
    for name, text in (
        ("systemctl", "echo LoadState=loaded"),
        ("journalctl", f'echo "$@" > {tools}/asked; cat {tools}/told'),
    ):
        (tools / name).write_text(f"#!/bin/sh\n{text}\n")
        (tools / name).chmod(0o755)
    return {**environ, "PATH": f"{tools}{os.pathsep}{os.environ['PATH']}"}


@pytest.mark.parametrize("words", [[], ["--tail", "7"], ["--since", "2026-01-31T22:00+00:00"]])
def test_the_log_of_a_service_is_asked_of_systemd(tmp_path: Path, systemd, capsys, words):
    assert run(["logs", *words], systemd) == 0

    asked = (tmp_path / "tools" / "asked").read_text().split()
    assert "info     loop: one\n  | more\n" in capsys.readouterr().out
    assert {"--user", "--unit=palingenesis.service", "--output=json"} <= set(asked)
    assert ("--lines=7" in asked) == ("--tail" in words)
    assert ("--since=@1769896800" in asked) == ("--since" in words)


def test_following_the_log_of_a_service_tells_each_line_as_it_comes(systemd, capsys):
    assert run(["logs", "--follow", "--json"], systemd) == 0

    first, more = map(json.loads, capsys.readouterr().out.splitlines())
    assert first["message"] == "one"
    assert more["message"] == "  | more"


def test_a_log_file_of_our_own_is_read_where_the_daemon_is_down(log: Path, systemd, capsys):
    write(log, range(1))

    assert run(["logs"], systemd) == 0
    assert "record 0" in capsys.readouterr().out
