"""The rails hold whatever the policy says."""

from dataclasses import replace
from datetime import timedelta

import pytest

from palingenesis.core import commands, effects, events
from palingenesis.core.safety import (
    BACKUPS_PER_HOUR_IN_ALL,
    BREAKER,
    HOOKS_PER_HOUR_IN_ALL,
    NEW_SESSIONS_PER_HOUR_IN_ALL,
    NOTICES_PER_HOUR_IN_ALL,
    PROMPTS_PER_HOUR,
    PROMPTS_PER_HOUR_IN_ALL,
    RESTARTS_MAX,
    RESTARTS_PER_HOUR_IN_ALL,
    UNPRODUCTIVE_MAX,
    WAIT_MAX,
    caps_reached,
)
from palingenesis.core.values import Result, SessionId, Status, Way
from tests.core.life import (
    AGENT,
    SES,
    START,
    Act,
    Life,
    agent_up,
    alive,
    asked,
    died,
    ended,
    passed,
    person_prompts,
    progressed,
    stopped,
    text_of,
    told_to,
    working,
)
from tests.core.policies import CRASH, STUBBORN, policy, rule


def test_prompts_that_achieve_nothing_end_in_attention():
    life = Life(STUBBORN)

    for n in range(UNPRODUCTIVE_MAX):
        life >> stopped("auth", key=f"k{n}") << "resume" >> ended("resume")
    life >> stopped("auth", key="last") << "notify" << Status.ATTENTION

    life.claim_nothing_more()
    assert life.session.rails == (f"{UNPRODUCTIVE_MAX} prompts in a row achieved nothing",)


def test_progress_that_is_told_late_is_none_of_the_prompt_that_was_sent_since():
    life = Life(STUBBORN)

    life >> progressed >> stopped("auth", key="first") << "resume" >> progressed
    for n in range(UNPRODUCTIVE_MAX - 1):
        life >> ended("resume") >> stopped("auth", key=f"k{n}") << "resume"
    life >> ended("resume") >> stopped("auth", key="last") << "notify" << Status.ATTENTION

    life.claim_nothing_more()


def test_what_is_ordered_late_because_nothing_could_be_written_counts_from_when_it_is_ordered():
    life = Life(STUBBORN)
    happened = life.now + timedelta(minutes=1)
    life >> passed(1000)
    over, since = life.now, happened - timedelta(seconds=1)

    life.take(events.WritingResumed(at=over, since=since, why="the disk is full", told=True))
    life.now = happened
    life >> stopped("completed") << "resume"

    assert life.session.prompts == (over,)
    assert life.world.prompted == (over,)


def test_an_hour_has_room_for_so_many_prompts_and_the_next_one_waits():
    life = Life(STUBBORN)

    for n in range(PROMPTS_PER_HOUR):
        life >> stopped("completed", key=f"k{n}") << "resume" >> ended("resume") >> progressed
        life >> passed(10)
    life >> stopped("completed", key="more") << "notify" << Status.WAITING

    life.claim_nothing_more()
    plan = life.session.plan
    assert plan is not None
    assert plan.deadline == life.session.prompts[0] + timedelta(hours=1)


def test_nothing_is_typed_into_a_pending_question_whatever_the_policy_says():
    life = Life(STUBBORN)

    life >> asked("question", "which one?") << "notify"

    assert "resume" not in life.names()


def test_a_server_that_dies_at_once_opens_the_breaker_and_then_gets_one_probe_at_a_time():
    again = policy(rule("again", "", {"restart": {}}, {"resume": {}}, event=["stopped"]))
    life = Life(again)
    restarts = 0
    for _ in range(24 * 60 * 2):
        life >> died() >> passed(30)
        restarts += life.names().count("restart")
        if "restart" in life.names():
            life >> agent_up >> ended("restart")
        life.orders.clear()

    most = RESTARTS_MAX + int(timedelta(hours=24) / BREAKER)
    assert RESTARTS_MAX < restarts <= most


def test_an_attached_server_is_never_restarted():
    life = Life(policy(CRASH), way=Way.ATTACHED)

    life >> died("unreachable", None) >> passed(2) << "notify" << Status.ATTENTION

    life.claim_nothing_more()


def test_an_observed_session_is_told_about_and_not_touched():
    life = Life(STUBBORN, way=Way.OBSERVED)

    life >> stopped("rate_limit") << "notify" << Status.ATTENTION

    life.claim_nothing_more()


def test_progress_closes_the_breaker():
    life = Life(policy(CRASH))

    for _ in range(RESTARTS_MAX * 2):
        life >> died() >> passed(2) << "restart" >> agent_up >> ended("restart") << "resume"
        life >> ended("resume") >> alive >> progressed >> passed(30)

    life.claim_nothing_more()


@pytest.mark.parametrize("step", ["restart", "stop", "resume"])
def test_after_the_persons_stop_no_step_touches_the_server_or_the_session(step: str):
    life = Life(policy(rule("always", "known(stop.reason)", {"wait": {"for": "1h"}}, step)))

    life >> stopped("rate_limit") << Status.WAITING >> stopped("user_abort", key="hers")
    life >> passed(3600) >> passed(3600)

    life.claim_nothing_more() << Status.STOOD_DOWN
    assert [one.kind for one in life.decisions if one.kind == "kept"] == []


# ── everything together ───────────────────────────────────────────────────────────────────────


def others(count: int) -> list[SessionId]:
    return [SessionId(f"ses_{number}") for number in range(2, count + 2)]


def test_all_sessions_together_have_room_for_so_many_prompts_an_hour():
    life = Life(STUBBORN)
    sessions = others(PROMPTS_PER_HOUR_IN_ALL // PROMPTS_PER_HOUR + 1)
    for session in sessions:
        life.work(session)

    for n in range(PROMPTS_PER_HOUR):
        for session in sessions:
            life >> stopped("completed", key=f"{session}{n}", session=session)
            life >> progress_of(session) >> passed(1)

    assert life.names().count("resume") == PROMPTS_PER_HOUR_IN_ALL
    waiting = [one for one in life.world.sessions.values() if one.status is Status.WAITING]
    assert {one.rails for one in waiting} == {("60 prompts an hour in all",)}


def progress_of(session: SessionId) -> Act:
    return lambda life: events.SessionProgressed(at=life.now, session=session, what="a turn")


def test_a_session_that_is_deleted_gives_no_room_back():
    life = Life(STUBBORN) >> stopped("completed", key="k") << "resume"

    life.take(events.SessionGone(at=life.now, session=SES))

    assert life.world.prompted == (life.now,)


def test_a_prompt_is_counted_once_although_two_sessions_remember_it():
    life = Life(policy(rule("full", "", "new-session", event=["stopped"])))

    life >> stopped("context_exhausted") << "snapshot" >> ended("snapshot", path="p")
    life << "new-session" >> ended("new-session", session="ses_2")

    assert len(life.world.sessions[SES].prompts) == 1
    assert len(life.world.sessions[SessionId("ses_2")].prompts) == 1
    assert len(life.world.prompted) == 1


def test_no_more_than_so_many_new_sessions_are_begun_an_hour():
    life = Life(policy(rule("full", "", "new-session", event=["stopped"])))
    sessions = others(NEW_SESSIONS_PER_HOUR_IN_ALL + 5)
    for session in sessions:
        life.work(session)
        life >> stopped("context_exhausted", session=session, key=session)
        snapshot = life.last["snapshot"]
        life.take(
            events.EffectEnded(
                at=life.now, effect=snapshot.id, result=Result.OK, data={"path": "p"}
            )
        )

    assert life.names().count("new-session") == NEW_SESSIONS_PER_HOUR_IN_ALL
    left = life.world.sessions[sessions[-1]]
    assert (left.status, left.rails) == (Status.WAITING, ("20 new sessions an hour in all",))


def test_progress_between_two_deaths_does_not_lift_the_cap_on_restarts():
    life = Life(policy(CRASH))

    for _ in range(RESTARTS_PER_HOUR_IN_ALL + 5):
        life >> died() >> passed(2)
        if "restart" not in life.names():
            break
        life << "restart" >> agent_up >> ended("restart")
        life.orders.clear()
        life >> alive >> progressed >> passed(30)

    assert len(life.world.restarted) == RESTARTS_PER_HOUR_IN_ALL
    assert [one.rail for one in caps_reached(life.world, life.now)] == [
        "30 restarts an hour in all"
    ]


def test_a_summary_takes_room_as_a_prompt_does():
    summing = policy(rule("sum", "", "compact", event=["progress"]))
    life = Life(summing)

    for _ in range(PROMPTS_PER_HOUR + 5):
        life >> progressed
        if "compact" in life.names():
            life >> ended("compact")
            life.orders.clear()

    assert len(life.session.prompts) == PROMPTS_PER_HOUR
    assert life.session.rails == ("12 prompts an hour for one session",)


# ── waits ─────────────────────────────────────────────────────────────────────────────────────


def test_what_is_left_to_the_assistant_is_probed_after_the_longest_wait():
    life = Life(policy(rule("own", "stop.retrying", {"delegate": {}}, {"interrupt": {}})))
    a_year = timedelta(days=365).total_seconds()

    life >> stopped("quota", retry_after=a_year, retrying=True) << WAIT_MAX
    life >> passed(WAIT_MAX.total_seconds()) << "interrupt"

    life.claim_nothing_more()


# ── what cannot be seen ───────────────────────────────────────────────────────────────────────


def sensor_broke(life: Life) -> events.Event:
    return events.SensorBroke(at=life.now, sensor=AGENT, detail="KeyError: 'x'")


def sensor_mended(life: Life) -> events.Event:
    return events.SensorMended(at=life.now, sensor=AGENT)


def test_nothing_is_done_where_our_sensor_broke_until_it_watches_again():
    life = Life(STUBBORN)

    life >> sensor_broke << "notify" >> sensor_broke
    life >> stopped("completed") << Status.WAITING >> passed(3600)
    life.claim_nothing_more()
    life >> sensor_mended << "resume"

    life.claim_nothing_more()


def test_who_is_at_work_is_left_to_it_when_a_sensor_watches_again():
    life = Life(STUBBORN) >> sensor_broke << "notify"
    before = life.session

    life >> sensor_mended

    life.claim_nothing_more()
    assert life.session == before


def test_no_server_is_restarted_that_cannot_be_watched():
    life = Life(policy(CRASH))

    life >> sensor_broke << "notify" >> died() >> passed(600)
    life.claim_nothing_more()
    life >> sensor_mended << "restart"


def test_facts_of_the_machine_are_unknown_when_their_sensor_broke():
    life = Life(STUBBORN)
    life.take(events.FactsObserved(at=life.now, facts={"host.network": True}))

    life.take(events.SensorBroke(at=life.now, sensor="host"))

    assert life.world.host == {}


def test_a_new_start_of_ours_begins_every_sensor_anew():
    life = Life(STUBBORN) >> sensor_broke

    life.take(events.DaemonStarted(at=life.now, version="test", seed="5eed5eed5ee2"))

    assert life.world.unseen == {}


# ── pause ─────────────────────────────────────────────────────────────────────────────────────


def test_a_rule_beside_runs_no_hook_and_backs_nothing_up_in_a_pause_but_tells():
    steps = ({"run": {"hook": "h"}}, {"snapshot": {}}, {"notify": {"message": "still so"}})
    beside = rule("beside", "", *steps, event=["blocked"]) | {"for": "5m", "continue": True}
    life = Life(policy(beside))

    life >> asked() << "notify" >> told_to(commands.Hold()) >> passed(300)

    assert life.names() == ["notify"]
    assert text_of(life.orders[0]) == "still so"


def test_a_server_that_dies_while_nobody_works_there_is_not_brought_back_in_a_pause():
    life = Life(policy(CRASH))
    life.take(events.SessionGone(at=life.now, session=SES))

    life >> told_to(commands.Hold()) >> died()

    life.claim_nothing_more()


def test_a_server_that_dies_while_it_is_brought_back_is_not_brought_back_twice_at_once():
    life = Life(policy(CRASH))
    life.take(events.SessionGone(at=life.now, session=SES))

    life >> died() << "restart" >> died()

    life.claim_nothing_more()


# ── a server that is to be ended ──────────────────────────────────────────────────────────────

TWO = SessionId("ses_2")
ENDING = policy(
    rule("end", "stop.reason == 'billing'", "stop"),
    rule("again", "", "restart", event=["stopped"]),
)


def test_a_server_is_ended_although_it_is_being_started_again():
    life = Life(ENDING)
    life.work(TWO)
    life >> stopped("auth") << "restart" >> died("stopped")

    life >> stopped("billing", session=TWO) << "stop"
    life >> agent_up >> ended("restart") >> ended("stop") >> died("stopped")

    assert life.world.agents[AGENT].stopped
    life >> passed(3600)
    life.claim_nothing_more()


def test_a_server_that_was_ended_runs_again_when_a_person_starts_it():
    life = Life(ENDING) >> stopped("billing") << "stop" >> ended("stop") >> died("stopped")

    life >> agent_up

    assert not life.world.agents[AGENT].stopped


# ── told once ─────────────────────────────────────────────────────────────────────────────────


def notices(life: Life) -> list[str]:
    return [text_of(order) for order in life.orders if isinstance(order, effects.Notify)]


def test_a_breaker_that_opens_is_told_about_once():
    life = Life(policy(rule("again", "", "restart", event=["stopped"])))

    for _ in range(200):
        life >> died() >> passed(60) >> agent_up
        if "restart" in life.names():
            life >> ended("restart")
        life.work(SES)

    (told,) = notices(life)
    assert told == (
        "opencode had to be started again 5 times within 10 minutes: "
        "from now on once every 30 minutes, until there is progress."
    )


def test_a_rail_that_holds_a_rule_back_is_told_about_once_a_day():
    life = Life(STUBBORN)

    for n in range(600):
        for act in (stopped("completed", key=f"k{n}"), passed(200)):
            life >> act
            if life.session.status is Status.ACTING:
                life >> ended("resume") >> progressed

    assert life.now - START > timedelta(days=1)
    assert sum("12 prompts an hour" in text for text in notices(life)) == 2


def test_and_again_when_the_person_has_been_there():
    life = Life(STUBBORN)

    for n in range(UNPRODUCTIVE_MAX + 1):
        life >> stopped("auth", key=f"k{n}") >> ended("resume")
    life >> person_prompts >> working
    for n in range(UNPRODUCTIVE_MAX + 1):
        life >> stopped("auth", key=f"m{n}") >> ended("resume")

    assert len(notices(life)) == 2


def test_what_concerns_all_sessions_is_told_once_for_all():
    life = Life(policy(rule("full", "", "new-session", event=["stopped"])))
    for session in others(NEW_SESSIONS_PER_HOUR_IN_ALL + 5):
        life.work(session)
        life >> stopped("context_exhausted", session=session, key=session)
        life >> ended("snapshot", path="p")

    (told,) = notices(life)
    assert "20 new sessions an hour in all" in told


# ── the provider's word ───────────────────────────────────────────────────────────────────────

HASTY = policy(rule("now", "", "resume", event=["stopped"]))


def test_before_the_time_that_the_provider_named_it_is_probed_once_an_hour():
    life = Life(HASTY) >> stopped("quota", retry_after=5 * 3600) << "resume"

    life >> ended("resume") >> passed(1) >> stopped("quota", retry_after=5 * 3600 - 1, key="k1")

    life.claim_nothing_more()
    life << Status.WAITING >> passed(3600) << "resume"
    assert life.session.rails == ()


def test_at_that_time_it_goes_on():
    life = Life(HASTY) >> stopped("quota", retry_after=600) << "resume"

    life >> ended("resume") >> passed(1) >> stopped("quota", retry_after=599, key="k1")
    life << timedelta(seconds=599) >> passed(599) << "resume"


def test_a_server_that_dies_does_not_shorten_what_the_provider_said():
    life = Life(policy(rule("now", "", "restart", "resume", event=["stopped"])))
    life >> stopped("quota", retry_after=5 * 3600) << "restart" >> died("stopped") >> agent_up
    life >> ended("restart") << "resume" >> ended("resume") >> passed(1)

    life >> died() << "restart" >> agent_up >> ended("restart") << Status.WAITING

    life.claim_nothing_more()
    assert life.session.rails == ("the provider asked to wait; it is probed once an hour",)


def test_another_model_is_another_matter():
    switching = policy(
        rule("other", "", {"switch-model": {"chain": ["p/b", "p/c"]}}, "resume", event=["stopped"])
    )
    life = Life(switching)
    life >> stopped("quota", retry_after=5 * 3600) << "resume" >> ended("resume") >> passed(1)

    life >> stopped("quota", retry_after=5 * 3600, key="k1") << Status.WAITING
    assert life.session.floor is not None
    assert life.session.floor.model == ""  # nobody said of which model: it holds for all


def test_an_answer_ends_it():
    life = Life(HASTY) >> stopped("quota", retry_after=5 * 3600) << "resume" >> ended("resume")

    life >> progressed

    assert life.session.floor is None


BESIDE = {"continue": True}

# ── what rules do beside ──────────────────────────────────────────────────────────────────────


def test_rules_tell_so_much_in_an_hour_and_critical_things_always():
    chatty = policy(
        rule("talk", "", {"notify": {"message": "on"}}, event=["progress"]),
        rule("cry", "", {"notify": {"message": "!", "severity": "critical"}}, event=["stopped"]),
    )
    life = Life(chatty)

    for _ in range(NOTICES_PER_HOUR_IN_ALL + 30):
        life >> progressed >> passed(10)
    life >> stopped("auth")

    assert notices(life).count("on") == NOTICES_PER_HOUR_IN_ALL
    assert notices(life).count("!") == 1
    assert sum("120 notices an hour in all" in text for text in notices(life)) == 1


def test_rules_run_so_many_hooks_in_an_hour():
    hooked = policy(rule("hook", "", {"run": {"hook": "h"}}, event=["progress"], **BESIDE))
    life = Life(hooked)

    for _ in range(HOOKS_PER_HOUR_IN_ALL + 30):
        life >> progressed >> passed(10)

    assert life.names().count("run") == HOOKS_PER_HOUR_IN_ALL


def test_a_plan_waits_at_its_hook_until_the_hour_has_room_and_all_are_told():
    life = Life(policy(rule("hook", "", {"run": {"hook": "h"}}, "resume", event=["stopped"])))
    first = life.now
    life.world = replace(life.world, used={"hooks": (first,) * HOOKS_PER_HOUR_IN_ALL})

    life >> passed(600) >> stopped("network")

    life << "notify" << timedelta(minutes=50)
    notice = life.last["notify"]
    assert isinstance(notice, effects.Notify)
    assert (notice.title, life.session.rails) == ("all sessions", ("120 hooks an hour in all",))
    life >> passed(3000) << "run"


def test_rules_beside_back_up_so_often_in_an_hour():
    saving = policy(rule("save", "", "snapshot", event=["progress"], **BESIDE))
    life = Life(saving)

    for _ in range(BACKUPS_PER_HOUR_IN_ALL + 30):
        life >> progressed >> passed(10)

    assert life.names().count("snapshot") == BACKUPS_PER_HOUR_IN_ALL


# ── a server that nobody works on ─────────────────────────────────────────────────────────────


def test_a_server_that_died_while_nobody_works_there_is_probed_when_the_breaker_lets_it():
    life = Life(policy(CRASH))
    life.take(events.SessionGone(at=life.now, session=SES))

    for _ in range(RESTARTS_MAX):
        life >> died() << "restart" >> agent_up >> ended("restart")
    life << "notify" >> died()
    life.claim_nothing_more()

    life >> passed(BREAKER.total_seconds()) << "restart"
    life.claim_nothing_more()


def test_one_that_does_not_come_up_is_tried_again():
    life = Life(policy(CRASH))
    life.take(events.SessionGone(at=life.now, session=SES))

    life >> died() << "restart" >> ended("restart", "failed") >> passed(300) << "restart"

    life.claim_nothing_more()
