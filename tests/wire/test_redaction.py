"""No credential survives redaction, and ordinary words do."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from palingenesis.wire.redaction import redact

SECRET = "Zq8vN3xT7wK2mB5c"


@pytest.mark.parametrize(
    "text",
    [
        f"Authorization: Basic {SECRET}==",
        f"authorization: {SECRET}",
        f'{{"Authorization": "Bearer {SECRET}"}}',
        f"curl -H 'x-api-key: {SECRET}'",
        f"Incorrect API key provided: sk-{SECRET}.",
        f"sk-ant-api03-{SECRET}",
        f"Bearer {SECRET}",
        f"http://opencode:{SECRET}@127.0.0.1:4096/x",
        f"http://127.0.0.1/event?auth_token={SECRET}&x=1",
        f"https://hooks.slack.com/services/T0/B0/{SECRET}",
        f"https://discord.com/api/webhooks/123456/{SECRET}",
        f"https://api.telegram.org/bot123:{SECRET}/sendMessage",
        f"whsec_{SECRET}",
        f"ghp_{SECRET}",
        f"OPENCODE_SERVER_PASSWORD={SECRET}",
        f'"password": "{SECRET}"',
        f"-----BEGIN RSA PRIVATE KEY-----\n{SECRET}\n-----END RSA PRIVATE KEY-----",
    ],
)
def test_a_secret_does_not_survive(text: str) -> None:
    once = redact(text)

    assert SECRET not in once
    assert redact(once) == once


@pytest.mark.parametrize(
    "text",
    [
        "Rate limit reached, try again in 20s",
        "the task-list has 3 open steps; see docs/token-bucket.md",
        "http://127.0.0.1:4096/session?limit=3",
        "invalid password",
        "basic authentication is required",
    ],
)
def test_ordinary_words_stay(text: str) -> None:
    assert redact(text) == text


@given(st.text(max_size=400))
def test_redacting_twice_is_redacting_once(text: str) -> None:
    assert redact(redact(text)) == redact(text)
