"""How a mistake of ours is told."""

import asyncio
from pathlib import PurePath

import pytest

from palingenesis.core.errors import PassingError
from palingenesis.runtime.mistakes import told


async def _break() -> None:
    raise OSError(5, "Input/output error")


async def _two_floors_down() -> None:
    async with asyncio.TaskGroup() as outer:

        async def inner() -> None:
            async with asyncio.TaskGroup() as group:
                group.create_task(_break())

        outer.create_task(inner())


def test_what_broke_is_told_with_its_kind_and_its_place():
    with pytest.raises(OSError, match="5") as broke:
        asyncio.run(_break())

    what, where = told(broke.value)

    assert what == "OSError: [Errno 5] Input/output error"
    assert where.startswith(f"{PurePath(__file__).name}:")
    assert where.endswith(" in _break")


def test_of_a_group_of_tasks_the_one_that_broke_is_told():
    with pytest.raises(ExceptionGroup) as broke:
        asyncio.run(_two_floors_down())

    what, where = told(broke.value)

    assert what == "OSError: [Errno 5] Input/output error"
    assert where.endswith(" in _break")


def test_an_error_of_ours_is_told_in_its_own_words():
    assert told(PassingError("the disk is full"))[0] == "the disk is full"
