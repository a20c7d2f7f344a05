from base64 import urlsafe_b64encode

import pytest

from palingenesis.assistants.opencode.backup import as_markdown
from palingenesis.assistants.opencode.messages import leave_out
from palingenesis.assistants.opencode.signals import SessionSummary, read_summary
from tests.opencode.reading.recordings import recorded


def test_a_backup_reads_like_the_conversation() -> None:
    session = read_summary(recorded("basic_text", "session.json"))
    assert session is not None

    document = as_markdown(session, recorded("basic_text"))

    assert document.startswith(f"# {session.title}\n\n- session: `{session.id}`\n")
    assert "## User, 2026-11-21 " in document
    assert "\nfirst answer, all fine\n" in document


def test_a_backup_shows_tools_errors_and_answers_that_were_cut_short() -> None:
    session = SessionSummary(id="ses_1")

    tools = as_markdown(session, recorded("tool_call"))
    failed = as_markdown(session, recorded("auth_401_openai"))
    killed = as_markdown(session, recorded("sigkill_mid_tool"))

    assert "**bash** (completed)" in tools
    assert "> **APIError**: Incorrect API key provided" in failed
    assert "**bash** (running)" in killed
    assert "> This answer was never completed." in killed


def test_a_fence_inside_a_tools_output_does_not_end_its_own() -> None:
    part = {
        "id": "prt_1",
        "type": "tool",
        "tool": "read",
        "state": {"status": "completed", "output": "```\nx\n```"},
    }

    document = as_markdown(
        SessionSummary(id="s"), [{"info": {"id": "m", "role": "assistant"}, "parts": [part]}]
    )

    assert "````\n```\nx\n```\n````" in document


def test_a_backup_of_garbage_is_still_a_document() -> None:
    assert as_markdown(SessionSummary(id="s"), [None, 3, {"info": []}, "x"]).startswith("# s\n")


@pytest.mark.parametrize(
    ("cursor", "named"),
    [
        ("msg_0a", "the message `msg_0a`;"),
        (urlsafe_b64encode(b'{"id": "msg_0b", "time": 1}').decode().rstrip("="), "`msg_0b`;"),
        ("7", "a message;"),
        ("", "a message;"),
        ("not base64!", "a message;"),
    ],
)
def test_a_message_that_was_too_large_is_named_where_it_would_stand(cursor: str, named: str):
    document = as_markdown(SessionSummary(id="s"), [leave_out(cursor)])

    [line] = [line for line in document.splitlines() if line.startswith("> **Left out**")]
    assert named in line
    assert line.endswith("it is larger than 16777216 bytes, the most that is read at once.")
