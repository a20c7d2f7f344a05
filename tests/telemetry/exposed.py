"""Prometheus' text read back: a strict parser of our own, for machines without promtool."""

import re
import subprocess
from dataclasses import dataclass, field

from tests.telemetry.promtool import promtool

_SAMPLE = re.compile(r"([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)")
_LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\[\\"n])*)"(?:,|$)')
_HISTOGRAM = ("_bucket", "_sum", "_count")


@dataclass
class Told:
    """One family: its type, its help, and its samples by name and labels."""

    kind: str
    help: str
    samples: dict[tuple[str, tuple[tuple[str, str], ...]], float] = field(default_factory=dict)

    def value(self, suffix: str = "", **labels: str) -> float:
        """The one sample with these labels, whatever others it has."""
        (found,) = [
            number
            for (name, has), number in self.samples.items()
            if name.endswith(suffix) and labels.items() <= dict(has).items()
        ]
        return found


def parse(text: str) -> dict[str, Told]:
    """The families; every breach of the format is an error."""
    assert text.endswith("\n")
    families: dict[str, Told] = {}
    helps: dict[str, str] = {}
    name = ""
    for line in text[:-1].split("\n"):
        if line.startswith("# HELP "):
            name, _, told = line.removeprefix("# HELP ").partition(" ")
            assert name not in helps, name
            helps[name] = told
        elif line.startswith("# TYPE "):
            typed, _, kind = line.removeprefix("# TYPE ").partition(" ")
            assert typed == name
            families[name] = Told(kind=kind, help=helps[name])
        else:
            found = _SAMPLE.fullmatch(line)
            assert found is not None, line
            allowed = (
                [name + end for end in _HISTOGRAM] if families[name].kind == "histogram" else [name]
            )
            assert found[1] in allowed, line
            labels = _labels(found[2] or "")
            key = (found[1], tuple(sorted(labels.items())))
            assert key not in families[name].samples, f"twice: {line}"
            families[name].samples[key] = float(found[3])
    return families


def _labels(text: str) -> dict[str, str]:
    labels, place = {}, 0
    while place < len(text):
        found = _LABEL.match(text, place)
        assert found is not None, text
        assert found[1] not in labels, text
        labels[found[1]] = re.sub(r"\\(.)", lambda it: {"n": "\n"}.get(it[1], it[1]), found[2])
        place = found.end()
    return labels


def lint(text: str) -> str:
    """What `promtool check metrics` says; empty: nothing."""
    done = subprocess.run(
        [promtool(), "check", "metrics"], input=text, capture_output=True, text=True, check=False
    )
    return done.stdout + done.stderr + ("" if done.returncode == 0 else f"\n{done.returncode}")
