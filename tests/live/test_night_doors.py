"""Nights in which something stands in the way at the start: a stranger, a password, ourselves."""

import signal
import socket
from pathlib import Path

from palingenesis.demo.replies import Stall, Text
from tests.live.bench import Bench
from tests.live.night import Night
from tests.live.test_night_crashes import restarts

BUSY = 75


def test_a_port_that_a_stranger_holds_is_left_to_him_and_another_one_is_told(opencode: Path):
    with socket.socket() as stranger:
        night = Night(opencode)
        stranger.bind(("127.0.0.1", night.port))
        stranger.listen()
        with night:
            (agent,) = night.control.status()["agents"]
            assert agent["up"]
            assert f"port {night.port} is taken" in agent["detail"]
            assert f"port {night.port} is taken" in night.palin("status").stdout
            session = night.begin("do it")
            night.wait_for(session, "completed")


def test_a_clean_restart_adopts_the_server_and_the_turn_that_it_is_in(opencode: Path):
    with Night(opencode) as night:
        night.provider.script(Stall(text="half"), Text(text="not asked for"))
        session = night.begin("do it")
        night.wait_for_requests(1)
        night.wait_for(session, "working")
        agent = night.agent_pid()

        assert night.stop(signal.SIGTERM) == 0
        night.start()

        assert night.agent_pid() == agent
        night.wait_for(session, "working")
        night.claim_quiet()
        night.provider.release()
        night.wait_for(session, "completed")
        assert len(night.provider.requests) == 1


def test_a_turn_that_ends_while_we_are_away_is_found_ended(opencode: Path):
    with Night(opencode) as night:
        night.provider.script(Stall(text="half"))
        session = night.begin("do it")
        night.wait_for_requests(1)
        night.wait_for(session, "working")

        night.stop(signal.SIGKILL)
        night.provider.release()
        night.wait(lambda: night.provider.requests[0].ended, 10, lambda: "the answer's end")
        night.start()

        night.wait_for(session, "completed")
        night.claim_quiet()
        assert len(night.provider.requests) == 1


def test_a_server_that_dies_while_we_are_away_is_a_crash_of_its_sessions(opencode: Path):
    with Night(opencode) as night:
        night.provider.script(Stall(text="half"), Text(text="whole"))
        session = night.begin("do it")
        night.wait_for_requests(1)
        night.wait_for(session, "working")
        agent = night.agent_pid()
        assert agent is not None

        night.stop(signal.SIGKILL)
        night.send(agent, signal.SIGKILL)
        night.start()

        night.wait_for(session, "completed")
        night.claim_quiet()
        assert len(night.provider.requests) == 2
        assert night.rules(session) == ["crash", "finished"]
        assert restarts(night) == 0  # the one that we started after our own start is enough


def test_a_second_daemon_is_turned_away_and_disturbs_nobody(opencode: Path):
    with Night(opencode) as night:
        agent = night.agent_pid()

        second = night.palin("daemon", "run")

        assert second.returncode == BUSY
        assert len(second.stderr.strip().splitlines()) <= 2, second.stderr
        assert night.agent_pid() == agent
        session = night.begin("do it")
        night.wait_for(session, "completed")


def test_a_wrong_password_is_told_and_the_server_left_alone(opencode: Path):
    with Bench((opencode,), password="the right one") as bench:
        night = Night(
            opencode,
            daemon_starts=False,
            flags=("--server", f"http://127.0.0.1:{bench.port}"),
        )
        with night:
            night.start(
                until_agent_up=False, environment={"OPENCODE_SERVER_PASSWORD": "the wrong one"}
            )
            night.wait_for_told("does not accept our password", timeout_s=20)
            night.claim_quiet()
            (agent,) = night.control.status()["agents"]
            assert not agent["up"]
            assert len(night.told.texts()) == 1
            assert "the wrong one" not in night.log()
            assert bench.is_healthy()
