"""Every effect gets exactly one outcome, whatever its actuator does."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from palingenesis.core.contract import Offers
from palingenesis.core.effects import Effect, Interrupt, Log, Notify, Resume, Run
from palingenesis.core.events import EffectEnded, Event
from palingenesis.core.values import AgentId, Result, SessionId, Severity
from palingenesis.runtime.dispatch import Dispatch
from palingenesis.runtime.ports import NO_HOOKS, Hooks, Notice, Outcome
from tests.runtime.loopback import JumpingClock, ScriptedActuator, ScriptedChannel, names

OK = Outcome(result=Result.OK)
UNKNOWN = Outcome(result=Result.UNKNOWN, detail="it hung")
FAILED = Outcome(result=Result.FAILED, detail="no")
NEVER = Outcome(result=Result.SUPERSEDED, detail="gone for good")
RESUME = Resume(
    id="s-1.0",
    decision=1,
    session=SessionId("ses_1"),
    agent=AgentId("opencode"),
    stop="k",
    words=False,
    text="",
)
NOTIFY = Notify(
    id="s-2.0", decision=2, session=None, severity=Severity.INFO, title="t", message="m"
)


def outcome_of(
    effect: Effect,
    *,
    actuator: ScriptedActuator | None = None,
    channels: Sequence[ScriptedChannel] = (),
    taken_up: bool = False,
    void: str = "",
    hooks: Hooks = NO_HOOKS,
) -> EffectEnded:
    said: list[Event] = []

    async def run() -> None:
        async with asyncio.TaskGroup() as tasks:
            dispatch = Dispatch(
                tasks=tasks,
                emit=said.append,
                actuator_of=lambda _: actuator,
                channels=channels,
                clock=JumpingClock(),
                void=lambda _: void,
                hooks=hooks,
            )
            (dispatch.take_up if taken_up else dispatch.start)(effect)

    asyncio.run(run())
    (event,) = said
    assert isinstance(event, EffectEnded)
    assert event.effect == effect.id
    return event


def test_a_new_effect_is_performed_once():
    actuator = ScriptedActuator()

    assert outcome_of(RESUME, actuator=actuator).result is Result.OK
    assert names(actuator.asked) == ["perform"]


def test_an_effect_of_a_former_run_that_happened_is_not_done_again():
    actuator = ScriptedActuator(seen=[OK])

    assert outcome_of(RESUME, actuator=actuator, taken_up=True).result is Result.OK
    assert names(actuator.asked) == ["reconcile"]


def test_an_effect_of_a_former_run_that_did_not_happen_is_done():
    actuator = ScriptedActuator(seen=[None])

    assert outcome_of(RESUME, actuator=actuator, taken_up=True).result is Result.OK
    assert names(actuator.asked) == ["reconcile", "perform"]


def test_an_unknown_outcome_is_looked_into_before_the_same_key_is_sent_again():
    actuator = ScriptedActuator(outcomes=[UNKNOWN, OK], seen=[None])

    assert outcome_of(RESUME, actuator=actuator).result is Result.OK
    assert names(actuator.asked) == ["perform", "reconcile", "perform"]


def test_what_cannot_be_told_after_three_tries_stays_unknown():
    actuator = ScriptedActuator(outcomes=[UNKNOWN] * 5)

    assert outcome_of(RESUME, actuator=actuator).result is Result.UNKNOWN
    assert names(actuator.asked).count("perform") == 3


def test_a_broken_actuator_is_an_unknown_outcome_and_not_the_end_of_the_daemon():
    actuator = ScriptedActuator(outcomes=[RuntimeError("boom")])

    ended = outcome_of(RESUME, actuator=actuator)

    assert ended.result is Result.UNKNOWN
    assert "boom" in ended.detail


def test_an_agent_nobody_can_reach_is_a_failure():
    assert outcome_of(RESUME).result is Result.FAILED


def test_a_log_line_is_always_ok():
    line = Log(id="s-3.0", decision=3, session=None, message="here")

    assert outcome_of(line).result is Result.OK


def test_without_channels_there_is_nobody_to_tell():
    assert outcome_of(NOTIFY).detail == "no channel is configured"


def test_a_channel_is_tried_until_it_takes_the_notice():
    channel = ScriptedChannel(outcomes=[FAILED, FAILED])

    assert outcome_of(NOTIFY, channels=(channel,)).result is Result.OK
    assert [notice.key for notice in channel.notices] == ["s-2.0"] * 3


def test_a_channel_that_says_never_is_not_asked_again():
    channel = ScriptedChannel(outcomes=[NEVER])

    assert outcome_of(NOTIFY, channels=(channel,)).result is Result.FAILED
    assert len(channel.notices) == 1


def test_one_dead_channel_does_not_keep_the_others_from_telling():
    dead = ScriptedChannel(name="dead", outcomes=[FAILED] * 50)
    alive = ScriptedChannel(name="alive")

    ended = outcome_of(NOTIFY, channels=(dead, alive))

    assert ended.result is Result.OK
    assert ended.data["alive"] == "ok"
    assert len(alive.notices) == 1


@dataclass
class Corrected(ScriptedChannel):
    """A channel whose address a person corrects as soon as it did not take a notice."""

    channels: list[ScriptedChannel] = field(default_factory=list)
    by: tuple[ScriptedChannel, ...] = ()

    async def send(self, notice: Notice) -> Outcome:
        self.channels[:] = self.by
        await super().send(notice)
        return FAILED


def test_a_notice_goes_to_the_channel_as_it_is_configured_by_now():
    right = ScriptedChannel(name="ntfy")
    channels: list[ScriptedChannel] = []
    wrong = Corrected(name="ntfy", channels=channels, by=(right,))
    channels.append(wrong)

    ended = outcome_of(NOTIFY, channels=channels)

    assert (ended.result, dict(ended.data)) == (Result.OK, {"ntfy": "ok"})
    assert (len(wrong.notices), len(right.notices)) == (1, 1)


def test_a_channel_that_was_taken_away_is_not_tried_any_more():
    channels: list[ScriptedChannel] = []
    channels.append(Corrected(name="ntfy", channels=channels))

    ended = outcome_of(NOTIFY, channels=channels)

    assert (ended.result, ended.detail) == (Result.FAILED, "ntfy is not configured any more")


def test_a_channel_that_breaks_is_tried_again_and_keeps_no_other_from_telling():
    broken = ScriptedChannel(name="broken", outcomes=[RuntimeError("boom"), FAILED])
    slow = ScriptedChannel(name="slow", outcomes=[FAILED] * 3)

    ended = outcome_of(NOTIFY, channels=(broken, slow))

    assert (ended.result, dict(ended.data)) == (Result.OK, {"broken": "ok", "slow": "ok"})
    assert (len(broken.notices), len(slow.notices)) == (3, 4)


def test_what_was_called_off_before_a_crash_of_ours_is_asked_about_and_not_done():
    actuator = ScriptedActuator(seen=[None])

    ended = outcome_of(RESUME, actuator=actuator, taken_up=True, void="it was called off")

    assert ended.result is Result.FAILED
    assert ended.detail == "it was called off"
    assert names(actuator.asked) == ["reconcile"]


def test_what_a_former_run_of_ours_may_have_aborted_is_told_apart():
    idle = Outcome(result=Result.OK, data={"idle_since": "2026-02-05T02:00:00+00:00"})
    again = ScriptedActuator(outcomes=[idle], seen=[None])
    first = ScriptedActuator(outcomes=[UNKNOWN, idle], seen=[None])

    assert outcome_of(RESUME, actuator=again, taken_up=True).data["again"] == "yes"
    assert "again" not in outcome_of(RESUME, actuator=first).data


def test_what_ended_by_itself_was_aborted_by_no_former_run_of_ours():
    data = {"idle_since": "2026-02-05T02:00:00+00:00", "by_itself": "yes"}
    actuator = ScriptedActuator(outcomes=[Outcome(result=Result.OK, data=data)], seen=[None])

    assert outcome_of(RESUME, actuator=actuator, taken_up=True).data == data


def test_what_was_called_off_is_not_tried_again():
    actuator = ScriptedActuator(outcomes=[UNKNOWN, OK], seen=[None])
    answers = iter(["", "it was called off"])

    async def run() -> None:
        async with asyncio.TaskGroup() as tasks:
            Dispatch(
                tasks=tasks,
                emit=lambda _: None,
                actuator_of=lambda _: actuator,
                channels=(),
                clock=JumpingClock(),
                void=lambda _: next(answers),
            ).start(RESUME)

    asyncio.run(run())

    assert names(actuator.asked) == ["perform", "reconcile"]


def test_an_interrupt_comes_after_the_prompt_that_it_is_to_undo():
    actuator = ScriptedActuator(outcomes=[UNKNOWN, OK], seen=[None])
    interrupt = Interrupt(id="s-4.0", decision=4, session=RESUME.session, agent=RESUME.agent)
    ended: list[str] = []

    async def run() -> None:
        async with asyncio.TaskGroup() as tasks:
            dispatch = Dispatch(
                tasks=tasks,
                emit=lambda event: ended.append(getattr(event, "effect", "")),
                actuator_of=lambda _: actuator,
                channels=(),
                clock=JumpingClock(),
            )
            dispatch.start(RESUME)
            dispatch.start(interrupt)

    asyncio.run(run())

    assert ended == ["s-1.0", "s-4.0"]


def test_what_waits_for_another_is_not_begun_any_more_once_nothing_is():
    actuator = ScriptedActuator()
    interrupt = Interrupt(id="s-4.0", decision=4, session=RESUME.session, agent=RESUME.agent)
    ended: list[str] = []

    async def run() -> None:
        async with asyncio.TaskGroup() as tasks:
            dispatch = Dispatch(
                tasks=tasks,
                emit=lambda event: ended.append(getattr(event, "effect", "")),
                actuator_of=lambda _: actuator,
                channels=(),
                clock=JumpingClock(),
            )
            for effect in (RESUME, interrupt):
                dispatch.start(effect)
            dispatch.rest()
            dispatch.start(NOTIFY)

    asyncio.run(run())

    assert ended == [RESUME.id]
    assert actuator.asked == [("perform", RESUME.id)]


HOOK = Run(id="s-3.0", decision=3, session=SessionId("ses_1"), hook="backup")


class CountingHooks:
    """Hooks that all go well."""

    def __init__(self) -> None:
        self.ran: list[str] = []

    async def run(self, effect: Run) -> Outcome:
        self.ran.append(effect.hook)
        return OK


def test_a_hook_is_run_once():
    hooks = CountingHooks()

    assert outcome_of(HOOK, hooks=hooks).result is Result.OK
    assert hooks.ran == ["backup"]


def test_a_hook_of_a_former_run_is_not_run_again_because_nobody_knows_whether_it_did():
    hooks = CountingHooks()

    outcome = outcome_of(HOOK, hooks=hooks, taken_up=True)

    assert (outcome.result, outcome.detail) == (Result.UNKNOWN, "hook backup may have run")
    assert hooks.ran == []


def test_without_hooks_in_the_configuration_there_is_none_of_that_name():
    outcome = outcome_of(HOOK)

    assert (outcome.result, outcome.detail) == (Result.FAILED, "no hook named backup")


# ── the contract ──────────────────────────────────────────────────────────────────────────────

KEYLESS = Offers(acts=True)
READABLE = Offers(acts=True, key_query=True)
LEFT = {"promise": "at most once"}


def test_a_prompt_without_a_key_is_not_sent_again_when_its_outcome_is_unknown():
    actuator = ScriptedActuator(outcomes=[UNKNOWN, OK], offers=KEYLESS)

    ended = outcome_of(RESUME, actuator=actuator)

    assert (ended.result, ended.data) == (Result.UNKNOWN, LEFT)
    assert ended.detail == "it hung; it may have happened, so it is not done again"
    assert names(actuator.asked) == ["perform"]


def test_a_prompt_without_a_key_of_a_former_run_is_not_sent_at_all():
    actuator = ScriptedActuator(offers=KEYLESS)

    ended = outcome_of(RESUME, actuator=actuator, taken_up=True)

    assert (ended.result, ended.data) == (Result.UNKNOWN, LEFT)
    assert actuator.asked == []


def test_one_that_can_be_asked_about_is_sent_if_it_certainly_did_not_arrive():
    actuator = ScriptedActuator(seen=[None], offers=READABLE)

    assert outcome_of(RESUME, actuator=actuator, taken_up=True).result is Result.OK
    assert names(actuator.asked) == ["reconcile", "perform"]


def test_and_not_if_nobody_can_tell():
    actuator = ScriptedActuator(seen=[UNKNOWN], offers=READABLE)

    ended = outcome_of(RESUME, actuator=actuator, taken_up=True)

    assert (ended.result, ended.data) == (Result.UNKNOWN, LEFT)
    assert names(actuator.asked) == ["reconcile"]


def test_what_the_assistant_does_not_offer_is_not_even_tried():
    actuator = ScriptedActuator(offers=Offers())

    assert outcome_of(RESUME, actuator=actuator).result is Result.FAILED
    assert actuator.asked == []


def test_an_interrupt_is_done_again_because_twice_is_once():
    interrupt = Interrupt(id="s-4.0", decision=4, session=RESUME.session, agent=RESUME.agent)
    actuator = ScriptedActuator(outcomes=[UNKNOWN, OK], offers=KEYLESS)

    assert outcome_of(interrupt, actuator=actuator).result is Result.OK


def test_a_hook_is_not_run_any_more_once_palingenesis_holds_itself():
    hooks = CountingHooks()

    assert outcome_of(HOOK, hooks=hooks, void="palingenesis holds itself").result is Result.FAILED
    assert hooks.ran == []
