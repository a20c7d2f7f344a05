"""Sending one document to one address, and reading the answer as an outcome."""

from collections.abc import Mapping
from typing import NamedTuple, Protocol
from urllib.parse import urlsplit

from palingenesis.channels.address import Resolve, check_address, resolve
from palingenesis.core.errors import DeniedError, InvalidConfigError, WireError
from palingenesis.core.values import Result
from palingenesis.runtime.ports import Outcome
from palingenesis.wire.http import Wire

TIMEOUT_S = 10.0
BYTES_MAX = 64 * 1024
_AGAIN = frozenset({408, 425, 429})


class Reply(NamedTuple):
    """What came back."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Post(Protocol):
    """Sends a body to a URL. Never follows redirects."""

    async def __call__(
        self, url: str, *, headers: Mapping[str, str], body: bytes, timeout_s: float
    ) -> Reply:
        """Send.

        Raises:
            WireError: no answer, or one that could not be taken in.
        """
        ...


async def post(url: str, *, headers: Mapping[str, str], body: bytes, timeout_s: float) -> Reply:
    """The `Post` of production: a fresh connection through the house's HTTP.

    Raises:
        WireError: no answer, or one that could not be taken in.
    """
    parts = urlsplit(url)
    path = url.partition("#")[0].removeprefix(f"{parts.scheme}://{parts.netloc}")
    origin = f"{parts.scheme}://{parts.netloc}"
    async with Wire(origin, keep_alive=False, bytes_max=BYTES_MAX) as wire:
        answer = await wire.request(
            "POST", path or "/", content=body, headers=headers, timeout_s=timeout_s
        )
    return Reply(answer.status, answer.headers, answer.body)


class Address:
    """One checked address that documents are sent to.

    Args:
        url: where to; never shown in any message.
        allow_private: whether hosts inside private networks may be told.
    """

    def __init__(
        self,
        url: str,
        *,
        allow_private: bool = False,
        post: Post = post,
        resolve: Resolve = resolve,
    ) -> None:
        self._url = url
        self._allow_private = allow_private
        self._post = post
        self._resolve = resolve

    async def send(self, body: bytes, headers: Mapping[str, str]) -> Outcome:
        """Send a JSON document. `failed` may be tried again; `superseded` never will help."""
        headers = {
            "content-type": "application/json",
            "user-agent": "palingenesis",
            **headers,
        }
        try:
            await check_address(self._url, allow_private=self._allow_private, resolve=self._resolve)
            reply = await self._post(self._url, headers=headers, body=body, timeout_s=TIMEOUT_S)
        except (DeniedError, InvalidConfigError) as error:
            return Outcome(result=Result.SUPERSEDED, detail=error.message)
        except WireError as error:
            return Outcome(result=Result.FAILED, detail=error.message)
        return read_reply(reply.status)


def read_reply(status: int) -> Outcome:
    """What an HTTP status means for a delivery."""
    said = f"answered {status}"
    if 200 <= status < 300:  # noqa: PLR2004  the classes of HTTP statuses
        return Outcome(result=Result.OK, detail=said)
    if status in _AGAIN or status >= 500:  # noqa: PLR2004
        return Outcome(result=Result.FAILED, detail=said)
    if 300 <= status < 400:  # noqa: PLR2004
        said += ": redirects are not followed, correct the address"
    return Outcome(result=Result.SUPERSEDED, detail=said)
