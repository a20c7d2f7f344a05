"""The short form of daemons.py: some pairs, and a lock that keeps nobody out is found out."""

import asyncio
import os

import pytest

from tests.torture.daemons import play
from tests.torture.preload import has_compiler


@pytest.fixture(autouse=True)
def _compiler() -> None:
    if not has_compiler():
        assert "CI" not in os.environ, "no C compiler in CI"
        pytest.skip("there is no C compiler")


def test_of_two_daemons_that_start_at_once_exactly_one_acts():
    done, wrong = asyncio.run(play(range(1, 9), lambda _: None))

    assert len(done) == 8
    assert [problem for pair in done for problem in pair.problems] == []
    assert wrong == []


def test_a_state_directory_that_keeps_nobody_out_is_found_out():
    done, _ = asyncio.run(play([1, 2], lambda _: None, planted="unlocked"))

    assert any(pair.problems for pair in done)
