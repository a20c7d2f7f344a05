"""Discord and Slack, through their incoming webhooks."""

import asyncio
import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

import pytest

from palingenesis.channels.configured import make_channels
from palingenesis.channels.posting import Address
from palingenesis.channels.rooms import Discord, Slack
from palingenesis.core.values import Result, SessionId, Severity
from palingenesis.runtime.config import Config, NotificationsConfig
from palingenesis.runtime.ports import Notice, Outcome
from palingenesis.runtime.secret import Secret
from palingenesis.wire.redaction import remember

NOTICE = Notice(
    key="12.0",
    at=datetime(2026, 11, 21, 3, 0, tzinfo=UTC),
    severity=Severity.CRITICAL,
    title="Needs you",
    message="The session waits\nfor a permission",
    session=SessionId("ses_1abc"),
)


class Room(BaseHTTPRequestHandler):
    """A webhook's other end: keeps what it gets, and answers as it is told."""

    taken: ClassVar[list[tuple[str, dict[str, Any]]]] = []
    status: ClassVar[int] = 204

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        self.taken.append((self.path, json.loads(body)))
        self.send_response(self.status)
        if self.status == 429:
            self.send_header("retry-after", "2")
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Say nothing."""


@contextmanager
def room(status: int = 204) -> Iterator[tuple[str, list[tuple[str, dict[str, Any]]]]]:
    kind = type("OneRoom", (Room,), {"taken": [], "status": status})
    server = ThreadingHTTPServer(("127.0.0.1", 0), kind)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/api/webhooks/1/abc", kind.taken
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def told(kind: type[Discord | Slack], notice: Notice, status: int = 204) -> dict[str, Any]:
    with room(status) as (url, taken):
        assert asyncio.run(kind(Address(url)).send(notice)).result is Result.OK
    ((path, document),) = taken
    assert path == "/api/webhooks/1/abc"
    return document


def test_discord_gets_the_title_and_the_message_and_mentions_nobody():
    assert told(Discord, NOTICE) == {
        "content": "🚨 **Needs you**\nThe session waits\nfor a permission",
        "allowed_mentions": {"parse": []},
        "flags": 4,
    }


def test_slack_gets_the_title_and_the_message_as_plain_text():
    assert told(Slack, NOTICE, 200) == {
        "text": "🚨 Needs you\nThe session waits\nfor a permission",
        "mrkdwn": False,
        "unfurl_links": False,
    }


def test_what_a_provider_wrote_is_no_markup():
    notice = replace(NOTICE, message="<!channel> *bold* & `code` <@123>")

    assert told(Slack, notice)["text"].endswith("&lt;!channel&gt; *bold* &amp; `code` &lt;@123&gt;")
    assert told(Discord, notice)["content"].endswith(r"\<!channel\> \*bold\* & \`code\` \<@123\>")


@pytest.mark.parametrize("letter", ["x", "🚨", "*"])
def test_a_long_message_stays_one_that_is_taken(letter: str):
    content = told(Discord, replace(NOTICE, message=letter * 5000))["content"]
    text = told(Slack, replace(NOTICE, message=letter * 5000))["text"]

    assert 1900 < len(content.encode("utf-16-le")) // 2 <= 2000
    assert content.endswith("…")
    assert len(text.encode("utf-16-le")) // 2 <= 4000


def test_a_secret_does_not_leave_with_a_notice():
    remember("sk-very-secret-thing-1")

    for kind in (Discord, Slack):
        document = told(kind, replace(NOTICE, message="key sk-very-secret-thing-1 was refused"))
        assert "very-secret" not in json.dumps(document)


@pytest.mark.parametrize(
    ("status", "result"),
    [
        (429, Result.FAILED),
        (500, Result.FAILED),
        (404, Result.SUPERSEDED),
        (302, Result.SUPERSEDED),
    ],
)
@pytest.mark.parametrize("kind", [Discord, Slack])
def test_an_answer_tells_whether_trying_again_can_help(
    kind: type[Discord | Slack], status: int, result: Result
):
    with room(status) as (url, taken):
        outcome: Outcome = asyncio.run(kind(Address(url)).send(NOTICE))

    assert outcome.result is result
    assert "abc" not in outcome.detail
    assert len(taken) == 1


def test_both_are_made_from_the_configuration_and_their_addresses_are_secrets():
    class StandingClock:
        def now(self) -> datetime:
            return NOTICE.at

        async def sleep(self, seconds: float) -> None:
            raise AssertionError("nobody sleeps here")

    config = NotificationsConfig(
        discord_webhook=Secret(env="DISCORD"),
        slack_webhook="https://hooks.slack.com/services/T0/B0/sesame",
    )
    environ: Mapping[str, str] = {"DISCORD": "https://discord.com/api/webhooks/1/abc"}

    channels = make_channels(Config(notifications=config), environ=environ, clock=StandingClock())

    assert [channel.name for channel in channels] == ["discord", "slack"]
    assert config.channels == {"discord", "slack"}
    assert config.secret_variables == {"DISCORD"}
    assert "sesame" not in repr(config)
