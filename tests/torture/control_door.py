"""The control door under attack: another user, frames of noise, and clients that never finish.

    python -m tests.torture.control_door --strangers 1000 --frames 10000

A real control server answers at a socket in a folder of its own. As root, another user (setpriv)
knocks at it, with every file mode opened to her: the kernel's word about the peer has to keep her
out. Then frames of noise are sent: random bytes, damaged requests, requests in odd pieces; after
every hundred the door has to answer a question. Last, sixty-four clients of each slow kind hold
their connections while `palingenesis status` is asked. Exits with 1 when a stranger got an answer,
the door died, or a status took longer than half a second of its own.
"""

import argparse
import contextlib
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from random import Random

from palingenesis.control.client import ControlClient
from tests.control.doors import StandInDoor, a_row, served
from tests.control.test_hostile_clients import FORMS, besieged
from tests.torture.fuzzing import mutated
from tests.torture.telling import commit

STATUS_S_MAX = 0.5
BECOME_NOBODY = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--")
KNOCK = """
import socket, sys
answered = refused = 0
for _ in range(int(sys.argv[2])):
    talk = socket.socket(socket.AF_UNIX)
    talk.settimeout(5)
    try:
        talk.connect(sys.argv[1])
        talk.sendall(b"GET /v1/status HTTP/1.1\\r\\nhost: x\\r\\n\\r\\n")
        got = talk.recv(65536)
    except OSError:
        got = b""
    answered += bool(got)
    refused += not got
    talk.close()
print(answered, refused)
"""
METHODS = (b"GET", b"POST", b"PUT", b"DELETE", b"OPTIONS", b"HEAD", b"TRACE", b"CONNECT", b"PRI")
PLACES = (b"status", b"events", b"commands", b"answers", b"open", b"explain", b"shadow", b"../x")


def can_become_another_user() -> bool:
    """Whether this process may be somebody else for a moment."""
    return os.getuid() == 0 and shutil.which("setpriv") is not None


def strangers(count: int) -> tuple[int, int]:
    """Have another user knock so often; how often she was answered, and refused."""
    with tempfile.TemporaryDirectory(prefix="palin-door-") as folder, served(Path(folder)) as here:
        Path(folder).chmod(0o711)
        here.path.chmod(0o666)
        told = subprocess.run(
            [*BECOME_NOBODY, "env", "python3", "-I", "-c", KNOCK, str(here.path), str(count)],
            cwd="/", capture_output=True, text=True, timeout=count, check=False,
        )  # fmt: skip
        assert told.stdout, told.stderr
        assert ControlClient(here.path).status()["running"] is True
        answered, refused = map(int, told.stdout.split())
        return answered, refused


def frames(count: int, seed: int) -> int:
    """Send so many frames of noise; how many were sent while the door went on answering."""
    dice = Random(seed)
    noise = mutated(Random(f"{seed}/noise"))
    with tempfile.TemporaryDirectory(prefix="palin-door-") as folder, served(Path(folder)) as here:
        client = ControlClient(here.path)
        for number in range(count):
            with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as talk:
                talk.settimeout(2)
                talk.connect(str(here.path))
                for piece in _pieces(_frame(dice, next(noise)), dice):
                    talk.sendall(piece)
                if dice.random() < 0.5:
                    talk.shutdown(socket.SHUT_WR)
                    talk.recv(4096)
            if number % 100 == 99:
                assert client.status()["running"] is True
        assert not here.door.stopped.is_set()
    return count


def _frame(dice: Random, noise: bytes) -> bytes:
    head = b"%s /v1/%s HTTP/1.%d\r\nhost: x\r\n" % (
        dice.choice(METHODS), dice.choice(PLACES), dice.randrange(3),
    )  # fmt: skip
    match dice.randrange(6):
        case 0:
            return noise
        case 1:
            return head + noise
        case 2:
            length = dice.choice((0, 1, len(noise), 10**9, 65_537, -1))
            kind = b"content-type: application/json\r\n"
            return head + kind + b"content-length: %d\r\n\r\n" % length + noise
        case 3:
            chunk = b"%x\r\n" % dice.choice((0, 1, len(noise), 2**70))
            return head + b"transfer-encoding: chunked\r\n\r\n" + chunk + noise
        case 4:
            return head + b"x: " + noise[:200].replace(b"\n", b"\n ") + b"\r\n\r\n" + noise
        case _:
            return b"".join([head + b"\r\n"] * dice.randint(1, 20)) + noise


def _pieces(data: bytes, dice: Random) -> list[bytes]:
    if dice.random() < 0.7:
        return [data]
    cuts = sorted(dice.randint(0, len(data)) for _ in range(3))
    return [data[a:b] for a, b in zip([0, *cuts], [*cuts, len(data)], strict=True)]


def slow(form: str, asks: int) -> float:
    """The longest of so many status questions while sixty-four slow clients hold on."""
    door = StandInDoor()
    door.rows = [a_row(seq, summary="x" * 2000) for seq in range(1, 1001)]
    longest = 0.0
    with (
        tempfile.TemporaryDirectory(prefix="palin-door-") as folder,
        served(Path(folder), door) as here,
        besieged(here.path, 64, FORMS[form]),
    ):
        client = ControlClient(here.path, timeout_s=10)
        for _ in range(asks):
            began = time.monotonic()
            assert client.status()["running"] is True
            longest = max(longest, time.monotonic() - began)
    return longest


def main(arguments: list[str] | None = None) -> int:
    """Attack; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.torture.control_door", description=__doc__
    )
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--strangers", type=int, default=1000)
    parser.add_argument("--frames", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args(arguments)
    began, bad = time.monotonic(), 0
    if can_become_another_user():
        answered, refused = strangers(asked.strangers)
        print(f"another user: {refused} of {asked.strangers} refused, {answered} answered")
        bad += answered
    else:
        print("another user: not tried (needs root and setpriv)")
    print(f"frames of noise: {frames(asked.frames, asked.seed)}, the door answered all along")
    for form in FORMS:
        took = slow(form, 20)
        bad += took > STATUS_S_MAX
        print(f"64 clients, each {form}: longest of 20 status answers {took * 1000:.0f} ms")
    print(f"wrong: {bad}; seed {asked.seed}; repeat: python -m tests.torture.control_door"
          f" --frames {asked.frames} --seed {asked.seed}")  # fmt: skip
    print(
        f"date: {datetime.now(UTC):%Y-%m-%d}, commit {commit()}, {time.monotonic() - began:.0f} s"
    )
    return int(bad > 0)


if __name__ == "__main__":
    sys.exit(main())
