"""How an effect ended is taken for what it says, in a pause too."""

from datetime import timedelta

from palingenesis.core import commands
from palingenesis.core.values import SessionId, Status
from tests.core.life import SES, Life, ended, passed, person_prompts, stopped, text_of, told_to
from tests.core.policies import WAIT, policy, rule

AGAIN = policy(
    rule("rate", "stop.reason == 'rate_limit'", {"resume": {}}),
    rule("failed", "", {"wait": {"for": "10s"}}, {"resume": {}}, event=["action_failed"]),
)
LEFT = {"promise": "at most once"}


def test_a_prompt_that_may_have_arrived_is_not_repeated_by_a_rule_and_a_person_is_told():
    life = Life(AGAIN) >> stopped("rate_limit") << "resume"

    life >> ended("resume", "unknown", **LEFT) << "notify" << Status.ATTENTION

    life >> passed(60)
    life.claim_nothing_more()
    assert text_of(life.last["notify"]) == "resume: unknown"


def test_one_that_a_key_protects_is_the_business_of_the_policy():
    life = Life(AGAIN) >> stopped("rate_limit") << "resume"

    life >> ended("resume", "unknown") << Status.WAITING >> passed(10) << "resume"


def test_what_may_have_happened_in_a_pause_is_not_repeated_after_it():
    life = Life(AGAIN) >> stopped("rate_limit") << "resume"

    life >> told_to(commands.Hold()) >> ended("resume", "unknown", **LEFT) << "notify"
    life >> told_to(commands.Release()) << Status.ATTENTION

    life.claim_nothing_more()


HOOKED = policy(
    rule("rate", "stop.reason == 'rate_limit'", {"run": {"hook": "backup"}}, {"resume": {}}),
    rule("failed", "", {"attention": {"reason": "look"}}, event=["action_failed"]),
)


def test_a_hook_that_may_have_run_is_not_run_again_because_there_was_a_pause():
    life = Life(HOOKED) >> stopped("rate_limit") << "run"

    life >> told_to(commands.Hold()) >> ended("run", "unknown")
    life >> told_to(commands.Release()) << Status.ATTENTION

    life.claim_nothing_more()
    assert life.session.outlook == "look"


def test_a_hook_that_failed_in_a_pause_is_not_run_again_because_of_it():
    life = Life(HOOKED) >> stopped("rate_limit") << "run"

    life >> told_to(commands.Hold()) >> ended("run", "failed")
    life >> told_to(commands.Release()) << Status.ATTENTION

    life.claim_nothing_more()


def test_what_is_under_way_is_not_ordered_again_when_a_stop_comes_in_a_pause():
    """It was, with the same id: the journal refused it for ever, and the daemon stood still."""
    life = Life(AGAIN) >> stopped("rate_limit") << "resume"

    life >> told_to(commands.Hold()) >> stopped("rate_limit", key="newer")
    life >> told_to(commands.Release()) << "resume"

    life.claim_nothing_more()
    assert len(life.world.open) == 2


def test_an_operators_order_that_is_under_way_is_not_given_again_after_a_pause():
    life = Life(AGAIN) >> told_to(commands.Skip(session=SES)) << "interrupt"

    life >> told_to(commands.Hold()) >> stopped("crash", key="newer")
    life >> told_to(commands.Release()) << Status.ACTING >> ended("interrupt") << "resume"

    life.claim_nothing_more()


WAITING = policy(
    rule("rate", "stop.reason == 'rate_limit'", WAIT, {"resume": {}}),
    rule("quota", "stop.reason == 'quota'", WAIT, {"notify": {"message": "q"}}, {"resume": {}}),
)


def test_a_stop_that_comes_in_a_pause_is_decided_by_its_own_rule_after_it():
    life = Life(WAITING) >> stopped("rate_limit", retry_after=600) << Status.WAITING

    life >> told_to(commands.Hold()) >> stopped("quota", retry_after=18_000)
    life >> passed(700) >> told_to(commands.Release()) << timedelta(seconds=17_300)

    assert life.session.plan is not None
    assert life.session.plan.rule == "quota"


def test_a_wait_covers_the_weaker_stop_that_comes_in_a_pause():
    life = Life(WAITING) >> stopped("quota", retry_after=18_000) << Status.WAITING

    life >> told_to(commands.Hold()) >> stopped("rate_limit", key="weaker", retry_after=5)
    life >> passed(600) >> told_to(commands.Release()) << timedelta(seconds=17_400)

    assert life.session.plan is not None
    assert life.session.plan.rule == "quota"


RENEWING = policy(rule("full", "stop.reason == 'context_exhausted'", "new-session"))
HEIR = SessionId("ses_2")


def begun(life: Life) -> Life:
    """A new session is under way."""
    life >> stopped("context_exhausted") << "snapshot" >> ended("snapshot", path="p")
    return life << "new-session"


def test_a_session_that_begins_after_the_person_said_stop_is_ended_and_left_alone():
    life = begun(Life(RENEWING))

    life >> stopped("user_abort", key="hers") >> ended("new-session", session=HEIR)

    life << "interrupt"
    assert life.last["interrupt"].session == HEIR  # type: ignore[union-attr]
    heir = life.world.sessions[HEIR]
    assert heir.latched
    assert heir.predecessor == SES
    life >> ended("interrupt") >> stopped("context_exhausted", key="more", session=HEIR)
    life.claim_nothing_more()
    assert life.world.sessions[HEIR].status is Status.STOOD_DOWN


def test_so_is_one_that_begins_after_the_operators_abort():
    life = begun(Life(RENEWING))

    life >> told_to(commands.Abort(session=SES)) << "interrupt"
    life >> ended("new-session", session=HEIR) << "interrupt"

    life.claim_nothing_more()


def test_a_session_that_begins_after_the_person_went_on_herself_is_hers():
    life = begun(Life(RENEWING))

    life >> person_prompts >> ended("new-session", session=HEIR)

    life.claim_nothing_more()
