"""Do the tests notice? Small changes of the core and the journal, one at a time.

    python -m tests.torture.mutation rails --resume rails.jsonl
    python -m tests.torture.mutation kernel --share 0.2 --seed 1 --resume kernel.jsonl
    python -m tests.torture.mutation rails --resume rails.jsonl --survivors
    python -m tests.torture.mutation --show rails.jsonl --show kernel.jsonl

A change is one comparison, condition, number, argument, order or return of the source, read
another way (`mutating/changes.py`). It is killed when a test fails, or does not end; it survived
when every test that executes its lines passes. `--share` takes a part of all changes, chosen by
the seed; `--survivors` tries those again that survived before, once there are new tests.

What survives and changes nothing that anybody could see stands, with its reason, in
`mutating/equivalent.txt`. The result is 1 when less than nine of ten of the others were killed.
"""

import argparse
import json
import os
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Final, NamedTuple

from tests.torture.mutating.changes import Change, changes_of
from tests.torture.telling import commit

ROOT: Final = Path(__file__).parents[2]
SOURCE: Final = ROOT / "engine" / "palingenesis"
EQUIVALENT: Final = Path(__file__).parent / "mutating" / "equivalent.txt"
ENOUGH: Final = 0.9
_NOTICED: Final = {"killed", "timeout"}


class Area(NamedTuple):
    """Modules, and the tests that promise what they do."""

    modules: tuple[str, ...]
    tests: tuple[str, ...]


AREAS: Final = {
    "rails": Area(
        (
            "core/safety.py",
            "core/second_look.py",
            "core/contract.py",
            "core/lifecycle.py",
            "core/savings.py",
            "core/step.py",
            "core/world.py",
            "core/plans.py",
            "core/effects.py",
            "core/events.py",
            "core/values.py",
        ),
        ("tests/core",),
    ),
    "kernel": Area(("core/kernel/*.py",), ("tests/core",)),
    "record": Area(("core/record/*.py", "core/copies.py"), ("tests/core/test_record.py",)),
    "stops": Area(("core/stops/*.py",), ("tests/stops",)),
    "journal": Area(("journal/*.py",), ("tests/journal",)),
    "policy": Area(("core/policy/**/*.py", "core/facts.py"), ("tests/policy",)),
}


def changes(
    area: Area, *, share: float = 1.0, seed: int = 1, only: Sequence[str] = ("",)
) -> list[Change]:
    """The changes of an area, or a share of them that the seed chooses."""
    files = sorted({file for glob in area.modules for file in SOURCE.glob(glob)})
    found = []
    for file in files:
        mine = changes_of(file, file.relative_to(SOURCE).as_posix())
        found += [
            it for it in mine if it.name.startswith(tuple(only)) and _lot(it.name, seed) < share
        ]
    return found


def _lot(name: str, seed: int) -> float:
    return int.from_bytes(sha256(f"{seed} {name}".encode()).digest()[:6]) / (1 << 48)


def equivalent() -> dict[str, str]:
    """The changes that nobody could see, each with the reason."""
    reason, found = "", {}
    for line in EQUIVALENT.read_text(encoding="utf-8").splitlines():
        if line.startswith("#"):
            reason = line.removeprefix("#").strip()
        elif line.strip():
            found[line] = reason
    return found


class Kept:
    """What was tried, in a file: one line each, the latest counts."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.tried: dict[str, dict[str, object]] = {}
        if file.exists():
            for line in file.read_text(encoding="utf-8").splitlines():
                entry = json.loads(line)
                self.tried[entry["name"]] = entry

    def write(self, entry: dict[str, object]) -> None:
        self.tried[str(entry["name"])] = entry
        with self.file.open("a", encoding="utf-8") as out:
            out.write(json.dumps(entry) + "\n")


def attempt(
    wanted: Sequence[Change],
    tests: Sequence[str],
    kept: Kept,
    *,
    seconds: float | None = None,
    patience: float = 60.0,
    alone: bool = False,
    quick: bool = False,
) -> None:
    """Try the changes in forks of a warm process, and in a tree of their own what is left."""
    import pytest

    from tests.torture.mutating.warm import COLD, Tried, Warm

    cold: list[tuple[str, Sequence[str]]] = []

    def keep(tried: Tried, nodes: Sequence[str]) -> None:
        if tried.verdict == COLD:
            cold.append((tried.name, nodes))
        else:
            kept.write(asdict(tried))

    warm = Warm(wanted, ROOT / "engine", keep, seconds, patience, alone)
    os.chdir(ROOT)
    words = ["-n0", "-q", "-s", "-p", "no:cacheprovider", "-o", "tmp_path_retention_policy=none"]
    marks = f"not live and not e2e{' and not hypothesis' if quick else ''}"
    pytest.main([*words, "-m", marks, *tests], plugins=[warm])
    print(f"tests that fail without a change: {len(warm.broken)} {warm.broken[:5]}", flush=True)
    if cold:
        _attempt_cold(cold, {change.name: change for change in wanted}, kept, seconds)


def _attempt_cold(
    cold: Sequence[tuple[str, Sequence[str]]],
    by_name: dict[str, Change],
    kept: Kept,
    seconds: float | None,
) -> None:
    from tests.torture.mutating.cold import Tree

    began = time.monotonic()
    folder = tempfile.mkdtemp(prefix="mutation-")
    with Tree(ROOT, Path(folder)) as tree:
        for name, tests in cold:
            if seconds is not None and time.monotonic() - began > seconds:
                break
            kept.write(asdict(tree.attempt(by_name[name], tests)))


def told(entries: Sequence[dict[str, object]]) -> tuple[str, bool]:
    """The table, and whether enough was killed in every module."""
    same = equivalent()
    modules: dict[str, list[dict[str, object]]] = defaultdict(list)
    for entry in entries:
        modules[str(entry["name"]).split(" ")[0]].append(entry)
    lines = [
        "| module | changes | killed | by time | survived | equivalent | killed of the others |",
        "|---|--:|--:|--:|--:|--:|--:|",
    ]
    enough = True
    for module, mine in [*sorted(modules.items()), ("all", list(entries))]:
        killed = sum(entry["verdict"] in _NOTICED for entry in mine)
        late = sum(entry["verdict"] == "timeout" for entry in mine)
        left = [entry for entry in mine if entry["verdict"] not in _NOTICED]
        alike = sum(entry["name"] in same for entry in left)
        share = killed / max(1, len(mine) - alike)
        enough = enough and share >= ENOUGH
        cells = (len(mine), killed, late, len(left) - alike, alike, f"{share:.1%}")
        lines.append(f"| {module} | " + " | ".join(map(str, cells)) + " |")
    return "\n".join(lines), enough


def main(argv: list[str] | None = None) -> int:
    """See the module."""
    parser = argparse.ArgumentParser(prog="tests.torture.mutation", description="Mutants.")
    parser.add_argument("area", nargs="?", choices=sorted(AREAS))
    parser.add_argument(
        "--only",
        action="append",
        help="changes whose name begins so: 'core/safety.py may_'; may be said more than once",
    )
    parser.add_argument("--share", type=float, default=1.0, help="of all changes (1.0)")
    parser.add_argument("--seed", type=int, default=1, help="chooses the share, and the order")
    parser.add_argument("--count", type=int, help="no more changes than so many")
    parser.add_argument("--seconds", type=float, help="stop after so long, twice")
    parser.add_argument("--patience", type=float, default=60.0, help="of tests for a change (60 s)")
    parser.add_argument("--resume", type=Path, help="where the results are kept, and gone on from")
    parser.add_argument("--survivors", action="store_true", help="try again what survived")
    parser.add_argument("--cold", action="store_true", help="each in a process of its own")
    parser.add_argument("--quick", action="store_true", help="without the laws of Hypothesis")
    parser.add_argument("--tests", action="append", help="other tests than the area's own")
    parser.add_argument(
        "--show", type=Path, action="append", help="print kept results, try nothing"
    )
    asked = parser.parse_args(argv)
    if asked.show:
        table, enough = told([e for file in asked.show for e in Kept(file).tried.values()])
        print(table)
        return 0 if enough else 1
    if asked.area is None:
        parser.error("which area?")
    return _run(asked)


def _run(asked: argparse.Namespace) -> int:
    area = AREAS[asked.area]
    kept = Kept(asked.resume or Path(tempfile.mkdtemp()) / "mutation.jsonl")
    everything = changes(area, share=asked.share, seed=asked.seed, only=asked.only or [""])
    same = equivalent()
    wanted = [change for change in everything if _wanted(change, kept, same, asked)]
    wanted.sort(key=lambda change: _lot(change.name, asked.seed + 1))
    wanted = wanted[: asked.count]
    began = time.monotonic()
    if wanted:
        attempt(
            wanted,
            asked.tests or area.tests,
            kept,
            seconds=asked.seconds,
            patience=asked.patience,
            alone=asked.cold,
            quick=asked.quick,
        )
    names = {change.name for change in everything}
    entries = [entry for name, entry in kept.tried.items() if name in names]
    table, enough = told(entries)
    print(table)
    for entry in entries:
        if entry["verdict"] not in _NOTICED and entry["name"] not in same:
            print(f"{entry['verdict']}: {entry['name']}")
    day = datetime.now(UTC).strftime("%Y-%m-%d")
    took = time.monotonic() - began
    print(
        f"{asked.area}: {len(entries)} of {len(everything)} changes tried, {len(wanted)} now in "
        f"{took:.0f} s; share {asked.share}, seed {asked.seed}; {day}, commit {commit()}"
    )
    return 0 if enough else 1


def _wanted(change: Change, kept: Kept, same: dict[str, str], asked: argparse.Namespace) -> bool:
    before = kept.tried.get(change.name)
    if before is None:
        return True
    left = before["verdict"] not in _NOTICED and change.name not in same
    return bool(asked.survivors) and left


if __name__ == "__main__":
    sys.exit(main())
