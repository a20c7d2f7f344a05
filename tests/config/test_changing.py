"""Changing config.toml: comments stay, and what could not be used is refused."""

import os
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest

from palingenesis.core.errors import ExitCode, InvalidConfigError, PalingenesisError
from palingenesis.runtime.config import ConfigProblemsError
from palingenesis.runtime.config_edit import change_file, changed, create, keep_copy, migrated

WRITTEN = """\
# mine
[daemon]
log_level = "info"   # quiet

[hooks.backup]
argv = ["/usr/bin/true"]
"""


def file_with(folder: Path, text: str | bytes) -> Path:
    folder.chmod(0o700)
    file = folder / "config.toml"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    file.chmod(0o600)
    return file


def test_a_changed_value_leaves_every_comment_where_it_was():
    after = changed(WRITTEN, "daemon", "log_level", "debug")

    assert after == WRITTEN.replace('"info"', '"debug"')


def test_a_key_that_is_not_there_is_added_to_its_section_and_a_section_to_the_end():
    after = changed(WRITTEN, "journal", "retention", "30d")
    after = changed(after, "daemon", "check_interval", "9s")

    assert 'log_level = "info"   # quiet\ncheck_interval = "9s"\n' in after
    assert after.endswith('[journal]\nretention = "30d"\n')


def test_a_reference_is_written_on_one_line():
    after = changed("", "notifications", "ntfy_token", {"command": ["pass", "show", "it"]})

    assert after == '[notifications]\nntfy_token = {command = ["pass", "show", "it"]}\n'


def test_taking_out_what_is_not_there_changes_nothing():
    assert changed(WRITTEN, "journal", "retention", None) == WRITTEN
    assert changed(WRITTEN, "daemon", "check_interval", None) == WRITTEN


def test_the_file_is_made_with_its_folder_and_is_nobody_elses_to_read(tmp_path: Path):
    tmp_path.chmod(0o700)
    file = tmp_path / "new" / "config.toml"

    assert change_file(file, lambda text: changed(text, "daemon", "log_level", "debug"))

    assert file.read_text() == '[daemon]\nlog_level = "debug"\n'
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.parent.stat().st_mode & 0o777 == 0o700


def test_a_change_that_could_not_be_used_is_refused_and_nothing_is_written(tmp_path: Path):
    file = file_with(tmp_path, WRITTEN)

    with pytest.raises(ConfigProblemsError) as caught:
        change_file(file, lambda text: changed(text, "hooks.backup", "argv", None))

    assert caught.value.exit_code is ExitCode.INVALID
    assert caught.value.message == f"nothing was changed: {file} would have a problem then"
    assert file.read_text() == WRITTEN


def test_a_file_that_is_broken_already_is_told_as_such(tmp_path: Path):
    file = file_with(tmp_path, "[daemon\n")

    with pytest.raises(ConfigProblemsError) as caught:
        change_file(file, lambda text: text)

    assert caught.value.message == f"the configuration {file} has a problem"


def test_a_link_stays_a_link_and_what_it_leads_to_is_changed(tmp_path: Path):
    tmp_path.chmod(0o700)
    (tmp_path / "dotfiles").mkdir(mode=0o700)
    real = file_with(tmp_path / "dotfiles", WRITTEN)
    link = tmp_path / "config.toml"
    link.symlink_to(real)

    change_file(link, lambda text: changed(text, "daemon", "log_level", "warn"))

    assert link.is_symlink()
    assert 'log_level = "warn"' in real.read_text()


def test_the_same_once_more_writes_nothing(tmp_path: Path):
    file = file_with(tmp_path, WRITTEN)
    before = file.stat().st_ino

    assert not change_file(file, lambda text: changed(text, "daemon", "log_level", "info"))

    assert file.stat().st_ino == before


def test_a_byte_order_mark_does_not_get_in_the_way(tmp_path: Path):
    file = file_with(tmp_path, "\ufeff" + WRITTEN)

    change_file(file, lambda text: changed(text, "daemon", "log_level", "warn"))

    assert file.read_text() == WRITTEN.replace('"info"', '"warn"')


@pytest.mark.parametrize("content", [b"\xff\xfe", b"#" * 10_000_000])
def test_garbage_is_never_written_over(tmp_path: Path, content: bytes):
    file = file_with(tmp_path, content)

    with pytest.raises(InvalidConfigError):
        change_file(file, lambda text: changed(text, "daemon", "log_level", "warn"))

    assert file.read_bytes() == content


def test_a_folder_and_a_pipe_in_the_place_of_the_file_are_told(tmp_path: Path):
    tmp_path.chmod(0o700)
    (tmp_path / "a").mkdir(mode=0o700)
    os.mkfifo(tmp_path / "b", 0o600)

    with pytest.raises(InvalidConfigError, match="is a directory"):
        change_file(tmp_path / "a", lambda text: text)
    with pytest.raises(InvalidConfigError, match=r"nothing was written into it|is empty"):
        change_file(tmp_path / "b", lambda text: text)


def test_two_who_change_the_file_at_once_both_have_their_way(tmp_path: Path):
    file = file_with(tmp_path, "")
    names = [f"h{number}" for number in range(8)]

    def add(name: str) -> None:
        change_file(file, lambda text: changed(text, f"hooks.{name}", "argv", ["/bin/true"]))

    threads = [threading.Thread(target=add, args=(name,)) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(line for line in file.read_text().splitlines() if line.startswith("[")) == [
        f"[hooks.{name}]" for name in names
    ]


def test_a_file_is_made_once_and_never_written_over(tmp_path: Path):
    tmp_path.chmod(0o700)
    file = tmp_path / "config.toml"

    assert create(file, "# one\n")
    assert not create(file, "# two\n")

    assert file.read_text() == "# one\n"


def test_a_link_to_nowhere_is_not_written_through(tmp_path: Path):
    tmp_path.chmod(0o700)
    link = tmp_path / "config.toml"
    link.symlink_to(tmp_path / "gone")

    assert not create(link, "# one\n")

    assert not (tmp_path / "gone").exists()


def test_a_key_of_earlier_days_is_renamed_where_it_stands():
    before = '[journal]\n# how long\nkeep = "30d"   # mine\nmax_size = "64MiB"\n'

    assert migrated(before) == before.replace("keep", "retention")


def test_of_a_key_that_has_both_names_todays_stays():
    before = '[journal]\nkeep = "30d"\nretention = "60d"\n'

    assert migrated(before) == '[journal]\nretention = "60d"\n'


def test_the_copy_takes_the_place_of_no_other_one(tmp_path: Path):
    file = file_with(tmp_path, WRITTEN)
    at = datetime(2026, 11, 27, 8, 0, tzinfo=UTC)

    first, second = keep_copy(file, at), keep_copy(file, at)

    assert first.name == "config-backup-20261127-0800.toml"
    assert second.name == "config-backup-20261127-0800-2.toml"
    assert second.read_text() == WRITTEN
    assert second.stat().st_mode & 0o777 == 0o600


def test_where_nothing_can_be_written_the_folder_is_named(tmp_path: Path):
    (tmp_path / "file").write_text("")

    with pytest.raises(PalingenesisError, match="cannot write"):
        create(tmp_path / "file" / "config.toml", "")
