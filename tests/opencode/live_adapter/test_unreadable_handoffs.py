"""A handoff that is there and cannot be read is no missing one: nobody gets our words for it."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from palingenesis.assistants.opencode.actuator import OpenCodeActuator
from palingenesis.core import effects as ef
from palingenesis.core.values import Result
from palingenesis.sensors.work import FolderWork
from tests.opencode.live_adapter.fake import (
    START,
    FakeOpenCode,
    QuickClock,
    answer,
    play,
    refused,
    user,
)
from tests.opencode.live_adapter.test_actuator import NEW, Standing, answers_at_once

FROM_A_FILE = replace(NEW, source="Next-step.md")


class Meanwhile(QuickClock):
    """Long after the stop; lets something happen while somebody waits, the first time."""

    def __init__(self, happens: Callable[[], object]) -> None:
        super().__init__(START + timedelta(minutes=5))
        self._happens = [happens]

    async def sleep(self, seconds: float) -> None:
        while self._happens:
            self._happens.pop()()
        await super().sleep(seconds)


def actuator(fake: FakeOpenCode, place: Path, clock: QuickClock | None = None) -> OpenCodeActuator:
    fake.sessions["ses_1"]["directory"] = str(place)
    fake.messages["ses_1"] = [user(1), refused(2)]
    answers_at_once(fake)
    work = FolderWork(backups=place / "backups")
    return OpenCodeActuator(Standing(fake), work, clock or QuickClock(), quiet=set())


@pytest.mark.parametrize("if_missing", ["summary", "attention", "empty"])
def test_a_handoff_that_cannot_be_read_fails_and_begins_no_session(
    tmp_path: Path, if_missing: str
) -> None:
    (tmp_path / "Next-step.md").symlink_to("Next-step.md")

    async def story(fake: FakeOpenCode) -> None:
        outcome = await actuator(fake, tmp_path).perform(
            replace(FROM_A_FILE, if_missing=if_missing)
        )

        assert outcome.result is Result.FAILED
        assert f"{tmp_path}/Next-step.md cannot be read: Too many levels" in outcome.detail
        assert "palingenesis new-session SESSION" in outcome.detail
        assert list(fake.sessions) == ["ses_1"]
        assert fake.prompts == []

    play(story)


def test_once_it_can_be_read_the_next_attempt_hands_over_what_it_says(tmp_path: Path) -> None:
    note = tmp_path / "Next-step.md"
    note.mkdir()

    async def story(fake: FakeOpenCode) -> None:
        acting = actuator(fake, tmp_path)
        first = await acting.perform(FROM_A_FILE)
        note.rmdir()
        note.write_text("# Step 5: The roof\n")
        second = await acting.perform(replace(FROM_A_FILE, id="8.1"))
        third = await acting.perform(replace(FROM_A_FILE, id="8.1"))

        assert first.result is Result.FAILED
        assert second.data["handoff"] == "Next-step.md"
        assert third.data["session"] == second.data["session"]
        [(session, body)] = fake.prompts
        assert session == second.data["session"]
        assert "> # Step 5: The roof" in body["parts"][0]["text"]

    play(story)


def test_a_handoff_that_can_be_read_in_a_moment_is_waited_for(tmp_path: Path) -> None:
    note = tmp_path / "Next-step.md"
    note.symlink_to(note.name)

    def is_mended() -> None:
        note.unlink()
        note.write_text("# Step 5: The roof\n")

    async def story(fake: FakeOpenCode) -> None:
        outcome = await actuator(fake, tmp_path, Meanwhile(is_mended)).perform(FROM_A_FILE)

        assert outcome.data["handoff"] == "Next-step.md"
        assert len(fake.prompts) == 1

    play(story)


def test_whoever_goes_on_while_the_handoff_is_waited_for_is_left_alone(tmp_path: Path) -> None:
    note = tmp_path / "Next-step.md"
    note.mkdir()

    async def story(fake: FakeOpenCode) -> None:
        def she_goes_on() -> None:
            note.rmdir()
            fake.messages["ses_1"] += [user(3), answer(4)]

        outcome = await actuator(fake, tmp_path, Meanwhile(she_goes_on)).perform(FROM_A_FILE)

        assert outcome.result is Result.SUPERSEDED
        assert list(fake.sessions) == ["ses_1"]
        assert fake.prompts == []

    play(story)


def test_without_the_file_what_the_policy_says_about_a_missing_one_counts(tmp_path: Path) -> None:
    async def story(fake: FakeOpenCode) -> None:
        acting = actuator(fake, tmp_path)
        person = await acting.perform(replace(FROM_A_FILE, if_missing="attention"))
        ours = await acting.perform(replace(FROM_A_FILE, id="8.1", if_missing="empty"))

        assert (person.result, ours.result) == (Result.FAILED, Result.OK)
        assert person.detail == "there is nothing that says how to go on"
        assert ours.data["handoff"] == "nothing to go by"

    play(story)


def test_what_had_been_sent_before_is_found_although_the_file_cannot_be_read_now(
    tmp_path: Path,
) -> None:
    note = tmp_path / "Next-step.md"
    note.write_text("# Step 5: The roof\n")

    async def story(fake: FakeOpenCode) -> None:
        acting = actuator(fake, tmp_path)
        first = await acting.perform(FROM_A_FILE)
        note.unlink()
        note.mkdir()
        again: ef.Effect = FROM_A_FILE
        seen = await acting.reconcile(again)
        second = await acting.perform(again)

        assert seen is not None
        assert seen.data["session"] == second.data["session"] == first.data["session"]
        assert len(fake.prompts) == 1

    play(story)
