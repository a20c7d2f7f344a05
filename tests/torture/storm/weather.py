"""One stretch of bad weather: the real kernel on a virtual clock, and somebody who counts.

The watch knows the numbers of docs/reference/rails.md and nothing of how the kernel keeps them.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from palingenesis.core import effects, events
from palingenesis.core.events import Event
from palingenesis.core.policy.model import Mode, Policy
from palingenesis.core.second_look import objection
from palingenesis.core.step import Turn
from palingenesis.core.values import DownCause, SessionId, Severity
from palingenesis.core.world import World
from palingenesis.simulation.night import MOST_TURNS, Night
from palingenesis.simulation.setting import Setting

START = datetime(2026, 2, 5, 22, 0, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
_MODELLED = effects.Resume | effects.Retry | effects.NewSession | effects.Compact
_TOUCHING = effects.SessionEffect
WINDOWS = {
    "prompts": 60,
    "new sessions": 20,
    "restarts": 30,
    "notices": 120,
    "hooks": 120,
    "backups": 120,
}
"""What may be done in any hour, in all."""


@dataclass
class Watch:
    """What was done, and what of it was too much."""

    policy: Policy
    world: World = field(default_factory=World)
    done: dict[str, list[datetime]] = field(default_factory=dict)
    prompts: dict[SessionId, list[datetime]] = field(default_factory=dict)
    """By the line of sessions that continue one another."""
    line: dict[SessionId, SessionId] = field(default_factory=dict)
    renewing: dict[str, SessionId] = field(default_factory=dict)
    stopped: set[SessionId] = field(default_factory=set)
    """Sessions that the person has stopped."""
    burst: list[datetime] = field(default_factory=list)
    """Restarts since the last progress."""
    rails_told: dict[tuple[str, str], list[datetime]] = field(default_factory=dict)
    told: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    def take(self, event: Event, turn: Turn) -> None:
        """Look at one turn."""
        decisions = {decision.id for decision in turn.decisions}
        enforced = self.policy.mode is Mode.ENFORCE
        why = objection(
            self.world, turn.world, turn.effects, decisions, event.at, enforced=enforced
        )
        if why:
            self._wrong(event.at, why)
        self._met(event, turn.world)
        kernels = {one.id for one in turn.decisions if one.kind == "told"}
        for effect in turn.effects:
            self._ordered(effect, event.at, kernels=kernels)
        self.world = turn.world

    def aborted(self, session: SessionId) -> None:
        """The person ends a session's turn, in truth: an abort of ours looks just the same."""
        self.stopped.add(self.line_of(session))

    def _met(self, event: Event, after: World) -> None:
        match event:
            case events.AgentDown(cause=DownCause.ENDED):
                for id_, session in after.sessions.items():
                    before = self.world.sessions.get(id_)
                    if session.latched and not (before is not None and before.latched):
                        self.stopped.add(self.line_of(id_))
            case events.PersonPrompted():
                self.stopped.discard(self.line_of(event.session))
            case events.SessionProgressed():
                self.burst.clear()
            case events.EffectEnded() if event.effect in self.renewing:
                if heir := event.data.get("session"):
                    self.line[SessionId(heir)] = self.line_of(self.renewing[event.effect])
            case _:
                pass

    def line_of(self, session: SessionId) -> SessionId:
        """The first of the sessions that this one continues."""
        return self.line.get(session, session)

    def _ordered(self, effect: effects.Effect, at: datetime, *, kernels: set[int]) -> None:
        match effect:
            case effects.Restart():
                self._restarted(at)
            case effects.Run():
                self._within("hooks", at)
            case effects.Notify():
                self.told.append(f"{at:%a %H:%M} {effect.title}: {effect.message}")
                if effect.decision in kernels:
                    self._told(effect, at)
                elif effect.severity is not Severity.CRITICAL:
                    self._within("notices", at)
            case effects.Snapshot() if effect.aside:
                self._within("backups", at)
            case _:
                pass
        if isinstance(effect, _TOUCHING) and self.line_of(effect.session) in self.stopped:
            self._wrong(at, f"{type(effect).__name__} after the person's stop")
        if isinstance(effect, _MODELLED):
            self._prompted(effect, at)

    def _prompted(
        self,
        effect: effects.Resume | effects.Retry | effects.NewSession | effects.Compact,
        at: datetime,
    ) -> None:
        self._within("prompts", at)
        mine = self.prompts.setdefault(self.line_of(effect.session), [])
        mine.append(at)
        if _inside(mine, at) > 12:
            self._wrong(at, f"{_inside(mine, at)} prompts to {effect.session} within an hour")
        if isinstance(effect, effects.NewSession):
            self._within("new sessions", at)
            self.renewing[effect.id] = effect.session

    def _restarted(self, at: datetime) -> None:
        self._within("restarts", at)
        tripped = any(
            last - first <= timedelta(minutes=10)
            for first, last in zip(self.burst, self.burst[4:], strict=False)
        )
        if tripped and at < self.burst[-1] + timedelta(minutes=30):
            self._wrong(at, "a restart while the breaker is open")
        self.burst.append(at)

    def _told(self, notice: effects.Notify, at: datetime) -> None:
        """The kernel itself tells of a rail once a day, not with every turn."""
        if "rail" not in notice.message and "had to be started again" not in notice.message:
            return
        before = self.rails_told.setdefault((notice.title, notice.message.split(" (not")[0]), [])
        if before and at < before[-1] + DAY:
            self._wrong(at, f"told again: {notice.message}")
        before.append(at)

    def _within(self, what: str, at: datetime) -> None:
        done = self.done.setdefault(what, [])
        done.append(at)
        if _inside(done, at) > WINDOWS[what]:
            self._wrong(at, f"{_inside(done, at)} {what} within an hour")

    def _wrong(self, at: datetime, text: str) -> None:
        self.wrong.append(f"{at:%Y-%m-%dT%H:%M:%SZ} {text}")

    def count(self, what: str) -> int:
        """How often something was done."""
        return len(self.done.get(what, ()))


def _inside(instants: Iterable[datetime], at: datetime) -> int:
    return sum(instant > at - HOUR for instant in instants)


@dataclass
class Weathered:
    """What came of it."""

    watch: Watch
    turns: int
    world: World

    def too_busy(self, hours: float, sessions: int) -> list[str]:
        """Whether the kernel was kept busy: turns that an hour of one session may take."""
        most = 1_500 * sessions * max(hours, 1.0)
        if self.turns >= MOST_TURNS:
            return [f"{self.turns} turns: it was broken off"]
        return [f"{self.turns} turns, not {most:.0f}"] if self.turns > most else []


def weather(
    policy: Policy,
    setting: Setting,
    span: timedelta,
    *,
    seed: str,
    dies_at_once: bool = False,
    aborts: Sequence[timedelta] = (),
) -> Weathered:
    """Let a policy live through a setting for a while.

    Args:
        dies_at_once: whoever starts a server sees it die a second later.
        aborts: when the person ends the turns of all that work.
    """
    watch = Watch(policy)
    night = Night(policy=policy, setting=setting, start=START, seed=seed, watchers=(watch.take,))
    if dies_at_once:
        night.watchers = (watch.take, lambda event, _: _kill_again(night, event))
    for after in aborts:
        night.at(START + after, lambda: _abort_all(night, watch))
    night.open()
    night.run(START + span)
    return Weathered(watch, night.turns, night.world)


def _abort_all(night: Night, watch: Watch) -> None:
    for talk in list(night.stage.talks.values()):
        if talk.end_by_abort():
            watch.aborted(talk.id)


def _kill_again(night: Night, event: Event) -> None:
    if isinstance(event, events.AgentUp):
        server = night.stage.servers[event.agent]
        night.later(
            timedelta(seconds=1),
            lambda: night.stage.kill(server, timedelta(0), signal="SIGSEGV"),
        )
