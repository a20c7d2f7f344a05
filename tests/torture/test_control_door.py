"""The short form of `python -m tests.torture.control_door`."""

import logging

import pytest

from tests.torture.control_door import can_become_another_user, frames, strangers


@pytest.mark.skipif(not can_become_another_user(), reason="only root can become another user")
def test_another_user_is_never_answered():
    assert strangers(50) == (0, 50)


def test_frames_of_noise_neither_end_the_door_nor_fill_the_log(caplog: pytest.LogCaptureFixture):
    with caplog.at_level(logging.DEBUG):
        assert frames(600, seed=1) == 600

    assert [one for one in caplog.records if one.levelno >= logging.WARNING] == []
