"""The stage of one test: a fresh session on a virtual clock, and somebody who watches it."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from palingenesis.core import commands, effects, events
from palingenesis.core.effects import name_of
from palingenesis.core.events import Event
from palingenesis.core.kernel.snapshot import facts_of
from palingenesis.core.policy.model import Policy
from palingenesis.core.step import next_deadline
from palingenesis.core.values import FactValue, Result, SessionId, Status, Way
from palingenesis.core.world import Decision, Session, World
from palingenesis.simulation.rehearsal import AGENT, VERSION, Answers, Happening, Rehearsal
from palingenesis.simulation.testing.coverage import CAP, Observation
from palingenesis.simulation.testing.happening import Scene, event_of
from palingenesis.simulation.testing.model import Happens, Step, Test
from palingenesis.simulation.testing.observing import Watching, cap_reached

_NEVER: Final = timedelta(days=36_500)
_ASSISTANTS: Final = {
    "modelled": Answers(),
    "fruitless": Answers(progress_after=_NEVER),
    "scripted": Answers(
        takes=_NEVER, restart_takes=_NEVER, alive_after=_NEVER, progress_after=_NEVER
    ),
}
"""What it does by itself; `_NEVER` is longer than a test can take."""
_STALLED_WITHIN: Final = timedelta(days=1)
_PENDING: Final = frozenset({Status.WAITING, Status.ASKING})
_ASIDE: Final = {
    events.SessionBlocked: "blocked",
    events.SessionProgressed: "progress",
    events.Ticked: "stalled",
    events.SessionWorking: "started",
}
"""Events that only a rule of their own answers, so that often nothing is decided about them."""


class Stage:
    """One fresh session under one policy; steps of a test are played on it."""

    def __init__(self, policy: Policy, test: Test) -> None:
        self._policy = policy
        self._scripted = test.assistant == "scripted"
        self._given = {**test.given}
        self._number = 0
        self._unanswered: list[Observation] = []
        way = Way(str(self._given.get("agent.way", "managed")))
        self._night = Rehearsal(
            policy=policy,
            start=test.at,
            seed=test.seed,
            way=way,
            answers=_ASSISTANTS[test.assistant],
        )
        self._night.silent = self._scripted
        self._begin()
        self._turn_on(test.on)
        self._night.past.clear()
        self._past: list[Happening] = []
        self._watching = Watching(self._night.world)
        self._latest: SessionId | None = self._night.session

    # ── what can be seen ──────────────────────────────────────────────────────────────────────

    @property
    def now(self) -> datetime:
        """The virtual time."""
        return self._night.now

    @property
    def session(self) -> Session | None:
        """The session that the test is about."""
        sessions = self._night.world.sessions
        heir = sessions.get(self._night.session)
        if heir is None and self._latest is not None:
            return sessions.get(self._latest)  # a new one was ordered, and is not there yet
        return heir

    @property
    def watching(self) -> Watching:
        """What was seen so far."""
        return self._watching

    @property
    def past(self) -> list[Happening]:
        """Every turn since the test began."""
        return self._past

    def pending(self) -> datetime | None:
        """When what is pending about the session falls due."""
        session = self.session
        if session is None:
            return None
        match session.status:
            case Status.VERIFYING:
                return session.verify_until
            case Status.ATTENTION:
                return session.reopen_at
            case status if status in _PENDING:
                return session.plan.deadline if session.plan is not None else None
            case _:
                return min((hold.deadline for hold in session.holds), default=None)

    def observations(self) -> list[Observation]:
        """Every decision of the test, for its coverage."""
        made = [_observed(*course) for course in self._watching.courses()]
        return [*made, *self._unanswered]

    # ── playing ───────────────────────────────────────────────────────────────────────────────

    def play(self, step: Step) -> str:
        """Play one step, once; says why it cannot be played, "" when it was."""
        self._watching.begin_step()
        self._turn_on(step.on)
        facts = {k: v for k, v in step.facts.items() if not k.startswith("block.")}
        if facts:
            self._night.observe(facts)
            self._look()
        trouble = ""
        if step.answer:
            trouble = self._answer(yes=step.answer == "yes")
        elif step.event is not None:
            trouble = self._happen(step.event, step.facts)
        if step.due:
            due = self.pending()
            if due is None:
                return trouble or "nothing is pending that could fall due"
            self._advance(due - self.now)
        else:
            self._advance(step.advance)
        return trouble

    def _begin(self) -> None:
        """Bring about the facts that a test begins with."""
        night, given = self._night, self._given
        titled = {k: str(given[k]) for k in ("session.title", "session.directory") if k in given}
        if titled:
            night.happen(
                events.SessionSeen(
                    at=night.now,
                    session=night.session,
                    agent=AGENT,
                    title=titled.get("session.title", ""),
                    directory=titled.get("session.directory", ""),
                )
            )
        if "agent.version" in given or "agent.supported" in given:
            night.happen(
                events.AgentUp(
                    at=night.now,
                    agent=AGENT,
                    assistant="opencode",
                    way=night.way,
                    version=str(given.get("agent.version", VERSION)),
                    supported=given.get("agent.supported") is not False,
                    started_at=night.now,
                )
            )
        age = given.get("progress.age")
        if isinstance(age, timedelta):
            at = night.now - age
            night.happen(events.SessionProgressed(at=at, session=night.session, what="a turn"))
        self._observe_given()

    def _observe_given(self) -> None:
        begins = ("agent.", "session.title", "session.directory", "progress.age")
        facts = {k: v for k, v in self._given.items() if not k.startswith(begins)}
        if facts:
            self._night.observe(facts)

    def _turn_on(self, on: Mapping[str, str]) -> None:
        answers = self._night.answers
        fails, no_effect = set(answers.fails), set(answers.no_effect)
        for name, way in on.items():
            fails.discard(name)
            no_effect.discard(name)
            if way == "fails":
                fails.add(name)
            elif way == "no-effect":
                no_effect.add(name)
        self._night.answers = replace(
            answers, fails=frozenset(fails), no_effect=frozenset(no_effect)
        )

    def _happen(self, happens: Happens, facts: Mapping[str, FactValue | None]) -> str:
        self._number += 1
        match happens.kind:
            case "stalled":
                return self._stall()
            case "started":
                self._start()
            case "action_failed" | "outcome":
                return self._end_action(happens)
            case _:
                session = self.session
                scene = Scene(
                    at=self.now,
                    agent=session.agent if session is not None else AGENT,
                    way=self._night.way,
                    session=self._night.session,
                    known=session,
                    number=self._number,
                    facts=facts,
                )
                self._take(event_of(happens, scene))
        return ""

    def _answer(self, *, yes: bool) -> str:
        """The person answers what the session waits for."""
        session = self.session
        if session is None or session.status is not Status.ASKING or session.plan is None:
            return "no question is asked"
        command = commands.Answer(question=session.plan.question, yes=yes)
        self._take(events.CommandGiven(at=self.now, command=command, by="the test"))
        return ""

    def _stall(self) -> str:
        """Let the working session fall silent until the kernel calls it a stall."""
        session = self.session
        if session is None or session.status is not Status.WORKING:
            status = session.status if session is not None else "gone"
            return f"a session that is {status} cannot stall"
        self._night.silent = True
        told_at, end = session.stall_told_at, self.now + _STALLED_WITHIN
        while self.now < end:
            due = next_deadline(self._night.world, self._policy)
            if due is None:
                break
            self._advance(due - self.now)
            session = self.session
            if session is None or session.stall_told_at != told_at:
                return ""
        return "it did not stall within a day"

    def _start(self) -> None:
        """Another session begins to work; the test goes on with that one."""
        session = SessionId(f"{self._night.session}_{self._number}")
        self._night.session = session
        self._take(events.SessionSeen(at=self.now, session=session, agent=AGENT, title="started"))
        self._observe_given()
        self._look()
        self._take(events.SessionWorking(at=self.now, session=session, agent=AGENT))

    def _end_action(self, happens: Happens) -> str:
        wanted = happens.options.get("action")
        told = (effects.Notify, effects.Log)
        under_way = [
            one
            for one in self._night.world.open.values()
            if (name_of(one) == wanted if wanted else not isinstance(one, told))
        ]
        if not under_way:
            return f"no {wanted or 'action'} is under way"
        effect = under_way[-1]
        failed = happens.kind == "action_failed"
        result = Result.FAILED if failed else Result(happens.options["result"])
        data: dict[str, str] = {}
        if result is Result.OK and isinstance(effect, effects.Snapshot):
            data = {"path": "session-backup.md"}
        if result is Result.OK and isinstance(effect, effects.NewSession):
            data = {"session": self._night.session}
        self._take(
            events.EffectEnded(
                at=self.now,
                effect=effect.id,
                result=result,
                detail=happens.options.get("message", "the test says so" if failed else ""),
                data=data,
            )
        )
        return ""

    def _take(self, event: Event) -> None:
        self._night.happen(event)
        if self._scripted:
            self._night.silent = True
        self._look()

    def _advance(self, span: timedelta) -> None:
        """Let time pass; a scripted assistant stays silent all the while."""
        end = self.now + span
        while self._scripted and self.now < end:
            due = next_deadline(self._night.world, self._policy)
            if due is None or due >= end:
                break
            self._night.advance(max(due - self.now, timedelta(0)))
            self._night.silent = True
            self._look()
        self._night.advance(end - self.now)
        self._night.silent = self._night.silent or self._scripted
        self._look()

    def _look(self) -> None:
        """See the turns that were made since the last look."""
        for happening in self._night.past:
            event, turn = happening.event, happening.turn
            self._watching.see(event, turn)
            if not any(one.kind == "decided" for one in turn.decisions):
                self._note_unanswered(event, turn.world)
            self._past.append(happening)
            if self._night.session in turn.world.sessions:
                self._latest = self._night.session
        self._night.past.clear()

    def _note_unanswered(self, event: Event, world: World) -> None:
        """Remember that rules were asked about an event, and that none of them was true."""
        name = _ASIDE.get(type(event), "")
        session = world.sessions.get(self._night.session)
        if session is None or (name, event.at) not in session.happened:
            return
        if any(name in rule.events for rule in self._policy.rules):
            facts = facts_of(world, session, name, event.at, self._policy)
            self._unanswered.append(Observation(facts=facts, rule=""))


def _observed(decision: Decision, reached: frozenset[int]) -> Observation:
    capped = cap_reached(decision)
    return Observation(
        facts={} if capped else decision.facts,
        rule=f"{CAP}{capped}" if capped else decision.rule,
        limited=decision.limited or bool(capped),
        reached=reached,
    )
