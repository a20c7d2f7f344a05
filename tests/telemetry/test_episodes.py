"""Trouble as a trace: stop, decision, wait, effect, verified work, in this order and once."""

from dataclasses import replace
from datetime import timedelta

import pytest

from palingenesis.core import commands, events
from palingenesis.core.values import SessionId
from palingenesis.telemetry import naming
from palingenesis.telemetry.episodes import Episodes, spans_of
from palingenesis.telemetry.lines import Severity, line_of
from palingenesis.telemetry.trace import Span
from tests.core.life import (
    SES,
    START,
    Life,
    alive,
    asked,
    died,
    ended,
    known,
    passed,
    person_prompts,
    progressed,
    stopped,
    told_to,
)
from tests.core.policies import NIGHT
from tests.telemetry.recorded import RecordedLife

LIMIT = (stopped("rate_limit", retry_after=90), passed(90), ended("resume"), alive)


def names(spans: list[Span]) -> list[str]:
    return [span.name for span in spans]


def test_a_limit_that_is_waited_for_is_one_trace():
    spans = spans_of(RecordedLife(NIGHT).play(*LIMIT).written)

    assert names(spans) == ["stop", "decide", "wait", "effect resume", "verify", "episode"]
    *parts, whole = spans
    assert whole.parent == ""
    assert {part.parent for part in parts} == {whole.place.span}
    assert {part.place.trace for part in spans} == {whole.place.trace}
    assert len({part.place.span for part in spans}) == len(spans)
    assert (whole.began, whole.ended) == (START, START + timedelta(seconds=90))
    assert whole.attributes[naming.OUTCOME] == "verified"
    assert whole.attributes[naming.WAITED] == 90
    assert whole.attributes[naming.ATTEMPTS] == 1
    wait = parts[2]
    assert wait.ended - wait.began == timedelta(seconds=90)
    assert wait.attributes[naming.RULE] == "rate"
    assert all(span.began <= span.ended for span in spans)


def test_every_span_says_whom_it_is_about_in_the_words_of_the_conventions():
    model = known(session__model="anthropic/claude-sonnet")

    spans = spans_of(RecordedLife(NIGHT).play(model, *LIMIT).written)

    for span in spans:
        assert span.attributes["gen_ai.conversation.id"] == SES
        assert span.attributes["gen_ai.agent.id"] == "opencode"
        assert span.attributes["gen_ai.agent.name"] == "opencode"
        assert span.attributes["gen_ai.provider.name"] == "anthropic"
        assert span.attributes["gen_ai.request.model"] == "claude-sonnet"
    (resume,) = [span for span in spans if span.calls]
    assert resume.attributes["gen_ai.operation.name"] == "invoke_agent"


def test_the_tokens_of_a_turn_are_told_with_its_stop():
    evidence = {"input_tokens": 1200, "output_tokens": 34}
    life = RecordedLife(NIGHT).play(stopped("rate_limit", retry_after=9, evidence=evidence))

    stop, *_ = spans_of(life.written)

    assert stop.name == "stop"
    assert stop.attributes["gen_ai.usage.input_tokens"] == 1200
    assert stop.attributes["gen_ai.usage.output_tokens"] == 34


def test_a_server_that_died_is_waited_for_started_again_and_prompted():
    life = RecordedLife(NIGHT).play(died(), passed(2), ended("restart"))

    spans = spans_of(life.written)

    assert names(spans)[:4] == ["stop", "decide", "wait", "effect restart"]
    assert spans[0].attributes[naming.REASON] == "crash"


def test_what_is_handed_over_is_a_failure_and_ends_the_trace():
    life = RecordedLife(NIGHT).play(stopped("billing"))

    *_, whole = spans_of(life.written)

    assert whole.name == "episode"
    assert whole.attributes[naming.OUTCOME] == "handed_over"
    assert whole.attributes[naming.ERROR] == "billing"
    assert whole.failure


@pytest.mark.parametrize("act", [person_prompts, told_to(commands.Abort(session=SES))])
def test_a_person_who_goes_on_herself_ends_it(act):
    life = RecordedLife(NIGHT).play(stopped("rate_limit", retry_after=90), passed(10), act)

    *_, whole = spans_of(life.written)

    assert whole.name == "episode"
    assert whole.attributes[naming.OUTCOME] == "taken_over"
    assert whole.ended == START + timedelta(seconds=10)


def test_a_failed_effect_is_marked_and_the_trace_goes_on():
    life = RecordedLife(NIGHT).play(
        stopped("rate_limit", retry_after=90), passed(90), ended("resume", "failed")
    )

    (failed,) = [span for span in spans_of(life.written) if span.name == "effect resume"]

    assert failed.failure == "failed"
    assert failed.attributes[naming.RESULT] == "failed"


def test_a_finished_turn_and_her_own_stop_are_no_trouble():
    life = RecordedLife(NIGHT).play(stopped("completed"), progressed, stopped("user_abort"))

    assert spans_of(life.written) == []


def test_a_clock_that_is_set_makes_no_wait_longer():
    def set_back(life: Life):
        life.now -= timedelta(hours=1)
        return events.ClockStepped(at=life.now, by=timedelta(hours=-1))

    life = RecordedLife(NIGHT).play(
        stopped("rate_limit", retry_after=90), passed(30), set_back, passed(60), ended("resume"),
        alive,
    )  # fmt: skip

    spans = {span.name: span for span in spans_of(life.written)}

    assert spans["wait"].ended - spans["wait"].began == timedelta(seconds=90)
    assert spans["episode"].ended - spans["episode"].began == timedelta(seconds=90)


def test_told_twice_it_is_the_same():
    written = RecordedLife(NIGHT).play(*LIMIT).written

    assert spans_of(written) == spans_of(written)


def test_read_again_from_where_something_is_open_it_goes_on_as_if_it_had_not_ended():
    written = RecordedLife(NIGHT).play(*LIMIT, progressed, *LIMIT).written
    whole = spans_of(written)

    for cut in range(len(written)):
        first, again = Episodes(), Episodes()
        spans = [span for entry in written[:cut] for span in first.take(entry)]
        since = first.since
        for entry in written[:cut]:
            if since is not None and entry.seq >= since:
                list(again.take(entry))
        spans += [span for entry in written[cut:] for span in again.take(entry)]

        assert spans == whole


def test_only_so_much_is_followed_at_once():
    written = RecordedLife(NIGHT).play(stopped("rate_limit", retry_after=90)).written
    opened = written[-1]
    (decision,) = [one for one in opened.decisions if one.kind == "decided"]
    episodes = Episodes()
    for number in range(2_000):
        other = replace(decision, session=SessionId(f"ses_{number}"))
        list(episodes.take(replace(opened, decisions=[other])))

    assert episodes.place_of("ses_0") is None
    assert episodes.place_of("ses_1999") is not None


# ── lines ─────────────────────────────────────────────────────────────────────────────────────


def test_what_somebody_wrote_does_not_leave():
    life = RecordedLife(NIGHT).play(asked("question", "is the password hunter2?"), *LIMIT)

    told = [line_of(entry, None) for entry in life.written]

    assert "night" not in " ".join(line.body for line in told)  # the session's title
    assert "hunter2" not in repr(told)
    assert "waits for a person: question" in [line.body for line in told]


def test_a_line_says_how_much_it_matters():
    life = RecordedLife(NIGHT).play(alive, stopped("rate_limit", retry_after=9), passed(9))
    life.play(ended("resume", "failed"))
    given_up = RecordedLife(NIGHT).play(stopped("billing"))

    lines = [line_of(entry, None) for entry in (*life.written, *given_up.written)]
    found = {(line.event, line.severity) for line in lines}

    assert ("palingenesis.session_alive", Severity.DEBUG) in found
    assert ("palingenesis.session_stopped", Severity.WARN) in found
    assert ("palingenesis.session_stopped", Severity.ERROR) in found
    assert ("palingenesis.effect_ended", Severity.ERROR) in found
    assert ("palingenesis.daemon_started", Severity.INFO) in found
