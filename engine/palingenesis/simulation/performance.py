"""A performance: one policy plays one scenario, from its first event to its last."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final

from palingenesis.core import commands, events
from palingenesis.core.facts import parse_duration
from palingenesis.core.policy.model import Policy
from palingenesis.core.values import AgentId, BlockKind, SessionId, StopReason
from palingenesis.core.world import World
from palingenesis.simulation.conversation import Conversation, Doing
from palingenesis.simulation.night import Diary, Night
from palingenesis.simulation.playing import SETTLED, play
from palingenesis.simulation.provider import Refusal
from palingenesis.simulation.rehearsal import Happening
from palingenesis.simulation.scenario import NIGHT, Happens, Scenario
from palingenesis.simulation.setting import SessionPart
from palingenesis.simulation.stage import Server
from palingenesis.simulation.watching import Watch


@dataclass(frozen=True, slots=True, kw_only=True)
class Cast:
    """Who carried a session of the scenario through the night: one conversation after the other."""

    name: str
    title: str
    line: tuple[SessionId, ...]
    part: SessionPart | None = None
    steps: int = 0
    steps_before: int = 0
    turns: int = 0
    tokens: float = 0.0
    at_risk: float = 0.0
    """Tokens of turns that we began while nobody looked."""
    lost: float = 0.0
    """Tokens of turns that came to nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Performance:
    """What came of it."""

    scenario: Scenario
    policy: Policy
    start: datetime
    end: datetime
    world: World
    watch: Watch
    casts: tuple[Cast, ...]
    past: tuple[Happening, ...] = ()
    """Every turn; empty unless it was asked for."""
    turns: int = 0


def perform(
    policy: Policy,
    scenario: Scenario,
    *,
    tail: timedelta = SETTLED,
    seed: str | None = None,
    remember: bool = True,
) -> Performance:
    """Play a scenario under a policy; `remember` keeps every turn, to tell the night."""
    setting = scenario.setting
    if setting is None:
        return _rehearsed(policy, scenario, tail)
    scenario = replace(scenario, seed=seed or scenario.seed)
    watch, diary = Watch(policy, scenario.at), Diary()
    night = Night(
        policy=policy,
        setting=setting,
        start=scenario.at,
        seed=scenario.seed,
        answers=scenario.answers,
        watchers=(watch.take, diary.take) if remember else (watch.take,),
    )
    last = _direct(night, scenario)
    end = scenario.until or max(scenario.at + NIGHT, last + tail)
    night.open()
    night.run(end)
    watch.ended(night.now)
    return Performance(
        scenario=scenario,
        policy=policy,
        start=scenario.at,
        end=night.now,
        world=night.world,
        watch=watch,
        casts=_casts(night),
        past=tuple(diary.past),
        turns=night.turns,
    )


def _rehearsed(policy: Policy, scenario: Scenario, tail: timedelta) -> Performance:
    """A scenario without sessions of its own: a rehearsal, watched afterwards."""
    rehearsal = play(policy, scenario, tail=tail)
    watch = Watch(policy, scenario.at)
    for happening in rehearsal.past:
        watch.take(happening.event, happening.turn)
    watch.ended(rehearsal.now)
    line = tuple(rehearsal.world.sessions)
    return Performance(
        scenario=scenario,
        policy=policy,
        start=scenario.at,
        end=rehearsal.now,
        world=rehearsal.world,
        watch=watch,
        casts=(Cast(name="rehearsal", title="rehearsal", line=line),),
        past=tuple(rehearsal.past),
        turns=len(rehearsal.past),
    )


def _casts(night: Night) -> tuple[Cast, ...]:
    casts = []
    for part in night.setting.sessions:
        line = [talk for talk in night.stage.talks.values() if talk.part is part]
        newest = line[-1]
        casts.append(
            Cast(
                name=part.id,
                title=part.title or part.id,
                line=tuple(talk.id for talk in line),
                part=part,
                steps=newest.progress.steps,
                steps_before=part.work.done if part.work is not None else 0,
                turns=newest.progress.turns,
                tokens=sum(talk.bill.tokens for talk in line),
                at_risk=sum(talk.bill.ours for talk in line),
                lost=sum(talk.bill.lost for talk in line),
            )
        )
    return tuple(casts)


# ── the story ─────────────────────────────────────────────────────────────────────────────────


def _direct(night: Night, scenario: Scenario) -> datetime:
    """Have every line of the story happen in its time; returns when the last one does."""
    at = scenario.at
    for line in scenario.story:
        at = line.at if line.at is not None else at + line.after
        for turn in range(line.repeat):
            at += line.every if turn else timedelta(0)
            night.at(at, lambda one=line: _happen(night, one))  # type: ignore[misc]
    return at


def _happen(night: Night, line: Happens) -> None:
    stage = night.stage
    talk = stage.of(line.session or night.setting.sessions[0].id)
    server = stage.servers[AgentId(line.agent) if line.agent else talk.agent]
    if line.facts:
        night.tell(events.FactsObserved(at=night.now, session=talk.id, facts=dict(line.facts)))
    if line.kind:
        _DOINGS[line.kind](_Scene(night, talk, server, line.options))


@dataclass(frozen=True, slots=True)
class _Scene:
    """Who is on the stage when a line of the story is due."""

    night: Night
    talk: Conversation
    server: Server
    options: dict[str, str] = field(default_factory=dict)


def _stopped(scene: _Scene) -> None:
    talk, options = scene.talk, scene.options
    reason = StopReason(options.get("reason", "unknown"))
    if reason is StopReason.CRASH:
        _died(scene)
    elif reason is StopReason.USER_EXIT:
        scene.night.stage.kill(scene.server, timedelta(0), ended=True)
    elif reason is StopReason.USER_ABORT:
        talk.end_by_abort()
    elif talk.doing is not Doing.REST:
        retry, status = options.get("retry_after"), options.get("http_status")
        refusal = Refusal(
            reason=reason,
            message=options.get("message", ""),
            http_status=int(status) if status else None,
            retry_in=parse_duration(retry) if retry else None,
        )
        (talk.strike if options.get("retrying") == "true" else talk.stop)(refusal)


def _died(scene: _Scene) -> None:
    lasts, code = scene.options.get("for"), scene.options.get("exit_code")
    scene.night.stage.kill(
        scene.server,
        parse_duration(lasts) if lasts else timedelta(0),
        signal=scene.options.get("signal", None if code else "SIGKILL"),
        exit_code=int(code) if code else None,
    )


def _up(scene: _Scene) -> None:
    scene.server.broken_until = None
    scene.night.stage.start_up(scene.server)


def _blocked(scene: _Scene) -> None:
    options = scene.options
    kind = BlockKind(options.get("kind", "permission"))
    stage = scene.night.stage
    stage.question(scene.talk, kind, options.get("text", ""), options.get("tool", ""))


def _unblocked(scene: _Scene) -> None:
    if scene.talk.block is not None:
        scene.talk.answered(scene.talk.block.id)


def _command(make: Callable[[SessionId], commands.Command]) -> Callable[[_Scene], None]:
    def given(scene: _Scene) -> None:
        command = make(scene.talk.id)
        now = scene.night.now
        scene.night.tell(events.CommandGiven(at=now, command=command, by="scenario"))

    return given


_DOINGS: Final[dict[str, Callable[[_Scene], None]]] = {
    "stopped": _stopped,
    "silent": lambda scene: scene.talk.fall_silent(),
    "blocked": _blocked,
    "unblocked": _unblocked,
    "prompted": lambda scene: scene.night.stage.prompt(scene.talk),
    "died": _died,
    "up": _up,
    "paused": _command(lambda session: commands.Hold(session=session)),
    "resumed": _command(lambda session: commands.Release(session=session)),
    "aborted": _command(lambda session: commands.Abort(session=session)),
}
