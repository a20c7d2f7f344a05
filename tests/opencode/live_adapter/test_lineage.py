"""A session that continues another one works on the same documents."""

from typing import Any

import pytest

from palingenesis.assistants.opencode.client import OpenCode
from palingenesis.assistants.opencode.lineage import GENERATIONS_MAX, inherited
from tests.opencode.live_adapter.fake import PASSWORD, FakeOpenCode, answer, play, user


def wrote(number: int, path: str) -> dict[str, Any]:
    message = answer(number, finish="tool-calls")
    message["parts"] = [
        {
            "id": f"prt_{number}",
            "messageID": message["info"]["id"],
            "type": "tool",
            "tool": "write",
            "callID": "c",
            "state": {"status": "completed", "input": {"filePath": path}},
        }
    ]
    return message


def continues(earlier: str) -> dict[str, Any]:
    return {"metadata": {"palingenesis": {"key": "1.1", "from": earlier, "stop": ""}}}


LARGE = "x" * (17 * 1024 * 1024)


def found(sessions: dict[str, tuple[str, str]], of: str) -> tuple[str, ...]:
    """What is inherited; sessions are given as id: (earlier, path)."""
    told: list[tuple[str, ...]] = []

    async def story(fake: FakeOpenCode, *_: Any) -> None:
        for number, (id_, (earlier, path)) in enumerate(sessions.items()):
            fake.session(id_, **(continues(earlier) if earlier else {}))
            fake.messages[id_] = [wrote(number, path)]
        async with OpenCode(fake.origin, password=PASSWORD) as client:
            told.append(await inherited(client, of))

    play(story)
    return told[0]


def test_a_session_of_its_own_inherits_nothing() -> None:
    assert found({"ses_1": ("", "/w/prd.md")}, "ses_1") == ()


def test_what_all_earlier_sessions_wrote_is_inherited_oldest_first() -> None:
    sessions = {
        "ses_1": ("", "/w/brief.md"),
        "ses_2": ("ses_1", "/w/prd.md"),
        "ses_3": ("ses_2", "/w/x.md"),
    }

    assert found(sessions, "ses_3") == ("/w/brief.md", "/w/prd.md")


def test_a_circle_and_a_deleted_session_end_the_line() -> None:
    assert found({"ses_1": ("ses_2", "/w/a"), "ses_2": ("ses_1", "/w/b")}, "ses_1") == ("/w/b",)
    assert found({"ses_2": ("ses_gone", "/w/b"), "ses_3": ("ses_2", "/w/c")}, "ses_3") == ("/w/b",)


def test_the_line_is_followed_only_so_far() -> None:
    line = {f"ses_{n}": (f"ses_{n - 1}" if n else "", f"/w/{n}") for n in range(20)}

    assert len(found(line, "ses_19")) == GENERATIONS_MAX


@pytest.mark.parametrize("place", [0, 1, 2])
def test_an_earlier_session_is_read_without_a_message_that_is_too_large(place: int) -> None:
    async def story(fake: FakeOpenCode, *_: Any) -> None:
        said = [wrote(1, "/w/brief.md"), wrote(2, "/w/prd.md")]
        said.insert(place, user(0 if place == 0 else 3, text=LARGE))
        fake.messages["ses_1"] = said
        fake.session("ses_2", **continues("ses_1"))
        async with OpenCode(fake.origin, password=PASSWORD) as client:
            assert await inherited(client, "ses_2") == ("/w/brief.md", "/w/prd.md")

    play(story)
