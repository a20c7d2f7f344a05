"""A provider that misbehaves all the time, after a seed, until it is told to calm down."""

from collections.abc import Callable
from random import Random

from palingenesis.demo import replies
from palingenesis.demo.provider import ModelRequest
from palingenesis.demo.replies import Cut, Reply, Stall, Status, StreamError, Text, Tool

_LONG = "Here is what I found, and it takes a while to say: " + "word " * 30
_TOOLS = (
    {"command": "echo one; sleep 2; echo two", "description": "Count slowly"},
    {"command": "ls", "description": "Look around"},
    {"command": "sleep 20", "description": "Sleep"},
)
_QUESTION = {
    "questions": [
        {
            "question": "Which colour shall the door have?",
            "header": "Colour",
            "options": [
                {"label": "Red", "description": "like a fire engine"},
                {"label": "Blue", "description": "like the sea"},
            ],
        }
    ]
}

Make = Callable[[Random, bool], Reply]
"""Makes one reply; the second argument: whether Anthropic's API is spoken."""

MENU: tuple[tuple[str, float, Make], ...] = (
    ("well", 26, lambda dice, _: Text(text=_LONG, chunk_delay_s=dice.choice((0.0, 0.02, 0.3)))),
    ("slow", 4, lambda _dice, _: Text(text="late", header_delay_s=12.0)),
    ("tool", 14, lambda dice, _: Tool(name="bash", arguments=dice.choice(_TOOLS), text="Let me.")),
    ("question", 1, lambda _dice, _: Tool(name="question", arguments=_QUESTION)),
    ("cut-short", 2, lambda _dice, _: Text(text=_LONG, finish="length")),
    ("limit", 5, lambda _dice, _: replies.rate_limited()),
    ("short-limit", 6, lambda dice, anthropic: _limited(dice.randint(2, 18), anthropic)),
    ("date-limit", 2, lambda dice, _: replies.rate_limited(f"{{http_date+{dice.randint(5, 90)}}}")),
    ("long-limit", 3, lambda dice, anthropic: _limited(dice.randint(25, 240), anthropic)),
    ("quota", 1, lambda dice, _: replies.out_of_quota(dice.randint(60, 400))),
    ("overloaded", 4, lambda _dice, anthropic: _overloaded(anthropic=anthropic)),
    ("server-error", 4, lambda dice, _: replies.server_error(dice.choice((500, 502, 503, 504)))),
    ("stream-error", 3, lambda _dice, anthropic: _broken(anthropic=anthropic)),
    ("cut", 6, lambda dice, _: _cut(dice)),
    ("hang", 4, lambda dice, _: Stall(text=dice.choice((None, "", "I begin and then ")))),
    ("overflow", 2, lambda _dice, anthropic: _overflow(anthropic=anthropic)),
    ("unauthorized", 0.7, lambda _dice, _: replies.unauthorized()),
)
"""What it does, how often in relation to the others, and how that is made."""


class Misbehaviour:
    """Chooses each reply; called in the provider's thread, one request at a time."""

    def __init__(self, seed: int) -> None:
        self._dice = Random(seed)
        self.calm = False
        self.counts: dict[str, int] = {name: 0 for name, _, _ in MENU}

    def __call__(self, request: ModelRequest) -> Reply:
        """The reply to this request."""
        if self.calm:
            return Text(text="done")
        names = [name for name, _, _ in MENU]
        (chosen,) = self._dice.choices(names, [weight for _, weight, _ in MENU])
        self.counts[chosen] += 1
        make = next(make for name, _, make in MENU if name == chosen)
        return make(self._dice, request.path.endswith("/messages"))


def _limited(seconds: int, anthropic: bool) -> Status:
    if anthropic:
        return replies.anthropic_rate_limited(seconds)
    return replies.rate_limited(seconds)


def _overloaded(*, anthropic: bool) -> Status:
    return replies.overloaded() if anthropic else replies.server_error(503)


def _broken(*, anthropic: bool) -> StreamError:
    if anthropic:
        body: dict[str, object] = {"type": "overloaded_error", "message": "Overloaded"}
        return StreamError(body={"type": "error", "error": body}, text="I was about to ")
    body = {"message": "The server had an error.", "type": "server_error", "code": None}
    return StreamError(body={"error": body}, text="I was about to ")


def _cut(dice: Random) -> Cut:
    match dice.randrange(4):
        case 0:
            return Cut(how="reset")
        case 1:
            return Cut(how="reset_mid", text="half a sen")
        case 2:
            return Cut(how="close_mid", text="half a sen")
        case _:
            return Cut(how="eof_mid", text="half a sen")


def _overflow(*, anthropic: bool) -> Status:
    return replies.anthropic_context_overflow() if anthropic else replies.context_overflow()
