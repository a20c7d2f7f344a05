"""Fuzzing: random damage to good texts, at the doors where the text of others comes in.

    python -m tests.torture.fuzzing --runs 2000 --seed 1
    python -m tests.torture.fuzzing --atheris --runs 1000000 --door condition --minutes 5

Without `--atheris` a small mutator of our own cuts, doubles, splices and flips texts of the shipped
policies, of recorded answers and of the collections; it needs nothing and repeats by its seed. With
`--atheris` libFuzzer guides the damage by which branches it reaches (`pip install -e
'.[torture]'`); each door then runs in a process of its own, and the count that is told is
libFuzzer's. Exits with 1 when a door raised anything but an error of our own, or took more than a
second.
"""

import argparse
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from random import Random

from tests.torture.collections_of_text import OWN
from tests.torture.doors import Passage
from tests.torture.telling import commit

DOORS = (
    "condition", "policy", "event stream", "work document", "record", "agent's JSON",
    "provider's error", "configuration", "scenario", "policy tests", "note", "told text",
    "daemon's answer", "duration", "notice",
)  # fmt: skip
LONGEST = 4096
SHORT = {"condition": 400, "duration": 40}
"""Bytes of the texts at doors that take no long ones."""
ROOT = Path(__file__).parents[2]
TOKENS: Sequence[bytes] = (
    b'stop.reason', b'==', b"'quota'", b' and ', b' or ', b'not ', b'(', b')', b'known(', b'5m',
    b'$1', b'${', b'}', b'%', b"contains(stop.message, 'a')", b"matches(stop.message, '(a|b)*')",
    b'count(', b'---\n', b': ', b'- ', b'\n  ', b'[', b']', b'{', b'&a ', b'*a', b'!!', b'|\n',
    b'>\n', b'#', b"'", b'"', b'data: ', b'event: ', b'id: ', b'\n\n', b'\r\n', b'\r',
    b'\xef\xbb\xbf', b'\x00', b'\xff', b'\xe2\x80\xae', b'"is": "', b'"at": ', b'null', b'true',
    b'1e999', b'-0', b'\\ud800', b'2026-01-01T00:00:00Z', b'stepsCompleted', b'version: 1',
    b'rules:', b'when:', b'do:', b'in 5 minutes', b'resets 3:04pm', b'Retry-After', b'\x1b[',
    b'99999999999999999999',
)  # fmt: skip


@cache
def seeds() -> Sequence[bytes]:
    """Good texts of every kind, and bad ones."""
    found = [text[:LONGEST] for text in OWN.values()]
    for pattern in ("policies/*.yaml", "examples/*/*.yaml", "docs/reference/work-documents.md"):
        found += [file.read_bytes()[:LONGEST] for file in sorted(ROOT.glob(pattern))]
    for file in sorted((ROOT / "tests/recordings/opencode").glob("*/*"))[::7]:
        found.append(file.read_bytes()[:LONGEST])
    found += re.findall(rb"when: (.+)", (ROOT / "policies/default.yaml").read_bytes())
    return tuple(found)


def mutated(dice: Random) -> Iterator[bytes]:
    """Damaged texts, without end."""
    texts = seeds()
    while True:
        data = bytearray(dice.choice(texts))
        for _ in range(dice.randint(1, 6)):
            _damage(data, dice)
        yield bytes(data[:LONGEST])


def _damage(data: bytearray, dice: Random) -> None:
    at = dice.randint(0, len(data))
    length = dice.choice((1, 1, 2, 8, 40, 400))
    match dice.randrange(7):
        case 0:
            del data[at : at + length]
        case 1:
            data[at:at] = dice.choice(TOKENS)
        case 2:
            data[at : at + length] = dice.choice(TOKENS)
        case 3:
            data[at:at] = data[at : at + length] * dice.choice((1, 2, 30))
        case 4:
            other = dice.choice(seeds())
            begin = dice.randint(0, len(other))
            data[at:at] = other[begin : begin + length]
        case 5 if data:
            data[at % len(data)] ^= 1 << dice.randrange(8)
        case _:
            data[at:at] = dice.randbytes(length % 9)


def fuzz(doors: Sequence[str], *, runs: int, seed: int, until_s: float | None = None) -> Passage:
    """Push damaged texts through doors; so many through each, or until the time is over."""
    from tests.torture.entrances import ENTRANCES

    passage = Passage()
    for door in doors:
        dice = Random(f"{seed}/{door}")
        for number, data in zip(range(runs), mutated(dice), strict=False):
            passage.push(door, f"{seed}/{number}", data, ENTRANCES[door])
            if until_s is not None and time.monotonic() > until_s:
                return passage
    return passage


# ── libFuzzer ─────────────────────────────────────────────────────────────────────────────────


INSIDE = """
import sys
import atheris
with atheris.instrument_imports(include=["palingenesis"]):
    from tests.torture.entrances import ENTRANCES
atheris.Setup(sys.argv, ENTRANCES[{door!r}])
atheris.Fuzz()
"""
"""The process that libFuzzer runs in: what is fuzzed must be imported there first, and watched."""


def run_atheris(door: str, *, runs: int, seed: int, seconds: float) -> tuple[int, str]:
    """How many runs libFuzzer did, and what it found ("" for nothing)."""
    with tempfile.TemporaryDirectory() as folder:
        corpus = Path(folder) / "corpus"
        corpus.mkdir()
        for number, text in enumerate(seeds()):
            (corpus / str(number)).write_bytes(text)
        flags = [
            f"-runs={runs}", f"-seed={seed}", f"-max_total_time={seconds:.0f}", "-timeout=5",
            f"-max_len={SHORT.get(door, LONGEST)}", "-rss_limit_mb=2048",
            f"-artifact_prefix={folder}/",
        ]  # fmt: skip
        code = INSIDE.format(door=door)
        done = subprocess.run(
            [sys.executable, "-c", code, *flags, str(corpus)],
            cwd=ROOT, capture_output=True, text=True, errors="replace",
            timeout=3 * seconds + 900, check=False,
        )  # fmt: skip
        told = done.stdout + done.stderr
        counts = re.findall(r"^#(\d+)\s", told, re.MULTILINE) + re.findall(r"Done (\d+) runs", told)
        reached = max(map(int, counts), default=0)
        if done.returncode == 0 or "run interrupted" in told:  # somebody ended it
            return reached, ""
        assert "ModuleNotFoundError" not in told, "pip install -e '.[torture]'"
        bad = next(Path(folder).glob("crash-*"), None) or next(Path(folder).glob("timeout-*"), None)
        shown = repr(bad.read_bytes()[:300]) if bad is not None else ""
        return reached, f"{door}: {told[-1500:]}\n{shown}"


def main(arguments: list[str] | None = None, say: Callable[[str], None] = print) -> int:
    """Fuzz; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.torture.fuzzing", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--runs", type=int, default=1000, help="for each door (1000)")
    parser.add_argument("--minutes", type=float, default=5.0, help="at most, for each door (5)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--door", choices=DOORS, action="append", help="only this one")
    parser.add_argument("--atheris", action="store_true", help="guided by coverage")
    asked = parser.parse_args(arguments)
    began, total, wrong = time.monotonic(), 0, 0
    for door in asked.door or DOORS:
        at = time.monotonic()
        if asked.atheris:
            reached, found = run_atheris(
                door, runs=asked.runs, seed=asked.seed, seconds=asked.minutes * 60
            )
            told = [found] if found else []
        else:
            until_s = at + asked.minutes * 60
            passage = fuzz([door], runs=asked.runs, seed=asked.seed, until_s=until_s)
            reached, told = passage.passages, passage.wrong
        for one in told:
            say(f"WRONG {one}")
            say(f"   python -m tests.torture.fuzzing --door {door!r} --seed {asked.seed}")
        say(f"{door}: {reached} runs, {len(told)} wrong, {time.monotonic() - at:.0f} s")
        total, wrong = total + reached, wrong + len(told)
    how = "atheris" if asked.atheris else "own mutator"
    say(f"runs: {total} ({how}, seed {asked.seed}); wrong: {wrong}")
    say(f"date: {datetime.now(UTC):%Y-%m-%d}, commit {commit()}, {time.monotonic() - began:.0f} s")
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
