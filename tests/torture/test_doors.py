"""The short form of `python -m tests.torture.doors`: our own texts, and a part of the others."""

from itertools import islice

import pytest

from tests.torture.collections_of_text import COLLECTIONS, own_cases
from tests.torture.doors import GROWTH_MB_MAX, Passage, memory_mb
from tests.torture.entrances import ENTRANCES


def test_no_text_of_ours_raises_hangs_or_grows_anything_at_any_door():
    passage = Passage(began_mb=memory_mb() + GROWTH_MB_MAX)  # everything is loaded on the way

    for name, data in own_cases():
        for door, through in ENTRANCES.items():
            passage.push(door, name, data, through)

    assert passage.wrong == []
    assert passage.passages > 500
    assert passage.growth_mb < 2 * GROWTH_MB_MAX


@pytest.mark.npm
@pytest.mark.parametrize("collection", [name for name in COLLECTIONS if name != "own"])
def test_every_fifth_text_of_a_well_known_collection_passes_every_door(collection: str):
    passage = Passage()

    for name, data in islice(COLLECTIONS[collection](), 0, None, 5):
        for door, through in ENTRANCES.items():
            passage.push(door, name, data, through)

    assert passage.wrong == []
    assert passage.passages > 900


def test_what_raises_or_takes_too_long_is_found():
    passage = Passage(seconds_max=0.0)

    passage.push("door", "case", b"x", int)
    passage.push("door", "case", b"", lambda _: sum(range(10_000)))

    assert "ValueError at doors.py" in passage.wrong[0]
    assert "took" in passage.wrong[-1]
