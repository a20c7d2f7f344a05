"""Nights in which processes are killed: OpenCode at any moment of its work, and ourselves."""

import signal
from pathlib import Path

import psutil
import pytest

from palingenesis.core import effects
from palingenesis.demo.replies import Stall, Text, Tool, rate_limited
from palingenesis.journal.readonly import ReadOnlyJournal
from tests.live.night import TAKES_OVER_SOON, Night, alive, default_policy

SLEEPS = {"command": "sleep 987", "description": "Sleep"}


def test_a_server_killed_in_mid_text_is_restarted_once_and_told_to_go_on_once(opencode: Path):
    with Night(opencode) as night:
        night.provider.script(Stall(text="the first half"), Text(text="the second half"))
        session = night.begin("write it")
        night.wait_for_requests(1)
        night.wait_for(session, "working")

        killed = night.kill_agent()

        night.wait_for_rules(session, "crash", "finished")
        night.wait_for(session, "completed")
        night.claim_quiet()
        assert night.agent_pid() != killed
        assert restarts(night) == 1
        assert len(night.provider.requests) == 2
        assert night.provider.requests[1].last_user_text.startswith("Continue from where")
        assert decided(night, session)[0]["facts"]["stop.signal"] == "SIGKILL"


def test_a_server_killed_in_mid_tool_leaves_no_orphan_behind(opencode: Path):
    with Night(opencode) as night:
        night.provider.script(Tool(name="bash", arguments=SLEEPS), Text(text="done"))
        session = night.begin("sleep")
        night.wait(lambda: tools(night), 30, lambda: "the tool")
        orphans = tools(night)

        night.kill_agent()

        night.wait_for_rules(session, "crash", "finished")
        night.wait_for(session, "completed")
        night.claim_quiet()
        assert alive(orphans) == []
        assert restarts(night) == 1
        assert len(night.provider.requests) == 2


def test_a_server_killed_while_it_waits_for_its_own_retry_is_restarted_and_asks_again(
    opencode: Path,
):
    with Night(opencode) as night:
        night.provider.script(rate_limited(120), Text(text="done"))
        session = night.begin("do it")
        night.wait_for_rules(session, "own-retry-short")

        night.kill_agent()

        night.wait_for_rules(session, "own-retry-short", "crash", "finished")
        night.wait_for(session, "completed")
        night.claim_quiet()
        assert restarts(night) == 1
        assert len(night.provider.requests) == 2


def test_a_server_killed_while_we_keep_its_long_wait_keeps_the_wait(opencode: Path):
    with Night(opencode, policy=default_policy(*TAKES_OVER_SOON)) as night:
        night.provider.script(rate_limited(12), Text(text="done"))
        session = night.begin("do it")
        waits = night.wait_for(session, "waiting")
        night.wait(
            lambda: not night.api("GET", "/session/status"), 10, lambda: "OpenCode being idle"
        )

        killed = night.kill_agent()
        night.wait(
            lambda: night.agent_pid(of_any=True) not in (killed, None), 20, lambda: "a new server"
        )

        assert night.session(session)["until"] == waits["until"]
        night.wait_for(session, "completed")
        assert night.has_passed(waits["until"])
        night.claim_quiet()
        assert restarts(night) == 1
        assert len(night.provider.requests) == 2
        assert night.rules(session) == ["own-retry-long", "finished"]


def test_a_server_killed_while_nobody_works_comes_back_and_nobody_is_prompted(opencode: Path):
    with Night(opencode) as night:
        session = night.begin("do it")
        night.wait_for(session, "completed")

        killed = night.kill_agent()
        night.wait(
            lambda: night.agent_pid(of_any=True) not in (killed, None), 20, lambda: "a new server"
        )

        night.claim_quiet()
        assert restarts(night) == 1
        assert len(night.provider.requests) == 1
        assert night.status_of(session) == "completed"


@pytest.mark.parametrize(("stop", "cycles"), [("rate-limit", 4), ("crash", 2)])
def test_we_are_killed_between_intent_and_outcome_and_nothing_happens_twice_or_never(
    opencode: Path, stop: str, cycles: int
):
    """Each turn is broken off; we die the moment our answer to that is written down."""
    with Night(opencode, policy=default_policy(*TAKES_OVER_SOON)) as night:
        sessions = []
        for cycle in range(cycles):
            night.provider.reset()
            break_off = rate_limited(3) if stop == "rate-limit" else Stall(text="half")
            night.provider.script(break_off, Text(text="done", header_delay_s=0.5))
            session = night.begin(f"task {cycle}")
            sessions.append(session)
            if stop == "crash":
                night.wait_for_requests(1)
                night.wait_for(session, "working")
                night.kill_agent()

            with ReadOnlyJournal.open(night.state / "journal.db") as journal:
                night.wait(
                    lambda journal=journal: open_prompts(journal),
                    30,
                    lambda: "an open intent",
                    every_s=0.001,
                )
            night.stop(signal.SIGKILL)
            night.start()

            night.wait_for(session, "completed")
            night.claim_quiet(1.5)
            assert len(night.asked(session)) == 2, night.story()
            prompts = [m for m in night.messages(session) if m["info"]["role"] == "user"]
            assert len(prompts) == 2
        for session in sessions:
            assert night.status_of(session) == "completed"


def open_prompts(journal: ReadOnlyJournal) -> list[object]:
    kinds = (effects.Resume, effects.NewSession)
    return [one for one, _ in journal.open_effects() if isinstance(one, kinds)]


def restarts(night: Night) -> int:
    """How many restarts were ordered, by the journal."""
    with ReadOnlyJournal.open(night.state / "journal.db") as journal:
        entries = list(journal.entries())
    return sum(isinstance(e, effects.Restart) for entry in entries for e in entry.effects)


def decided(night: Night, session: str) -> list[dict[str, object]]:
    return [one for one in night.decisions(session) if one["kind"] == "decided"]


def tools(night: Night) -> list[int]:
    """The processes of the tool that sleeps."""
    pid = night.agent_pid(of_any=True)
    if pid is None:
        return []
    found = []
    for child in psutil.Process(pid).children(recursive=True):
        try:
            if "sleep 987" in " ".join(child.cmdline()):
                found.append(child.pid)
        except psutil.Error:
            continue
    return found
