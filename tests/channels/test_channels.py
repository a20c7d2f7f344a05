import asyncio
import base64
import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from palingenesis.channels.address import check_address
from palingenesis.channels.configured import make_channels
from palingenesis.channels.ntfy import Ntfy
from palingenesis.channels.posting import Address, Reply, post
from palingenesis.channels.webhook import Webhook, read_secret
from palingenesis.core.errors import (
    DeniedError,
    InvalidConfigError,
    PalingenesisError,
    WireDeadlineError,
    WireError,
)
from palingenesis.core.values import Result, SessionId, Severity
from palingenesis.runtime.config import Config, ConfigProblemsError, NotificationsConfig
from palingenesis.runtime.config_file import parse_config
from palingenesis.runtime.ports import Notice, Outcome
from palingenesis.runtime.secret import Secret

NOW = datetime(2026, 11, 21, 3, 0, tzinfo=UTC)
KEY = b"0123456789abcdef0123456789abcdef"
SECRET = "whsec_" + base64.b64encode(KEY).decode()
URL = "https://hooks.example.org/T0/s3cret"

NOTICE = Notice(
    key="12.0",
    at=NOW,
    severity=Severity.CRITICAL,
    title="Needs you",
    message="The session waits\nfor a permission",
    session=SessionId("ses_1abc"),
)


class StandingClock:
    def now(self) -> datetime:
        return NOW

    async def sleep(self, seconds: float) -> None:
        raise AssertionError("nobody sleeps here")


class Receiver:
    """Takes what is posted, and answers as it is told."""

    def __init__(self, answer: int | WireError = 200) -> None:
        self.answer = answer
        self.taken: list[tuple[str, Mapping[str, str], bytes]] = []

    async def __call__(
        self, url: str, *, headers: Mapping[str, str], body: bytes, timeout_s: float
    ) -> Reply:
        assert timeout_s == 10
        self.taken.append((url, headers, body))
        if isinstance(self.answer, WireError):
            raise self.answer
        return Reply(self.answer, {}, b"")


def resolver(*addresses: str):  # type: ignore[no-untyped-def]
    async def resolve(host: str, port: int) -> Sequence[str]:
        return addresses

    return resolve


PUBLIC = resolver("93.184.216.34")


def webhook(receiver: Receiver, *, secret: str | None = SECRET) -> Webhook:
    return Webhook(Address(URL, post=receiver, resolve=PUBLIC), StandingClock(), secret=secret)


def sent(channel: Webhook | Ntfy, notice: Notice = NOTICE) -> Outcome:
    return asyncio.run(channel.send(notice))


def test_a_webhook_says_what_happened_in_json():
    receiver = Receiver()

    assert sent(webhook(receiver)).result is Result.OK

    ((url, headers, body),) = receiver.taken
    assert url == URL
    assert headers["content-type"] == "application/json"
    assert json.loads(body) == {
        "type": "palingenesis.notice",
        "timestamp": "2026-11-21T03:00:00Z",
        "data": {
            "key": "12.0",
            "severity": "critical",
            "title": "Needs you",
            "message": "The session waits\nfor a permission",
            "session": "ses_1abc",
        },
    }


def test_a_webhook_is_signed_as_the_standard_says():
    receiver = Receiver()

    sent(webhook(receiver))

    ((_, headers, body),) = receiver.taken
    signed = b"12.0." + str(int(NOW.timestamp())).encode() + b"." + body
    expected = base64.b64encode(hmac.new(KEY, signed, hashlib.sha256).digest()).decode()
    assert headers["webhook-id"] == "12.0"
    assert headers["webhook-timestamp"] == str(int(NOW.timestamp()))
    assert headers["webhook-signature"] == f"v1,{expected}"


def test_the_example_of_the_specification_verifies():
    from palingenesis.channels.webhook import sign

    signature = sign(
        read_secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"),
        "msg_p5jXN8AQM9LWM0D4loKWxJek",
        1614265330,
        b'{"test": 2432232314}',
    )

    assert signature == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_a_notice_that_is_sent_again_keeps_its_id():
    receiver = Receiver(503)

    sent(webhook(receiver))
    sent(webhook(receiver))

    first, second = receiver.taken
    assert first[1]["webhook-id"] == second[1]["webhook-id"]


@pytest.mark.parametrize(
    ("status", "result"),
    [
        (200, Result.OK),
        (204, Result.OK),
        (301, Result.SUPERSEDED),
        (400, Result.SUPERSEDED),
        (401, Result.SUPERSEDED),
        (404, Result.SUPERSEDED),
        (408, Result.FAILED),
        (410, Result.SUPERSEDED),
        (429, Result.FAILED),
        (500, Result.FAILED),
        (503, Result.FAILED),
    ],
)
def test_an_answer_tells_whether_trying_again_can_help(status: int, result: Result):
    assert sent(webhook(Receiver(status))).result is result


@pytest.mark.parametrize("error", [WireError("gone"), WireDeadlineError("late")])
def test_silence_may_be_tried_again(error: WireError):
    assert sent(webhook(Receiver(error))) == Outcome(result=Result.FAILED, detail=error.message)


def test_secrets_and_escapes_do_not_leave_with_a_notice():
    receiver = Receiver()
    notice = replace(NOTICE, title="\x1b[31mno\r\nway", message="key sk-ant-REDACTED\u202e")

    sent(webhook(receiver), notice)
    sent(Ntfy(Address("https://ntfy.sh/", post=receiver, resolve=PUBLIC), "topic"), notice)

    for _, _, body in receiver.taken:
        text = str(json.loads(body))
        assert "sk-ant-abc" not in text
        assert "\\x1b" not in text
        assert "\u202e" not in text


@pytest.mark.parametrize("secret", ["", "whsec_", "whsec_short", "not base64!", "whsec_MTIz"])
def test_a_secret_that_is_none_is_refused_and_not_repeated(secret: str):
    with pytest.raises(InvalidConfigError) as caught:
        read_secret(secret)

    assert not secret or secret not in caught.value.message


def test_ntfy_gets_title_priority_and_tags():
    receiver = Receiver()
    ntfy = Ntfy(Address("https://ntfy.sh/", post=receiver, resolve=PUBLIC), "night", token="tk_1")

    assert sent(ntfy).result is Result.OK

    ((url, headers, body),) = receiver.taken
    assert url == "https://ntfy.sh/"
    assert headers["authorization"] == "Bearer tk_1"
    assert json.loads(body) == {
        "topic": "night",
        "title": "Needs you",
        "message": "The session waits\nfor a permission",
        "priority": 5,
        "tags": ["rotating_light"],
    }


def test_a_long_message_stays_a_message():
    receiver = Receiver()
    ntfy = Ntfy(Address("https://ntfy.sh/", post=receiver, resolve=PUBLIC), "night")

    sent(ntfy, replace(NOTICE, message="ä" * 10_000))

    message = json.loads(receiver.taken[0][2])["message"]
    assert len(message.encode()) <= 4096
    assert message.endswith("…")


def checked(url: str, *addresses: str, allow_private: bool = False) -> None:
    resolve = resolver(*addresses)
    asyncio.run(check_address(url, allow_private=allow_private, resolve=resolve))


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "10.0.0.1",
        "172.16.0.1",
        "192.168.1.1",
        "100.64.0.1",
        "169.254.169.254",
        "0.0.0.0",
        "224.0.0.1",
        "::1",
        "::",
        "fe80::1%eth0",
        "fd00::1",
        "ff02::1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "64:ff9b::7f00:1",
        "2002:7f00:1::",
        "::7f00:1",
        "::a9fe:a9fe",
        "::ffff:0:127.0.0.1",
        "64:ff9b:1::7f00:1",
        "2001:0:4136:e378:8000:63bf:80ff:fffe",
        "fec0::1",
        "5f00::1",
        "3fff::1",
        "2001:db8::1",
        "192.0.0.8",
        "192.88.99.1",
        "198.18.0.1",
        "240.0.0.1",
        "255.255.255.255",
    ],
)
def test_a_name_that_leads_inside_is_refused(address: str):
    for addresses in ((address,), ("93.184.216.34", address)):
        with pytest.raises(DeniedError, match="not public"):
            checked(URL, *addresses)


@pytest.mark.parametrize("address", ["93.184.216.34", "2606:2800:220:1:248:1893:25c8:1946"])
def test_a_public_host_may_be_told(address: str):
    checked(URL, address)


def test_private_hosts_may_be_told_when_asked_for_but_never_the_cloud_metadata():
    checked(URL, "192.168.1.1", allow_private=True)

    for metadata in ("169.254.169.254", "::a9fe:a9fe", "::ffff:169.254.169.254", "fe80::a9fe"):
        with pytest.raises(DeniedError):
            checked(URL, metadata, allow_private=True)


@pytest.mark.parametrize("url", ["http://127.0.0.1:8080/x", "http://localhost/x", "http://[::1]/"])
def test_this_machine_may_be_told_without_tls(url: str):
    checked(url)


@pytest.mark.parametrize(
    "url",
    [
        "http://example.org/x",
        "ftp://example.org/x",
        "file:///etc/passwd",
        "https://user:pw@example.org/",
        "https:///x",
        "https://[::1/",
        "https://example.org:99999/",
        "http://127.0.0.1.example.org/",
        "http://127.1/",
        "http://0x7f000001/",
        "http://2130706433/",
        "//example.org",
        "",
    ],
)
def test_an_address_of_a_wrong_form_is_refused(url: str):
    with pytest.raises(InvalidConfigError):
        checked(url, "93.184.216.34")


@pytest.mark.parametrize("host", ["127.1", "0x7f000001", "2130706433", "017700000001"])
def test_loopback_in_disguise_is_refused(host: str):
    from palingenesis.channels.address import resolve

    with pytest.raises(PalingenesisError):
        asyncio.run(check_address(f"https://{host}/", allow_private=False, resolve=resolve))


def test_a_refused_address_is_a_permanent_failure_that_keeps_the_address_secret():
    receiver = Receiver()
    channel = Webhook(
        Address(URL, post=receiver, resolve=resolver("10.0.0.1")), StandingClock(), secret=SECRET
    )

    outcome = sent(channel)

    assert outcome.result is Result.SUPERSEDED
    assert "s3cret" not in outcome.detail
    assert receiver.taken == []


def test_the_configured_channels_are_made(tmp_path: Path):
    config = NotificationsConfig(
        webhook_url=Secret(env="HOOK"),
        webhook_secret=Secret(env="HOOK_SECRET"),
        ntfy_topic="night",
    )

    channels = make_channels(
        Config(notifications=config),
        environ={"HOOK": URL, "HOOK_SECRET": SECRET},
        clock=StandingClock(),
    )

    assert [channel.name for channel in channels] == ["webhook", "ntfy"]
    assert make_channels(Config(), environ={}, clock=StandingClock()) == ()


def test_whatever_no_channel_can_be_made_of_is_told_before_the_night_begins_with_its_place():
    config = parse_config(
        """[notifications]
webhook_url = { env = "HOOK" }
webhook_secret = { env = "HOOK_SECRET" }
discord_webhook = { env = "DISCORD" }
""",
        Path("config.toml"),
    )

    with pytest.raises(ConfigProblemsError) as caught:
        make_channels(config, environ={"DISCORD": "http://example.org/x"}, clock=StandingClock())

    hook, secret, discord = caught.value.problems
    assert hook.startswith("config.toml:2:1: error: notifications.webhook_url: a secret is missing")
    assert secret.startswith("config.toml:3:1: error: notifications.webhook_secret: a secret is")
    assert "HOOK_SECRET is empty\n  help: put it there" in secret
    assert discord.startswith("config.toml:4:1: error: notifications.discord_webhook: a notif")
    assert "example.org" not in discord


def test_a_secret_that_cannot_be_looked_up_from_here_leaves_its_channel_out():
    told = NotificationsConfig(webhook_url=Secret(env="HOOK"), ntfy_topic="night")

    channels = make_channels(
        Config(notifications=told),
        environ={},
        clock=StandingClock(),
        is_unknown=lambda secret: secret.env is not None,
    )

    assert [channel.name for channel in channels] == ["ntfy"]


def test_a_real_post_reaches_a_real_server_and_follows_no_redirect():
    asked: list[bytes] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 302 Found\r\nlocation: /elsewhere\r\ncontent-length: 0\r\n\r\n")
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    async def night() -> Reply:
        server = await asyncio.start_server(answer, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        async with server:
            url = f"http://127.0.0.1:{port}/hook/?a=b"
            return await post(url, headers={"webhook-id": "1"}, body=b"{}", timeout_s=5)

    reply = asyncio.run(night())

    assert reply.status == 302
    assert len(asked) == 1
    assert asked[0].startswith(b"POST /hook/?a=b HTTP/1.1\r\n")
