"""Programs of hers that have no screen, with our plugin in them: one prompt, or a server."""

import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from signal import SIGTERM

import pytest

from palingenesis.demo.replies import Stall, Text, rate_limited
from tests.live.bench import free_port
from tests.live.calls import ServerCalls
from tests.live.night import TAKES_OVER_SOON, Night, default_policy
from tests.live.plugging import PATIENT_S, integrated, plug_in, sessions_of

SECRET = "only hers"
PASSWORD = "OPENCODE_SERVER_PASSWORD"


@contextmanager
def started(
    night: Night, opencode: Path, *words: str, more: Mapping[str, str] | None = None
) -> Iterator["subprocess.Popen[bytes]"]:
    """A program that she started herself, in her project."""
    with subprocess.Popen(
        [str(opencode), *words],
        cwd=night.project,
        env=night.home.environment(more),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    ) as program:
        try:
            yield program
        finally:
            program.kill()


def test_a_run_of_hers_is_resumed_in_its_own_process(opencode: Path):
    with Night(opencode) as night:
        plug_in(night)
        night.provider.script(rate_limited(8))
        night.provider.default(Text(text="painted"))
        with started(night, opencode, "run", "paint it") as run:
            night.wait(lambda: sessions_of(night, run.pid), PATIENT_S, lambda: "its session")
            session = str(sessions_of(night, run.pid)[0]["id"])
            assert [one["id"] for one in integrated(night)] == [f"opencode-{run.pid}"]
            said, _ = run.communicate(timeout=PATIENT_S)
            assert run.returncode == 0
            assert b"painted" in said

            night.wait_for(session, "completed", timeout_s=PATIENT_S)
            night.wait(lambda: not integrated(night), 30, lambda: "the end of it")
            night.claim_quiet()
            assert len(night.provider.requests) == 2
            assert night.session(session)["status"] == "completed"
            assert night.alarms() == []


@pytest.mark.parametrize("password", [None, SECRET], ids=["open", "with a password"])
def test_a_server_of_hers_is_looked_after_like_a_tui(opencode: Path, password: str | None):
    with Night(opencode, policy=default_policy(*TAKES_OVER_SOON)) as night:
        plug_in(night)
        night.provider.script(rate_limited(12))
        night.provider.default(Text(text="painted"))
        hers = ServerCalls(free_port(), password)
        words = ("serve", "--hostname", "127.0.0.1", "--port", str(hers.port))
        secret = {PASSWORD: password} if password is not None else {}
        with started(night, opencode, *words, more=secret) as serve:
            night.wait(hers.is_healthy, PATIENT_S, lambda: "her server")
            _, made = hers.api("POST", "/session", {}, directory=night.project)
            session = str(made["id"])
            prompt = {"parts": [{"type": "text", "text": "paint it"}]}
            hers.api("POST", f"/session/{session}/prompt_async", prompt)

            waits = night.wait_for(session, "waiting", timeout_s=PATIENT_S)
            assert waits["agent"] == f"opencode-{serve.pid}"
            night.wait_for(session, "completed", timeout_s=PATIENT_S)
            night.claim_quiet()
            assert [one.session for one in night.provider.requests] == [session, session]
            assert [one["id"] for one in integrated(night)] == [f"opencode-{serve.pid}"]
            assert night.rules(session) == ["own-retry-long", "finished"]


def test_what_waits_after_the_end_of_a_run_goes_on_once_on_the_managed_server(opencode: Path):
    with Night(opencode, policy=default_policy(*TAKES_OVER_SOON)) as night:
        plug_in(night)
        night.provider.script(rate_limited(12))
        night.provider.default(Text(text="painted"))
        with started(night, opencode, "run", "paint it") as run:
            night.wait(lambda: sessions_of(night, run.pid), PATIENT_S, lambda: "its session")
            session = str(sessions_of(night, run.pid)[0]["id"])
            run.communicate(timeout=PATIENT_S)  # our interrupt ends its one prompt

            night.wait_for(session, "waiting", timeout_s=PATIENT_S)
            night.wait_for(session, "completed", timeout_s=PATIENT_S)
            night.claim_quiet()
            assert [one.session for one in night.provider.requests] == [session, session]
            assert night.session(session)["agent"] == "opencode"
            assert night.rules(session) == ["own-retry-long", "finished"]


def test_a_run_that_ends_well_without_a_daemon_was_not_left_by_her(opencode: Path):
    with Night(opencode) as night:
        plug_in(night)
        night.provider.script(Stall(text="painting "))
        with started(night, opencode, "run", "paint it") as run:
            night.wait(lambda: sessions_of(night, run.pid), PATIENT_S, lambda: "its session")
            session = str(sessions_of(night, run.pid)[0]["id"])
            night.wait_for(session, "working", timeout_s=PATIENT_S)
            night.wait_for_requests(1, timeout_s=PATIENT_S)
            night.wait(
                lambda: night.control.events(session=session, kinds=["person-prompted"]),
                PATIENT_S,
                lambda: "her prompt",
            )
            night.stop(SIGTERM)
            night.provider.release()
            run.communicate(timeout=PATIENT_S)
            night.start()

            night.wait_for(session, "completed", timeout_s=PATIENT_S)
            night.claim_quiet()
            assert len(night.provider.requests) == 1
            assert night.rules(session) == ["finished-in-sight"]
            assert night.alarms() == []
