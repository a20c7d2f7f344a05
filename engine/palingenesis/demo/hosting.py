"""The scripted provider in a thread of its own, for callers that have no event loop."""

import asyncio
import threading
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Self, TypeVar

from palingenesis.demo.provider import ModelRequest, Provider, Respond
from palingenesis.demo.replies import Reply
from palingenesis.runtime.ports import Clock

Answer = TypeVar("Answer")

START_S_MAX = 10.0
CALL_S_MAX = 10.0


class RunningProvider:
    """A `Provider` behind plain calls: `with RunningProvider(clock) as provider`."""

    def __init__(self, clock: Clock, *, port: int = 0) -> None:
        self._clock = clock
        self._asked_port = port
        self._started = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._provider: Provider | None = None
        self._failure: OSError | None = None
        self._thread = threading.Thread(target=self._run, name="scripted-provider", daemon=True)

    def __enter__(self) -> Self:
        """Start the thread and wait until the port is open."""
        self._thread.start()
        if not self._started.wait(START_S_MAX):
            raise TimeoutError("the scripted provider did not start")
        if self._failure is not None:
            raise self._failure
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop the thread."""
        if self._loop is not None and self._stop is not None and self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(START_S_MAX)

    @property
    def url(self) -> str:
        """The base URL for both APIs."""
        return self._hosted.url

    @property
    def port(self) -> int:
        """The loopback port."""
        return self._hosted.port

    @property
    def requests(self) -> list[ModelRequest]:
        """What was asked of the scripted models so far, in order; without the title writers."""
        return [request for request in self.all_requests if not request.side]

    @property
    def all_requests(self) -> list[ModelRequest]:
        """What was asked so far, title writers included."""
        return self._call(lambda: list(self._hosted.requests))

    @property
    def queued(self) -> int:
        """How many scripted replies are left."""
        return self._call(lambda: len(self._hosted.script.replies))

    def script(self, *replies: Reply, replace: bool = False) -> None:
        """Append replies; or put them in the place of what is left."""

        def change() -> None:
            if replace:
                self._hosted.script.replies.clear()
            self._hosted.add(*replies)

        self._call(change)

    def default(self, reply: Reply) -> None:
        """What is answered when the script is empty."""

        def change() -> None:
            self._hosted.script.default = reply

        self._call(change)

    def respond(self, choose: Respond | None) -> None:
        """Let a function choose replies first; it is called in the provider's thread."""

        def change() -> None:
            self._hosted.script.respond = choose

        self._call(change)

    def release(self) -> None:
        """Let every stalled reply go on; each ends well."""
        self._call(self._hosted.release)

    def reset(self) -> None:
        """Forget the script and the requests, and release what stalls."""
        self._call(self._hosted.reset)

    def refuse(self) -> None:
        """Close the port and every connection: an outage of the network."""
        self._finish(self._hosted.refuse)

    def accept(self) -> None:
        """Open the same port again."""
        self._finish(self._hosted.accept)

    @property
    def _hosted(self) -> Provider:
        assert self._provider is not None, "the provider has not been entered"
        return self._provider

    def _run(self) -> None:
        asyncio.run(self._serve())

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        self._provider = Provider(self._clock, port=self._asked_port)
        try:
            await self._provider.accept()
        except OSError as error:
            self._failure = error
        finally:
            self._started.set()
        if self._failure is None:
            await self._stop.wait()
            await self._provider.refuse()

    def _call(self, work: Callable[[], Answer]) -> Answer:
        async def within() -> Answer:
            return work()

        assert self._loop is not None, "the provider has not been entered"
        return asyncio.run_coroutine_threadsafe(within(), self._loop).result(CALL_S_MAX)

    def _finish(self, work: Callable[[], Awaitable[None]]) -> None:
        async def within() -> None:
            await work()

        assert self._loop is not None, "the provider has not been entered"
        asyncio.run_coroutine_threadsafe(within(), self._loop).result(CALL_S_MAX)
