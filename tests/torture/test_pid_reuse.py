"""The short form of `python -m tests.torture.pid_reuse`."""

import pytest

from tests.torture.pid_reuse import apart, can_make_namespaces


@pytest.mark.skipif(not can_make_namespaces(), reason="needs root and namespaces of processes")
def test_whoever_got_a_dead_processs_number_is_never_hit():
    reused, hit = apart(30)

    assert hit == 0
    assert reused > 20
