from typing import Any

from palingenesis.assistants.opencode.ids import prompt_ids
from palingenesis.assistants.opencode.listings import read_limits
from palingenesis.assistants.opencode.messages import read_message
from palingenesis.assistants.opencode.transcript import context_used, read_transcript
from tests.opencode.reading.recordings import recorded
from tests.opencode.reading.test_ids import AT


def said(role: str, identity: str, *parts: dict[str, Any], **info: Any) -> dict[str, Any]:
    return {"info": {"id": identity, "role": role, "sessionID": "ses_1", **info}, "parts": [*parts]}


def tool(name: str, status: str = "completed", **given: Any) -> dict[str, Any]:
    return {"type": "tool", "tool": name, "state": {"status": status, "input": given}}


def words(text: str, **more: Any) -> dict[str, Any]:
    return {"type": "text", "text": text, **more}


def test_the_window_is_counted_as_opencodes_own_screen_counts_it() -> None:
    tokens = {"input": 100, "output": 20, "reasoning": 5, "cache": {"read": 60, "write": 15}}
    model = {"providerID": "p", "modelID": "m"}

    transcript = read_transcript([said("assistant", "a", tokens=tokens, **model)])

    assert context_used(transcript, {("p", "m"): 1000}) == 0.2
    assert context_used(transcript, {("p", "other"): 1000}) is None
    assert context_used(transcript, {}) is None


def test_a_nearly_full_window_was_recorded_and_is_unknown_after_its_summary() -> None:
    limits = {("fake", "fake-big"): 200_000}
    messages = recorded("ctx_usage_high_auto")

    full = read_transcript(messages[:4])
    summarised = read_transcript(messages[:6])
    after = read_transcript(messages)

    assert context_used(full, limits) == 0.9775
    assert context_used(summarised, limits) is None
    assert context_used(after, limits) == 0.0006


def test_files_are_bound_by_the_tools_that_wrote_them_and_never_by_a_shell() -> None:
    transcript = read_transcript(
        [
            said("user", "u"),
            said(
                "assistant", "a", tool("write", filePath="/w/plan.md"), tool("bash", filePath="x")
            ),
            said("assistant", "b", tool("edit", filePath="/w/plan.md"), tool("read", filePath="y")),
            said("assistant", "c", tool("write", "error", filePath="/w/failed.md")),
        ]
    )

    assert transcript.written == ("/w/plan.md",)


def test_the_last_todo_list_is_the_one_that_counts() -> None:
    todos = [{"content": "a", "status": "completed"}, {"content": "b", "status": "pending"}]

    transcript = read_transcript([said("assistant", "a", tool("todowrite", todos=todos))])

    assert transcript.todos is not None
    assert [todo.content for todo in transcript.todos if todo.is_open] == ["b"]
    assert read_transcript([said("assistant", "a")]).todos is None


def test_a_person_is_told_from_us_from_opencode_and_from_a_plugin() -> None:
    ours, _ = prompt_ids("3.1", AT)
    transcript = read_transcript(
        [
            said("user", "msg_1", words("build it")),
            said("assistant", "msg_2", words("done"), finish="stop"),
            said("user", "msg_3", words("Continue if you have next steps", synthetic=True)),
            said("user", ours, words("Go on.")),
            said("user", "msg_5", {"type": "compaction", "auto": True}),
        ]
    )

    assert transcript.person is not None
    assert transcript.person.id == "msg_1"
    assert transcript.user is not None
    assert transcript.user.compaction


def test_a_running_tool_is_named_and_a_summary_is_not_the_last_text() -> None:
    transcript = read_transcript(
        [
            said("user", "u"),
            said("assistant", "a", words("the plan")),
            said("assistant", "s", words("SUMMARY"), summary=True),
            said("assistant", "b", tool("bash", "running"), tool("read")),
        ]
    )

    assert [running.name for running in transcript.running] == ["bash"]
    assert transcript.last_text == "the plan"


def test_context_windows_come_from_the_small_catalogue() -> None:
    limits = read_limits(recorded("catalogue", "config_providers.json"))

    assert limits
    assert all(limit > 0 for limit in limits.values())


def test_headers_of_an_error_are_told_in_lower_case() -> None:
    error = {"name": "APIError", "data": {"responseHeaders": {"Retry-After": "3", "x": 4}}}

    message = read_message(said("assistant", "a", error=error))

    assert message is not None
    assert message.failure is not None
    assert message.failure.headers == {"retry-after": "3"}
