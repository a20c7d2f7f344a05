"""Somebody else's server: what is said about it when it is reached."""

import asyncio

from palingenesis.assistants.opencode.attached import AttachedServer
from tests.opencode.live_adapter.fake import PASSWORD, FakeOpenCode
from tests.opencode.live_adapter.test_actuator import QuickClock


def detail_of(fake_password: str | None, ours: str | None) -> str:
    async def look() -> str:
        async with FakeOpenCode(password=fake_password) as fake:
            return (await AttachedServer(fake.origin, ours, QuickClock()).up()).detail

    return asyncio.run(look())


def test_a_server_that_anybody_can_drive_is_warned_about_with_the_way_out():
    for ours in (None, PASSWORD):
        detail = detail_of(None, ours)

        assert "any web page on this machine can drive it" in detail
        assert "OPENCODE_SERVER_PASSWORD" in detail


def test_a_server_that_asks_for_its_password_is_fine():
    assert detail_of(PASSWORD, PASSWORD) == ""
