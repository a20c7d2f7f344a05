"""A night in which another program prompts the very sessions that we wait for, at the deadline."""

import time
from datetime import timedelta
from pathlib import Path

from palingenesis.demo.replies import Status, Text
from tests.live.night import Night, instant

POLICY = """version: 1
rules:
  - id: locked
    when: stop.reason == 'auth'
    do:
      - wait: {for: 10s}
      - resume: {message: "Go on, says palingenesis."}
  - id: done
    when: stop.reason == 'completed'
    do: [finish]
default:
  do: [attention]
"""
LOCKED = Status(status=401, body={"error": {"message": "invalid api key"}})
EARLY = timedelta(milliseconds=800)
"""So long before the deadline the other prompt has surely arrived when ours is about to be sent."""


def test_whoever_prompts_first_at_the_deadline_is_right_and_nothing_is_sent_twice(opencode: Path):
    offsets_ms = (-1_000, -300, -100, 0, 50)
    with Night(opencode, policy=POLICY) as night:
        night.provider.default(Text(text="done"))
        for offset_ms in offsets_ms:
            offset = timedelta(milliseconds=offset_ms)
            night.provider.script(LOCKED)
            session = night.begin("do it")
            waits = night.wait_for(session, "waiting")

            at = instant(waits["until"]) + offset
            time.sleep(max(0.0, (at - night.now()).total_seconds()))
            night.prompt(session, "Go on, says another program.")
            night.wait_for(session, "completed", timeout_s=60)
            night.claim_quiet(2)

            said = [
                part["text"]
                for message in night.messages(session)
                if message["info"]["role"] == "user"
                for part in message["parts"]
                if part["type"] == "text"
            ]
            ours = said.count("Go on, says palingenesis.")
            assert said.count("Go on, says another program.") == 1
            assert ours <= (0 if offset <= -EARLY else 1), (offset, night.story())
            ends = [one["kind"] for one in night.decisions(session)]
            assert ours or "cancelled" in ends, night.story()
        assert "every one came out the same" in night.palin("replay").stdout
