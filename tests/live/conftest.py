"""Fixtures of the live tests: the real OpenCode and benches around it."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.live.bench import Bench
from tests.live.executable import opencode_executable

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything here is live, and may wait for the one download."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.live)
            if item.get_closest_marker("timeout") is None:
                item.add_marker(pytest.mark.timeout(600))


@pytest.fixture(scope="session")
def opencode() -> Path:
    """The real OpenCode's executable."""
    return opencode_executable()


@pytest.fixture
def open_bench(opencode: Path) -> Iterator[Callable[..., Bench]]:
    """Opens benches with the real OpenCode; closes them after the test."""
    with ExitStack() as opened:

        def open_one(**options: Any) -> Bench:
            return opened.enter_context(Bench((opencode,), **options))

        yield open_one


@pytest.fixture
def bench(open_bench: Callable[..., Bench]) -> Bench:
    """A bench with the real OpenCode, as it is by default."""
    return open_bench()
