"""The demo's misfortunes come about, or the night is judged as one that went another way."""

import os
import resource

import pytest

from palingenesis.app.conducting import AstrayError, kill
from palingenesis.processes.identity import identify


def test_a_server_that_cannot_be_killed_for_lack_of_descriptors_ends_the_story_not_the_demo():
    me = identify(os.getpid())
    assert me is not None
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)

    resource.setrlimit(resource.RLIMIT_NOFILE, (0, hard))
    try:
        with pytest.raises(AstrayError):
            kill(me)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
