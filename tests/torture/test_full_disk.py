"""The short form of the full disk (see tests/torture/full_disk.py): the real daemon, once each."""

import asyncio
import errno
import os
from pathlib import Path

import pytest

from tests.torture.full_disk import Disk, FailingWrites, SmallDisk, can_mount, tried
from tests.torture.preload import has_compiler


def judged(disk: Disk, folder: Path, *, says: str, on_reserve: bool) -> None:
    told = asyncio.run(tried(disk, folder))

    assert told.problems == []
    assert says in told.why
    assert says in told.start
    assert told.on_reserve == on_reserve


@pytest.mark.timeout(180)
@pytest.mark.parametrize(
    ("error", "says"),
    [(errno.ENOSPC, "the disk is full"), (errno.EROFS, "the disk reports an error or is full")],
)
def test_where_nothing_can_be_written_nothing_is_done_and_it_goes_on_by_itself(
    tmp_path: Path, error: int, says: str
):
    if not has_compiler():
        assert "CI" not in os.environ, "no C compiler in CI"
        pytest.skip("there is no C compiler")

    judged(FailingWrites(tmp_path, error), tmp_path, says=says, on_reserve=False)


@pytest.mark.timeout(180)
def test_on_a_disk_that_is_really_full_that_is_written_into_the_reserve(tmp_path: Path):
    if not can_mount():
        pytest.skip("only who may mount can have a small disk of his own")

    judged(SmallDisk(), tmp_path, says="the disk is full", on_reserve=True)
