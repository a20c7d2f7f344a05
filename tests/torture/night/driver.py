"""A night, and all its crashes: play it through, then die at every boundary and go on."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final

from palingenesis.runtime.ports import Recorded
from palingenesis.runtime.recovery import recover
from tests.torture.night.checker import judge, left_for_a_reason, nobody_forgotten, resumed
from tests.torture.night.doors import Memory, Pages
from tests.torture.night.evidence import Violation, evidence_of
from tests.torture.night.machine import RIGHT, Design
from tests.torture.night.play import Kept, Play
from tests.torture.night.script import Script, script_of
from tests.torture.night.varied import least_tried

_DOWN_S: Final = (0.2, 1.0, 2.5, 5.0, 5.0, 5.0, 30.0, 90.0, 600.0, 4000.0)
_SELDOM: Final = 24
"""More crashes of one night teach less than another night."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One run of a night, and what was wrong with it."""

    seed: int
    crashes: tuple[int, ...]
    names: tuple[str, ...]
    """The boundaries at which the daemon died."""
    violations: tuple[Violation, ...]
    play: Play
    possible: int = 0
    """How often going on was possible."""
    resumed: int = 0

    @property
    def again(self) -> str:
        """The command that repeats it."""
        crashes = "".join(f" --crash {number}" for number in self.crashes)
        return f"python -m tests.torture.nights --seed {self.seed}{crashes} --show"


class Night:
    """A night of one seed under one design."""

    def __init__(self, seed: int, design: Design = RIGHT) -> None:
        self.seed = seed
        self.script: Script = script_of(seed)
        self._design = design
        self._kept: list[Kept] = []
        self._distinct: list[int] = []
        self._decoded: dict[Any, Recorded] = {}
        self._ledger: Any = None

    @property
    def boundaries(self) -> int:
        """How many there are; known after `base`."""
        return len(self._kept)

    def base(self) -> Run:
        """The night without a crash; keeps it at every boundary."""
        script = self.script

        def keep(play: Play, number: int, name: str) -> None:
            kept = play.kept(name)
            if not self._kept or not kept.is_like(self._kept[-1]):
                self._distinct.append(number)
            self._kept.append(kept)

        play = Play(house=script.house(), pages=Pages(), keep=keep, **self._options())
        play.run()
        self._ledger = play.house.ledger
        return self._judged(play, (), whole=True)

    def crash(self, number: int, *, twice: bool = False) -> Run:
        """The night after a crash at that boundary; `twice`: and another one soon after."""
        kept = self._kept[number]
        dice = self._dice(number)
        again = number + 1 + dice[0] % 8 if twice else -1
        play = Play.from_crash(
            kept,
            self._ledger,
            down_s=_DOWN_S[dice[1] % len(_DOWN_S)],
            crashes=(again,),
            count=number + 1,
            **self._options(),
        )
        if dice[4] % 10 == 0:
            play.house.reboot()
        play.names.insert(0, f"{number} {kept.name}")
        play.run()
        crashes = (number, again) if twice else (number,)
        return self._judged(play, crashes, whole=dice[2] % 8 == 0)

    def crashes(self, every: int = 1, first: int = 0) -> Iterator[Run]:
        """Die at every boundary, a quarter of the time twice.

        Boundaries in a row at which a crash leaves the same behind are one crash.
        """
        for number in self._distinct[first::every]:
            yield self._crash_once_or_twice(number)

    def seldom(self, every: int, tried: Counter[str]) -> Iterator[Run]:
        """Die at one boundary of so many, and not often: of the kinds at which it died least."""
        names = [self._kept[number].name for number in self._distinct]
        most = min(-(-len(names) // every), _SELDOM)
        for place in least_tried(names, most, tried):
            yield self._crash_once_or_twice(self._distinct[place])

    def _crash_once_or_twice(self, number: int) -> Run:
        return self.crash(number, twice=self._dice(number)[3] % 4 == 0)

    def _dice(self, number: int) -> bytes:
        return sha256(f"{self.seed}:{number}".encode()).digest()

    def _options(self) -> dict[str, Any]:
        script = self.script
        return {
            "seed": str(self.seed),
            "until": script.until,
            "design": self._design,
            "decoded": self._decoded,
        }

    def _judged(self, play: Play, crashes: tuple[int, ...], *, whole: bool) -> Run:
        evidence = evidence_of(play)
        found = judge(evidence)
        statuses = {id_: one.status.value for id_, one in play.world.sessions.items()}
        found += nobody_forgotten(evidence, dict(statuses))
        found += left_for_a_reason(evidence, dict(statuses))
        if whole and play.world.started_at is not None:
            found += self._replayed(play)
        if play.differing:
            found.append(Violation("I12", play.until, "a recovery decided otherwise"))
        found += [Violation("-", play.until, complaint) for complaint in play.complaints[:3]]
        possible, came = resumed(evidence)
        return Run(
            possible=possible,
            resumed=came,
            seed=self.seed,
            crashes=crashes,
            names=tuple(play.names),
            violations=tuple(found),
            play=play,
        )

    def _replayed(self, play: Play) -> list[Violation]:
        """I12: the whole journal, anew from its text and without snapshots, is the same world."""
        pages = play.pages.copy()
        pages.snapshots = []
        again = recover(Memory(pages, {}))
        from_snapshot = recover(Memory(play.pages, self._decoded)).world
        if again.differing or again.world != play.world or again.world != from_snapshot:
            return [Violation("I12", play.until, "the journal replayed is another world")]
        return []
