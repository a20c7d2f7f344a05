"""A case: a stop of some kind, what happens to the clocks while it is waited for, and its judge."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from functools import cache
from random import Random
from typing import Final
from zoneinfo import ZoneInfo

from palingenesis import shipped
from palingenesis.core import events
from palingenesis.core.events import PolicyAdopted
from palingenesis.core.kernel.stepping import SETTLED
from palingenesis.core.policy.compile import compile_text
from palingenesis.core.safety import WAIT_MAX
from palingenesis.core.stops.classify import classify
from palingenesis.core.stops.evidence import Evidence
from palingenesis.core.values import Status, Stop, StopReason
from palingenesis.runtime.outside import outside_of
from palingenesis.runtime.replaying import replay
from tests.torture.clocks.machine import AGENT, SES, Machine

EARLY_S: Final = 1.0
LATE_S: Final = 30.0
_CALM_S: Final = 40.0
"""Between two troubles the daemon has time to see what is due."""
_HOUR: Final = 3_600.0
_DAY: Final = 24 * _HOUR
WAITS_S: Final = (30.0, 300.0, 2_700.0, _HOUR, 5 * _HOUR, 3 * _DAY, 7.9 * _DAY)
SUSPENDS_S: Final = (60.0, 600.0, _HOUR, 5 * _HOUR, 10 * _HOUR)
STEPS_S: Final = (7_200.0, -7_200.0, 60.0, -60.0, 2.0, -2.0, 0.4, -0.4, _DAY, -_DAY)
BEGINS: Final = datetime(2026, 11, 26, 20, 0, tzinfo=UTC)
SPRING: Final = datetime(2026, 3, 28, 18, 0, tzinfo=UTC)
AUTUMN: Final = datetime(2026, 10, 24, 18, 0, tzinfo=UTC)
LORD_HOWE: Final = datetime(2026, 4, 4, 9, 0, tzinfo=UTC)
"""The evening before its clocks go back by half an hour."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Happening:
    """Something that happens to the machine, so long after the stop."""

    after_s: float
    kind: str
    """`suspend` · `step` · `restart` (of the daemon) · `boot`."""
    span_s: float
    """How long it sleeps, or is down; or what the clock is set by."""
    step_s: float = 0.0
    """What the clock is set by while it is down."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One wait under trouble."""

    seed: int
    kind: str
    wait_s: float
    begins: datetime
    trouble: tuple[Happening, ...]
    ahead_s: float = 0.0
    """How far the provider's clock is ahead of true time."""
    zone: str = "UTC"

    @property
    def again(self) -> str:
        """The command that repeats it."""
        return f"python -m tests.torture.clock --seed {self.seed} --count 1 --show"


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """How a case came out."""

    case: Case
    late_s: float
    """Later than it could have been; below zero: too early."""
    problems: tuple[str, ...]
    entries: int
    steps: int
    sleeps: int
    boots: int


# ── making one ────────────────────────────────────────────────────────────────────────────────


KINDS: Final = (
    "span", "dated", "date", "policy", "ladder", "for", "ask", "delegate", "rail", "reopen",
    "calendar",
)  # fmt: skip
BY_THE_CLOCK: Final = frozenset({"date", "calendar"})
"""Kinds whose end is about the wall clock itself."""
_WITHOUT_A_BOOT: Final = frozenset({"for", "reopen", "rail"})
"""Kinds of which it is not remembered during which boot they began."""


def case_of(seed: int) -> Case:
    """The case of a seed: kinds take turns, everything else is dice."""
    dice = Random(seed)
    kind = KINDS[seed % len(KINDS)]
    wait_s = dice.choice(WAITS_S) + round(dice.uniform(0.0, 20.0), 3)
    begins, zone = BEGINS + timedelta(hours=dice.randrange(24)), "UTC"
    if kind == "rail":
        wait_s = _HOUR
    elif kind == "ladder":
        wait_s = 15.0 * 2 ** dice.randrange(9)
    elif kind == "calendar":
        begins, zone = dice.choice(
            (
                (SPRING, "Europe/Berlin"),
                (AUTUMN, "Europe/Berlin"),
                (BEGINS, "Europe/Berlin"),
                (LORD_HOWE, "Australia/Lord_Howe"),
            )
        )
        begins += timedelta(minutes=dice.randrange(240, 540))
        wait_s = _until_seven(begins, zone)
    trouble = tuple(_trouble(dice, wait_s) for _ in range(dice.choice((0, 1, 1, 1, 2, 2, 3))))
    return Case(
        seed=seed,
        kind=kind,
        wait_s=wait_s,
        begins=begins,
        trouble=tuple(sorted(trouble, key=lambda one: one.after_s)),
        ahead_s=dice.choice((0.0, 0.0, 7_200.0, -7_200.0, 90.0, -90.0, 40 * _DAY)),
        zone=zone,
    )


def _trouble(dice: Random, wait_s: float) -> Happening:
    kind = dice.choice(("suspend", "suspend", "step", "step", "restart", "boot"))
    after_s = wait_s * dice.choice((dice.random(), dice.random(), 0.001, 0.999, 1.0 - 3.0 / wait_s))
    after_s = max(1.0, after_s)
    if kind == "step":
        return Happening(after_s=after_s, kind=kind, span_s=dice.choice(STEPS_S))
    if kind == "suspend":
        return Happening(after_s=after_s, kind=kind, span_s=dice.choice(SUSPENDS_S))
    down_s = dice.choice((1.0, 30.0, 600.0, _HOUR))
    step_s = dice.choice((0.0, 0.0, *STEPS_S)) if kind == "restart" else 0.0
    return Happening(after_s=after_s, kind=kind, span_s=down_s, step_s=step_s)


def _until_seven(begins: datetime, zone: str) -> float:
    """Seconds until its clocks next show 07:00, by the zone's own database."""
    place = ZoneInfo(zone)
    local = begins.astimezone(place)
    day = local.date() if (local.hour, local.minute) < (7, 0) else local.date() + timedelta(days=1)
    seven = datetime(day.year, day.month, day.day, 7, tzinfo=place).astimezone(UTC)
    return (seven - begins).total_seconds()


# ── the policies ──────────────────────────────────────────────────────────────────────────────


_TEXT: Final = """\
version: 1
{top}
rules:
  - id: it
    when: {when}
{more}    do: {do}
default: {{do: [attention]}}
"""


@cache
def policy_of(kind: str, wait: str, zone: str) -> PolicyAdopted:
    """A policy with one rule, whose wait is of that kind."""
    top, more, when = "", "", "stop.reason in ('rate_limit', 'quota')"
    match kind:
        case "span" | "dated" | "date":
            do = "[{wait: {until: retry_after, else: 1m}}, resume]"
        case "policy":
            do = f"[{{wait: {{for: {wait}}}}}, resume]"
        case "ladder":
            do = "[{wait: {backoff: {first: 15s, factor: 2, max: 2h}}}, resume]"
        case "for":
            more, do = f"    for: {wait}\n", "[resume]"
        case "ask":
            do = f'[{{ask: {{question: "Go on?", timeout: {wait}, default: yes}}}}, resume]'
        case "delegate":
            do = "[{delegate: {}}, resume]"
        case "reopen":
            when = "stop.reason == 'auth' and episode.age > 10s"
            do = "[resume]"
        case "calendar":
            top = f"calendars: {{quiet: {{from: '22:30', to: '07:00', time-zone: {zone}}}}}"
            when = "within('quiet')"
            do = "[{wait: {until: calendar_end, calendar: quiet}}, resume]"
        case _:
            do = "[resume]"
    text = _TEXT.format(top=top, when=when, more=more, do=do)
    if kind == "reopen":
        text = text.replace("[attention]", f"[{{attention: {{reopen-after: {wait}}}}}]")
    schema = shipped.schema("policy").read_text(encoding="utf-8")
    around = outside_of(None, presets=shipped.presets(), environ={})
    policy = compile_text(text, name=kind, schema=schema, outside=around.outside).policy
    assert policy is not None, text
    return PolicyAdopted(at=BEGINS, name=kind, digest=policy.digest, resolved=dict(policy.resolved))


# ── playing one ───────────────────────────────────────────────────────────────────────────────


def judge(
    case: Case, tell: Callable[[str], None] = lambda _line: None, *, is_blind: bool = False
) -> Judged:
    """Play a case, and hold what the daemon did against what it should have done.

    `is_blind`: with the wrong design, a daemon that looks at the wall clock only.
    """
    ms = f"{round(case.wait_s * 1000)}ms"
    adopted = policy_of(case.kind, ms, case.zone)
    machine = Machine(begins=case.begins, policy=replace(adopted, at=case.begins))
    machine.is_blind = is_blind
    machine.starts()
    machine.tell(events.SessionSeen(at=machine.wall(), session=SES, agent=AGENT, title="night"))
    machine.tell(events.SessionWorking(at=machine.wall(), session=SES, agent=AGENT))
    began_wait = _stops(machine, case)
    if case.seed % 2:
        machine.keeps_a_snapshot()
    before = len(machine.prompts())
    # By the wall clock, when it should end; a step moves what counts elapsed time.
    ends = began_wait + _length(case) + machine.offset
    expected = [ends] * len(machine.spans)
    longest, unsure_s = began_wait + WAIT_MAX.total_seconds(), 0.0
    up_since, calm_s = began_wait, 0.0
    for one in case.trouble:
        machine.run(max(machine.now + calm_s, began_wait + one.after_s))
        calm_s = _CALM_S
        if len(machine.prompts()) > before:
            break
        tell(f"{machine.now:12.1f} {one}")
        moves = _counts_elapsed(case, machine, one, ends - _length(case))
        unseen_s = machine.unseen_s if moves and one.kind == "boot" else 0.0
        _happens(machine, one)
        by_s = one.span_s if one.kind == "step" else one.step_s
        if moves:
            ends += by_s - unseen_s
        elif machine.boots > 1:
            unsure_s += max(by_s, 0.0)  # by the clock that is believed, it began so much earlier
        expected += [ends] * (len(machine.spans) - len(expected))
        if one.kind != "step":
            up_since = machine.now
    due = min(_first_shown(machine, expected, began_wait), longest)
    machine.run(max(machine.now, due, up_since) + LATE_S + 125.0)
    try:
        soonest = due - unsure_s if due == longest else due
        return _judged(case, machine, before, (soonest, max(due, up_since)), tell)
    finally:
        machine.stops()


def _counts_elapsed(case: Case, machine: Machine, one: Happening, began: float) -> bool:
    """Whether a step of the clock moves the end of the wait along, which began at that wall clock.

    Soon after a boot it does not, unless it shows that the clock was wrong before the boot as well.
    """
    if case.kind in BY_THE_CLOCK:
        return False
    seen_at = machine.now + (one.span_s if one.kind == "restart" else 0.0)
    settled = seen_at - machine.booted >= SETTLED.total_seconds()
    by_s = one.span_s if one.kind == "step" else one.step_s
    is_before = seen_at + machine.offset + by_s < began
    return machine.boots == 1 or settled or is_before or case.kind in _WITHOUT_A_BOOT


def _first_shown(machine: Machine, expected: list[float], since: float) -> float:
    """The true time, after `since`, at which a daemon first sees the wall clock show its end."""
    spans = machine.spans
    ends_of_spans = [*(began for began, _, _ in spans[1:]), float("inf")]
    for (began, offset, is_up), over, ends in zip(spans, ends_of_spans, expected, strict=True):
        shown = max(ends - offset, began, since)
        if shown < over and is_up:
            return shown
    raise AssertionError("the last span has no end")


def _happens(machine: Machine, one: Happening) -> None:
    match one.kind:
        case "step":
            machine.is_set(one.span_s)
        case "suspend":
            machine.sleeps(one.span_s)
        case "restart":
            machine.stops()
            machine.run(machine.now + one.span_s)
            machine.is_set(one.step_s)
            machine.starts()
        case _:
            machine.stops()
            machine.run(machine.now + one.span_s)
            machine.boots_again()
            machine.starts()


def _length(case: Case) -> float:
    return case.wait_s + (60.0 if case.kind == "delegate" else 0.0)


def _stops(machine: Machine, case: Case) -> float:
    """The stop comes; returns when, in true time, its wait began."""
    match case.kind:
        case "rail":
            return _many_prompts(machine, case)
        case "ladder":
            machine.achieves = False
            tries = round(case.wait_s / 15.0).bit_length() - 1
            for number in range(tries):
                _stopped(machine, case, number)
                machine.run(machine.now + 15.0 * 2**number + 6.0)
            _stopped(machine, case, tries)
        case _:
            _stopped(machine, case, 0)
    return machine.now


def _many_prompts(machine: Machine, case: Case) -> float:
    """Twelve prompts in some minutes; the thirteenth has to wait until the first is an hour old."""
    first = machine.now
    for number in range(12):
        _stopped(machine, case, number)
        machine.run(machine.now + 20.0)
    _stopped(machine, case, 12)
    return first


def _stopped(machine: Machine, case: Case, number: int) -> None:
    at = machine.wall()
    stop = replace(_stop(case, at), key=f"msg_{number}")
    machine.tell(events.SessionStopped(at=at, session=SES, agent=AGENT, stop=stop))
    machine.run(machine.now + 0.01)


def _stop(case: Case, at: datetime) -> Stop:
    theirs = at + timedelta(seconds=case.ahead_s)
    reset = theirs + timedelta(seconds=case.wait_s)
    plain = Stop(key="", reason=StopReason.RATE_LIMIT, words=True)
    match case.kind:
        case "span":
            headers, body = {"retry-after-ms": f"{round(case.wait_s * 1000)}"}, ""
        case "dated":
            headers = {
                "date": _http(theirs),
                "retry-after": reset.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
            }
            body = ""
        case "date":
            reset = at + timedelta(seconds=case.wait_s)
            headers, body = {}, f'{{"error": {{"resets_at": "{_iso(reset)}"}}}}'
        case "delegate":
            retry_at = at + timedelta(seconds=case.wait_s)
            return replace(plain, retrying=True, retry_at=retry_at, attempt=1)
        case "reopen":
            return replace(plain, reason=StopReason.AUTH)
        case _:
            return plain
    verdict = classify(
        Evidence(
            at=at,
            error_name="APIError",
            status=429,
            message="too many requests",
            response_headers=headers,
            response_body=body,
        )
    )
    return replace(
        plain, reason=verdict.reason, retry_at=verdict.retry_at, evidence=verdict.evidence
    )


def _iso(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _http(at: datetime) -> str:
    return format_datetime(at.replace(microsecond=0), usegmt=True)


# ── judging it ────────────────────────────────────────────────────────────────────────────────


def _judged(
    case: Case,
    machine: Machine,
    before: int,
    due: tuple[float, float],
    tell: Callable[[str], None],
) -> Judged:
    soonest, latest = due
    problems = list(machine.complaints)
    prompts = machine.prompts()[before:]
    tell(f"due {soonest:.1f} to {latest:.1f}, prompted {prompts}")
    late_s = prompts[0] - latest if prompts else float("inf")
    early_s = soonest - prompts[0] if prompts else 0.0
    if not prompts:
        problems.append(f"lost: {machine.session.status}, {machine.session.outlook}")
    elif early_s > EARLY_S:
        problems.append(f"{early_s:.1f} s early")
    elif late_s > LATE_S:
        problems.append(f"{late_s:.1f} s late")
    if len(prompts) > 1:
        problems.append(f"prompted {len(prompts)} times")
    if prompts and machine.session.status is not Status.WORKING:
        problems.append(f"afterwards it is {machine.session.status}")
    again = replay(machine.disk)
    if again.different or again.broken:
        problems.append(f"replayed, {again.different} things came out otherwise: {again.broke}")
    told = [row[:60] for row in machine.disk.rows]
    for row in machine.disk.rows:
        tell(row[:240])
    return Judged(
        case=case,
        late_s=-early_s if early_s > 0 else late_s,
        problems=tuple(problems),
        entries=len(told),
        steps=sum('"is": "ClockStepped"' in row for row in told),
        sleeps=sum('"is": "MachineSlept"' in row for row in told),
        boots=machine.boots - 1,
    )
