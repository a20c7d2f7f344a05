"""Nights by the dice go as they went before; `REWRITE=1` writes down how they go now.

A difference is not yet a mistake: it is what has to be looked at, line by line, before it is kept
(`REWRITE=1 pytest -n0 tests/core/test_transcripts.py`, and then `git diff`).
"""

from os import environ
from pathlib import Path

import pytest

from tests.core.many_policies import POLICIES
from tests.core.transcribing import night

FOLDER = Path(__file__).parent / "transcripts"
NIGHTS = 6
LENGTH = 200


@pytest.mark.parametrize("number", range(NIGHTS))
@pytest.mark.parametrize("name", POLICIES)
def test_a_night_goes_as_it_went_before(name: str, number: int):
    file = FOLDER / f"{name}-{number}.txt"

    told = list(night(f"{name} {number}", name, length=LENGTH))

    if environ.get("REWRITE"):
        file.write_text("\n".join(told) + "\n", encoding="utf-8")
    before = file.read_text(encoding="utf-8").splitlines()
    assert told == before, f"REWRITE=1 pytest {Path(__file__).name}, and look at the difference"
