"""The stand-in as a program: how it starts, whom it lets in, what it keeps."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from palingenesis.demo import replies
from palingenesis.demo.replies import Status, Text, Tool
from palingenesis.demo.stand_in.shapes import recorded
from tests.live.bench import STAND_IN, Bench, is_alive
from tests.live.calls import wait_until


@pytest.fixture(scope="module")
def shared() -> Iterator[Bench]:
    with Bench(STAND_IN) as bench:
        yield bench


@pytest.fixture
def bench(shared: Bench) -> Bench:
    shared.provider.reset()
    return shared


def test_it_tells_its_version_and_that_it_is_a_stand_in(bench: Bench):
    assert bench.get("/global/health") == {"healthy": True, "version": "1.18.33", "standIn": True}
    assert f"opencode server listening on {bench.url}\n" in bench.log()


def test_an_unknown_path_is_a_web_page_as_it_is_with_opencode(bench: Bench):
    status, headers, _ = bench.exchange("GET", "/no/such/path")

    assert (status, headers["content-type"]) == (200, "text/html")


def test_an_unknown_session_is_not_found(bench: Bench):
    status, error = bench.api("GET", "/session/ses_nothing")

    assert (status, error["name"]) == (404, "NotFoundError")


def test_a_prompt_without_parts_is_refused(bench: Bench):
    session = bench.new_session()

    assert bench.api("POST", f"/session/{session}/prompt_async", {"text": "hi"})[0] == 400


def test_a_number_that_is_none_is_refused(bench: Bench):
    session = bench.new_session()

    assert bench.api("GET", f"/session/{session}/message?limit=many")[0] == 400


def test_a_provider_that_talks_nonsense_ends_the_turn_and_not_the_server(bench: Bench):
    bench.provider.script(Status(status=200, body="this is no stream"))
    session = bench.new_session()

    answer = bench.prompt(session, "go")

    assert answer["info"]["error"]["name"] == "UnknownError"
    assert bench.get("/global/health")["healthy"]


def test_payloads_have_the_shape_that_was_recorded(bench: Bench):
    bench.provider.script(Tool(name="bash", arguments={"command": "echo hi"}), Text(text="said"))
    session = bench.new_session()
    bench.prompt(session, "go")
    asked, used, _ = bench.messages(session)

    assert set(bench.session(session)) <= set(recorded("session"))
    assert set(asked["info"]) | {"summary"} == set(recorded("user"))
    assert set(used["info"]) == set(recorded("assistant"))
    for part in used["parts"]:
        assert set(part) == set(recorded(f"part:{part['type']}"))
    (entry, _) = bench.get("/config/providers")["providers"]
    assert set(entry) == set(recorded("provider"))
    assert entry["models"]["scripted-big"]["limit"] == {"context": 200_000, "output": 8192}


def test_messages_are_paged_from_the_newest(bench: Bench):
    session = bench.new_session()
    for words in ("one", "two", "three"):
        bench.prompt(session, words)
    ids = [message["info"]["id"] for message in bench.messages(session)]

    _, headers, newest = bench.exchange("GET", f"/session/{session}/message?limit=2")
    cursor = headers["x-next-cursor"]
    before = bench.get(f"/session/{session}/message?limit=9&before={cursor}")

    assert [message["info"]["id"] for message in [*before, *newest]] == ids


def test_metadata_is_kept(bench: Bench):
    session = bench.new_session(metadata={"run": "r1"})

    bench.api("PATCH", f"/session/{session}", {"metadata": {"run": "r2"}})

    assert bench.session(session)["metadata"] == {"run": "r2"}


def test_a_file_is_written_only_within_the_project(bench: Bench):
    bench.provider.script(
        Tool(name="write", arguments={"filePath": "notes/a.md", "content": "hello"}),
        Tool(name="write", arguments={"filePath": "../outside.md", "content": "hello"}),
    )
    session = bench.new_session()

    bench.prompt(session, "write")

    states = [
        part["state"]["status"]
        for message in bench.messages(session)
        for part in message["parts"]
        if part["type"] == "tool"
    ]
    assert states == ["completed", "error"]
    assert (bench.project / "notes" / "a.md").read_text(encoding="utf-8") == "hello"
    assert not (bench.project.parent / "outside.md").exists()


def test_sessions_and_statuses_are_listed_by_their_directory(bench: Bench):
    other = bench.home.another_project("other")
    bench.provider.script(replies.rate_limited(600))
    session = bench.new_session(directory=other)

    bench.prompt_async(session, "go")
    bench.wait_for_status(session, "retry")

    assert session in bench.status(directory=other)
    assert session not in bench.get("/session/status")
    assert session not in [one["id"] for one in bench.get("/session")]
    everywhere = {one["id"]: one["project"] for one in bench.get("/experimental/session")}
    assert everywhere[session]["worktree"] == str(other)
    bench.abort(session)


def test_with_a_password_nobody_else_gets_in():
    with Bench(STAND_IN, password="secret") as bench:
        status, headers, _ = bench.exchange("GET", "/global/health", headers={"authorization": ""})

        assert (status, headers["www-authenticate"]) == (401, 'Basic realm="Secure Area"')
        assert bench.api("GET", "/global/health")[0] == 200


def test_conversations_survive_a_kill_and_a_restart():
    with Bench(STAND_IN) as bench:
        session = bench.new_session(metadata={"run": "r1"})
        bench.prompt(session, "hello")
        before = bench.messages(session)

        bench.kill()
        bench.start()

        assert bench.messages(session) == before
        assert bench.session(session)["metadata"] == {"run": "r1"}


def test_waits_are_shorter_at_a_higher_speed():
    speed = {"PALINGENESIS_STAND_IN_SPEED": "100"}
    with Bench(STAND_IN, environment=speed) as bench:
        bench.provider.script(replies.rate_limited(60), Text(text="done"))

        assert bench.prompt(bench.new_session(), "go")["info"]["finish"] == "stop"


def test_inline_configuration_lies_over_the_file():
    inline = {
        "OPENCODE_CONFIG_CONTENT": json.dumps({"model": "scripted-anthropic/scripted-claude"})
    }
    with Bench(STAND_IN, environment=inline) as bench:
        answer = bench.prompt(bench.new_session(), "go")

        assert answer["info"]["modelID"] == "scripted-claude"


def test_a_configuration_that_is_not_json_ends_the_start(tmp_path: Path):
    ended = run("serve", OPENCODE_CONFIG_CONTENT="{broken", HOME=str(tmp_path))

    assert ended.returncode == 1
    assert "Configuration is invalid at OPENCODE_CONFIG_CONTENT" in ended.stderr


def test_a_port_that_is_taken_ends_the_start(bench: Bench, tmp_path: Path):
    ended = run("serve", "--port", str(bench.port), HOME=str(tmp_path))

    assert ended.returncode == 1
    assert "ServeError" in ended.stderr


def test_it_tells_its_version_on_the_command_line(tmp_path: Path):
    assert run("--version", HOME=str(tmp_path)).stdout == "stand-in for OpenCode 1.18.33\n"


def test_a_bench_without_a_server_can_call_one_that_somebody_else_has_started(bench: Bench):
    with Bench() as other:
        other.attach(bench.port)

        assert other.get("/global/health")["healthy"]


def test_the_streams_of_a_directory_end_when_it_is_disposed_of_and_the_global_one_goes_on():
    with Bench(STAND_IN) as bench:
        narrow, wide = bench.listen("/event"), bench.listen("/global/event")

        bench.post("/global/dispose")

        wide.wait_for(lambda event: event["type"] == "global.disposed")
        wait_until(lambda: narrow.ended, 5)
        assert narrow.events[-1]["type"] == "server.instance.disposed"
        assert not wide.ended


def test_the_bench_leaves_no_process_behind():
    with Bench(STAND_IN) as bench:
        beside = bench.spawn([sys.executable, "-c", "import time; time.sleep(60)"])
        pids = [bench.pid, beside.pid]
        assert all(is_alive(pid) for pid in pids)

    assert not any(is_alive(pid) for pid in pids)
    assert not bench.home.root.exists()


def run(*words: str, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": os.environ["PATH"], **variables}
    if "PYTHONPATH" in os.environ:
        environment["PYTHONPATH"] = os.environ["PYTHONPATH"]
    return subprocess.run(
        [*STAND_IN, *words], env=environment, cwd=variables["HOME"], capture_output=True,
        text=True, timeout=30, check=False,
    )  # fmt: skip
