"""A scenario: a night's world, what goes wrong in it, and what is expected, read from a YAML file.

version: 1
world:
  at: 2026-02-05T22:30:00+01:00     # when the night begins
  time-zone: Europe/Berlin          # for times of day
  sessions: [{id: a, work: {steps: 12}}]
  limits: [{tokens: 2M, per: 5h}]
story:
  - {at: "02:10", died: }
expect: {status: completed, prompts: ..4, done-by: "07:00"}

A scenario without sessions of its own is a rehearsal: one session, and a story that says all.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from palingenesis.core.policy.calendars import UTC_ZONE, Zone, Zones, only_utc
from palingenesis.core.policy.diagnostics import Diagnostic, Findings
from palingenesis.core.policy.read import Node, read
from palingenesis.core.values import FactValue, StopReason, Way
from palingenesis.simulation.grammar import Given, Reader
from palingenesis.simulation.keys import EFFECTS, KINDS, SCENARIO
from palingenesis.simulation.leaves import Moment
from palingenesis.simulation.rehearsal import BESIDE, Answers
from palingenesis.simulation.setting import (
    AgentPart,
    ClockStep,
    FailurePart,
    FaultPart,
    LimitPart,
    PersonPart,
    Resets,
    SessionPart,
    Setting,
    Suspend,
    WorkPart,
)

__all__ = ["EFFECTS", "START", "Happens", "Read", "Scenario", "read_scenario"]

START: Final = datetime(2026, 2, 5, 2, 0, tzinfo=UTC)
NIGHT: Final = timedelta(hours=10)
"""How long a night is when its scenario does not say."""
_LONGEST: Final = timedelta(days=40)
_LONG_WINDOW: Final = timedelta(hours=1)
_ADVICE: Final = {
    "Y008": "keep one scenario per file; remove '---'",
    "Y009": "the shortest scenario has 'version: 1' and 'story: [died]'",
}
"""Ways out that are others than a policy's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Happens:
    """One line of the story: `after` so much time, something happens, `repeat` times."""

    after: timedelta = timedelta(0)
    at: datetime | None = None
    """When, instead of `after`."""
    repeat: int = 1
    every: timedelta = timedelta(0)
    facts: dict[str, FactValue] = field(default_factory=dict)
    kind: str = ""
    """One of `KINDS`; empty: only time passes, or facts change."""
    options: dict[str, str] = field(default_factory=dict)
    session: str = ""
    agent: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """A whole night, or a rehearsal when `setting` is None."""

    at: datetime = START
    until: datetime | None = None
    way: Way = Way.MANAGED
    seed: str = "rehearsal"
    about: str = ""
    given: dict[str, FactValue] = field(default_factory=dict)
    answers: Answers = field(default_factory=Answers)
    story: tuple[Happens, ...] = ()
    setting: Setting | None = None
    expect: Mapping[str, Any] = field(default_factory=dict)
    """What is expected, by the keys of `keys.EXPECT`."""
    zone: Zone = UTC_ZONE


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """A scenario, None if there is an error, and all diagnostics."""

    scenario: Scenario | None
    diagnostics: tuple[Diagnostic, ...]


def read_scenario(text: str | bytes, *, zones: Zones = only_utc) -> Read:
    """Read a scenario file. Never raises because of what is in it."""
    root, findings = read(text)
    if root is None:
        told = (replace(one, help=_ADVICE.get(one.code, one.help)) for one in findings.in_order())
        return Read(scenario=None, diagnostics=tuple(told))
    scenario = _Builder(findings, zones).scenario(root)
    good = None if findings.refused else scenario
    return Read(scenario=good, diagnostics=findings.in_order())


class _Builder:
    """Makes a scenario of what was given, and checks what no single key can tell."""

    def __init__(self, findings: Findings, zones: Zones) -> None:
        self._reader = Reader(findings)
        self._zones = zones
        self._zone = UTC_ZONE
        self._start = START

    def scenario(self, root: Node) -> Scenario | None:
        top = self._reader.shape(root, SCENARIO)
        if top is None:
            return None
        world: Given = top.get("world") or Given(top.span)
        self._start = world.get("at", START)
        self._zone = self._time_zone(world)
        given = world.get("given", {})
        until = self._instant(world.get("until"))
        if until is not None and not self._start < until <= self._start + _LONGEST:
            message = "the night ends before it begins, or lasts longer than 40 days"
            self._reader.say("S105", message, world.place("until"))
        has_world = any(name in world.values for name in ("sessions", "agents"))
        self._names(world, top)
        if "story" not in top.values and "sessions" not in world.values:
            advice = "or 'sessions' in its world, which work by themselves"
            self._reader.say("S102", "a scenario needs a 'story'", root.span, advice)
        way = Way(world.get("way", Way.MANAGED))
        return Scenario(
            at=self._start,
            until=until,
            way=way,
            seed=world.get("seed", "rehearsal"),
            about=top.get("about", ""),
            given=given,
            answers=_answers(world.get("on")),
            story=tuple(self._line(line) for line in top.get("story", ())),
            setting=self._setting(world, top.get("faults"), way) if has_world else None,
            expect=self._expect(top.get("expect")),
            zone=self._zone,
        )

    def _time_zone(self, world: Given) -> Zone:
        name = world.get("time-zone", "UTC")
        zone = self._zones(name)
        if zone is None:
            advice = "an IANA name, as in Europe/Berlin"
            self._reader.say(
                "S103", f"there is no zone '{name[:40]}'", world.place("time-zone"), advice
            )
        return zone or UTC_ZONE

    def _instant(self, moment: Moment | None) -> datetime | None:
        return None if moment is None else moment.instant(self._start, self._zone)

    # ── names ─────────────────────────────────────────────────────────────────────────────────

    def _names(self, world: Given, top: Given) -> None:
        """Every name is given once, and whatever is named is there."""
        agents = self._known(world.get("agents", ()), "agent") or {"opencode"}
        sessions = self._known(world.get("sessions", ()), "session")
        if "sessions" not in world.values and "faults" in top.values:
            advice = "give the world 'sessions' that work by themselves"
            self._reader.say("S105", "faults need a world to act in", top.place("faults"), advice)
        users: Iterable[Given] = (
            *world.get("sessions", ()),
            *world.get("failures", ()),
            *top.get("story", ()),
        )
        for user in users:
            self._refers(user, "agent", agents)
            if user not in world.get("sessions", ()):
                self._refers(user, "session", sessions)
        expected: Given = top.get("expect") or Given(top.span)
        for name, (_, span) in expected.get("sessions", {}).items():
            if name not in sessions:
                self._no_such("session", name, sessions, span)

    def _known(self, parts: Iterable[Given], what: str) -> set[str]:
        names: set[str] = set()
        for part in parts:
            name = part.get("id", "")
            if name in names:
                self._reader.say("S104", f"a second {what} is named '{name}'", part.place("id"))
            names.add(name)
        return names - {""}

    def _refers(self, user: Given, key: str, known: set[str]) -> None:
        name = user.get(key)
        if name is not None and name not in known:
            self._no_such(key, name, known, user.place(key))

    def _no_such(self, what: str, name: str, known: set[str], span: Any) -> None:
        from palingenesis.core.facts import did_you_mean

        advice = did_you_mean(name, known) or f"known: {', '.join(sorted(known)) or 'none'}"
        self._reader.say("S104", f"there is no {what} '{name}'", span, advice)

    # ── parts ─────────────────────────────────────────────────────────────────────────────────

    def _setting(self, world: Given, faults: Given | None, way: Way) -> Setting:
        agents = tuple(_agent(part, way) for part in world.get("agents", ()))
        common = world.get("given", {})
        return Setting(
            agents=agents or _one_agent(way),
            sessions=tuple(self._session(part, common) for part in world.get("sessions", ())),
            limits=tuple(self._limit(part) for part in world.get("limits", ())),
            failures=tuple(self._failure(part) for part in world.get("failures", ())),
            person=_person(world.get("person") or Given(world.span)),
            faults=self._faults(faults),
            zone=self._zone,
        )

    def _session(self, part: Given, common: Mapping[str, FactValue]) -> SessionPart:
        plain = part.only("agent", "title", "model", "turns", "turns-per-step", "pauses", "price")
        turn: Given = part.get("turn") or Given(part.span)
        work: Given | None = part.get("work")
        if work is not None and work.get("done", 0) > work.get("steps", 0):
            self._reader.say("S105", "more steps are done than there are", work.place("done"))
        return SessionPart(
            id=part.get("id", ""),
            starts=self._instant(part.get("starts")),
            work=WorkPart(**{"steps": 1, **work.only("steps", "done", "torn")}) if work else None,
            given={**common, **part.get("given", {})},
            **plain,
            **part.only("context", "context-used"),
            **turn.only("takes", "tokens", "grows", "signs"),
        )

    def _limit(self, part: Given) -> LimitPart:
        if ("tokens" in part.values) == ("requests" in part.values):
            self._reader.say("S105", "a limit is so many 'tokens' or so many 'requests'", part.span)
        resets: Given | None = part.get("resets")
        every = frozenset(range(7))
        per = part.get("per", timedelta(hours=5))
        is_long = resets is not None or per > _LONG_WINDOW
        reason = StopReason.QUOTA if is_long else StopReason.RATE_LIMIT
        calendar = None
        if resets is not None and "at" in resets.values:
            days = resets.get("days", every)
            calendar = Resets(at=resets.get("at"), days=days, zone=self._zone)
        return LimitPart(
            per=per,
            resets=calendar,
            reason=StopReason(part.get("reason", reason)),
            **part.only("models", "tokens", "requests", "message", "tells", "lies", "late"),
            **part.only("used", "used-for"),
        )

    def _failure(self, part: Given) -> FailurePart:
        if ("at" in part.values) == ("per-hour" in part.values):
            message = "a failure has fixed times ('at') or a rate ('per-hour')"
            self._reader.say("S105", message, part.span)
        at = (moment.instant(self._start, self._zone) for moment in part.get("at", ()))
        names = ("session", "agent", "message", "http_status", "retry_after", "text", "tool")
        return FailurePart(
            what=part.get("what", "unknown"),
            at=tuple(at),
            **part.only("per-hour", "lasts"),
            **part.only(*names),
        )

    def _faults(self, part: Given | None) -> FaultPart:
        if part is None:
            return FaultPart()
        suspends = (
            Suspend(at=at, span=one.get("for", timedelta(0)))
            for one in part.get("suspend", ())
            if (at := self._instant(one.get("at"))) is not None
        )
        steps = (
            ClockStep(at=at, by=one.get("by", timedelta(0)))
            for one in part.get("clock", ())
            if (at := self._instant(one.get("at"))) is not None
        )
        return FaultPart(
            lost_of=frozenset(part.get("lost-of", ())),
            suspends=tuple(suspends),
            clock_steps=tuple(steps),
            **part.only("duplicates", "late", "late-by", "lost"),
        )

    # ── story and expectations ────────────────────────────────────────────────────────────────

    def _line(self, line: Given) -> Happens:
        kind = next((name for name in line.values if name in KINDS), "")
        options: Given | None = line.get(kind)
        return Happens(
            after=line.get("after", timedelta(0)),
            at=self._instant(line.get("at")),
            repeat=line.get("repeat", 1),
            every=line.get("every", timedelta(0)),
            facts=line.get("set", {}),
            kind=kind,
            options=dict(options.texts) if options is not None else {},
            session=line.get("session", ""),
            agent=line.get("agent", ""),
        )

    def _expect(self, part: Given | None) -> dict[str, Any]:
        if part is None:
            return {}
        moments = {"done-by", "works-by"}
        return {
            name: self._instant(value) if name in moments else value
            for name, value in part.values.items()
        }


def _one_agent(way: Way) -> tuple[AgentPart, ...]:
    """The one agent; beside a program of the person's own our server runs, as it does at home."""
    agent = AgentPart(id="opencode", way=way)
    return (agent, AgentPart(id=BESIDE)) if way.is_hers else (agent,)


def _agent(part: Given, way: Way) -> AgentPart:
    given = part.only("version", "supported", "retries", "starts-in")
    return AgentPart(id=part.get("id", "opencode"), way=Way(part.get("way", way)), **given)


def _person(part: Given) -> PersonPart:
    given = part.only("sleeps", "answers")
    return PersonPart(says=part.get("says", "yes") == "yes", **given)


def _answers(part: Given | None) -> Answers:
    words = part.values if part is not None else {}
    return Answers(
        fails=frozenset(name for name, word in words.items() if word == "fails"),
        no_effect=frozenset(name for name, word in words.items() if word == "no-effect"),
    )
