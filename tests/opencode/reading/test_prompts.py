"""Which prompts of the person were told."""

from palingenesis.assistants.opencode.prompts import Prompts


def test_the_latest_prompt_of_a_session_is_told_and_no_other() -> None:
    prompts = Prompts()

    prompts.note("ses_1", "msg_1")
    prompts.note("ses_1", "msg_2")

    assert prompts.is_told("ses_1", "msg_2")
    assert not prompts.is_told("ses_1", "msg_1")
    assert not prompts.is_told("ses_2", "msg_2")


def test_of_very_many_sessions_the_oldest_are_forgotten() -> None:
    prompts = Prompts()

    for number in range(1001):
        prompts.note(f"ses_{number}", "msg_1")
        prompts.note("ses_0", "msg_2")  # whoever is told of again is young again

    assert prompts.is_told("ses_0", "msg_2")
    assert not prompts.is_told("ses_1", "msg_1")
    assert prompts.is_told("ses_2", "msg_1")
