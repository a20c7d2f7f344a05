"""Recording: an incident of the journal becomes a test, with a scripted assistant.

Every event of the session, of its agent and of the host becomes a step; the rules that decided are
expected as the journal has them. What a journal does not tell (statuses, what a plan's end was) is
left blank here and filled in by a first run, which `differences` holds against the journal.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from palingenesis.core import commands, events
from palingenesis.core.effects import name_of
from palingenesis.core.events import Event
from palingenesis.core.facts import FACTS, show_duration
from palingenesis.core.policy.kinds import show_literal
from palingenesis.core.values import AgentId, DownCause, FactValue, Stop, StopReason
from palingenesis.simulation.testing.facts import how
from palingenesis.simulation.testing.incidents import Incident, Moment
from palingenesis.simulation.testing.observing import ANSWERS
from palingenesis.simulation.testing.running import TestResult
from palingenesis.simulation.testing.writing import quote, quote_if_needed

MOST_STEPS: Final = 500
_NOT_COMPARED: Final = frozenset(
    {"notify", "log", "ask", "switch-model", "stand-down", "finish", "attention"}
)
"""Words of `did` that the journal's effects do not name, or not by this word."""


@dataclass(slots=True, kw_only=True)
class Draft:
    """A test in the making. `did`: what the journal says was ordered, step by step."""

    lines: list[str] = field(default_factory=list)
    did: list[tuple[str, ...]] = field(default_factory=list)
    decisions: list[int] = field(default_factory=list)


@dataclass(slots=True, kw_only=True)
class _Known:
    """What was known when the incident began."""

    agent: AgentId | None = None
    up: events.AgentUp | None = None
    title: str = ""
    directory: str = ""
    facts: dict[str, FactValue] = field(default_factory=dict)
    progressed_at: datetime | None = None
    stop: Stop | None = None


def draft(incident: Incident, *, name: str) -> Draft:
    """The incident as one test, with blanks for what the journal does not tell."""
    known = _known(incident)
    begins = incident.moments[0].event.at
    made = Draft()
    made.lines += [
        f"  - name: {quote(name)}",
        f"    at: {begins.isoformat().replace('+00:00', 'Z')}",
        "    assistant: scripted",
        *_given(known, begins),
        "    steps:",
    ]
    _Writer(made, known, incident).write()
    return made


def _known(incident: Incident) -> _Known:
    known, ours = _Known(), incident.ours
    for moment in [*incident.before, *incident.moments]:
        event = moment.event
        if getattr(event, "session", None) in ours and getattr(event, "agent", None):
            known.agent = getattr(event, "agent", None)
            break
    for moment in incident.before:
        event = moment.event
        match event:
            case events.SessionSeen() if event.session in ours:
                known.title = event.title or known.title
                known.directory = event.directory or known.directory
            case events.AgentUp() if event.agent == known.agent:
                known.up = event
            case events.FactsObserved() if event.session is None or event.session in ours:
                known.facts |= {k: v for k, v in event.facts.items() if v is not None}
                for gone in (k for k, v in event.facts.items() if v is None):
                    known.facts.pop(gone, None)
            case events.SessionProgressed() if event.session in ours:
                known.progressed_at = event.at
            case events.SessionStopped() if event.session in ours:
                known.stop = event.stop
            case _:
                pass
    return known


def _given(known: _Known, begins: datetime) -> Iterator[str]:
    facts = {k: v for k, v in known.facts.items() if k in FACTS and not how(k, at_start=True)}
    if known.up is not None:
        facts["agent.way"] = known.up.way.value
        facts["agent.version"] = known.up.version
        facts["agent.supported"] = known.up.supported
    if known.title:
        facts["session.title"] = known.title
    if known.directory:
        facts["session.directory"] = known.directory
    if known.progressed_at is not None:
        facts["progress.age"] = _rounded(begins - known.progressed_at)
    if facts:
        yield "    given:"
    for name in sorted(facts):
        yield f"      {name}: {_fact(name, facts[name])}"


def _fact(name: str, value: FactValue) -> str:
    if isinstance(value, timedelta):
        return show_duration(_rounded(value))
    if isinstance(value, str):
        return quote_if_needed(value)
    return show_literal(FACTS[name].kind, value)


def _rounded(span: timedelta) -> timedelta:
    return timedelta(milliseconds=round(span / timedelta(milliseconds=1)))


# ── step by step ──────────────────────────────────────────────────────────────────────────────


class _Writer:
    """Writes the steps of a test."""

    def __init__(self, made: Draft, known: _Known, incident: Incident) -> None:
        self._made = made
        self._known = known
        self._ours = incident.ours
        self._moments = incident.moments
        self._now = incident.moments[0].event.at
        self._facts: dict[str, FactValue | None] = {}
        self._names: dict[str, str] = {}
        self._ids: set[int] = set()

    def write(self) -> None:
        """Write them all."""
        for moment in self._moments:
            if len(self._made.did) >= MOST_STEPS:
                break
            self._ids |= {one.id for one in moment.decisions if one.session in self._ours}
            for effect in moment.effects:
                if effect.decision in self._ids:
                    self._names[effect.id] = name_of(effect)
            self._moment(moment)

    def _moment(self, moment: Moment) -> None:
        event = moment.event
        if isinstance(event, events.FactsObserved):
            if event.session is None or event.session in self._ours:
                self._facts |= {k: v for k, v in event.facts.items() if _is_settable(k)}
            return
        if isinstance(event, events.Ticked):
            if self._concerns_us(moment):
                self._now = event.at
                self._step(moment, ["advance: due"])
            return
        lines = self._event(event)
        if lines:
            self._advance(event.at)
            self._step(moment, lines)

    def _concerns_us(self, moment: Moment) -> bool:
        mine = any(one.session in self._ours for one in moment.decisions)
        return mine or any(one.decision in self._ids for one in moment.effects)

    def _advance(self, at: datetime) -> None:
        span = _rounded(at - self._now)
        if span > timedelta(0):
            self._made.lines.append(f"      - advance: {show_duration(span)}")
            self._now = at

    def _step(self, moment: Moment, lines: list[str]) -> None:
        decided = [
            one for one in moment.decisions if one.session in self._ours and one.kind in ANSWERS
        ]
        if self._facts:
            inside = ", ".join(
                f"{name}: {'unknown' if value is None else _fact(name, value)}"
                for name, value in sorted(self._facts.items())
            )
            lines = [f"set: {{{inside}}}", *lines]
            self._facts = {}
        numbers = ", ".join(str(one.id) for one in decided)
        if numbers:
            lines[0] += f"   # decision {numbers}"
        self._made.lines += [f"      {'- ' if not i else '  '}{it}" for i, it in enumerate(lines)]
        if decided or moment.effects:
            self._made.lines += ["        expect:"]
            if decided:
                self._made.lines += [f"          rule: {quote_if_needed(decided[-1].rule)}"]
            self._made.lines += ["          status:", "          did:"]
            self._made.did.append(self._ordered(moment))
            self._made.decisions.append(decided[-1].id if decided else 0)

    def _ordered(self, moment: Moment) -> tuple[str, ...]:
        told = {one.id for one in moment.decisions if one.rule == "kernel"}
        names = (
            name_of(effect)
            for effect in moment.effects
            if effect.decision in self._ids and effect.decision not in told
        )
        return tuple(name for name in names if name not in _NOT_COMPARED)

    # ── events ────────────────────────────────────────────────────────────────────────────────

    def _event(self, event: Event) -> list[str]:
        """The lines of a step in which this happens; none if it is nothing to this session."""
        session = getattr(event, "session", None)
        match event:
            case events.AgentUp() | events.AgentDown():
                return self._of_agent(event)
            case events.EffectEnded():
                return self._outcome(event)
            case events.CommandGiven():
                return self._command(event.command)
            case _ if session not in self._ours:
                return []
            case events.SessionStopped():
                return self._stopped(event)
            case events.SessionBlocked():
                block = event.block
                options = {"block": block.kind.value, "text": block.text, "tool": block.tool}
                return [_event("blocked", {k: v for k, v in options.items() if v})]
            case _:
                kind = _PLAIN.get(type(event))
                return [f"event: {kind}"] if kind else []

    def _of_agent(self, event: events.AgentUp | events.AgentDown) -> list[str]:
        if event.agent != self._known.agent:
            return []
        if isinstance(event, events.AgentUp):
            return ["event: up"]
        if event.cause is DownCause.ENDED:
            return ["event: ended"]
        up = self._known.up
        lives_on = event.cause is DownCause.UNREACHABLE and up is not None and up.way.is_hers
        if lives_on or event.cause not in {DownCause.EXITED, DownCause.UNREACHABLE}:
            return []
        options: dict[str, object] = {
            "exit_code": event.exit_code,
            "signal": event.signal,
            "message": event.detail or None,
        }
        return [_event("died", {k: v for k, v in options.items() if v is not None})]

    def _outcome(self, event: events.EffectEnded) -> list[str]:
        name = self._names.get(event.effect, "notify")
        if name in {"notify", "log"}:
            return []
        options = {"action": name, "result": event.result.value}
        return [_event("outcome", options | ({"message": event.detail} if event.detail else {}))]

    def _command(self, command: commands.Command) -> list[str]:
        if isinstance(command, commands.Answer):
            return [f"answer: {'yes' if command.yes else 'no'}"]
        if isinstance(command, commands.ActAgain | commands.Greeted | commands.Order):
            return []
        if command.session is not None and command.session not in self._ours:
            return []
        return [_event("operator", {"command": _COMMANDS[type(command)]})]

    def _stopped(self, event: events.SessionStopped) -> list[str]:
        stop, before = event.stop, self._known.stop
        if before is not None and _is_same(before, stop):
            return []
        self._known.stop = stop
        retry = None
        if stop.retry_at is not None:
            retry = show_duration(_rounded(max(stop.retry_at - event.at, timedelta(0))))
        options: dict[str, object] = {
            "reason": stop.reason.value,
            "found": "true" if stop.reason is StopReason.CRASH else None,
            "retry_after": retry,
            "implausible": "true" if stop.evidence.get("implausible") else None,
            "http_status": stop.http_status,
            "exit_code": stop.exit_code,
            "signal": stop.signal,
            "confidence": f"{stop.confidence * 100:g}%" if stop.confidence < 1 else None,
            "provider": stop.provider,
            "model": stop.model,
            "attempt": stop.attempt,
            "retrying": "true" if stop.retrying else None,
            "words": "true" if stop.words else "false",
            "message": stop.message or None,
        }
        return [_event("stopped", {k: v for k, v in options.items() if v is not None})]


def _is_same(before: Stop, stop: Stop) -> bool:
    """Whether a stop was only seen again."""
    return (before.key, before.reason, before.retrying) == (stop.key, stop.reason, stop.retrying)


_PLAIN: Final[Mapping[type, str]] = {
    events.SessionUnblocked: "unblocked",
    events.SessionWorking: "working",
    events.SessionAlive: "alive",
    events.SessionProgressed: "progress",
    events.PersonPrompted: "prompted",
    events.SessionGone: "gone",
}
_COMMANDS: Final[Mapping[type, str]] = {
    commands.Hold: "pause",
    commands.Release: "resume",
    commands.Abort: "abort",
    commands.Skip: "skip",
    commands.Renew: "new-session",
    commands.Enrol: "enrol",
    commands.Detach: "detach",
}
_WRITTEN_AS_IT_IS: Final = frozenset({"retry_after", "words", "found", "retrying", "implausible"})


def _event(kind: str, options: Mapping[str, object]) -> str:
    inside = "".join(f", {name}: {_option(name, value)}" for name, value in options.items())
    return f"event: {{kind: {kind}{inside}}}"


def _option(name: str, value: object) -> str:
    if name in _WRITTEN_AS_IT_IS or isinstance(value, int):
        return str(value)
    return quote_if_needed(str(value))


def _is_settable(name: str) -> bool:
    return name in FACTS and not how(name, at_start=False)


# ── against the journal ───────────────────────────────────────────────────────────────────────


def differences(made: Draft, result: TestResult) -> Iterator[str]:
    """Where playing the test differs from what the journal says was decided and done."""
    (case,) = result.cases
    for failure in case.failures:
        if failure.key in {"rule", ""}:
            yield f"line {failure.line}: {failure.key or 'step'}: {failure.got}"
    did = [one for one in case.checked if one.expected.key == "did"]
    for number, one, journal in zip(made.decisions, did, made.did, strict=False):
        seen = tuple(word for word in one.done if word not in _NOT_COMPARED)
        if seen != journal:
            yield f"decision {number}: the journal did {list(journal)}, the test {list(seen)}"


def file_of(tests: Iterable[Draft], *, policy: str, remarks: Iterable[str]) -> str:
    """A whole file of tests; `remarks` are put on top as comments."""
    lines = [f"# {remark}" for remark in remarks]
    lines += ["version: 1", f"policy: {quote_if_needed(policy)}", "tests:"]
    for one in tests:
        lines += [*one.lines, ""]
    return "\n".join(lines).rstrip("\n") + "\n"
