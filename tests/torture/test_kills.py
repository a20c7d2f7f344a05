"""The short form of kills.py: a few deaths in four nights, and a mistake that must be found."""

import asyncio
import gc
import os
from asyncio import SubprocessTransport
from pathlib import Path

import pytest

from tests.torture.killing.campaign import Campaign, nights_named
from tests.torture.killing.stage import Stage
from tests.torture.preload import has_compiler

NIGHTS = "cut-off,new-session,exit-in-wait,crash"


def played(nights: str, *, kills: int, planted: str = "") -> Campaign:
    if not has_compiler():
        assert "CI" not in os.environ, "no C compiler in CI"
        pytest.skip("there is no C compiler")
    campaign = Campaign(
        nights=nights_named(nights),
        seed=7,
        count=kills,
        minutes=2,
        lanes=4,
        kept=None,
        planted=planted,
        plain_runs=1,
    )
    asyncio.run(campaign.run(print))
    return campaign


def test_whatever_we_die_beside_nothing_happens_twice_and_nothing_is_lost():
    campaign = played(NIGHTS, kills=12)

    assert campaign.kills >= 12
    assert [problem for one in campaign.done for problem in one.told.problems] == []


def test_a_daemon_that_skips_what_was_open_when_it_died_is_found_out():
    campaign = played("new-session", kills=8, planted="skip")

    problems = [problem for one in campaign.done for problem in one.told.problems]
    assert any(problem.startswith("lost:") for problem in problems)


def test_a_daemon_that_does_not_look_whether_she_has_gone_on_is_found_out():
    campaign = played("prompt-while-away", kills=16, planted="stale")

    problems = [problem for one in campaign.done for problem in one.told.problems]
    assert any(problem.startswith("after exit:") for problem in problems)


def test_what_a_stage_has_started_has_ended_when_it_is_left(tmp_path: Path):
    async def play() -> list[object]:
        async with Stage(tmp_path / "s") as stage:
            await stage.set_up(policy="", opencode={})
            await stage.make_ready({})
            assert len(running()) == 1
        return running()

    def running() -> list[object]:
        loop, every = asyncio.get_running_loop(), gc.get_objects()
        ours = [one for one in every if isinstance(one, SubprocessTransport) and one._loop is loop]
        return [one for one in ours if one.get_returncode() is None]

    assert asyncio.run(play()) == []
