"""The SSE parser follows the standard however the bytes are cut."""

from hypothesis import given
from hypothesis import strategies as st

from palingenesis.wire.sse import ServerSentEvent, SseParser


def parsed(*chunks: bytes, limit: int = 10_000) -> list[ServerSentEvent]:
    parser = SseParser(data_chars_max=limit)
    return [event for chunk in chunks for event in parser.feed(chunk)]


def test_lines_of_data_are_joined_and_one_leading_space_is_dropped() -> None:
    assert parsed(b"data: a\ndata:  b\ndata\n\n") == [ServerSentEvent(data="a\n b\n")]


def test_an_event_has_its_name_and_the_last_id_stays() -> None:
    events = parsed(b"event: x\nid: 7\ndata: 1\n\ndata: 2\n\nid: a\0b\ndata: 3\n\n")

    assert [(e.event, e.id, e.data) for e in events] == [
        ("x", "7", "1"),
        ("message", "7", "2"),
        ("message", "7", "3"),
    ]


def test_events_without_data_comments_and_unknown_fields_are_not_dispatched() -> None:
    assert parsed(b": hello\nevent: x\n\nfoo: bar\n\n") == []


def test_a_byte_order_mark_does_not_swallow_the_first_event() -> None:
    assert parsed(b"\xef\xbb\xbfdata: 1\n\n") == [ServerSentEvent(data="1")]


def test_an_unfinished_event_at_the_end_is_not_dispatched() -> None:
    assert parsed(b"data: 1\n\ndata: 2\n") == [ServerSentEvent(data="1")]


def test_retry_is_kept_only_when_it_is_digits() -> None:
    parser = SseParser()

    parser.feed(b"retry: 1500\nretry: -3\nretry: \xc2\xb2\n")

    assert parser.retry_ms == 1500


def test_an_event_that_is_too_large_is_dropped_and_the_next_one_arrives() -> None:
    for chunks in (
        [b"data: " + b"x" * 100 + b"\n\ndata: ok\n\n"],
        [b"data: " + b"x" * 30, b"x" * 70, b"\n", b"\ndata: ok\n\n"],
        [b"data: xxxxxxxxxxxxxxxxxxxx\n" * 10 + b"\ndata: ok\n\n"],
    ):
        assert parsed(*chunks, limit=50) == [ServerSentEvent(data="ok")]


@given(
    st.lists(st.text(st.characters(exclude_characters="\r\n", codec="utf-8")), min_size=1),
    st.sampled_from(["\n", "\r", "\r\n"]),
    st.integers(1, 7),
)
def test_the_meaning_does_not_depend_on_line_ends_or_on_where_chunks_end(
    lines: list[str], end: str, size: int
) -> None:
    stream = ("".join(f"data: {line}{end}" for line in lines) + end).encode()
    chunks = [stream[at : at + size] for at in range(0, len(stream), size)]

    assert parsed(*chunks) == [ServerSentEvent(data="\n".join(lines))]


@given(st.binary(max_size=300))
def test_no_bytes_raise(noise: bytes) -> None:
    parsed(noise, noise)
