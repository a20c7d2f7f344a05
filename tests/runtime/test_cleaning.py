"""What is remembered of others' text: without secrets, and text that can be written down."""

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from palingenesis.core import events
from palingenesis.core.values import AgentId, Block, BlockKind, Result, SessionId, Stop, StopReason
from palingenesis.runtime.cleaning import cleaned, real

AT = datetime(2026, 11, 21, tzinfo=UTC)
SESSION, AGENT = SessionId("ses_secret"), AgentId("opencode@secret")


def without(text: str) -> str:
    return text.replace("secret", "***")


def stop(**changes: object) -> events.SessionStopped:
    plain: dict[str, object] = {
        "key": "msg_secret",
        "reason": StopReason.AUTH,
        "message": "a secret",
        "evidence": {"body": "the secret", "http": 401},
    }
    it = Stop(**{**plain, **changes})  # type: ignore[arg-type]
    return events.SessionStopped(at=AT, session=SESSION, agent=AGENT, stop=it)


def test_texts_are_redacted_however_deep_they_lie_and_names_stay():
    assert cleaned(stop(), without) == stop(
        message="a ***", evidence={"body": "the ***", "http": 401}
    )


def test_a_session_keeps_its_directory_and_loses_the_secret_in_its_title():
    seen = events.SessionSeen(
        at=AT, session=SESSION, agent=AGENT, title="my secret", directory="/home/secret"
    )

    clean = cleaned(seen, without)

    assert (clean.title, clean.directory) == ("my ***", "/home/secret")


def test_blocks_facts_outcomes_and_problems_are_redacted():
    block = Block(id="per_1", kind=BlockKind.PERMISSION, text="cat secret", tool="bash", since=AT)
    blocked = events.SessionBlocked(at=AT, session=SESSION, agent=AGENT, block=block)
    facts = events.FactsObserved(at=AT, facts={"stop.message": "secret", "session.model": "secret"})
    ended = events.EffectEnded(
        at=AT, effect="1.secret", result=Result.FAILED, detail="secret",
        data={"path": "/secret", "webhook": "secret"},
    )  # fmt: skip
    refused = events.PolicyRefused(at=AT, name="n", digest="d", problems=("secret: 1", "fine"))

    assert cleaned(blocked, without).block.text == "cat ***"
    assert cleaned(facts, without).facts == {"stop.message": "***", "session.model": "secret"}
    assert cleaned(ended, without).detail == "***"
    assert cleaned(ended, without).data == {"path": "/secret", "webhook": "***"}
    assert cleaned(refused, without).problems == ("***: 1", "fine")


def test_a_policy_stays_the_persons_own_document():
    adopted = events.PolicyAdopted(at=AT, name="secret", digest="d", resolved={"x": "secret"})

    assert cleaned(adopted, without) is adopted


def test_an_event_without_anything_to_clean_is_the_same_event():
    working = events.SessionWorking(at=AT, session=SESSION, agent=AGENT)

    assert cleaned(working, without) is working


def test_no_name_holds_what_no_file_can_be_called():
    seen = events.SessionSeen(at=AT, session=SESSION, agent=AGENT, directory="/home/a\0b\ud800")

    assert cleaned(seen, without).directory == "/home/a\ufffdb\ufffd"


@given(st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=50))
def test_text_that_can_be_written_stays_as_it_is(text: str):
    assert real(text) == text


@given(st.lists(st.sampled_from(["\ud800", "\udfff", "a", "é", "😀"]), max_size=30))
def test_only_the_halves_are_replaced(letters: list[str]):
    told = real("-".join(letters))

    told.encode()
    assert told == "-".join("\ufffd" if "\ud800" <= it <= "\udfff" else it for it in letters)
