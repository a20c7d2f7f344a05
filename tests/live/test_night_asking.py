"""Nights with a person who is asked, hooks that run, and a server that is ended on purpose."""

import sys
from pathlib import Path
from signal import SIGKILL

from palingenesis.demo.replies import Text
from tests.live.night import Night

ASKING = """\
version: 1
rules:
  - id: gate
    when: stop.reason == 'completed'
    do:
      - ask: {question: "Once more?", timeout: 10m}
      - run: {hook: note}
      - resume: {message: "Once more."}
    limit: {max: 1, per: 1h, then: [finish]}
default: {do: [attention]}
"""
ENDING = """\
version: 1
rules:
  - id: enough
    when: stop.reason == 'completed'
    do: [{stop: {grace: 2s}}, {attention: {reason: enough}}]
default: {do: [attention]}
"""
NOTE = "import os; open('noted', 'a').write(os.environ['PALINGENESIS_SESSION'])"


def with_hook(night: Night) -> Path:
    """Define the hook `note`, which leaves a file in the home it runs in."""
    config = night.root / "config" / "config.toml"
    argv = f'argv = ["{sys.executable}", "-c", "{NOTE}"]\n'
    config.write_text(config.read_text() + "\n[hooks.note]\n" + argv)
    return Path(night.environment()["HOME"]) / "noted"


def test_a_question_outlives_us_and_on_yes_the_hook_runs_and_the_session_goes_on(opencode: Path):
    with Night(opencode, policy=ASKING, daemon_starts=False) as night:
        noted = with_hook(night)
        night.start()
        night.provider.default(Text(text="done"))
        session = night.begin("do it")
        asking = night.wait_for(session, "asking")
        question = str(asking["question"])
        told = night.wait_for_told("Once more?")
        assert f"palingenesis answer {question} yes|no" in told

        night.stop(SIGKILL)
        night.start()
        assert night.wait_for(session, "asking")["until"] == asking["until"]
        assert question in night.palin("status").stdout

        assert night.palin("answer", question, "yes").returncode == 0
        night.wait_for(session, "completed")
        assert noted.read_text() == session
        assert len(night.provider.requests) == 2
        assert len([text for text in night.told.texts() if "Once more?" in text]) == 1

        assert night.palin("answer", question, "yes").returncode == 0
        late = night.palin("answer", question, "no")
        assert late.returncode == 1
        assert f"{question} is settled already: yes to {question} by " in late.stderr
        assert "(cli, run by " in late.stderr
        assert "no question 'q99'" in night.palin("answer", "q99", "yes").stderr


def test_a_server_that_a_rule_ends_stays_ended(opencode: Path):
    with Night(opencode, policy=ENDING) as night:
        night.provider.default(Text(text="done"))
        session = night.begin("do it")

        night.wait_for(session, "attention")

        night.claim_quiet()
        (agent,) = night.control.status()["agents"]
        assert not agent["up"]
        assert night.rules(session) == ["enough"]
