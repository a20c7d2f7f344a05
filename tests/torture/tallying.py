"""What a run over many seeds has reached: counted, kept in a file, and gone on with."""

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Self

_SHOWN = 20
_KEPT_EVERY = 20


@dataclass
class Tally:
    """What every such run counts."""

    next_seed: int = 0
    seconds: float = 0.0
    """Of processor time."""
    violations: int = 0
    shown: list[str] = field(default_factory=list)
    """The first of what went wrong, each with the command that repeats it."""

    @classmethod
    def resumed(cls, kept: Path | None, seed: int) -> Self:
        """As the file has it, or from the beginning."""
        if kept is not None and kept.exists():
            return cls(**json.loads(kept.read_text(encoding="utf-8")))
        return cls(next_seed=seed)

    def judge(self, what: object, wrong: Sequence[str], again: str) -> None:
        """Count what was wrong with one of them, and show it."""
        self.violations += len(wrong)
        if wrong and len(self.shown) < _SHOWN:
            lines = "\n".join(f"  {text}" for text in wrong[:5])
            self.shown.append(f"{what}\n{lines}\n  again: python -m {again}")

    def keep(self, file: Path | None) -> None:
        """Write down what was reached."""
        if file is not None:
            file.write_text(json.dumps(asdict(self)), encoding="utf-8")


def go_on(
    tally: Tally,
    play: Callable[[int], None],
    *,
    played: int,
    count: int,
    seconds: float | None = None,
    save: Path | None = None,
) -> None:
    """Play seed after seed, from where the tally stands (`played`) until there are `count`.

    `seconds`: stop after so much processor time.
    """
    began, before = time.process_time(), tally.seconds
    for number in range(played + 1, count + 1):
        play(tally.next_seed)
        tally.next_seed += 1
        tally.seconds = before + time.process_time() - began
        if number % _KEPT_EVERY == 0:
            tally.keep(save)
        if seconds is not None and tally.seconds - before > seconds:
            break
    tally.keep(save)
