"""Every door through which text of others comes in, each as a function that takes any bytes.

A door may refuse with an error of `palingenesis.core.errors` (or, inside the record's codec, with
the JournalError that its readers expect); it must not raise anything else, whatever comes.
"""

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

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
    Retry,
    SessionSummary,
    read_payload,
    read_summary,
)
from palingenesis.assistants.opencode.transcript import read_transcript
from palingenesis.channels import webhook
from palingenesis.control.wire_format import decode_error
from palingenesis.core import events
from palingenesis.core.errors import JournalError, PalingenesisError
from palingenesis.core.facts import parse_duration
from palingenesis.core.policy.compile import compile_text
from palingenesis.core.policy.conditions import Evaluator
from palingenesis.core.policy.expressions import Scope, read_expression
from palingenesis.core.record import event_from_plain, from_plain, to_plain
from palingenesis.core.stops.classify import classify
from palingenesis.core.stops.evidence import Evidence
from palingenesis.core.stops.times import retry_after
from palingenesis.core.values import AgentId, SessionId, Severity, Stop, StopReason
from palingenesis.core.world import World
from palingenesis.runtime.cleaning import cleaned
from palingenesis.runtime.config_file import parse_config
from palingenesis.runtime.foreign_text import plain, plain_lines
from palingenesis.runtime.ports import Notice
from palingenesis.sensors.frontmatter import Valid, read_header, read_mapping
from palingenesis.sensors.handoff import from_knowledge, from_note, quote, read_next_step
from palingenesis.sensors.steps import TELLTALE, read_progress, read_sprint, read_step
from palingenesis.simulation.scenario import read_scenario
from palingenesis.simulation.testing.reading import read_tests
from palingenesis.wire.redaction import redact
from palingenesis.wire.sse import SseParser
from tests.policy.texts import HERE, SCHEMA

Door = Callable[[bytes], None]

AT = datetime(2026, 11, 21, 3, tzinfo=UTC)
FACTS: Mapping[str, Any] = {
    "stop.reason": "quota",
    "stop.message": "you have 3 of 5 left",
    "session.title": "x",
    "session.cost": 1.5,
    "stop.retry_after": timedelta(seconds=3),
    "work.done": False,
}


def text_of(data: bytes) -> str:
    """As text, halves of surrogate pairs and all, as JSON's escapes can bring them."""
    try:
        return data.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        return data.decode("latin-1")


@cache
def _json_of(data: bytes) -> tuple[Any, ...]:
    """What the bytes are as JSON; nothing when they are none. And they as a value in JSON."""
    try:
        return (json.loads(data), text_of(data))
    except (ValueError, RecursionError):
        return (text_of(data),)


# ── files of people ───────────────────────────────────────────────────────────────────────────


def policy(data: bytes) -> None:
    """A policy's file, whole; and one with the text wherever a person may write one."""
    compile_text(data, name="p", schema=SCHEMA, outside=HERE)
    value = json.dumps(text_of(data)[:2000])
    document = (
        f"version: 1\nname: {value}\nrules:\n  - id: {value}\n    when: {value}\n    do:\n"
        f"      - notify: {{message: {value}, title: {value}}}\n      - wait: {value}\n"
        f"      - resume: {{message: {value}}}\n"
        f"default: {{do: [{{attention: {{reason: {value}}}}}]}}\n"
    )
    compile_text(document, name="p", schema=SCHEMA, outside=HERE)


def condition(data: bytes) -> None:
    """What stands under `when:`; a good one gives true, false or unknown, and changes nothing."""
    reading = read_expression(text_of(data), Scope())
    if reading.term is None:
        assert reading.mistakes
        return
    before = dict(FACTS)
    found = Evaluator(before).truth(reading.term)
    assert found in (True, False, None)
    assert before == FACTS


def config(data: bytes) -> None:
    """config.toml, whole; and with the text as a value of every kind."""
    _refused(lambda: parse_config(data, Path("config.toml")))
    value = json.dumps(text_of(data)[:2000])
    for line in (
        f"[opencode]\nexecutable = {value}\n",
        f"[notifications]\nwebhook_url = {value}\nntfy_topic = {value}\n",
        f"[hooks.a]\nargv = [{value}, {value}]\ntimeout = {value}\n",
        f"[daemon]\ncheck_interval = {value}\n",
    ):
        _refused(lambda line=line: parse_config(line, Path("config.toml")))


def scenario(data: bytes) -> None:
    """A scenario's file."""
    read_scenario(data)


def policy_tests(data: bytes) -> None:
    """A file of tests for a policy."""
    read_tests(data)


def duration(data: bytes) -> None:
    """A span of time."""
    _refused(lambda: parse_duration(text_of(data)))


# ── files of agents ───────────────────────────────────────────────────────────────────────────


def work_document(data: bytes) -> None:
    """A workflow document with its header, and a list of stories."""
    framed = b"---\nstepsCompleted: [1]\nworkflowType: " + data + b"\n---\n" + data
    for document in (data, framed):
        for header in (read_header(document, telltale=TELLTALE), read_mapping(document)):
            if isinstance(header, Valid):
                read_progress(header.mapping, name="prd.md", total=7)
                read_sprint(header.mapping)
                for value in header.mapping.values():
                    read_step(value)


def note(data: bytes) -> None:
    """Next-step.md, and what an earlier session said: passed on in a quoted block."""
    read_next_step(data)
    text = text_of(data)
    told = from_note(text, source=text, document=text, progress=None, torn=False)
    told.text.encode()
    known = from_knowledge(document=text, progress=None, torn=True, todos=[text] * 3, last=text)
    if known is not None:
        known.text.encode()
    lines = quote(text, bytes_max=4096).split("\n")
    assert all(line.startswith(">") for line in lines)


# ── an assistant and a provider ───────────────────────────────────────────────────────────────


def agent_json(data: bytes) -> None:
    """Whatever an assistant's server answers, and what it says of an error."""
    for value in _json_of(data):
        for payload in (value, _event(value), {"type": value, "properties": {"info": value}}):
            signal = read_payload(payload)
            if signal is not None:
                fold(Life(session=getattr(signal, "session", "") or "ses_1"), signal)
            if isinstance(signal, Retry):
                retrying_stop(signal, None, AT)
        for listing in (read_statuses, read_permissions, read_questions, read_sessions):
            listing(value)
        read_limits(value)
        read_summary(value)
        messages = [*(value if isinstance(value, list) else []), _message(value)]
        stop_of(read_transcript(messages), at=AT, owner=Owner(dead=True))
        summary = SessionSummary(id="ses_1", directory="/", title=text_of(data)[:500])
        as_markdown(summary, messages).encode("utf-8", "replace")


def _event(value: object) -> object:
    status = {"type": "retry", "message": value, "next": value}
    return {"type": "session.status", "properties": {"sessionID": "ses_1", "status": status}}


def _message(value: object) -> object:
    said = {"message": value, "statusCode": 429, "responseBody": value}
    error = {"name": "APIError", "data": said}
    info = {"id": "msg_1", "sessionID": "ses_1", "role": "assistant", "error": error}
    return {"info": {**info, "time": {"created": value, "completed": 1}}, "parts": value}


def stream(data: bytes) -> None:
    """Server-sent events, in one piece and byte by byte: the same events."""
    whole, single = SseParser(), SseParser()
    at_once = whole.feed(data)
    piece = max(1, len(data) // 4000)
    cut = [one for i in range(0, len(data), piece) for one in single.feed(data[i : i + piece])]
    assert cut == at_once
    framed = SseParser().feed(b"data: " + data.replace(b"\n", b" ").replace(b"\r", b" ") + b"\n\n")
    assert len(framed) <= 1


def provider_error(data: bytes) -> None:
    """A provider's message, body and headers."""
    text = text_of(data)
    names = ("retry-after", "retry-after-ms", "x-ratelimit-reset-requests", "date",
             "anthropic-ratelimit-tokens-reset", "ratelimit-reset")  # fmt: skip
    headers = dict.fromkeys(names, text[:4000])
    at = retry_after(headers, AT)
    assert at is None or at.tzinfo is not None
    for message, body in ((text, ""), ("", text), (f"try again in {text}", f"resets {text}")):
        evidence = Evidence(at=AT, message=message, response_body=body, response_headers=headers)
        verdict = classify(evidence)
        assert isinstance(verdict.reason, StopReason)
        assert len(verdict.message) <= 500


# ── ourselves ─────────────────────────────────────────────────────────────────────────────────


def record(data: bytes) -> None:
    """The journal's records: what is none is refused by name; what is one comes back the same."""
    for value in _json_of(data):
        for plain_form in (value, {"is": value, "at": value}, {**_STOPPED, "stop": value}):
            try:
                event = event_from_plain(plain_form, version=1)
            except JournalError:
                continue
            assert event_from_plain(to_plain(event), version=1) == event
        try:
            from_plain(World, value)
        except JournalError:
            continue


def told_text(data: bytes) -> None:
    """What others wrote on its way to a terminal, a notice, the log and the journal."""
    text = text_of(data)
    shown = plain(text)
    assert not any(ord(letter) < 32 or 0x7F <= ord(letter) < 0xA0 for letter in shown)
    shown.encode()
    plain_lines(text, 4000).encode()
    redact(text)
    stop = Stop(key="k", reason=StopReason.AUTH, message=text, evidence={"a": text})
    seen = events.SessionStopped(at=AT, session=SessionId("s"), agent=AgentId("a"), stop=stop)
    json.dumps(to_plain(cleaned(seen, redact)), ensure_ascii=False).encode()


def notice(data: bytes) -> None:
    """A notice about something that others wrote, as channels send it."""
    text = text_of(data)
    it = Notice(key="1.0", at=AT, severity=Severity.WARNING, title=text, message=text)
    assert webhook.encode(it).isascii()


def daemon_answer(data: bytes) -> None:
    """An error in an answer of the daemon, as the command line reads it."""
    for value in _json_of(data):
        for document in (value, {"error": value}, {"error": {"code": value, "problems": value}}):
            assert isinstance(decode_error(document), PalingenesisError)


_STOPPED = {"is": "SessionStopped", "at": "2026-11-21T03:00:00Z", "session": "s", "agent": "a"}

ENTRANCES: Mapping[str, Door] = {
    "policy": policy,
    "condition": condition,
    "configuration": config,
    "scenario": scenario,
    "policy tests": policy_tests,
    "duration": duration,
    "work document": work_document,
    "note": note,
    "agent's JSON": agent_json,
    "event stream": stream,
    "provider's error": provider_error,
    "record": record,
    "told text": told_text,
    "notice": notice,
    "daemon's answer": daemon_answer,
}


def _refused(read: Callable[[], object]) -> None:
    try:
        read()
    except PalingenesisError:
        return
