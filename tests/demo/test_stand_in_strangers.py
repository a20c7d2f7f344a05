"""The stand-in is protected as the real server is."""

import pytest

from tests.live.test_night_strangers import refuses_strangers
from tests.torture.standing_in import stand_in


@pytest.mark.e2e
def test_a_stranger_is_refused_by_the_stand_in_too():
    with stand_in() as opencode:
        refuses_strangers(opencode)
