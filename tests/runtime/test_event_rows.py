"""What a line of `events` says about an entry of the journal."""

from dataclasses import replace

from palingenesis.core import events
from palingenesis.core.effects import Effect, Restart, Resume
from palingenesis.core.values import Result, SessionId, Stop, StopReason
from palingenesis.core.world import Decision
from palingenesis.runtime.event_rows import Ordered, event_row
from palingenesis.runtime.ports import Recorded
from palingenesis.runtime.views import Written, decoded
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


def ended(effect: str, result: Result = Result.OK, detail: str = "taken") -> Written:
    event = events.EffectEnded(at=START, effect=effect, result=result, detail=detail)
    return Written(seq=2, event=event, decisions=(), effects=())


def ordering(*effects: Effect) -> Written:
    return Written(seq=1, event=aborted(StopReason.COMPLETED), decisions=(), effects=effects)


RESUME = Resume(
    id="58cd-1.0", decision=1, session=SES, agent=AGENT, stop="msg_1:end", words=False, text=""
)


def test_what_ended_is_told_by_its_name_and_session_where_it_was_seen_being_ordered():
    ordered = Ordered()
    event_row(ordering(RESUME), {}, ordered)

    row = event_row(ended("58cd-1.0"), {}, ordered)

    assert (row["summary"], row["session"]) == ("resume: ok, taken", SES)


def test_what_failed_says_what_it_was_too():
    ordered = Ordered([Restart(id="58cd-2.0", decision=2, agent=AGENT)])

    row = event_row(ended("58cd-2.0", Result.FAILED, "nobody listens"), {}, ordered)

    assert (row["summary"], row["session"]) == ("restart: failed, nobody listens", None)


def test_what_nobody_saw_being_ordered_is_told_by_its_id():
    assert event_row(ended("58cd-1.0", detail=""), {}, Ordered())["summary"] == "58cd-1.0: ok"
    assert event_row(ended("58cd-1.0"), {})["summary"] == "58cd-1.0: ok, taken"


def test_the_newest_orders_are_remembered_and_not_all_of_a_year():
    ordered = Ordered(replace(RESUME, id=f"58cd-{number}.0") for number in range(9000))

    assert ordered.get("58cd-0.0") is None
    assert ordered.get("58cd-8999.0") is not None
