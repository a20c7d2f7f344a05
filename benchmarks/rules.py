"""Finding rules: the index against peers from PyPI, in one run, interleaved, hot and cold.

    pip install -e '.[bench]'
    python -m benchmarks.rules [SIZE…] [--workloads one,five,thr,dense] [--rounds 15]

Every engine gets the same rules and the same facts (`rule_workloads`), and has to give the same
answers before it is timed; one that does not is named and left out. Hot: each engine in turn
answers a handful of questions, once uncounted and once timed. Cold: before every single question a
buffer larger than the caches is streamed, as if the daemon had slept meanwhile.

Figures to reach, of sparse policies: 1,000 and 10,000 rules at least 8 times the best peer and 200
times simpleeval, at most 5 and 10 µs hot; 10 and 100 rules: no peer faster; the time grows from 100
to 10,000 rules with an exponent of at most 0.25. All of 1,000 true: at least 3 times the best peer.
"""

import argparse
import gc
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from math import log
from random import Random
from statistics import median
from typing import Any

from benchmarks.figures import tell_machine
from benchmarks.rule_engines import OURS, PEERS, Engine, engines
from benchmarks.rule_workloads import WORKLOADS, Workload

SIZES = (10, 100, 1_000, 10_000)
FLUSH = bytearray(96 << 20)
CHUNK_S = 0.0003
"""About so long an engine answers in its turn."""
MOST_S = 3.0
"""After so long a slow engine is not asked any more in this row of the table."""
MOST_DENSE = 1_000
"""More rules that are all true say nothing new, and take a peer seconds for each question."""


@dataclass(slots=True)
class Timed:
    """One engine on one workload: microseconds for each question."""

    engine: Engine
    rows: Sequence[Any]
    build_ms: float
    hot: dict[str, list[float]] = field(default_factory=lambda: {"first": [], "every": []})
    cold: dict[str, list[float]] = field(default_factory=lambda: {"first": [], "every": []})

    def action(self, what: str) -> Callable[[Any], Any]:
        return self.engine.first if what == "first" else self.engine.every


def flush() -> None:
    """Read more than the caches hold."""
    FLUSH.count(1)


def built(workload: Workload, kinds: Mapping[str, Callable[..., Engine]]) -> dict[str, Timed]:
    """Every engine that agrees with ours."""
    found: dict[str, Timed] = {}
    expected: list[Any] = []
    for name, kind in kinds.items():
        began = time.perf_counter()
        engine = kind(workload.rules)
        build_ms = (time.perf_counter() - began) * 1_000
        rows = [engine.row(row) for row in workload.rows]
        few = rows if len(workload.rules) <= 100 else rows[:6]
        answers = [(engine.first(row), sorted(engine.every(row))) for row in few]
        expected = expected or answers
        if answers == expected:
            found[name] = Timed(engine, rows, build_ms)
        else:
            print(f"  {name} gives other answers on '{workload.name}': not timed")
    return found


def ask_hot(all_timed: Mapping[str, Timed], what: str, rounds: int) -> None:
    spent = dict.fromkeys(all_timed, 0.0)
    chunk = dict.fromkeys(all_timed, 1)
    for turn in range(rounds):
        for name, timed in all_timed.items():
            if spent[name] > MOST_S:
                continue
            ask, rows = timed.action(what), timed.rows
            some = [rows[(turn + n) % len(rows)] for n in range(chunk[name])]
            for row in some:
                ask(row)
            began = time.perf_counter()
            for row in some:
                ask(row)
            took = time.perf_counter() - began
            spent[name] += took
            chunk[name] = max(1, min(64, int(CHUNK_S * len(some) / took)))
            if turn:
                timed.hot[what].append(took / len(some) * 1e6)


def ask_cold(all_timed: Mapping[str, Timed], what: str, rounds: int) -> None:
    spent = dict.fromkeys(all_timed, 0.0)
    for turn in range(rounds):
        for name, timed in all_timed.items():
            if spent[name] > MOST_S:
                continue
            ask, row = timed.action(what), timed.rows[turn % len(timed.rows)]
            flush()
            began = time.perf_counter()
            ask(row)
            took = time.perf_counter() - began
            spent[name] += took
            timed.cold[what].append(took * 1e6)


Medians = dict[tuple[str, int, str, str], dict[str, float]]
"""By workload, size, what was asked, and hot or cold: the median of each engine."""


def run(names: Sequence[str], sizes: Sequence[int], rounds: int) -> Medians:
    kinds, missing = engines()
    for name in missing:
        print(f"not installed, so not compared: {name}")
    medians: Medians = {}
    for name in names:
        for size in sizes:
            workload = WORKLOADS[name](size, Random(size))
            if not workload.sparse and size > MOST_DENSE:
                continue
            all_timed = built(workload, kinds)
            gc.collect()
            gc.freeze()
            for what in ("first", "every"):
                ask_hot(all_timed, what, rounds + 1)
                ask_cold(all_timed, what, rounds)
                for heat in ("hot", "cold"):
                    medians[name, size, what, heat] = {
                        one: median(getattr(timed, heat)[what]) for one, timed in all_timed.items()
                    }
            gc.unfreeze()
            tell_rows(workload, size, all_timed, medians)
    return medians


def tell_rows(
    workload: Workload, size: int, all_timed: Mapping[str, Timed], medians: Medians
) -> None:
    print(f"\n{workload.name} ({workload.doc}), {size} rules: median µs, and times ours")
    columns = [(what, heat) for what in ("first", "every") for heat in ("hot", "cold")]
    head = "".join(f"{f'{what} {heat}':>22}" for what, heat in columns)
    print(f"{'':<28}{'build ms':>9}{head}")
    for name, timed in all_timed.items():
        cells = ""
        for what, heat in columns:
            found = medians[workload.name, size, what, heat]
            cells += f"{found[name]:>12.2f} {'x' + format(found[name] / found[OURS], '.1f'):>9}"
        print(f"{name:<28}{timed.build_ms:>9.1f}{cells}")


# ── what was to be reached ────────────────────────────────────────────────────────────────────


def judge(medians: Medians, names: Sequence[str], sizes: Sequence[int]) -> None:
    """Hold the figures against what is to be reached."""
    print("\nheld against the figures to be reached (hot):")
    for name in names:
        sparse = WORKLOADS[name](1, Random(0)).sparse
        for what in ("first", "every"):
            for size in sizes:
                found = medians.get((name, size, what, "hot"), {})
                peers = {one: found[one] for one in found if one in PEERS}
                if not peers:
                    continue
                best = min(peers, key=lambda one: peers[one])
                least, most = _wanted(sparse=sparse, what=what, size=size)
                ratio = peers[best] / found[OURS]
                line = f"  {name:<6}{what:<6}{size:>6}: {found[OURS]:8.2f} µs"
                line += f"   {ratio:7.1f} times {best}{_verdict(ratio, least)}"
                if "simpleeval" in peers and sparse and size >= 1_000:
                    plain = peers["simpleeval"] / found[OURS]
                    line += f"   {plain:.0f} times simpleeval{_verdict(plain, 200)}"
                if most is not None:
                    line += (
                        f"   at most {most} µs: {'reached' if found[OURS] <= most else 'MISSED'}"
                    )
                print(line)
            if sparse and {100, 10_000} <= set(sizes):
                few, many = (medians[name, size, what, "hot"] for size in (100, 10_000))
                exponents = {one: log(many[one] / few[one]) / log(100) for one in few}
                shown = ", ".join(f"{one} {value:.2f}" for one, value in exponents.items())
                held = "reached" if exponents[OURS] <= 0.25 else "MISSED"
                print(
                    f"  {name} {what}: exponent from 100 to 10,000 at most 0.25: {held} ({shown})"
                )


def _wanted(*, sparse: bool, what: str, size: int) -> tuple[float | None, float | None]:
    """At least so many times the best peer, at most so many microseconds."""
    if not sparse:
        return (3, None) if what == "every" and size == 1_000 else (None, None)
    if size < 1_000:
        return 1, None
    return 8, {1_000: 5, 10_000: 10}.get(size) if what == "first" else None


def _verdict(ratio: float, least: float | None) -> str:
    if least is None:
        return ""
    return f" (at least {least:g}: {'reached' if ratio >= least else 'MISSED'})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("sizes", nargs="*", type=int, default=SIZES)
    parser.add_argument("--workloads", default=",".join(WORKLOADS))
    parser.add_argument("--rounds", type=int, default=15)
    given = parser.parse_args()
    tell_machine()
    names = given.workloads.split(",")
    judge(run(names, given.sizes, given.rounds), names, given.sizes)
    tell_machine()


if __name__ == "__main__":
    main()
