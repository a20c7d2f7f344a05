import os
import stat
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from palingenesis.core.errors import JournalError
from palingenesis.core.values import SessionId
from palingenesis.sensors.backups import Backups

NIGHT = datetime(2026, 2, 5, 3, 0, tzinfo=UTC)
TALK = "# Login form\n\nperson: please\n"
ONE = SessionId("ses_1")


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_backup_is_private_and_begins_with_whose_it_is(tmp_path):
    folder = tmp_path / "state" / "backups"

    path = Backups(folder).keep(ONE, NIGHT, TALK)

    assert path == str(folder / "session-backup-20260205-0300.md")
    text = (folder / "session-backup-20260205-0300.md").read_text()
    assert text.startswith(
        '---\nsession: "ses_1"\ntitle: "Login form"\nsaved: "2026-02-05T03:00:00+00:00"\n'
    )
    assert text.endswith("\n---\n\n" + TALK)
    assert stat.S_IMODE(Path(path).stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_times_in_names_are_utc(tmp_path):
    berlin = NIGHT.astimezone(timezone(timedelta(hours=1)))

    assert Backups(tmp_path).keep(ONE, berlin, TALK).endswith("-20260205-0300.md")


def test_another_conversation_in_the_same_minute_gets_a_number(tmp_path):
    backups = Backups(tmp_path)
    for number in range(3):
        backups.keep(SessionId(f"ses_{number}"), NIGHT, TALK)

    assert names(tmp_path) == [
        "session-backup-20260205-0300-2.md",
        "session-backup-20260205-0300-3.md",
        "session-backup-20260205-0300.md",
    ]


def test_the_same_conversation_is_not_kept_twice(tmp_path):
    first = Backups(tmp_path).keep(ONE, NIGHT, TALK)
    again = Backups(tmp_path).keep(ONE, NIGHT + timedelta(minutes=5), TALK)

    assert again == first
    assert len(names(tmp_path)) == 1


def test_a_half_written_backup_does_not_count_and_stays(tmp_path):
    backups = Backups(tmp_path)
    first = backups.keep(ONE, NIGHT, TALK)
    os.truncate(first, Path(first).stat().st_size - 3)

    second = backups.keep(ONE, NIGHT, TALK)

    assert second != first
    assert len(names(tmp_path)) == 2


def test_a_link_in_the_way_is_never_written_through(tmp_path):
    victim = tmp_path / "victim"
    victim.write_text("precious")
    folder = tmp_path / "backups"
    folder.mkdir()
    (folder / "session-backup-20260205-0300.md").symlink_to(victim)

    path = Backups(folder).keep(ONE, NIGHT, TALK)

    assert path.endswith("-0300-2.md")
    assert victim.read_text() == "precious"


def test_a_directory_that_is_a_link_is_refused(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "backups").symlink_to(tmp_path / "real")

    with pytest.raises(JournalError, match="cannot store a session backup"):
        Backups(tmp_path / "backups").keep(ONE, NIGHT, TALK)


def test_where_nothing_can_be_stored_that_is_an_error_with_a_way_out(tmp_path):
    (tmp_path / "file").write_text("")

    with pytest.raises(JournalError) as caught:
        Backups(tmp_path / "file" / "backups").keep(ONE, NIGHT, TALK)

    assert "not a directory" in caught.value.message
    assert "PALINGENESIS_STATE_DIR" in caught.value.hint


def test_a_full_disk_leaves_nothing_behind(tmp_path):
    import resource
    import signal

    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1024, hard))
    try:
        with pytest.raises(JournalError, match="too large"):
            Backups(tmp_path).keep(ONE, NIGHT, "x" * 5000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, before)

    assert names(tmp_path) == []


def test_the_oldest_go_when_there_are_too_many_but_never_those_of_today(tmp_path):
    backups = Backups(tmp_path, kept=3)
    (tmp_path / "notes.md").write_text("not ours")
    for day in range(5):
        backups.keep(ONE, NIGHT + timedelta(days=day), f"{TALK}{day}")
    for minute in range(1, 5):
        backups.keep(ONE, NIGHT + timedelta(days=4, minutes=minute), f"{TALK}{minute} later")

    assert names(tmp_path) == [
        "notes.md",
        "session-backup-20260209-0300.md",
        "session-backup-20260209-0301.md",
        "session-backup-20260209-0302.md",
        "session-backup-20260209-0303.md",
        "session-backup-20260209-0304.md",
    ]
