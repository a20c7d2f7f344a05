"""The short form of `python -m tests.torture.fuzzing`."""

from itertools import islice
from random import Random

import pytest

from tests.torture.fuzzing import DOORS, fuzz, mutated


@pytest.mark.parametrize("door", DOORS)
def test_no_damage_to_good_texts_raises_anything_but_an_error_of_ours(door: str):
    passage = fuzz([door], runs=150, seed=1)

    assert passage.wrong == []
    assert passage.passages == 150


def test_the_same_seed_damages_in_the_same_way():
    def some(seed: int) -> list[bytes]:
        return list(islice(mutated(Random(seed)), 200))

    assert some(1) == some(1) != some(2)
