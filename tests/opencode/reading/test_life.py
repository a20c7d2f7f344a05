from collections.abc import Iterable
from typing import Any

from palingenesis.assistants.opencode.ids import prompt_ids
from palingenesis.assistants.opencode.life import (
    Alive,
    Blocked,
    Ended,
    Gone,
    Hint,
    Life,
    PersonSpoke,
    Retrying,
    TurnCompleted,
    Unblocked,
    Working,
    fold,
    life_of,
    root_of,
)
from palingenesis.assistants.opencode.signals import read_payload
from palingenesis.assistants.opencode.transcript import read_transcript
from tests.opencode.reading.recordings import Payload, recorded
from tests.opencode.reading.test_ids import AT

SESSION = "ses_1"


def event(kind: str, session: str = SESSION, **properties: Any) -> Payload:
    return {"type": kind, "properties": {"sessionID": session, **properties}}


def status(kind: str, session: str = SESSION, **more: Any) -> Payload:
    return event("session.status", session, status={"type": kind, **more})


def user(identity: str, **more: Any) -> Payload:
    return event("message.updated", info={"id": identity, "role": "user", **more})


def assistant(identity: str, **more: Any) -> Payload:
    return event("message.updated", info={"id": identity, "role": "assistant", **more})


def part(message: str, kind: str = "text", **more: Any) -> Payload:
    return event("message.part.updated", part={"messageID": message, "type": kind, **more})


def lived(payloads: Iterable[Payload], life: Life | None = None) -> tuple[Life, list[Hint]]:
    life = life or Life(session=SESSION)
    hints: list[Hint] = []
    for payload in payloads:
        signal = read_payload(payload)
        assert signal is not None
        life, told = fold(life, signal)
        hints += told
    return life, hints


IDLE = [status("idle"), event("session.idle")]
ERROR = event("session.error", error={"name": "APIError", "data": {"message": "no"}})


def test_a_turn_begins_once_and_ends_once_however_often_opencode_says_so() -> None:
    _, hints = lived([status("busy"), status("busy"), *IDLE, *IDLE])

    assert hints == [Working(), Ended()]


def test_after_an_error_every_idle_is_worth_a_look_because_only_the_last_is_final() -> None:
    life, hints = lived([status("busy"), ERROR, *IDLE, *IDLE])

    assert hints == [Working(), *[Ended()] * 4]
    assert life.failure is not None
    assert life.failure.message == "no"


def test_only_a_prompt_that_came_before_the_work_began_was_taken_up() -> None:
    life, _ = lived([user("msg_1"), status("busy"), *IDLE])
    assert life.begun == "msg_1"

    life, _ = lived([user("msg_2"), *IDLE], life)
    assert (life.user, life.begun) == ("msg_2", "msg_1")


def test_a_tool_runs_until_it_is_told_to_have_ended_or_the_next_answer_begins() -> None:
    def tool(identity: str, state: str) -> Payload:
        return part("msg_2", "tool", id=identity, tool="bash", state={"status": state})

    begun = [user("msg_1"), status("busy"), assistant("msg_2")]
    life, _ = lived([*begun, tool("prt_1", "pending")])
    assert life.tools == frozenset()
    life, _ = lived([tool("prt_1", "running"), tool("prt_2", "running")], life)
    assert life.tools == {"prt_1", "prt_2"}
    life, _ = lived([tool("prt_1", "completed")], life)
    assert life.tools == {"prt_2"}
    life, _ = lived([assistant("msg_3")], life)
    assert life.tools == frozenset()


def test_working_again_forgets_the_error() -> None:
    life, _ = lived([status("busy"), ERROR, *IDLE, status("busy")])

    assert life.failure is None


def test_a_late_error_is_worth_a_look_too() -> None:
    _, hints = lived([status("busy"), *IDLE, ERROR])

    assert hints == [Working(), Ended(), Ended()]


def test_a_retry_is_told_once_for_each_attempt() -> None:
    first = status("retry", attempt=1, message="slow", next=1)
    second = status("retry", attempt=2, message="slow", next=2)

    _, hints = lived([status("busy"), first, first, status("busy"), second])

    assert [hint.retry.attempt for hint in hints if isinstance(hint, Retrying)] == [1, 2]


def test_a_persons_prompt_is_told_once_and_ours_never() -> None:
    ours, _ = prompt_ids("1.0", AT)

    _, theirs = lived([user("msg_5"), part("msg_5", text="hi"), part("msg_5", text="hi")])
    _, own = lived([user(ours), part(ours, text="Go on.")])
    _, opencodes = lived([user("msg_5"), part("msg_5", text="Continue", synthetic=True)])

    assert theirs == [PersonSpoke(message="msg_5")]
    assert own == []
    assert opencodes == []


def test_an_empty_rerun_by_somebody_else_is_somebodys_word() -> None:
    _, hints = lived([user("msg_5"), status("busy"), assistant("msg_6", parentID="msg_5")])

    assert PersonSpoke(message="msg_5") in hints


def test_messages_that_were_there_before_we_looked_are_no_news() -> None:
    messages = recorded("basic_text")
    last_user = messages[-2]["info"]
    life = life_of(last_user["sessionID"], read_transcript(messages))

    _, seeded = lived([{**user("x"), "properties": {"info": last_user}}], life)
    _, fresh = lived([user("msg_5", summary={"diffs": []}), assistant("a", parentID="msg_5")])

    assert seeded == []
    assert fresh == [Alive(what="step")]


def test_a_finished_answer_is_a_completed_turn_once_and_a_summary_never() -> None:
    done = {"finish": "stop", "time": {"created": 1, "completed": 2}}

    _, hints = lived([assistant("a"), assistant("a", **done), assistant("a", **done)])
    _, summary = lived([assistant("s"), assistant("s", summary=True, **done)])

    assert hints == [Alive(what="step"), TurnCompleted(message="a")]
    assert summary == [Alive(what="step")]


def test_a_permission_blocks_until_it_is_answered_also_one_of_a_child() -> None:
    asked = event("permission.asked", "ses_child", id="per_1", permission="bash", patterns=["ls"])
    answered = event("permission.replied", "ses_child", requestID="per_1", reply="once")

    life, hints = lived([asked, asked])
    _, later = lived([answered, answered], life)

    (block,) = hints
    assert isinstance(block, Blocked)
    assert (block.asked.text, block.asked.tool) == ("bash: ls", "bash")
    assert later == [Unblocked(id="per_1")]


def test_what_else_is_asked_is_told_again_when_one_question_is_answered() -> None:
    first = event("permission.asked", id="per_1", permission="bash", patterns=["ls"])
    second = event("permission.asked", id="per_2", permission="bash", patterns=["rm"])
    answered = event("permission.replied", requestID="per_2", reply="once")

    life, _ = lived([first, second])
    _, (unblocked, block) = lived([answered], life)

    assert unblocked == Unblocked(id="per_2")
    assert isinstance(block, Blocked)
    assert block.asked.id == "per_1"


def test_a_question_is_told_with_its_choices() -> None:
    question = {"question": "Which colour?", "options": [{"label": "Red"}, {"label": "Blue"}]}

    _, (block,) = lived([event("question.asked", id="que_1", questions=[question])])

    assert isinstance(block, Blocked)
    assert block.asked.text == "Which colour? [Red / Blue]"


def test_a_childs_end_is_not_its_parents_and_a_working_child_keeps_it_alive() -> None:
    child = "ses_child"

    life, hints = lived(
        [status("busy"), status("busy", child), event("message.part.delta", child, delta="x")]
    )
    after, none = lived([event("session.error", child, error={"name": "E"})], life)
    ended, nothing = lived([status("idle", child)], after)

    assert hints == [Working(), Alive(what="child")]
    assert life.children == {child}
    assert (none, nothing) == ([], [])
    assert ended.children == frozenset()
    assert ended.failure is None


def test_a_deleted_session_is_gone() -> None:
    _, hints = lived([event("session.deleted", info={"id": SESSION})])

    assert hints == [Gone()]


def test_a_family_has_one_root_even_if_its_tree_is_a_ring() -> None:
    assert root_of("c", {"c": "b", "b": "a", "a": None}) == "a"
    assert root_of("x", {"x": "y", "y": "x"}) == "y"
    assert root_of("alone", {}) == "alone"
