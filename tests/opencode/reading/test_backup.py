from palingenesis.assistants.opencode.backup import as_markdown
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
