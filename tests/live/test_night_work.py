"""Nights with work that has steps: finished, unfinished, unreadable, or none."""

from pathlib import Path

from palingenesis.demo.replies import Text, Tool
from tests.live.night import Night


def document(*steps: int) -> str:
    return f"---\nstepsCompleted: {list(steps)}\nworkflowType: architecture\n---\n\n# Plan\n"


TORN = "---\nstepsCompleted: [1, 2\nworkflowType: architecture\n---\n\n# Plan\n"


class Writes:
    """Replies that write the plan."""

    def __init__(self, night: Night) -> None:
        self._path = str(night.project / "plan.md")

    def __call__(self, text: str) -> Tool:
        return Tool(name="write", arguments={"filePath": self._path, "content": text})


def test_finished_work_is_left_alone(opencode: Path):
    with Night(opencode) as night:
        writes = Writes(night)
        night.provider.script(writes(document(1, 2, 3, 4, 5, 6, 7, 8)), Text(text="all done"))
        session = night.begin("write the plan")

        found = night.wait_for(session, "completed")

        night.claim_quiet()
        assert found["work"] == {"state": "valid", "step": None, "completed": 8, "total": 8}
        assert len(night.provider.requests) == 2
        assert night.rules(session) == ["finished-in-sight"]
        assert night.alarms() == []


def test_unfinished_work_is_continued_once_after_each_stop(opencode: Path):
    with Night(opencode) as night:
        writes = Writes(night)
        night.provider.script(
            writes(document(1, 2, 3)),
            Text(text="three are done"),
            writes(document(1, 2, 3, 4, 5)),
            Text(text="five are done"),
            writes(document(1, 2, 3, 4, 5, 6, 7, 8)),
            Text(text="all are done"),
        )
        session = night.begin("write the plan")

        night.wait_for(session, "completed")

        night.claim_quiet()
        assert night.rules(session)[:2] == ["unfinished", "unfinished"]
        assert len(night.rules(session)) == 3
        assert len(night.provider.requests) == 6
        said = [m for m in night.messages(session) if m["info"]["role"] == "user"]
        assert len(said) == 3
        assert night.alarms() == []


def test_a_plan_that_cannot_be_read_is_shown_to_a_person(opencode: Path):
    with Night(opencode) as night:
        writes = Writes(night)
        night.provider.script(writes(TORN), Text(text="all done!"))
        session = night.begin("write the plan")

        found = night.wait_for(session, "attention")

        told = night.wait_for_told("The work's document cannot be read")
        night.claim_quiet()
        assert found["work"]["state"] == "torn"
        assert night.rules(session) == ["torn-work"]
        assert len(night.provider.requests) == 2
        assert night.alarms() == [told]


def test_a_plan_that_somebody_else_wrote_is_not_this_session_s_work(opencode: Path):
    with Night(opencode) as night:
        (night.project / "plan.md").write_text(document(1, 2))
        session = night.begin("how are you?")

        found = night.wait_for(session, "completed")

        night.claim_quiet()
        assert found["work"]["state"] == "absent"
        assert len(night.provider.requests) == 1


def test_work_that_never_moves_is_given_up_loudly_and_once(opencode: Path):
    with Night(opencode) as night:
        writes = Writes(night)
        night.provider.script(writes(document(1, 2, 3)))
        night.provider.default(Text(text="I think that is all."))
        session = night.begin("write the plan")

        night.wait_for(session, "attention", timeout_s=60)

        night.claim_quiet()
        asked = len(night.provider.requests)
        assert asked <= 2 + 6  # at most what the policy allows within an hour
        assert len(night.alarms()) == 1
