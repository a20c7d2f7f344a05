"""The contract between OpenCode and its stand-in: small stories, and what can be seen of them.

A story drives a bench and returns a *sighting*: the events in the order in which they came, the
messages that are left, and what the model was asked. Ids, times and repetitions are taken out,
so that the same story has the same sighting wherever it is played.
"""

import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

from palingenesis.demo import replies
from palingenesis.demo.replies import Cut, Stall, Text, Tool
from tests.live.bench import SCRIPTED_CLAUDE, Bench
from tests.live.calls import wait_until
from tests.live.listener import Json
from tests.live.seeing import answers, asked, messages, statuses

Sighting = dict[str, Any]
Story = Callable[[Bench], Sighting]

SIGHTINGS = Path(__file__).with_name("sightings.json")
"""What was seen of the real OpenCode 1.18.33."""

ID = "msg_1fbe5c981001c38CCLIsdQt3ht"
PART = "prt_1fbe5c989001ByREbOK7IJcaIX"


def a_text_turn(bench: Bench) -> Sighting:
    bench.provider.script(Text(text="all is well"))
    return played(bench, lambda session: bench.prompt_async(session, "go"))


def a_text_turn_with_anthropic(bench: Bench) -> Sighting:
    bench.provider.script(Text(text="all is well"))
    return played(bench, lambda session: bench.prompt_async(session, "go", model=SCRIPTED_CLAUDE))


def a_rate_limit_for_a_second(bench: Bench) -> Sighting:
    bench.provider.script(replies.rate_limited(1), Text(text="done"))
    return played(bench, lambda session: bench.prompt_async(session, "go"))


def an_overloaded_anthropic(bench: Bench) -> Sighting:
    bench.provider.script(replies.overloaded(), Text(text="done"))
    return played(bench, lambda session: bench.prompt_async(session, "go", model=SCRIPTED_CLAUDE))


def a_rate_limit_that_never_ends(bench: Bench) -> Sighting:
    bench.provider.script(*[replies.out_of_quota(1)] * 6)
    return played(bench, lambda session: bench.prompt_async(session, "go"))


def a_key_that_is_not_valid(bench: Bench) -> Sighting:
    bench.provider.script(replies.unauthorized())
    return played(bench, lambda session: bench.prompt_async(session, "go"))


def a_model_that_does_not_exist(bench: Bench) -> Sighting:
    session = bench.new_session()
    listener = bench.listen()
    bench.prompt_async(session, "go", model="scripted/nothing")
    wait_until(
        lambda: statuses(listener.of(session)).count("UnknownError") > 1, 20, "the second error"
    )
    return {"events": statuses(listener.of(session))}


def a_context_that_overflows(bench: Bench) -> Sighting:
    bench.provider.script(replies.context_overflow())
    return played(bench, lambda session: bench.prompt_async(session, "go"))


def an_overflow_that_heals_itself(bench: Bench) -> Sighting:
    bench.provider.script(
        Text(text="warm"),
        replies.context_overflow(),
        Text(text="a summary"),
        Text(text="after the summary"),
    )

    def act(session: str) -> None:
        bench.prompt_async(session, "warm up")
        bench.wait_for_end(session)
        bench.prompt_async(session, "go")

    return played(bench, act)


def a_window_that_is_nearly_full(bench: Bench) -> Sighting:
    full = replies.Usage(input=195_000, output=500)
    bench.provider.script(Text(text="big", usage=full), Text(text="a summary"), Text(text="on"))
    return played(bench, lambda session: bench.prompt_async(session, "go"))


def a_connection_that_breaks(bench: Bench) -> Sighting:
    bench.provider.script(Cut(how="close_mid", text="some words"), Text(text="done"))
    return played(bench, lambda session: bench.prompt_async(session, "go"))


def an_answer_that_is_cut_off(bench: Bench) -> Sighting:
    bench.provider.script(Text(text="too long", finish="length"))
    return played(bench, lambda session: bench.prompt_async(session, "go"))


def a_tool_that_is_used(bench: Bench) -> Sighting:
    say = Tool(name="bash", arguments={"command": "echo hi", "description": "Say hi"})
    bench.provider.script(say, Text(text="said"))
    return played(bench, lambda session: bench.prompt_async(session, "go"))


def a_list_of_things_to_do(bench: Bench) -> Sighting:
    todos = [{"content": "a", "status": "pending", "priority": "high"}]
    bench.provider.script(Tool(name="todowrite", arguments={"todos": todos}), Text(text="ok"))
    sessions: list[str] = []

    def act(session: str) -> None:
        sessions.append(session)
        bench.prompt_async(session, "go")

    return played(bench, act) | {"todos": bench.get(f"/session/{sessions[0]}/todo")}


def an_abort_in_the_middle(bench: Bench) -> Sighting:
    bench.provider.script(Stall(text="some words "))

    def act(session: str) -> None:
        listener = bench.listen()
        bench.prompt_async(session, "go")
        listener.wait_for(lambda event: event["type"] == "message.part.delta")
        bench.abort(session)

    return played(bench, act)


def an_abort_while_it_waits_to_try_again(bench: Bench) -> Sighting:
    bench.provider.script(replies.rate_limited(18_000))

    def act(session: str) -> None:
        bench.prompt_async(session, "go")
        bench.wait_for_status(session, "retry")
        bench.abort(session)

    return played(bench, act)


def a_silent_rerun_after_an_error(bench: Bench) -> Sighting:
    bench.provider.script(replies.unauthorized(), Text(text="done"))

    def act(session: str) -> None:
        bench.prompt_async(session, "go")
        bench.wait_for_end(session)
        bench.rerun(session)

    return played(bench, act)


def the_same_message_twice_after_an_error(bench: Bench) -> Sighting:
    bench.provider.script(replies.unauthorized(), Text(text="done"))

    def act(session: str) -> None:
        said = {"messageID": new_id(session), "parts": [keyed_part(session)]}
        bench.post(f"/session/{session}/prompt_async", said)
        bench.wait_for_end(session)
        bench.post(f"/session/{session}/prompt_async", said)

    return played(bench, act)


def the_same_message_twice_after_an_answer(bench: Bench) -> Sighting:
    bench.provider.script(Text(text="once"), Text(text="twice"))

    def act(session: str) -> None:
        said = {"messageID": new_id(session), "parts": [keyed_part(session)]}
        bench.post(f"/session/{session}/prompt_async", said)
        bench.wait_for_end(session)
        listener = bench.listen()
        bench.post(f"/session/{session}/prompt_async", said)
        listener.wait_for(lambda event: event["type"] == "session.idle")

    return played(bench, act)


def a_prompt_between_the_two_idles(bench: Bench) -> Sighting:
    bench.provider.script(replies.unauthorized())
    session = bench.new_session()
    listener = bench.listen()
    bench.prompt_async(session, "go")
    listener.wait_for(lambda event: event["type"] == "session.idle")
    bench.prompt_async(session, "swallowed")
    bench.wait_for_requests(1)
    wait_until(lambda: len(bench.messages(session)) == 3 and not bench.status(), 10)
    return {"asked": len(bench.provider.requests)}


def a_permission_that_is_given(bench: Bench) -> Sighting:
    return permission(bench, "once", None)


def a_permission_that_is_refused(bench: Bench) -> Sighting:
    return permission(bench, "reject", None)


def a_permission_that_is_refused_with_a_reason(bench: Bench) -> Sighting:
    return permission(bench, "reject", "not today")


def a_question_that_is_answered(bench: Bench) -> Sighting:
    return question(bench, lambda id_: bench.reply_question(id_, [["Red"]]))


def a_question_that_is_dismissed(bench: Bench) -> Sighting:
    return question(bench, lambda id_: bench.post(f"/question/{id_}/reject"))


def a_subagent(bench: Bench) -> Sighting:
    task = {"description": "look", "prompt": "look around", "subagent_type": "general"}
    bench.provider.script(
        Tool(name="task", arguments=task), Text(text="seen"), Text(text="it has looked")
    )
    sessions: list[str] = []

    def act(session: str) -> None:
        sessions.append(session)
        bench.prompt_async(session, "go")

    sighting = played(bench, act)
    children = bench.get(f"/session/{sessions[0]}/children")
    return sighting | {"children": [child["parentID"] == sessions[0] for child in children]}


def a_summary_on_demand(bench: Bench) -> Sighting:
    bench.provider.script(Text(text="first"), Text(text="a summary"))

    def act(session: str) -> None:
        bench.prompt_async(session, "go")
        bench.wait_for_end(session)
        model = {"providerID": "scripted", "modelID": "scripted-big"}
        bench.post(f"/session/{session}/summarize", model)

    return played(bench, act)


def a_crash_in_the_middle_of_the_words(bench: Bench) -> Sighting:
    bench.provider.script(Stall(text="some words "), Text(text="carried on"))
    session = bench.new_session()
    listener = bench.listen()
    bench.prompt_async(session, "go")
    listener.wait_for(lambda event: event["type"] == "message.part.delta")
    status = bench.kill(signal.SIGKILL)
    bench.start()
    left = messages(bench.messages(session))
    listed = [one["id"] == session for one in bench.get("/experimental/session?limit=1")]
    bench.prompt_async(session, "continue")
    bench.wait_for_end(session)
    return {
        "exit": status,
        "left": left,
        "listed": listed,
        "messages": messages(bench.messages(session)),
        "asked": asked(bench),
    }


def the_two_ends_of_a_clean_stop(bench: Bench) -> Sighting:
    bench.provider.script(Stall(text="some words "))
    session = bench.new_session()
    listener = bench.listen()
    bench.prompt_async(session, "go")
    listener.wait_for(lambda event: event["type"] == "message.part.delta")
    disposed = bench.post("/global/dispose")
    wait_until(lambda: "completed" in bench.messages(session)[-1]["info"]["time"], 10)
    return {
        "disposed": disposed,
        "messages": messages(bench.messages(session)),
        "exit": bench.kill(signal.SIGTERM),
    }


WITHOUT_COMPACTION: tuple[Story, ...] = (
    a_text_turn,
    a_text_turn_with_anthropic,
    a_rate_limit_for_a_second,
    an_overloaded_anthropic,
    a_rate_limit_that_never_ends,
    a_key_that_is_not_valid,
    a_model_that_does_not_exist,
    a_context_that_overflows,
    a_connection_that_breaks,
    an_answer_that_is_cut_off,
    a_tool_that_is_used,
    a_list_of_things_to_do,
    an_abort_in_the_middle,
    an_abort_while_it_waits_to_try_again,
    a_silent_rerun_after_an_error,
    the_same_message_twice_after_an_error,
    the_same_message_twice_after_an_answer,
    a_prompt_between_the_two_idles,
    a_question_that_is_answered,
    a_question_that_is_dismissed,
    a_subagent,
    a_summary_on_demand,
    a_crash_in_the_middle_of_the_words,
    the_two_ends_of_a_clean_stop,
)
WITH_COMPACTION: tuple[Story, ...] = (
    an_overflow_that_heals_itself,
    a_window_that_is_nearly_full,
)
ASKING_FOR_BASH: tuple[Story, ...] = (
    a_permission_that_is_given,
    a_permission_that_is_refused,
    a_permission_that_is_refused_with_a_reason,
)
ACTS: tuple[tuple[str, Json, tuple[Story, ...]], ...] = (
    ("without compaction", {"compaction": {"auto": False}}, WITHOUT_COMPACTION),
    ("with compaction", {}, WITH_COMPACTION),
    ("asking for bash", {"permission": {"bash": "ask"}}, ASKING_FOR_BASH),
)
"""Stories that share a server: name, configuration, stories."""


# -- playing and seeing --------------------------------------------------------------------


def played(bench: Bench, act: Callable[[str], None]) -> Sighting:
    """Act on a new session, wait for the end, and look."""
    session = bench.new_session()
    listener = bench.listen()
    act(session)
    bench.wait_for_end(session)
    events = listener.of(session)
    return {
        "events": statuses(events),
        "answers": answers(events),
        "messages": messages(bench.messages(session)),
        "asked": asked(bench),
    }


def permission(bench: Bench, reply: str, message: str | None) -> Sighting:
    say = Tool(name="bash", arguments={"command": "echo hi", "description": "Say hi"})
    bench.provider.script(say, Text(text="went on"))
    seen: list[list[str]] = []

    def act(session: str) -> None:
        bench.prompt_async(session, "go")
        (waiting,) = wait_until(bench.permissions, 20)
        seen.append([waiting["permission"], *waiting["patterns"], bench.status(session)["type"]])
        bench.reply_permission(waiting["id"], reply, message)

    return played(bench, act) | {"waiting": seen}


def question(bench: Bench, reply: Callable[[str], object]) -> Sighting:
    options = [{"label": "Red", "description": "r"}, {"label": "Blue", "description": "b"}]
    asked_ = {"question": "Which colour?", "header": "Colour", "options": options}
    bench.provider.script(
        Tool(name="question", arguments={"questions": [asked_]}), Text(text="went on")
    )
    seen: list[list[str]] = []

    def act(session: str) -> None:
        bench.prompt_async(session, "go")
        (waiting,) = wait_until(bench.questions, 20)
        seen.append([waiting["questions"][0]["question"], bench.status(session)["type"]])
        reply(waiting["id"])

    return played(bench, act) | {"waiting": seen}


def new_id(session: str) -> str:
    """A message id of our own, as old as the session, and the same each time."""
    return f"{ID[:16]}{session[-14:]}"


def keyed_part(session: str) -> Json:
    """A part with an id of our own."""
    return {"id": f"{PART[:16]}{session[-14:]}", "type": "text", "text": "go"}


def play(bench: Bench, story: Story) -> Sighting:
    """Play one story on a bench that others have used."""
    bench.provider.reset()
    if bench.process is None:
        bench.start()
    return story(bench)
