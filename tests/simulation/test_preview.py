"""What a reload would do, told before it is done, and exactly what then happens."""

from datetime import timedelta

from palingenesis.core.policy.model import Policy
from palingenesis.core.values import Status
from palingenesis.simulation.preview import Change, Line, Preview, pending_of, preview
from tests.core.life import Life, passed, stopped
from tests.core.policies import CRASH, policy, rule
from tests.core.test_revising import ASK, TEN, a_wait, adopts, waiting


def previewed(life: Life, made: Policy) -> Preview:
    return preview(life.world, made.resolved, name="next", digest=made.digest, at=life.now)


def line(life: Life, made: Policy) -> Line:
    (one,) = previewed(life, made).lines
    return one


def test_a_wait_that_stays_is_told_as_kept():
    one = line(a_wait(waiting(TEN, "resume")), policy(*waiting_rules(), CRASH))

    assert one.change is Change.KEPT
    assert (one.before.what, one.before.then) == ("wait", ("resume",))
    assert one.before == one.after


def waiting_rules():
    return waiting(TEN, "resume").resolved["rules"]


def test_a_deadline_that_moves_is_told_with_both_instants():
    life = a_wait(waiting(TEN, "resume"))

    one = line(life, waiting({"wait": {"for": "15m"}}, "resume"))

    assert one.change is Change.MOVED
    assert one.before.until is not None
    assert one.after.until == one.before.until + timedelta(minutes=5)


def test_another_rule_or_other_steps_are_told_as_decided_anew():
    life = a_wait(waiting(TEN, "resume"))

    other = line(life, policy(rule("patient", "", {"wait": {"for": "30m"}}, "resume")))
    steps = line(life, waiting(TEN, "retry"))

    assert (other.change, other.after.rule) == (Change.REDECIDED, "patient")
    assert (steps.change, steps.after.then) == (Change.REDECIDED, ("retry",))


def test_what_people_would_be_told_is_said():
    life = a_wait(waiting(TEN, "resume"))

    one = line(life, waiting({"notify": {"message": "It takes longer."}}, TEN, "resume"))

    assert one.told == ("It takes longer.",)


def test_another_question_is_told_as_one_that_is_asked_anew():
    life = Life(waiting(ASK, "resume")) >> stopped("quota") >> passed(60)

    same = line(life, waiting(ASK, "resume", why="The same question."))
    other = line(life, waiting({"ask": {"question": "Really?", "timeout": "30m"}}, "resume"))
    sooner = line(life, waiting({"ask": {**ASK["ask"], "timeout": "9m"}}, "resume"))

    assert same.change is Change.KEPT
    assert {other.change, sooner.change} == {Change.REDECIDED}
    assert other.after.what == "an answer"


def test_what_ends_or_begins_at_once_is_told_so():
    life = a_wait(waiting(TEN, "resume"))

    ends = line(life, policy(CRASH))
    acts = line(life, policy(rule("now", "", "resume")))

    assert (ends.change, ends.after.status) == (Change.CANCELLED, Status.ATTENTION)
    assert ends.why == "no rule matched"
    assert acts.change is Change.ACTS


def test_a_rule_that_has_to_stay_true_is_pending_too():
    life = Life(waiting("resume", **{"for": "5m"})) >> stopped("quota") >> passed(60)

    one = line(life, waiting("resume", **{"for": "8m"}))

    assert (one.change, one.before.what) == (Change.MOVED, "has to stay true")


def test_a_session_with_nothing_pending_is_only_counted():
    found = previewed(Life(waiting(TEN, "resume")), policy(CRASH))

    assert (found.lines, found.idle) == ((), 1)


def test_the_preview_changes_nothing_and_is_what_then_happens():
    life = a_wait(waiting(TEN, "resume"))
    world = life.world
    made = waiting({"wait": {"for": "15m"}}, "retry")

    one = line(life, made)

    assert life.world == world
    adopts(life, made)
    assert pending_of(life.session) == one.after
