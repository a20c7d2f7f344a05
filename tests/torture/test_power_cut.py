"""The short form of the power cuts (see tests/torture/power_cut.py)."""

import os
from pathlib import Path

import pytest

from tests.torture.power.disk import Disk, choices, image
from tests.torture.power.recording import Asked, What, compiled
from tests.torture.power.stories import PLANTED, STORIES
from tests.torture.power_cut import play
from tests.torture.preload import has_compiler

needs_a_compiler = pytest.mark.skipif(
    not has_compiler() and not os.environ.get("CI"), reason="there is no C compiler"
)
ROOT = Path("/state")


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return compiled(tmp_path_factory.mktemp("trace"))


@needs_a_compiler
@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", STORIES)
def test_a_power_cut_loses_nothing_that_was_acknowledged(tmp_path, library, name):
    tally = play(STORIES[name], tmp_path, library, more=2, every=17)

    assert tally.violations == []
    assert tally.images > 10


@needs_a_compiler
@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", PLANTED)
def test_a_journal_that_flushes_less_is_caught(tmp_path, library, name):
    tally = play(PLANTED[name], tmp_path, library, more=0)

    assert any("acknowledged entries are lost" in each for each in tally.violations)


# ── the disk itself ───────────────────────────────────────────────────────────────────────────


def disk_after(*asked: Asked) -> Disk:
    disk = Disk()
    disk.take(Asked(What.OPENED, 1, 0, str(ROOT), b""), ROOT)
    for one in asked:
        disk.take(one, ROOT)
    return disk


def made(inode: int, name: str) -> Asked:
    return Asked(What.CREATED, inode, 0, f"{ROOT}/{name}", b"")


def written(inode: int, offset: int, data: bytes) -> Asked:
    return Asked(What.WRITTEN, inode, offset, "", data)


def synced(inode: int) -> Asked:
    return Asked(What.SYNCED, inode, 0, "", b"")


def renamed(before: str, after: str) -> Asked:
    return Asked(What.RENAMED, 0, 0, f"{ROOT}/{before}", f"{ROOT}/{after}".encode())


def after_power_cut(disk: Disk) -> set[tuple[tuple[str, bytes], ...]]:
    from random import Random

    every = choices(disk.pending, Random(1), 0)
    return {tuple(sorted(image(disk, choice).items())) for choice in every}


def test_a_flushed_file_whose_name_was_not_flushed_may_have_no_name():
    disk = disk_after(made(2, "a"), written(2, 0, b"text"), synced(2))

    assert after_power_cut(disk) == {(), ((f"{ROOT}/a", b"text"),)}


def test_a_file_that_was_flushed_by_name_and_content_is_there():
    disk = disk_after(made(2, "a"), written(2, 0, b"text"), synced(2), synced(1))

    assert after_power_cut(disk) == {((f"{ROOT}/a", b"text"),)}


def test_a_renamed_file_is_under_one_of_its_names():
    disk = disk_after(made(2, "a"), written(2, 0, b"x"), synced(2), synced(1), renamed("a", "b"))

    assert after_power_cut(disk) == {((f"{ROOT}/a", b"x"),), ((f"{ROOT}/b", b"x"),)}


def test_of_a_write_that_was_not_flushed_any_sector_may_be_missing():
    disk = disk_after(made(2, "a"), synced(2), synced(1), written(2, 0, b"y" * 4096))

    contents = {found[0][1] for found in after_power_cut(disk)}

    assert contents == {b"", b"y" * 4096, b"\0" * 4096, b"y" * 2048 + b"\0" * 2048}


def test_of_two_writes_the_second_may_be_there_alone():
    disk = disk_after(made(2, "a"), synced(2), synced(1), written(2, 0, b"1"), written(2, 1, b"2"))

    contents = {found[0][1] for found in after_power_cut(disk)}

    assert contents == {b"", b"1", b"12", b"\x002"}
