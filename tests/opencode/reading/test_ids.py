import re
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from palingenesis.assistants.opencode.ids import is_ours, prompt_ids
from tests.opencode.reading.recordings import recorded

AT = datetime(2026, 11, 21, 2, 16, 17, 845000, tzinfo=UTC)
INSTANTS = st.integers(min_value=0, max_value=2**40).map(
    lambda seconds: datetime(1971, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds % 4_000_000_000)
)


def test_our_ids_have_the_shape_of_opencodes_own() -> None:
    message, part = prompt_ids("17.0", AT)
    theirs = recorded("basic_text")[0]
    shape = r"[0-9a-f]{12}[0-9A-Za-z]{14}"

    assert re.fullmatch(f"msg_{shape}", theirs["info"]["id"])
    assert re.fullmatch(f"msg_{shape}", message)
    assert re.fullmatch(f"prt_{shape}", part)


def test_our_ids_are_placed_among_opencodes_own_by_time() -> None:
    info = recorded("basic_text")[0]["info"]
    created = datetime.fromtimestamp(info["time"]["created"] / 1000, UTC)

    before, _ = prompt_ids("1.0", created - timedelta(seconds=2))
    after, _ = prompt_ids("1.0", created + timedelta(seconds=2))

    assert before < info["id"] < after


@given(st.text(), INSTANTS)
def test_the_same_effect_always_names_the_same_message_and_it_is_ours(
    effect: str, at: datetime
) -> None:
    message, part = prompt_ids(effect, at)

    assert (message, part) == prompt_ids(effect, at)
    assert is_ours(message)
    assert message[4:] != part[4:]


def test_different_effects_name_different_messages() -> None:
    assert len({prompt_ids(f"{decision}.0", AT)[0] for decision in range(2_000)}) == 2_000


def test_opencodes_own_ids_are_not_ours() -> None:
    for scenario in ("basic_text", "tool_call", "resume_variants"):
        assert not any(is_ours(message["info"]["id"]) for message in recorded(scenario))


@given(st.text())
def test_any_text_can_be_asked_about(text: str) -> None:
    assert is_ours(text) in {True, False}
