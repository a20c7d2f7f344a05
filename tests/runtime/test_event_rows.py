"""What a line of `events` says about an entry of the journal."""

from palingenesis.core import events
from palingenesis.core.values import SessionId, Stop, StopReason
from palingenesis.core.world import Decision
from palingenesis.runtime.ports import Recorded
from palingenesis.runtime.views import Written, decoded, event_row
from tests.core.life import AGENT
from tests.runtime.loopback import START

SES = SessionId("ses_1")


def aborted(reason: StopReason = StopReason.USER_ABORT) -> events.SessionStopped:
    stop = Stop(key="msg_1:end", reason=reason, confidence=1.0)
    return events.SessionStopped(at=START, session=SES, agent=AGENT, stop=stop)


def summary(event: events.SessionStopped, *decisions: Decision) -> str:
    entry = Written(seq=1, event=event, decisions=decisions, effects=())
    return event_row(entry, {})["summary"]


def test_an_abort_that_nothing_is_decided_on_is_not_told_as_the_persons():
    # Ours, as a part of a plan, or one that was told before: who reads it in the night must not
    # believe that somebody said stop and was not heard.
    assert summary(aborted()) == "interrupted: nothing new to decide"


def test_an_abort_that_is_decided_on_is_told_by_its_reason():
    decision = Decision(
        id=1, at=START, session=SES, event="stopped", rule="respect-user", kind="decided", why=""
    )
    assert summary(aborted(), decision) == "stopped: user_abort"


def test_any_other_stop_is_told_by_its_reason_whether_or_not_it_is_decided_on():
    entry = decoded(Recorded(seq=1, event=aborted(StopReason.COMPLETED)))
    assert event_row(entry, {})["summary"] == "stopped: completed"
