"""What her own screen is told: a few words when something changes, and not twice."""

import asyncio
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

from palingenesis.app.toasting import Toasting, on_her_wall, toast_of
from palingenesis.core import events
from palingenesis.core.values import Way
from palingenesis.core.world import Session
from palingenesis.runtime.clock import SystemClock
from palingenesis.runtime.ports import Entry
from tests.core.life import (
    AGENT,
    SES,
    START,
    Life,
    ended,
    passed,
    person_prompts,
    stopped,
)
from tests.core.policies import RATE, policy, rule

POLICY = policy(
    RATE,
    rule("login", "stop.reason == 'auth'", {"attention": {"reason": "log in"}}),
    rule("new", "stop.reason == 'quota'", {"new-session": {}}),
)


def hers(**options: Any) -> Life:
    return Life(POLICY, way=Way.INTEGRATED, **options)


def at_three(_session: Session) -> str:
    return "03:12"


def test_a_wait_says_why_until_when_and_which_rule():
    life = hers() >> stopped("rate_limit", retry_after=90)
    toast = toast_of(life.session, at_three)
    assert toast is not None
    assert toast.message == "rate limit: resume at 03:12, rule rate"
    assert (toast.agent, toast.variant, toast.session) == (AGENT, "info", None)


def test_what_a_person_has_to_look_at_is_a_warning():
    toast = toast_of((hers() >> stopped("auth")).session, at_three)
    assert toast is not None
    assert toast.message == "needs you: log in"
    assert toast.variant == "warning"


def test_a_session_that_works_needs_no_words():
    assert toast_of(hers().session, at_three) is None


class Screens:
    def __init__(self) -> None:
        self.shown: list[str] = []

    async def show(
        self, agent: str, message: str, *, variant: str = "info", session: str | None = None
    ) -> None:
        self.shown.append(message)


class Breaking(Screens):
    """Breaks over the first words."""

    async def show(
        self, agent: str, message: str, *, variant: str = "info", session: str | None = None
    ) -> None:
        await super().show(agent, message)
        if len(self.shown) == 1:
            raise RuntimeError(message)


def shown_of(life: Life, *acts: Any, screens: Screens | None = None) -> list[str]:
    """What the screen shows while that happens."""

    async def story() -> list[str]:
        screens, listeners = given, []
        loop: Any = SimpleNamespace(attend=listeners.append)
        toasting = Toasting(loop, screens, SystemClock())
        showing = asyncio.ensure_future(toasting.watch())
        for act in acts:
            event = act(life)
            if event is not None:
                life.take(event)
                entry = Entry(event=event, decisions=(), effects=())
                for listen in listeners:
                    listen(0, entry, life.world)
        for _ in range(5):
            await asyncio.sleep(0)
        assert not showing.done()
        showing.cancel()
        return screens.shown

    given = screens or Screens()
    return asyncio.run(story())


def looked_at(life: Life) -> events.Event:
    """A turn in which nothing happens to the session."""
    return events.FactsObserved(at=life.now, session=SES, facts={})


def test_each_change_is_shown_once():
    shown = shown_of(hers(), stopped("rate_limit", retry_after=90), looked_at, looked_at)
    assert len(shown) == 1
    assert shown[0].startswith("rate limit: resume at ")


def test_a_screen_that_breaks_is_not_the_end_of_the_daemon():
    acts = (stopped("rate_limit", retry_after=90), looked_at, person_prompts, stopped("auth"))

    shown = shown_of(hers(), *acts, screens=Breaking())

    assert shown[1:] == ["needs you: log in"]


def test_a_wait_that_follows_a_turn_without_a_word_about_the_session_is_shown_all_the_same():
    def ticked(life: Life) -> events.Event:
        return events.Ticked(at=life.now)

    life = hers()
    shown = shown_of(life, looked_at, lambda one: (one.take(stopped("auth")(one)), None)[1], ticked)
    assert shown == ["needs you: log in"]


def test_sessions_of_other_agents_are_nothing_for_her_screen():
    life = Life(POLICY, way=Way.MANAGED)
    assert shown_of(life, stopped("rate_limit", retry_after=90), passed(1), looked_at) == []


def continued() -> Life:
    """Her session, whose work goes on in a new one."""
    life = hers() >> stopped("quota") >> ended("snapshot", path="/b")
    return life >> ended("new-session", session="ses_2")


def test_the_screen_goes_over_to_the_session_in_which_the_work_goes_on():
    life = hers() >> stopped("quota") >> ended("snapshot", path="/b")
    shown = shown_of(life, looked_at, ended("new-session", session="ses_2"), looked_at)
    assert shown == ["the work goes on in a new session"]


def test_it_does_not_go_over_once_more_when_we_were_started_again():
    assert shown_of(continued(), looked_at) == []


def test_where_she_goes_on_in_the_old_session_her_screen_stays_and_is_told_of_that_one():
    life = continued()
    shown = shown_of(life, person_prompts, stopped("auth"))
    assert shown == ["needs you: log in"]


def test_a_day_is_named_when_it_is_another_one():
    assert len(on_her_wall(START, START).split()) == 1
    assert len(on_her_wall(START + timedelta(days=2), START).split()) == 2
