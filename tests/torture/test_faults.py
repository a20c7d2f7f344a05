"""The short form of faults.py: a few calls that fail, in three nights."""

import asyncio
import errno
import os

import pytest

from tests.torture.failing.campaign import Campaign, repeat
from tests.torture.failing.fault import Fault, Part, faults_at, read_fault
from tests.torture.failing.nights import nights_named
from tests.torture.preload import has_compiler


def test_whichever_call_fails_nothing_is_lost_and_service_returns():
    if not has_compiler():
        assert "CI" not in os.environ, "no C compiler in CI"
        pytest.skip("there is no C compiler")
    campaign = Campaign(
        nights=nights_named("cut-off,new-session"), seed=5, count=12, minutes=2, lanes=4, kept=None
    )

    asyncio.run(campaign.run(print))

    assert len(campaign.met) >= 12
    assert [problem for one in campaign.done for problem in one.told.problems] == []


FOUND = (
    ("cut-off", "night:unlink:1:EROFS:once"),
    ("exit-in-wait", "start:ftruncate64:1:EROFS:once"),
    ("new-session", "start:open64:26:EIO:lasts"),
    ("new-session", "start:open64:27:EIO:once"),
    ("new-session", "start:open64:34:EIO:lasts"),
)


@pytest.mark.parametrize(("night", "fault"), FOUND)
def test_what_was_found_once_stays_mended(night: str, fault: str):
    if not has_compiler():
        assert "CI" not in os.environ, "no C compiler in CI"
        pytest.skip("there is no C compiler")

    (done,) = asyncio.run(repeat(nights_named(night)[0], read_fault(fault), 1, print))

    assert done.told.faults
    assert done.told.problems == []


def test_a_fault_is_what_its_text_says():
    texts = [str(fault) for fault in faults_at(Part.START, "fsync", 2)]

    assert "start:fsync:2:ENOSPC:lasts" in texts
    assert "start:fsync:1:EINTR:once" in texts
    assert len(texts) == len(set(texts)) == 2 * (2 * 2 + 1)
    assert [str(read_fault(text)) for text in texts] == texts
    assert read_fault("night:send:7:short:once") == Fault(part=Part.NIGHT, name="send", at=7)
    assert read_fault("night:send:7:ETIMEDOUT:lasts").error == errno.ETIMEDOUT


@pytest.mark.parametrize("text", ["night:send:x:EIO:once", "night:send:1:EWHAT:once", "a:b"])
def test_what_is_no_fault_is_refused(text: str):
    with pytest.raises(ValueError, match=r"."):
        read_fault(text)
