"""Nights in which the context is full: healed by OpenCode itself, or continued in a new session."""

import json
from pathlib import Path

from palingenesis.demo.replies import Text, Tool, Usage, context_overflow
from tests.live.night import Night

NO_COMPACTION = {"compaction": {"auto": False}}

DOCUMENT = """---
stepsCompleted: [1, 2, 3, 4, 5, 6]
workflowType: prd
---

# The document
"""
DONE = DOCUMENT.replace("[1, 2, 3, 4, 5, 6]", "[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]")

NEXT_STEP = "Go on with the functional requirements; the glossary is settled.\n"


def test_an_overflow_that_opencode_heals_itself_is_none_of_our_business(opencode: Path):
    with Night(opencode) as night:
        night.provider.script(Text(text="warm"))
        session = night.begin("warm up")
        night.wait_for_rules(session, "finished-in-sight")

        night.provider.script(
            context_overflow(), Text(text="a summary"), Text(text="after the summary")
        )
        night.prompt(session, "do it")

        night.wait_for_rules(session, "finished-in-sight", "finished-in-sight")
        night.wait_for(session, "completed")
        night.claim_quiet()
        assert len(night.provider.requests) == 4
        assert [s["id"] for s in night.control.sessions()] == [session]
        assert night.alarms() == []


def test_a_full_context_becomes_a_new_session_at_the_right_step(opencode: Path):
    with Night(opencode, config=NO_COMPACTION) as night:
        document = night.project / "docs" / "prd.md"
        (night.project / "Next-step.md").write_text(NEXT_STEP)
        night.provider.script(
            Tool(name="write", arguments={"filePath": str(document), "content": DOCUMENT}),
            context_overflow(),
            Text(text="step 7 is under way"),
            Tool(name="write", arguments={"filePath": str(document), "content": DONE}),
            Text(text="all done"),
        )
        session = night.begin("write the document")

        night.wait(
            lambda: night.session(session).get("successor"), 30, lambda: "the session's successor"
        )
        old = night.session(session)
        new = old["successor"]
        night.wait_for_rules(new, "unfinished", "finished")
        night.wait_for(new, "completed")
        assert len(night.provider.requests) == 5

        assert old["status"] == "completed"
        assert night.rules(session) == ["context-full"]
        (backup,) = (night.state / "backups").iterdir()
        assert backup.name.startswith("session-backup-")
        assert "write the document" in backup.read_text()
        assert oct(backup.stat().st_mode & 0o777) == "0o600"

        raw = night.api("GET", f"/session/{new}")
        mark = raw["metadata"]["palingenesis"]
        assert mark["from"] == session
        third = night.provider.requests[2]
        assert third.session == new
        assert third.message_count == 1
        assert "step 7 of 12" in third.last_user_text
        assert NEXT_STEP.strip() in third.last_user_text

        # It did not write the document yet, but it is its work all the same.
        assert "Continue from where you stopped" in night.provider.requests[3].last_user_text


def test_without_a_next_step_the_handoff_is_written_by_us_and_says_so(opencode: Path):
    with Night(opencode, config=NO_COMPACTION) as night:
        night.provider.script(
            Tool(
                name="todowrite",
                arguments={
                    "todos": [
                        {"content": "paint the door", "status": "pending", "priority": "high"},
                        {"content": "buy paint", "status": "completed", "priority": "high"},
                    ]
                },
            ),
            context_overflow(),
            Text(text="the door is painted"),
        )
        session = night.begin("renovate")

        night.wait(
            lambda: night.session(session).get("successor"), 30, lambda: "the session's successor"
        )
        new = night.session(session)["successor"]
        night.wait_for(new, "completed")

        assert len(night.provider.requests) == 3
        words = night.provider.requests[2].last_user_text
        assert "paint the door" in words
        assert "buy paint" not in words
        assert night.rules(new) == ["finished"]
        said = json.dumps(night.control.events(after=0, since=None, session=None, limit=500))
        assert "written by palingenesis" in said


def test_a_nearly_full_context_changes_between_two_steps(opencode: Path):
    with Night(opencode, config=NO_COMPACTION) as night:
        document = night.project / "prd.md"
        full = Usage(input=175_000, output=2_000)
        night.provider.script(
            Tool(name="write", arguments={"filePath": str(document), "content": DOCUMENT}),
            Text(text="step 6 is done", usage=full),
            Tool(name="write", arguments={"filePath": str(document), "content": DONE}),
            Text(text="all done"),
        )
        session = night.begin("write the document")

        night.wait(
            lambda: night.session(session).get("successor"), 30, lambda: "the session's successor"
        )
        new = night.session(session)["successor"]
        night.wait_for(new, "completed")

        assert night.rules(session) == ["context-nearly-full"]
        assert night.rules(new) == ["finished-in-sight"]
        assert len(night.provider.requests) == 4
        assert "step 7 of 12" in night.provider.requests[2].last_user_text
