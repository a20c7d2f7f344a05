"""What a sensor tells when the machine's clock is set while it watches."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from palingenesis.assistants.opencode.book import Book
from palingenesis.assistants.opencode.reading import ANSWER_GRACE, stop_of
from palingenesis.assistants.opencode.signals import read_payload
from palingenesis.assistants.opencode.transcript import read_transcript
from palingenesis.core import events
from palingenesis.core.events import Event
from palingenesis.core.values import AgentId, StopReason
from tests.opencode.reading.recordings import Payload
from tests.opencode.reading.test_life import IDLE, SESSION, assistant, part, status, user

NOW = datetime(2026, 11, 21, 2, 0, tzinfo=UTC)


@dataclass
class Watcher:
    """A book, and what it told."""

    now: datetime = NOW
    told: list[Event] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.book = Book(AgentId("opencode"), lambda: self.now)
        self.book.tell(self.told.append)
        self.book.identify(SESSION, None)

    def sees(self, *payloads: Payload) -> list[str]:
        """Take them in; returns what was told about them."""
        before = len(self.told)
        for payload in payloads:
            signal = read_payload(payload)
            assert signal is not None
            self.book.take(signal)
        return [type(event).__name__ for event in self.told[before:]]


def prompt(identity: str, at: datetime) -> Iterable[Payload]:
    created = {"created": int(at.timestamp() * 1000)}
    return user(identity, time=created), part(identity, id=f"prt_{identity}", text="go on")


def a_turn(watcher: Watcher) -> None:
    watcher.sees(*prompt("msg_5", NOW), status("busy"))
    watcher.sees(assistant("msg_6", parentID="msg_5"), *IDLE)


def test_a_prompt_after_the_clock_was_set_back_is_a_persons_although_its_id_is_older():
    watcher = Watcher()
    a_turn(watcher)

    watcher.now -= timedelta(hours=2)

    assert watcher.sees(*prompt("msg_3", watcher.now)) == ["PersonPrompted"]
    assert watcher.sees(*prompt("msg_3", watcher.now)) == []


def test_an_old_prompt_that_is_stored_again_is_no_news():
    watcher = Watcher()
    a_turn(watcher)

    assert watcher.sees(*prompt("msg_3", NOW - timedelta(hours=2))) == []
    assert watcher.sees(*prompt("msg_5", NOW)) == []


def test_an_old_prompt_that_opencode_has_touched_is_no_news_however_young():
    watcher = Watcher()
    a_turn(watcher)

    touched = user("msg_3", summary={}, time={"created": int(NOW.timestamp() * 1000)})

    assert watcher.sees(touched, part("msg_3", text="go on")) == []


def test_signs_of_life_go_on_when_the_clock_is_set_back():
    watcher = Watcher()
    assert watcher.sees(status("busy"), assistant("msg_6")) == ["SessionWorking", "SessionAlive"]

    watcher.now -= timedelta(hours=2)

    assert watcher.sees(part("msg_6", text="more")) == ["SessionAlive"]
    assert isinstance(watcher.told[-1], events.SessionAlive)
    assert watcher.sees(part("msg_6", text="more")) == []


def test_a_prompt_from_before_the_clock_was_set_back_gets_no_answer_any_more():
    created = int(NOW.timestamp() * 1000)
    said = {"info": {"id": "msg_5", "role": "user", "time": {"created": created}}, "parts": []}
    transcript = read_transcript([said])

    stop = stop_of(transcript, at=NOW - timedelta(hours=2))

    assert stop is not None
    assert stop.reason is StopReason.UNKNOWN
    assert stop_of(transcript, at=NOW + ANSWER_GRACE / 2) is None
