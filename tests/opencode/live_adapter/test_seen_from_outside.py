"""Her programs as they are seen from outside: what is theirs, and what was there before them."""

import signal
from datetime import timedelta
from pathlib import Path

from palingenesis.core import events as ev
from palingenesis.core.values import DownCause
from palingenesis.processes.children import Child
from palingenesis.processes.identity import send_signal
from palingenesis.runtime.clock import SystemClock
from tests.opencode.live_adapter.fake import Json, Told, answer, ms, user
from tests.opencode.live_adapter.test_observed import Database, just_now, observed

LONG_AGO = SystemClock().now() - timedelta(days=30)


def long_ago(message: Json) -> Json:
    """The same message, said a month ago."""
    time = dict.fromkeys(message["info"]["time"], ms(LONG_AGO))
    return {**message, "info": {**message["info"], "time": time}}


async def killed(child: Child, told: Told) -> ev.AgentDown:
    """How its end by a kill is told."""
    assert child.identity is not None
    send_signal(child.identity, signal.SIGKILL)
    down: ev.AgentDown = await told.wait(ev.AgentDown)
    return down


def test_a_turn_that_a_kill_cut_off_long_ago_is_not_under_way_in_the_program_that_shows_it(
    tmp_path: Path,
) -> None:
    async def scene(database: Database, project: Path, child: Child, told: Told) -> None:
        database.session(project)
        database.says(long_ago(user(1)))
        database.says(long_ago(answer(2, finish=None)))
        await told.wait(ev.SessionSeen)
        database.session(project, "ses_2")
        await told.wait(ev.SessionSeen, 2)  # in a later look: the first one is over
        down = await killed(child, told)

        assert told.of(ev.SessionWorking) == []
        assert down.cause is DownCause.ENDED

    observed(tmp_path, scene)


def test_what_she_goes_on_with_there_is_under_way_and_its_kill_is_no_exit_of_hers(
    tmp_path: Path,
) -> None:
    async def scene(database: Database, project: Path, child: Child, told: Told) -> None:
        database.session(project)
        database.says(long_ago(user(1)))
        database.says(long_ago(answer(2, finish=None)))
        database.says(just_now(user(3)))
        await told.wait(ev.SessionWorking)
        down = await killed(child, told)

        assert down.cause is DownCause.EXITED

    observed(tmp_path, scene)
