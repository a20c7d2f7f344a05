"""Nights in which trying again cures nothing: no prompt, one notice, a person has to look."""

from pathlib import Path

from palingenesis.demo.replies import Status, Text, unauthorized
from tests.live.night import Night

UNSUPPORTED = Status(
    status=401,
    body={
        "type": "error",
        "error": {
            "type": "ModelError",
            "message": "Model scripted-big is not supported for format openai",
        },
    },
)


def test_a_rejected_key_is_shown_to_a_person_and_never_tried_again(opencode: Path):
    with Night(opencode) as night:
        night.provider.script(unauthorized())
        session = night.begin("do it")

        night.wait_for(session, "attention")
        told = night.wait_for_told("Login or billing problem")

        night.claim_quiet()
        assert "Incorrect API key" in told
        assert len(night.provider.requests) == 1
        assert night.rules(session) == ["credentials"]
        assert [notice["data"]["severity"] for notice in night.told.notices] == ["critical"]
        assert len(night.messages(session)) == 2


def test_a_model_that_is_not_supported_starts_no_storm(opencode: Path):
    with Night(opencode) as night:
        night.provider.default(UNSUPPORTED)
        session = night.begin("do it")

        night.wait_for(session, "attention")
        night.wait_for_told("Cannot go on (model_not_found)")

        night.claim_quiet()
        assert len(night.provider.requests) == 1
        assert night.rules(session) == ["hopeless"]
        assert len(night.told.notices) == 1


def test_a_model_that_does_not_exist_is_told_once_and_the_person_goes_on(opencode: Path):
    with Night(opencode) as night:
        model = {"providerID": "scripted", "modelID": "nothing"}
        session = night.begin("do it", model=model)

        night.wait_for(session, "attention")
        night.wait_for_told("Cannot go on (model_not_found)")
        night.claim_quiet()
        assert night.provider.requests == []
        assert night.rules(session) == ["hopeless"]
        assert len(night.told.notices) == 1

        night.provider.script(Text(text="here I am"))
        night.prompt(
            session, "try this one", model={"providerID": "scripted", "modelID": "scripted-big"}
        )
        night.wait_for(session, "completed")
        assert len(night.provider.requests) == 1
        assert night.rules(session) == ["hopeless", "finished"]
