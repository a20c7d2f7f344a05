"""When the assistant's state cannot be read, or reads as nonsense, nothing is sent.

Every place that is asked before acting answers every kind of nonsense, for every effect that has a
model at work, after a stop that a message anchors and after the end of a server, which none does.
"""

import json

import pytest

from palingenesis.core import effects as ef
from palingenesis.core.values import Result
from palingenesis.runtime.ports import Outcome
from tests.opencode.live_adapter.fake import FakeOpenCode, answer, user
from tests.opencode.live_adapter.test_actuator import (
    BASE,
    NEW,
    SILENT,
    STOP,
    WORDS,
    actuator,
    answers_at_once,
    play,
)

DOWN = "down:20261101T120010.000000Z"
ACTING = (
    SILENT,
    WORDS,
    NEW,
    ef.Retry(**BASE, id="7.3", stop=STOP),
    ef.Compact(**BASE, id="7.4", stop=STOP),
    ef.Resume(**BASE, id="7.5", stop=DOWN, words=True, text="Continue."),
    ef.NewSession(**BASE, id="7.6", stop=DOWN, source="auto", if_missing="summary"),
    ef.Compact(**BASE, id="7.7", stop=DOWN),
)


def stands_for(fake: FakeOpenCode, effect: ef.Effect) -> None:
    """Let the session stand where that was decided: cut off, if its server went down."""
    if getattr(effect, "stop", "") == DOWN:
        fake.messages["ses_1"] = [user(1), answer(2, finish=None)]


def answered(body: str, status: int = 200, kind: str = "application/json") -> bytes:
    head = f"HTTP/1.1 {status} X\r\ncontent-type: {kind}\r\ncontent-length: {len(body)}\r\n\r\n"
    return (head + body).encode()


NONSENSE = {
    "null": answered("null"),
    "a number": answered("7"),
    "a text": answered('"idle"'),
    "cut off": answered('{"ses_1": {"ty'),
    "a page": answered("<html>hello</html>", kind="text/html"),
    "an error": answered('{"name": "UnknownError"}', status=500),
    "a gateway's error": answered("bad gateway", status=502, kind="text/plain"),
    "not found": answered('{"name": "NotFoundError"}', status=404),
}
NO_LIST = {**NONSENSE, "an object": answered("{}"), "things": answered('[{"what": 1}, 2]')}
PLACES = {
    "/session/ses_1": {
        **NONSENSE,
        "a list": answered("[]"),
        "nothing in it": answered("{}"),
        "another session": answered('{"id": "ses_2", "directory": "/x"}'),
        "no directory": answered('{"id": "ses_1"}'),
    },
    "/session/status": {
        **NONSENSE,
        "a list": answered("[]"),
        "a status of another time": answered('{"ses_1": {"type": "thinking"}}'),
        "a status without type": answered('{"ses_1": {}}'),
        "no status": answered('{"ses_1": null}'),
    },
    "/permission": {**NO_LIST, "of nobody": answered('[{"id": "per_1"}]')},
    "/question": {**NO_LIST, "of nobody": answered('[{"id": "que_1"}]')},
    "/session/ses_1/message": {
        **NO_LIST,
        "none": answered("[]"),
        "one of them a number": answered(json.dumps([user(1), 7])),
        "one of them strange": answered(json.dumps([user(1), {"info": {"role": "tool"}}])),
    },
}
CASES = [(place, name) for place, answers in PLACES.items() for name in answers]


@pytest.mark.parametrize(("place", "nonsense"), CASES, ids=[f"{p}: {n}" for p, n in CASES])
def test_nothing_is_sent_when_the_state_cannot_be_read(place: str, nonsense: str) -> None:
    outcomes: list[Outcome] = []

    async def story(fake: FakeOpenCode) -> None:
        answers_at_once(fake)
        acting = actuator(fake)
        fake.raw[place] = PLACES[place][nonsense]
        for effect in ACTING:
            stands_for(fake, effect)
            outcomes.append(await acting.perform(effect))
        posted = [path for method, path in fake.asked if method == "POST"]
        assert posted == []

    play(story)

    assert {outcome.result for outcome in outcomes} <= {
        Result.FAILED,
        Result.UNKNOWN,
        Result.SUPERSEDED,
    }


def test_all_of_them_are_sent_when_everything_can_be_read() -> None:
    for effect in ACTING:

        async def story(fake: FakeOpenCode, effect: ef.Effect = effect) -> None:
            answers_at_once(fake)
            stands_for(fake, effect)
            outcome = await actuator(fake).perform(effect)
            assert outcome.result is Result.OK, outcome

        play(story)


@pytest.mark.parametrize("nonsense", [*NO_LIST], ids=[*NO_LIST])
def test_no_session_is_created_when_nobody_can_tell_whether_it_was_created_before(
    nonsense: str,
) -> None:
    async def story(fake: FakeOpenCode) -> None:
        answers_at_once(fake)
        acting = actuator(fake)
        fake.raw["/experimental/session"] = NO_LIST[nonsense]
        outcome = await acting.perform(NEW)
        assert outcome.result in {Result.FAILED, Result.UNKNOWN}
        assert [path for method, path in fake.asked if method == "POST"] == []

    play(story)
