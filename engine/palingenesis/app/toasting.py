"""A few words in the person's own screen: what her session waits for, and who decided that.

Nobody relies on these: they are shown when her program lets us in, and lost when it does not.
"""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol

from palingenesis.core.plans import Wait
from palingenesis.core.values import AgentId, SessionId, Status, Way
from palingenesis.core.world import Session, World
from palingenesis.runtime import views
from palingenesis.runtime.foreign_text import plain
from palingenesis.runtime.loop import Loop
from palingenesis.runtime.ports import Clock, Entry

log = logging.getLogger("palingenesis.toasts")

_WAITING_MAX: Final = 20
"""So many may wait to be shown; a screen that is slow misses the rest."""
_REMEMBERED_MAX: Final = 200
"""Sessions that something was told of last."""
_CHARS_MAX: Final = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Toast:
    """What is shown in one program."""

    agent: AgentId
    message: str
    variant: str = "info"
    session: SessionId | None = None
    """The session that the screen goes over to."""


class Screens(Protocol):
    """The screens of the programs that let us in."""

    async def show(
        self, agent: AgentId, message: str, *, variant: str = "info", session: str | None = None
    ) -> None:
        """Say a few words there, and show a session."""
        ...


class Toasting:
    """Watches the turns of the loop, and shows what concerns sessions in programs of hers."""

    def __init__(self, loop: Loop, screens: Screens | None, clock: Clock) -> None:
        self._screens = screens
        self._clock = clock
        self._shown: dict[SessionId, Toast | None] = {}
        self._waiting: asyncio.Queue[Toast] = asyncio.Queue(_WAITING_MAX)
        if screens is not None:
            loop.attend(self._noticed)

    async def watch(self) -> None:
        """Show one after the other, for ever."""
        while True:
            toast = await self._waiting.get()
            if self._screens is None:
                continue
            try:
                await self._screens.show(
                    toast.agent, toast.message, variant=toast.variant, session=toast.session
                )
            except Exception:  # a few words on a screen are no reason to end the night
                log.exception("nothing could be shown in %s", toast.agent)

    def _noticed(self, _seq: int, entry: Entry, world: World) -> None:
        named = getattr(entry.event, "session", None)
        if named is not None and named not in self._shown:
            self._shown[named] = self._told_before(world.sessions.get(named))
            if len(self._shown) > _REMEMBERED_MAX:
                del self._shown[next(iter(self._shown))]
        for name, shown in self._shown.items():
            session = world.sessions.get(name)
            if session is None or not is_in_her_screen(session, world):
                continue
            toast = toast_of(session, self._local)
            if toast != shown:
                self._shown[name] = toast
                if toast is not None and not self._waiting.full():
                    self._waiting.put_nowait(toast)

    def _told_before(self, session: Session | None) -> Toast | None:
        """What a session's screen was told before we met the session: where its work goes on.

        Nobody's screen goes over to another session long after that happened.
        """
        if session is None or session.successor is None:
            return None
        return toast_of(session, self._local)

    def _local(self, session: Session) -> str:
        assert session.plan is not None
        assert session.plan.deadline is not None
        return on_her_wall(session.plan.deadline, self._clock.now())


def on_her_wall(until: datetime, now: datetime) -> str:
    """An instant as the clock on her wall shows it, with its day if that is another one."""
    until, now = until.astimezone(), now.astimezone()
    return f"{until:%H:%M}" if until.date() == now.date() else f"{until:%a %H:%M}"


def is_in_her_screen(session: Session, world: World) -> bool:
    """Whether it lives in a program of hers that lets us in."""
    agent = world.agents.get(session.agent)
    return agent is not None and agent.way is Way.INTEGRATED and agent.up


def toast_of(session: Session, local: Callable[[Session], str]) -> Toast | None:
    """What is worth a few words about a session as it stands; None: nothing."""
    plan = session.plan
    if session.successor is not None and session.status is Status.COMPLETED:
        return Toast(
            agent=session.agent,
            message="the work goes on in a new session",
            session=session.successor,
        )
    if session.status is Status.ATTENTION:
        return Toast(
            agent=session.agent,
            message=_short(f"needs you: {session.outlook}"),
            variant="warning",
        )
    if session.status is not Status.WAITING or plan is None or plan.deadline is None:
        return None
    if plan.index >= len(plan.steps) or not isinstance(plan.steps[plan.index], Wait):
        return None  # the assistant waits by itself, and says so
    why = session.stop.reason.value.replace("_", " ") if session.stop is not None else "waiting"
    then = views.words_of_rest(plan, session) or "look again"
    return Toast(
        agent=session.agent,
        message=_short(f"{why}: {then} at {local(session)}, rule {plan.rule}"),
    )


def _short(text: str) -> str:
    return plain(text, _CHARS_MAX)
