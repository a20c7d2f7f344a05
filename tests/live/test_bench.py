"""The bench itself works with the real OpenCode."""

from collections.abc import Callable

from palingenesis.demo import replies
from palingenesis.demo.replies import Text, Tool
from tests.live.bench import SCRIPTED_CLAUDE, Bench, is_alive
from tests.live.calls import wait_until


def test_the_real_opencode_answers_with_the_scripted_words(bench: Bench):
    bench.provider.script(Text(text="hello from the script"))
    session = bench.new_session(metadata={"palingenesis": {"run": "r1"}})

    answer = bench.prompt(session, "say hello")

    assert bench.get("/global/health") == {"healthy": True, "version": "1.18.33"}
    assert answer["info"]["finish"] == "stop"
    assert [part["text"] for part in answer["parts"] if part["type"] == "text"] == [
        "hello from the script"
    ]
    (request,) = bench.provider.requests
    assert request.session == session
    assert request.last_user_text == "say hello"
    assert "bash" in request.tools
    assert bench.session(session)["metadata"] == {"palingenesis": {"run": "r1"}}


def test_the_anthropic_dialect_is_understood_too(bench: Bench):
    bench.provider.script(Text(text="bonjour", usage=replies.Usage(input=7, output=3)))

    answer = bench.prompt(bench.new_session(), "say hello", model=SCRIPTED_CLAUDE)

    assert answer["info"]["finish"] == "stop"
    assert (answer["info"]["tokens"]["input"], answer["info"]["tokens"]["output"]) == (7, 3)


def test_a_rate_limit_shows_as_a_retry_and_is_over_after_the_asked_time(bench: Bench):
    bench.provider.script(replies.rate_limited(2), Text(text="done"))
    session = bench.new_session()

    bench.prompt_async(session, "go")
    retry = bench.wait_for_status(session, "retry")
    last = bench.wait_for_end(session)

    assert retry["attempt"] == 1
    assert last["info"]["finish"] == "stop"
    first, second = bench.provider.requests
    assert (second.at - first.at).total_seconds() >= 2
    assert first.ended == "status 429"


def test_what_a_killed_server_leaves_behind_is_found_and_ended(
    open_bench: Callable[..., Bench],
):
    bench = open_bench()
    bench.provider.script(Tool(name="bash", arguments={"command": "sleep 300", "description": "s"}))
    session = bench.new_session()
    bench.prompt_async(session, "sleep")
    children = wait_until(lambda: bench.tools("sleep 300"), 30)

    assert bench.kill() == -9
    assert all(is_alive(pid) for pid in children), "tools survive their server"

    bench.start()
    assert bench.status() == {}
    assert "completed" not in bench.messages(session)[-1]["info"]["time"]
    bench.stop()
    assert not any(is_alive(pid) for pid in children)
