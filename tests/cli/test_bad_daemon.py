"""A daemon that is down, hung, of another version, or another user's: every command ends, says so.

Nothing hangs, nothing shows a traceback, and the way out that is hinted at works.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from palingenesis.control.client import ControlClient, OtherVersionError
from tests.cli.real import Home, a_home
from tests.cli.test_commands import Say, say

__all__ = ["say"]

ASKING = [
    ("status",),
    ("status", "--json"),
    ("sessions",),
    ("events",),
    ("events", "--follow"),
    ("explain",),
    ("open",),
    ("pause",),
    ("resume",),
    ("abort", "ses_1"),
    ("skip", "ses_1"),
    ("new-session", "ses_1"),
    ("enrol", "ses_1"),
    ("detach", "ses_1"),
    ("answer", "q17", "yes"),
    ("daemon", "reload"),
    ("daemon", "act-again"),
    ("daemon", "status"),
    ("policy", "reload"),
    ("policy", "shadow", "report"),
]
"""Every command that needs an answer."""


@contextmanager
def answering(folder: Path, answer: bytes) -> Iterator[None]:
    """A control socket that says the same to everybody."""
    folder.chmod(0o700)
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(folder / "control.sock"))
        listening.listen(64)

        def serve() -> None:
            while True:
                try:
                    one, _ = listening.accept()
                except OSError:
                    return
                with one:
                    one.recv(65536)
                    one.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield
        finally:
            listening.shutdown(socket.SHUT_RDWR)
            thread.join(10)


def http(document: object) -> bytes:
    return b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n" + json.dumps(document).encode()


@pytest.mark.parametrize("words", ASKING, ids=" ".join)
def test_a_daemon_of_another_version_is_named_and_the_way_out_too(
    say: Say, tmp_path: Path, words: tuple[str, ...]
):
    with answering(tmp_path, http({"schema_version": 2, "running": True})):
        said = say(*words)

    assert (said.code, said.out) == (1, "")
    assert said.err == (
        "error: the daemon is of another version than this command:"
        " it speaks version 2 of the control protocol, not 1\n"
        "hint: palingenesis daemon restart\n"
    )


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"\r\n\r\n",
        b"SSH-2.0-OpenSSH\r\n",
        b"HTTP/1.1 200 OK\r\n\r\n<html>",
        http([1]),
        http({}),
    ],
)
@pytest.mark.parametrize("words", [("status",), ("pause",), ("events",)], ids=" ".join)
def test_what_is_no_answer_is_one_clear_error(
    say: Say, tmp_path: Path, words: tuple[str, ...], answer: bytes
):
    with answering(tmp_path, answer):
        said = say(*words)

    assert said.code in {1, 3}
    assert said.out == ""
    assert said.err.startswith("error: the daemon")
    assert "Traceback" not in said.err


@pytest.mark.e2e
def test_a_hung_daemon_is_told_by_its_pid_and_can_be_restarted(tmp_path: Path):
    with a_home(tmp_path) as home:
        pid = home.start()
        os.kill(pid, signal.SIGSTOP)

        health = home.say("health")
        assert health.returncode == 6
        assert health.stdout.splitlines()[0] == "unresponsive"
        assert f"(pid {pid})" in health.stdout

        waited = home.say("wait", "--timeout", "3s")
        assert waited.returncode == 6

        restarted = home.say("daemon", "restart", "--server", "http://127.0.0.1:9", "--json")
        assert restarted.returncode == 0, restarted.stderr
        assert f"(pid {pid}) cannot be asked: it is sent SIGTERM" in restarted.stderr
        assert json.loads(restarted.stdout)["pid"] != pid


def test_every_command_gives_up_on_a_daemon_that_does_not_answer(tmp_path: Path):
    home = Home(tmp_path)
    tmp_path.chmod(0o700)
    with socket.socket(socket.AF_UNIX) as listening, ThreadPoolExecutor(len(ASKING)) as pool:
        listening.bind(str(tmp_path / "control.sock"))
        listening.listen(128)
        said = dict(zip(ASKING, pool.map(lambda words: home.say(*words), ASKING), strict=True))

    for words, done in said.items():
        assert (done.returncode, done.stdout) == (6, ""), words
        assert done.stderr == (
            f"error: the daemon (pid {os.getpid()}) did not answer within 6 s\n"
            "hint: palingenesis daemon restart\n"
        ), words


def test_the_process_behind_a_socket_is_known_also_when_it_says_nothing(tmp_path: Path):
    tmp_path.chmod(0o700)
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "control.sock"))
        listening.listen(8)

        assert ControlClient(tmp_path / "control.sock").pid() == os.getpid()

    assert ControlClient(tmp_path / "control.sock").pid() is None


def test_another_version_is_an_error_of_its_own(tmp_path: Path):
    with (
        answering(tmp_path, http({"schema_version": 2})),
        pytest.raises(OtherVersionError, match="version 2"),
    ):
        ControlClient(tmp_path / "control.sock").status()


def test_the_socket_of_another_user_is_refused(say: Say, tmp_path: Path):
    if os.geteuid() != 0:
        pytest.skip("only root can make one")
    tmp_path.chmod(0o700)
    theirs = (
        "import os, signal, socket, sys; one = socket.socket(socket.AF_UNIX);"
        "one.bind(sys.argv[1]); os.setuid(65534); one.listen(8); print('x', flush=True);"
        "signal.pause()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", theirs, str(tmp_path / "control.sock")], stdout=subprocess.PIPE
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"x\n"
        said = say("status")
        other.kill()

    assert said.code == 4
    assert "another user's program answers" in said.err
