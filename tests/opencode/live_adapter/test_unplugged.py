"""The daemon stops while a plugin is asked: both ends go at once, and nobody goes on waiting."""

import asyncio

import pytest

from palingenesis.assistants.opencode.plugged import Plugged, PluggedOpenCode
from palingenesis.core.errors import AssistantUnreachableError
from tests.opencode.live_adapter.test_plugged import ORIGIN, Plugin, settled


def test_whoever_is_told_to_stop_stops_also_when_the_connection_ends_in_the_same_moment():
    async def asking(plugged: Plugged) -> None:
        async with PluggedOpenCode(ORIGIN, plugged) as client:
            await client.version()

    async def story() -> None:
        plugin = Plugin()
        plugged = Plugged(plugin)
        living = asyncio.ensure_future(plugged.live())
        asked = asyncio.ensure_future(asking(plugged))
        await settled()
        assert len(plugin.asked) == 1

        plugged.ended.set()
        asked.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asked
        plugin.end()
        await living

    asyncio.run(story())


def test_whoever_is_not_told_to_stop_learns_that_the_connection_has_ended():
    async def story() -> None:
        plugin = Plugin()
        plugged = Plugged(plugin)
        living = asyncio.ensure_future(plugged.live())
        async with PluggedOpenCode(ORIGIN, plugged) as client:
            asked = asyncio.ensure_future(client.version())
            await settled()
            plugin.end()
            with pytest.raises(AssistantUnreachableError):
                await asked
        await living

    asyncio.run(story())
