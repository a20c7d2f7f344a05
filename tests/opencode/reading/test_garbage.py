"""Whatever a server says, the reading never raises."""

import copy
import json
from datetime import UTC, datetime
from functools import cache
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from palingenesis.assistants.opencode.backup import as_markdown
from palingenesis.assistants.opencode.life import Life, fold
from palingenesis.assistants.opencode.listings import (
    read_limits,
    read_permissions,
    read_questions,
    read_sessions,
    read_statuses,
)
from palingenesis.assistants.opencode.reading import Owner, retrying_stop, stop_of
from palingenesis.assistants.opencode.signals import (
    Noise,
    Retry,
    SessionSummary,
    read_payload,
    read_summary,
)
from palingenesis.assistants.opencode.transcript import read_transcript
from tests.opencode.reading.recordings import payloads, recorded

AT = datetime(2026, 11, 21, tzinfo=UTC)
SCENARIOS = ("tool_call", "rl_no_header_gives_up", "permission_ask", "subagent", "ctx_openai_auto")

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(min_value=-(10**30), max_value=10**30)
    | st.floats()
    | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4)
    ),
    max_leaves=12,
)


@cache
def _samples() -> list[str]:
    found: dict[str, str] = {}
    for scenario in SCENARIOS:
        for payload in payloads(scenario):
            found.setdefault(payload["type"] + str(len(json.dumps(payload)) // 200), "")
            found[payload["type"] + str(len(json.dumps(payload)) // 200)] = json.dumps(payload)
    return sorted(found.values())


@st.composite
def _mutated(draw: st.DrawFn, value: Any) -> Any:
    """The same thing with one value, somewhere, replaced by anything."""
    value = copy.deepcopy(value)
    node: Any = value
    while isinstance(node, dict | list) and node:
        keys = list(node) if isinstance(node, dict) else list(range(len(node)))
        key = draw(st.sampled_from(keys))
        if not isinstance(node[key], dict | list) or not node[key] or draw(st.booleans()):
            node[key] = draw(JSON)
            break
        node = node[key]
    return value


def _read_everything(value: Any) -> None:
    signal = read_payload(value)
    life = Life(session=getattr(signal, "session", "") or "ses_1")
    if signal is not None:
        life, _ = fold(life, signal)
    if isinstance(signal, Retry):
        retrying_stop(signal, None, AT)
    read_statuses(value)
    read_permissions(value)
    read_questions(value)
    read_sessions(value)
    read_limits(value)
    read_summary(value)


@given(JSON)
def test_anything_at_all_can_be_read(value: Any) -> None:
    _read_everything(value)


@settings(max_examples=300)
@given(st.data())
def test_a_damaged_event_is_read_or_noise(data: st.DataObject) -> None:
    sample = json.loads(data.draw(st.sampled_from(_samples())))

    _read_everything(data.draw(_mutated(sample)))


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_damaged_messages_still_give_a_transcript_and_a_stop_or_none(data: st.DataObject) -> None:
    messages = recorded(data.draw(st.sampled_from(("tool_call", "rl_insufficient_quota"))))
    damaged = data.draw(_mutated(messages))
    if not isinstance(damaged, list):
        return

    transcript = read_transcript(damaged)
    stop_of(transcript, at=AT)
    stop_of(transcript, at=AT, owner=Owner(dead=True))
    as_markdown(SessionSummary(id="s"), damaged)


def test_unknown_kinds_and_copies_for_synchronisation_are_noise() -> None:
    sync = {"directory": "/x", "payload": {"type": "sync", "syncEvent": {"type": "session.idle"}}}

    assert read_payload(sync) == Noise(kind="sync", directory="/x")
    assert read_payload({"type": "session.status", "properties": {}}) == Noise(
        kind="session.status"
    )
    assert read_payload({"properties": {}}) is None
    assert read_payload("<html>") is None
