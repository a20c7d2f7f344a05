"""Many sessions in one reset: the real kernel in modelled worlds whose providers keep no promise.

    python -m tests.torture.resets --count 500
    python -m tests.torture.resets --count 20000 --resume resets.json
    python -m tests.torture.resets --night 17

A night is one seed: 2 to 100 sessions on one or two limits that are used up, the default policy,
and a reset that comes on time, seconds, minutes or an hour late, or not at all; a burst limit
behind it; a server that dies, a person who ends, holds or prompts a session right at the reset; and
events that come twice or late, and outcomes that get lost. A violation is: an invariant that breaks
(of sessions that share a limit one is asked after a refusal, until it was answered; the rails; no
deadline lost; …), a session that does not work again in the time that the policy's own ladder
leaves, more prompts before the opening than the back-off allows, and, when the reset is on time and
nothing is disturbed, a session that people are told of more than once.
"""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

from palingenesis.core.values import Status
from palingenesis.simulation.performance import Cast, Performance, perform
from tests.simulation.nights import scenario_of, shipped
from tests.torture.tallying import Tally as Counted
from tests.torture.tallying import go_on
from tests.torture.telling import commit, percentile

START = datetime(2026, 2, 5, 22, 0, tzinfo=UTC)
RESET = START + timedelta(hours=1)
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
LATE = ("0s", "0s", "0s", "20s", "7m", "45m", "3h", "never")
LATE_S = {"0s": 0, "20s": 20, "7m": 420, "45m": 2_700, "3h": 10_800, "never": 15 * 86_400}
AT_RESET = ("", "", "died: ", "aborted: ", "paused: ", "prompted: ")
_WELL = frozenset({Status.WORKING, Status.VERIFYING, Status.COMPLETED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """What a seed has drawn."""

    seed: int
    sessions: int
    limits: int
    late: str
    burst: bool
    retries: bool
    at_reset: str
    disturbed: bool

    @property
    def opens(self) -> datetime:
        """When the provider really answers again."""
        return RESET + timedelta(seconds=LATE_S[self.late])

    @property
    def ends(self) -> datetime:
        """When the night is over."""
        if self.late == "never":
            return START + timedelta(days=2)
        return self.opens + 5 * HOUR - MINUTE

    def scenario(self) -> str:
        """The night as a scenario."""
        late = "15d" if self.late == "never" else self.late
        ids = ", ".join(
            f"{{id: s{n}, turns: 500, turn: {{takes: 15m..30m}}, model: x/m{n % self.limits}}}"
            for n in range(self.sessions)
        )
        limits = [
            f"{{models: x/m{n}, tokens: 9000M, per: 5h, used: 100%, used-for: 4h, late: {late}}}"
            for n in range(self.limits)
        ]
        if self.burst:
            limits.append("{requests: 3, per: 30s, reason: overloaded, tells: false}")
        faults = "faults: {duplicates: 5%, late: 5%, lost: 3%}\n" if self.disturbed else ""
        story = ""
        if self.at_reset:
            at = (RESET + timedelta(seconds=61)).isoformat()
            story = f"story:\n  - {{at: {at}, session: s0, {self.at_reset}}}\n"
        return (
            f"version: 1\nworld:\n  at: {START.isoformat()}\n  until: {self.ends.isoformat()}\n"
            f"  agents: [{{id: opencode, retries: {str(self.retries).lower()}}}]\n"
            f"  sessions: [{ids}]\n  limits: [{', '.join(limits)}]\n{faults}{story}"
        )


def drawn(seed: int) -> Drawn:
    """The night of a seed."""
    dice = Random(f"resets:{seed}")
    return Drawn(
        seed=seed,
        sessions=100 if dice.random() < 0.02 else dice.choice((2, 3, 5, 10, 10, 20, 40)),
        limits=dice.choice((1, 1, 2)),
        late=dice.choice(LATE),
        burst=dice.random() < 0.3,
        retries=dice.random() < 0.5,
        at_reset=dice.choice(AT_RESET),
        disturbed=dice.random() < 0.3,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Came:
    """What a night came to."""

    prompts: int
    early: int
    """Prompts before the provider really answered again."""
    last_s: float | None
    """How long after that the last session worked; None: the provider never answered."""
    violations: tuple[str, ...]


def play(night: Drawn) -> Came:
    """Play one night and judge it."""
    scenario = scenario_of(night.scenario())
    played = perform(shipped(), scenario, seed=f"resets/{night.seed}", remember=False)
    early = sum(at < night.opens for at, _ in played.watch.prompts)
    wrong = [f"{one.name}: {one.text}" for one in played.watch.invariants.broken]
    last = None
    if night.late == "never":
        wrong += _not_waiting(night, played)
    else:
        last = _last_works(night, played, wrong)
    if early > _early_most(night):
        wrong.append(f"{early} prompts before it opened, not {_early_most(night)}")
    wrong += _told_too_often(night, played)
    return Came(
        prompts=len(played.watch.prompts),
        early=early,
        last_s=last,
        violations=tuple(wrong),
    )


def _early_most(night: Drawn) -> int:
    """The rungs of the back-off (1, 2, 4, … 60 min) for each limit, and what faults repeat."""
    span, step, rungs = LATE_S[night.late], 60, 1
    span = min(span, int((night.ends - RESET).total_seconds()))
    while span >= step:
        span, step, rungs = span - step, min(2 * step, 3_600), rungs + 1
    extra = night.sessions if night.disturbed or night.at_reset else 0
    return (rungs + 1) * night.limits + extra


def _not_waiting(night: Drawn, played: Performance) -> list[str]:
    lines = []
    for cast in played.casts:
        status = played.world.sessions[cast.line[-1]].status
        hers = cast.name == "s0" and night.at_reset
        if status is not Status.WAITING and not hers and not night.disturbed:
            lines.append(f"{cast.name} is {status}, and the provider never answered")
    return lines


def _last_works(night: Drawn, played: Performance, wrong: list[str]) -> float:
    """Seconds from the opening until the last session works; adds those that never do."""
    longest = 0.0
    for cast in played.casts:
        hers = cast.name == "s0" and night.at_reset in {"aborted: ", "paused: "}
        if night.disturbed and _was_handed_over(cast, played):
            continue
        works = [
            (span.start - night.opens).total_seconds()
            for id_ in cast.line
            for span in played.watch.lanes[id_].spans
            if span.status in _WELL and span.end > night.opens
        ]
        if works:
            longest = max(longest, min(works))
        elif not hers:
            wrong.append(f"{cast.name} never works again")
    allowed = 75 * 60 + 3_600 * (night.sessions // 60) + 12 * night.sessions
    if longest > allowed:
        wrong.append(f"the last session works after {longest:.0f} s, not {allowed} s")
    return longest


def _was_handed_over(cast: Cast, played: Performance) -> bool:
    """Whether it waited for a person, since nobody could know what came of an order of ours."""
    spans = (span for id_ in cast.line for span in played.watch.lanes[id_].spans)
    return any(span.status is Status.ATTENTION for span in spans)


def _told_too_often(night: Drawn, played: Performance) -> list[str]:
    if night.late != "0s" or night.disturbed or night.at_reset or night.burst:
        return []
    told: dict[str, int] = {}
    for notice in played.watch.notices:
        if notice.at < night.opens + HOUR:
            told[str(notice.session)] = told.get(str(notice.session), 0) + 1
    return [f"{session} was told of {n} times" for session, n in told.items() if n > 1]


@dataclass
class Tally(Counted):
    """What was reached so far."""

    nights: int = 0
    sessions: int = 0
    prompts: int = 0
    early: int = 0
    last_s: list[float] = field(default_factory=list)

    def add(self, night: Drawn, came: Came) -> None:
        """Count one night."""
        self.nights += 1
        self.sessions += night.sessions
        self.prompts += came.prompts
        self.early += came.early
        if came.last_s is not None:
            self.last_s.append(round(came.last_s, 1))
        self.judge(night, came.violations, f"tests.torture.resets --night {night.seed}")


def play_all(
    tally: Tally, *, count: int, seconds: float | None = None, save: Path | None = None
) -> Tally:
    """Play so many nights, from where the tally stands."""

    def one(seed: int) -> None:
        night = drawn(seed)
        tally.add(night, play(night))

    go_on(tally, one, played=tally.nights, count=count, seconds=seconds, save=save)
    return tally


def _lines(tally: Tally, seed: int) -> Sequence[str]:
    last = tally.last_s or [0.0]
    head = (
        f"{tally.nights} nights (seeds {seed} to {tally.next_seed - 1}), "
        f"{tally.sessions} sessions, {tally.prompts} prompts, "
        f"{tally.early} of them before the provider answered again"
    )
    until = (
        f"until the last session works: p50 {percentile(last, 50):.0f} s, "
        f"p99 {percentile(last, 99):.0f} s, at most {max(last):.0f} s"
    )
    when = f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, commit {commit()}, {tally.seconds:.0f} s"
    return (head, until, f"violations: {tally.violations or 'none'}", when, *tally.shown)


def main(argv: list[str] | None = None) -> int:
    """See the module."""
    parser = argparse.ArgumentParser(
        prog="tests.torture.resets", description=__doc__.split("\n")[0]
    )
    parser.add_argument("--count", type=int, default=200, help="how many nights (200)")
    parser.add_argument("--seed", type=int, default=0, help="the first seed (0)")
    parser.add_argument("--seconds", type=float, help="stop after so much processor time")
    parser.add_argument("--resume", type=Path, help="file that keeps what was reached")
    parser.add_argument("--night", type=int, help="play one night, and show its scenario")
    asked = parser.parse_args(argv)
    if asked.night is not None:
        night = drawn(asked.night)
        came = play(night)
        print(night.scenario(), night, came, sep="\n")
        return 1 if came.violations else 0
    tally = Tally.resumed(asked.resume, asked.seed)
    play_all(tally, count=asked.count, seconds=asked.seconds, save=asked.resume)
    print("\n".join(_lines(tally, tally.next_seed - tally.nights)))
    return 1 if tally.violations else 0


if __name__ == "__main__":
    sys.exit(main())
