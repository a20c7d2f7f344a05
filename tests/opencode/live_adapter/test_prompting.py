"""A prompt that nothing comes of is sent once more, unless the person said otherwise meanwhile."""

import pytest

from palingenesis.assistants.opencode.actuator import OpenCodeActuator
from palingenesis.core.values import Result
from tests.opencode.live_adapter.fake import FakeOpenCode, FakeWork, QuickClock, play, refused, user
from tests.opencode.live_adapter.test_actuator import SILENT, Standing

HELD = "the operator holds the session"


@pytest.mark.parametrize(("held", "prompts"), [(False, 2), (True, 1)])
def test_what_she_holds_meanwhile_is_not_sent_once_more(held: bool, prompts: int) -> None:
    async def story(fake: FakeOpenCode) -> None:
        fake.messages["ses_1"] = [user(1), refused(2)]
        actuator = OpenCodeActuator(
            Standing(fake),
            FakeWork(),
            QuickClock(),
            quiet=set(),
            void=lambda _effect: HELD if held and fake.prompts else "",
        )

        outcome = await actuator.perform(SILENT)

        assert len(fake.prompts) == prompts
        assert outcome.result is Result.FAILED
        assert (outcome.detail == HELD) is held

    play(story)
