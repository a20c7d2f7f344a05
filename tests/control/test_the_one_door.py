import json
import os
import shutil
import socket
import stat
import subprocess
import sys
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from palingenesis.control.client import ControlClient
from palingenesis.core.errors import (
    BusyError,
    DeadlineError,
    DeniedError,
    ExitCode,
    InvalidConfigError,
    NotRunningError,
    PalingenesisError,
)
from tests.control.doors import StandInDoor, a_row, served


def raw(path: Path, request: bytes, *, timeout_s: float = 10) -> bytes:
    with socket.socket(socket.AF_UNIX) as talk:
        talk.settimeout(timeout_s)
        talk.connect(str(path))
        answer = b""
        try:
            talk.sendall(request)
            while piece := talk.recv(65536):
                answer += piece
        except (ConnectionResetError, BrokenPipeError):
            pass
        return answer


def ask(path: Path, target: str) -> tuple[int, dict[str, object]]:
    answer = raw(path, f"GET {target} HTTP/1.1\r\nhost: x\r\n\r\n".encode())
    head, _, body = answer.partition(b"\r\n\r\n")
    return int(head.split()[1]), json.loads(body)


def post(path: Path, target: str, body: bytes, kind: str = "application/json") -> int:
    head = f"POST {target} HTTP/1.1\r\nhost: x\r\ncontent-type: {kind}\r\n"
    answer = raw(path, f"{head}content-length: {len(body)}\r\n\r\n".encode() + body)
    return int(answer.split()[1])


def test_every_question_is_answered(tmp_path: Path):
    with served(tmp_path) as here:
        client = ControlClient(here.path)

        assert client.status()["running"] is True
        assert [row["id"] for row in client.sessions()] == ["ses_1abc", "ses_2def"]
        assert [row["seq"] for row in client.events(session="ses_2def")] == [2]
        assert client.events(since="2026-11-21T04:00:00Z") == []
        assert client.explain(decision=7)[0]["rule"] == "rate-limit"
        assert client.open("ses_1abc")["password"] == "pa55word"
        assert client.policy()["origin"] == "shipped"


def test_orders_reach_the_daemon(tmp_path: Path):
    with served(tmp_path) as here:
        client = ControlClient(here.path)

        assert client.command("abort", "ses_1abc", "cli")["ok"] is True
        assert client.command("pause", None, "cli")["ok"] is True
        assert client.reload("cli")["ok"] is True
        client.stop("cli")

        assert here.door.given == [
            ("abort", "ses_1abc", "cli"),
            ("pause", None, "cli"),
            ("reload", None, "cli"),
            ("stop", None, "cli"),
        ]
        assert here.door.stopped.is_set()


def test_an_answer_to_a_question_reaches_the_daemon(tmp_path: Path):
    with served(tmp_path) as here:
        client = ControlClient(here.path)

        assert client.answer("q17", "cli", yes=True)["message"] == "yes to q17 by cli"
        with pytest.raises(PalingenesisError, match="no question 'q99'"):
            client.answer("q99", "cli", yes=False)

        assert here.door.given == [("yes", "q17", "cli")]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"question": "q17"},
        {"question": "q17", "answer": True},
        {"question": "q17", "answer": "maybe"},
        {"question": "", "answer": "yes"},
        {"question": 17, "answer": "yes"},
        {"question": "q17", "answer": "yes", "by": 1},
    ],
)
def test_what_makes_no_sense_as_an_answer_is_refused(tmp_path: Path, body: dict[str, object]):
    with served(tmp_path) as here:
        assert post(here.path, "/v1/answers", json.dumps(body).encode()) == 400
        assert here.door.given == []


def test_candidates_are_asked_about_through_the_door(tmp_path: Path):
    with served(tmp_path) as here:
        client = ControlClient(here.path)

        assert client.preview(None)["idle"] == 3
        assert client.shadow("start", "cli", "/next.yaml")["running"] is True
        assert client.shadow("stop", "cli")["running"] is False

        assert here.door.asked == [("preview", None), ("start", "/next.yaml"), ("stop", None)]


@pytest.mark.parametrize(
    ("target", "body"),
    [
        ("/v1/preview", {"path": "next.yaml"}),
        ("/v1/preview", {"path": 7}),
        ("/v1/preview", {"path": "/a\0b"}),
        ("/v1/shadow", {"order": "begin", "path": "/next.yaml"}),
        ("/v1/shadow", {"order": "start"}),
        ("/v1/shadow", {"order": "report", "path": "/next.yaml"}),
    ],
)
def test_what_makes_no_sense_about_a_candidate_is_refused(
    tmp_path: Path, target: str, body: dict[str, object]
):
    with served(tmp_path) as here:
        assert post(here.path, target, json.dumps(body).encode()) == 400
        assert here.door.asked == []


def test_every_answer_says_its_schema_version(tmp_path: Path):
    with served(tmp_path) as here:
        for path in ("status", "sessions", "events", "explain", "open", "policy", "nonsense"):
            assert ask(here.path, f"/v1/{path}")[1]["schema_version"] == 1


def test_an_error_of_the_daemon_arrives_as_it_was(tmp_path: Path):
    with served(tmp_path) as here:
        with pytest.raises(BusyError, match="the server is starting"):
            ControlClient(here.path).open("ses_busy")
        with pytest.raises(PalingenesisError) as caught:
            ControlClient(here.path).explain(session="ses_none")
        assert caught.value.hint == "palingenesis events"


def test_a_mistake_of_ours_is_an_answer_and_not_the_end(tmp_path: Path):
    with served(tmp_path) as here:
        here.door.failing = RuntimeError("oh")

        with pytest.raises(PalingenesisError, match="a mistake in palingenesis: RuntimeError"):
            ControlClient(here.path).status()

        here.door.failing = None
        assert ControlClient(here.path).status()["running"] is True


def test_without_a_daemon_the_client_says_so_and_how_to_start_one(tmp_path: Path):
    with pytest.raises(NotRunningError) as caught:
        ControlClient(tmp_path / "control.sock").status()

    assert caught.value.hint == "palingenesis daemon start"


def test_a_daemon_that_hangs_is_told_from_one_that_is_gone(tmp_path: Path):
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "control.sock"))
        listening.listen()

        with pytest.raises(DeadlineError):
            ControlClient(tmp_path / "control.sock", timeout_s=0.2).status()


def test_a_daemon_that_falls_silent_while_it_is_followed_has_been_silent_for_so_long(
    tmp_path: Path,
):
    path = tmp_path / "control.sock"
    with socket.socket(socket.AF_UNIX) as listening, ThreadPoolExecutor(1) as somebody:
        listening.bind(str(path))
        listening.listen()
        rows = ControlClient(path, timeout_s=5.0, stream_s=0.25).follow(after=0)
        first = somebody.submit(next, rows)
        connection, _ = listening.accept()
        with connection:
            connection.sendall(b"HTTP/1.0 200 OK\r\n\r\n")

            with pytest.raises(DeadlineError, match=r"did not answer within 0\.25 s"):
                first.result(timeout=60)


def test_the_socket_is_ours_alone_and_goes_with_the_server(tmp_path: Path):
    with served(tmp_path) as here:
        assert stat.S_IMODE(here.path.stat().st_mode) == 0o600

    assert not here.path.exists()


def test_a_socket_left_behind_by_a_crash_is_replaced(tmp_path: Path):
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(tmp_path / "control.sock"))

    with served(tmp_path) as here:
        assert ControlClient(here.path).status()["running"] is True


def test_a_second_server_at_the_same_place_is_refused(tmp_path: Path):
    with served(tmp_path) as here:
        from palingenesis.control.binding import bind

        with pytest.raises(BusyError, match="another daemon answers"):
            bind(here.path)

        assert ControlClient(here.path).status()["running"] is True


def test_an_open_folder_is_refused(tmp_path: Path):
    from palingenesis.control.binding import bind

    tmp_path.chmod(0o755)

    with pytest.raises(PalingenesisError, match="must be yours alone"):
        bind(tmp_path / "control.sock")


def test_events_are_followed_as_they_are_written(tmp_path: Path):
    with served(tmp_path) as here:
        rows = ControlClient(here.path).follow(after=1, session="ses_2def")

        assert next(rows)["seq"] == 2
        here.append(a_row(3, "ses_1abc"))
        here.append(a_row(4, "ses_2def"))
        assert next(rows)["seq"] == 4
        rows.close()  # type: ignore[attr-defined]


def test_a_stream_ends_with_the_server(tmp_path: Path):
    with served(tmp_path) as here:
        rows = ControlClient(here.path).follow(after=1)
        assert next(rows)["seq"] == 2
        rest: list[object] = []
        reader = threading.Thread(target=lambda: rest.extend(rows))
        reader.start()

    reader.join(5)
    assert not reader.is_alive()
    assert rest == []


@pytest.mark.parametrize(
    "target",
    [
        "/v1/events?limit=100000",
        "/v1/events?after=-1",
        "/v1/events?after=²",
        "/v1/events?since=yesterday",
        "/v1/events?since=2026-11-21T03:00:00",
        "/v1/explain?decision=x",
        "/v1/nonsense",
        "/",
    ],
)
def test_a_question_that_makes_no_sense_is_refused_by_name(tmp_path: Path, target: str):
    with served(tmp_path) as here:
        status, document = ask(here.path, target.replace("²", "%C2%B2"))

    assert 400 <= status < 500
    assert isinstance(document["error"], dict)
    assert document["error"]["code"] == ExitCode.USAGE


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"{}", "application/json"),
        (b'{"command": "format-disk"}', "application/json"),
        (b'{"command": ["pause"]}', "application/json"),
        (b'{"command": "abort"}', "application/json"),
        (b'{"command": "pause", "by": 5}', "application/json"),
        (b"[" * 60_000, "application/json"),
        (b"\xff\xfe", "application/json"),
        (b'"' + b"x" * 70_000 + b'"', "application/json"),
        (b'{"command": "pause"}', "text/plain"),
    ],
)
def test_an_order_that_makes_no_sense_is_not_given(tmp_path: Path, body: bytes, kind: str):
    with served(tmp_path) as here:
        assert 400 <= post(here.path, "/v1/commands", body, kind) < 500
        assert here.door.given == []


def test_reading_never_changes_anything(tmp_path: Path):
    with served(tmp_path) as here:
        assert ask(here.path, "/v1/stop")[0] == 405
        assert not here.door.stopped.is_set()


def test_garbage_does_not_hurt(tmp_path: Path):
    with served(tmp_path) as here:
        for noise in (b"\0" * 1000, b"GET\r\n\r\n", b"GET / HTTP/9\r\n\r\n", os.urandom(5000)):
            raw(here.path, noise + b"\r\n\r\n")
        big = b"GET /v1/status HTTP/1.1\r\nx: " + b"y" * 200_000 + b"\r\n\r\n"
        assert b"200 OK" not in raw(here.path, big)

        assert ControlClient(here.path).status()["running"] is True


def test_a_client_that_never_asks_is_let_go(tmp_path: Path):
    with served(tmp_path, head_s_max=0.2) as here:
        assert raw(here.path, b"GET /v1/status HTT") == b""


def test_sixty_four_clients_that_never_ask_keep_nobody_out(tmp_path: Path):
    with served(tmp_path) as here:
        idle = []
        for _ in range(64):
            talk = socket.socket(socket.AF_UNIX)
            talk.connect(str(here.path))
            talk.sendall(b"GET /")
            idle.append(talk)

        assert ControlClient(here.path, timeout_s=2).status()["running"] is True
        for talk in idle:
            talk.close()


def test_streams_take_only_half_of_the_places(tmp_path: Path):
    with served(tmp_path) as here:
        streams = [ControlClient(here.path).follow(after=1) for _ in range(16)]
        for stream in streams:
            next(stream)

        with pytest.raises(BusyError):
            next(ControlClient(here.path).follow(after=1))
        assert ControlClient(here.path).status()["running"] is True
        for stream in streams:
            stream.close()  # type: ignore[attr-defined]


def test_a_path_that_is_too_long_is_refused(tmp_path: Path):
    from palingenesis.control.binding import bind

    with pytest.raises(InvalidConfigError, match="bytes"):
        bind(tmp_path / ("x" * 100) / "control.sock")


BECOME_NOBODY = ("setpriv", "--reuid=65534", "--clear-groups", "--")
KNOCK = """
import socket, sys
talk = socket.socket(socket.AF_UNIX)
talk.settimeout(5)
talk.connect(sys.argv[1])
try:
    talk.sendall(b"GET /v1/status HTTP/1.1\\r\\nhost: x\\r\\n\\r\\n")
    print(len(talk.recv(65536)))
except OSError:
    print(0)
"""


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become another user")
@pytest.mark.skipif(shutil.which("setpriv") is None, reason="needs setpriv")
def test_another_user_is_turned_away_even_where_the_file_modes_let_her_in(tmp_path: Path):
    with served(tmp_path, StandInDoor()) as here:
        for folder in (tmp_path, *tmp_path.parents):
            if folder.stat().st_mode & 0o001 == 0:
                folder.chmod(folder.stat().st_mode | 0o011)
        here.path.chmod(0o666)

        stranger = subprocess.run(
            [*BECOME_NOBODY, sys.executable, "-I", "-c", KNOCK, str(here.path)],
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )

        assert stranger.stdout.strip() == "0", stranger.stderr
        assert ControlClient(here.path).status()["running"] is True


PRETEND = """
import os, socket, sys
with socket.socket(socket.AF_UNIX) as door:
    door.bind(sys.argv[1])
    os.chmod(sys.argv[1], 0o777)
    door.listen()
    print("ready", flush=True)
    talk, _ = door.accept()
    print(len(talk.recv(65536)), flush=True)
"""


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become another user")
@pytest.mark.skipif(shutil.which("setpriv") is None, reason="needs setpriv")
def test_another_users_program_at_the_socket_is_told_nothing_and_believed_nothing():
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o777)
        path = Path(folder) / "control.sock"
        with subprocess.Popen(
            [*BECOME_NOBODY, sys.executable, "-I", "-c", PRETEND, str(path)],
            stdout=subprocess.PIPE,
            text=True,
        ) as stranger:
            assert stranger.stdout is not None
            assert stranger.stdout.readline() == "ready\n"

            with pytest.raises(DeniedError, match="another user's program"):
                ControlClient(path).open(None)

            assert stranger.stdout.readline() == "0\n"
