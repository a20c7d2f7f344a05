"""Replies can be written as plain data, and say when they are not understood."""

import pytest

from palingenesis.demo.replies import Cut, Stall, Status, StreamError, Text, Tool, Usage, reply


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ({"kind": "text", "text": "hi"}, Text(text="hi")),
        ({"kind": "text", "usage": {"input": 7}}, Text(usage=Usage(input=7))),
        ({"kind": "tool", "name": "bash", "arguments": {}}, Tool(name="bash", arguments={})),
        ({"kind": "status", "status": 429}, Status(status=429)),
        ({"kind": "sse_error", "body": {"a": 1}}, StreamError(body={"a": 1})),
        ({"kind": "reset_mid", "text": "a"}, Cut(how="reset_mid", text="a")),
        ({"kind": "stall", "text": "a"}, Stall(text="a")),
        ({"kind": "stall_headers"}, Stall(text=None)),
    ],
)
def test_a_reply_is_read_from_its_plain_form(data, expected):
    assert reply(data) == expected


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({"kind": "song"}, "no reply of kind 'song'"),
        ({}, "no reply of kind None"),
        ({"kind": "text", "colour": "red"}, "a reply of kind 'text'.*colour"),
        ({"kind": "status"}, "a reply of kind 'status'.*status"),
    ],
)
def test_a_reply_that_is_not_understood_is_refused_with_its_reason(data, words):
    with pytest.raises(ValueError, match=words):
        reply(data)
