"""The actuator: fresh before, keyed while, verified after; and never against a person."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from palingenesis.assistants.opencode.actuator import OpenCodeActuator
from palingenesis.assistants.opencode.attached import AttachedServer
from palingenesis.assistants.opencode.freshness import keys_of
from palingenesis.assistants.opencode.ids import is_ours
from palingenesis.assistants.opencode.running import AtWork, Ending, Running
from palingenesis.core import effects as ef
from palingenesis.core.values import Result, SessionId, Way
from palingenesis.processes.exits import Exit
from palingenesis.processes.identity import Identity
from palingenesis.runtime.ports import Handoff, Outcome
from tests.opencode.live_adapter.fake import (
    AGENT,
    PASSWORD,
    START,
    FakeOpenCode,
    FakeWork,
    Json,
    QuickClock,
    answer,
    message_key,
    ms,
    play,
    refused,
    user,
)

ONE = SessionId("ses_1")
STOP = f"{message_key(2)}:end"
BASE: dict[str, Any] = {"decision": 7, "session": ONE, "agent": AGENT}
SILENT = ef.Resume(**BASE, id="7.0", stop=STOP, words=False, text="")
WORDS = ef.Resume(**BASE, id="7.1", stop=STOP, words=True, text="Continue.")
NEW = ef.NewSession(**BASE, id="7.2", stop=STOP, source="auto", if_missing="summary")
COMPACT = ef.Compact(**BASE, id="7.6", stop=STOP)
LOOKS = 3


class Standing:
    """A server that stands."""

    way = Way.MANAGED

    def __init__(self, fake: FakeOpenCode) -> None:
        self.running: Running | None = Running(
            origin=fake.origin, version=fake.version, started_at=START, password=PASSWORD
        )

    async def up(self) -> Running:
        assert self.running is not None
        return self.running

    async def gone(self, running: Running) -> Exit:
        raise AssertionError

    async def why_gone(self, running: Running, ended: Exit, at_work: AtWork) -> Ending:
        return Ending.of_server(ended, by_us=False)

    async def restart(self, grace_s: float) -> Running:
        return await self.up()

    async def stop(self, grace_s: float) -> None:
        self.running = None


class Rising(Standing):
    """A server that is not there yet."""

    def __init__(self, fake: FakeOpenCode) -> None:
        super().__init__(fake)
        self._later, self.running = self.running, None
        self._is_up = asyncio.Event()

    def rise(self) -> None:
        self.running = self._later
        self._is_up.set()

    async def up(self) -> Running:
        await self._is_up.wait()
        return await super().up()


def actuator(fake: FakeOpenCode, work: FakeWork | None = None) -> OpenCodeActuator:
    fake.messages["ses_1"] = fake.messages["ses_1"] or [user(1), refused(2)]
    clock = QuickClock()
    return OpenCodeActuator(Standing(fake), work or FakeWork(), clock, quiet=set())


def answers_at_once(fake: FakeOpenCode) -> None:
    def on_prompt(session: str, body: Json) -> None:
        key = body["messageID"]
        said = fake.messages[session]
        if all(message["info"]["id"] != key for message in said):
            said.append({**user(len(said) + 1, id=key), "parts": body["parts"]})
            said.append(answer(len(said) + 1, parentID=key))

    fake.on_prompt = on_prompt


def performed(
    effect: ef.Effect,
    expect: Callable[[FakeOpenCode, Outcome], None],
    *,
    before: Callable[[FakeOpenCode], None] = answers_at_once,
    work: FakeWork | None = None,
) -> None:
    async def story(fake: FakeOpenCode) -> None:
        before(fake)
        expect(fake, await actuator(fake, work).perform(effect))

    play(story)


def test_a_silent_rerun_says_nothing_under_a_key_of_ours() -> None:
    def expect(fake: FakeOpenCode, outcome: Outcome) -> None:
        assert outcome.result is Result.OK
        [(session, body)] = fake.prompts
        assert (session, body["parts"]) == ("ses_1", [])
        assert is_ours(body["messageID"])
        assert body["model"] == {"providerID": "p", "modelID": "m"}

    performed(SILENT, expect)


LARGE = "x" * (17 * 1024 * 1024)


def test_an_older_message_that_is_too_large_to_be_read_is_in_nobodys_way() -> None:
    def before(fake: FakeOpenCode) -> None:
        answers_at_once(fake)
        fake.messages["ses_1"] = [user(0), answer(1, text=LARGE), refused(2)]

    def expect(fake: FakeOpenCode, outcome: Outcome) -> None:
        assert outcome.result is Result.OK
        assert len(fake.prompts) == 1

    performed(SILENT, expect, before=before)


def test_what_came_before_it_is_neither_decided_about_nor_sent_again() -> None:
    def before(fake: FakeOpenCode) -> None:
        answers_at_once(fake)
        fake.messages["ses_1"] = [user(0), user(1, text=LARGE), refused(2)]

    def nothing_to_send(fake: FakeOpenCode, outcome: Outcome) -> None:
        assert outcome.detail == "there is no prompt to send again"
        assert fake.prompts == []

    def moved_on(fake: FakeOpenCode, outcome: Outcome) -> None:
        assert outcome.result is Result.SUPERSEDED
        assert fake.prompts == []

    performed(ef.Retry(**BASE, id="7.0", stop=STOP), nothing_to_send, before=before)
    earlier = f"{message_key(0)}:end"
    performed(ef.Retry(**BASE, id="7.0", stop=earlier), moved_on, before=before)


def test_right_after_our_own_start_the_server_is_waited_for() -> None:
    async def story(fake: FakeOpenCode) -> None:
        answers_at_once(fake)
        fake.messages["ses_1"] = [user(1), refused(2)]
        server = Rising(fake)
        acting = OpenCodeActuator(server, FakeWork(), QuickClock(), quiet=set())

        async with asyncio.TaskGroup() as group:
            performing = group.create_task(acting.perform(SILENT))
            await asyncio.sleep(0)
            assert fake.prompts == []
            server.rise()
        assert performing.result().result is Result.OK
        assert len(fake.prompts) == 1

    play(story)


def test_words_are_sent_as_one_part_marked_as_ours() -> None:
    def expect(fake: FakeOpenCode, outcome: Outcome) -> None:
        assert outcome.result is Result.OK
        [part] = fake.prompts[0][1]["parts"]
        assert (part["text"], part["metadata"]) == ("Continue.", {"palingenesis": "7.1"})
        assert part["id"].startswith("prt_")

    performed(WORDS, expect)


def test_the_same_effect_twice_is_one_prompt_also_after_our_own_crash() -> None:
    async def story(fake: FakeOpenCode) -> None:
        answers_at_once(fake)
        first = await actuator(fake).perform(SILENT)
        again = await actuator(fake).perform(SILENT)
        asked = await actuator(fake).reconcile(SILENT)

        assert len(fake.prompts) == 1
        assert asked is not None
        assert first.data == again.data == asked.data
        assert again.detail == "it had been sent before"

    play(story)


def test_what_was_never_sent_is_reconciled_as_not_done() -> None:
    async def story(fake: FakeOpenCode) -> None:
        assert await actuator(fake).reconcile(SILENT) is None

    play(story)


def test_a_prompt_that_nobody_answers_is_sent_once_more_with_the_same_key_and_then_fails() -> None:
    def expect(fake: FakeOpenCode, outcome: Outcome) -> None:
        assert outcome.result is Result.FAILED
        assert "nothing came of it" in outcome.detail
        assert len({body["messageID"] for _, body in fake.prompts}) == 1
        assert len(fake.prompts) == 2

    performed(SILENT, expect, before=lambda _fake: None)


def person(fake: FakeOpenCode) -> None:
    fake.messages["ses_1"] = [user(1), refused(2), user(3, "I am back")]


def answered(fake: FakeOpenCode) -> None:
    fake.messages["ses_1"] = [user(1), refused(2), user(3), answer(4)]


def busy(fake: FakeOpenCode) -> None:
    fake.status["ses_1"] = {"type": "busy"}


def asking(fake: FakeOpenCode) -> None:
    fake.permissions = [{"id": "per_1", "sessionID": "ses_1", "permission": "bash"}]


def asking_child(fake: FakeOpenCode) -> None:
    fake.session("ses_child", parentID="ses_1")
    fake.permissions = [{"id": "per_1", "sessionID": "ses_child", "permission": "bash"}]


def deleted(fake: FakeOpenCode) -> None:
    fake.sessions.clear()


@pytest.mark.parametrize(
    ("before", "why"),
    [
        (person, "somebody has prompted it since"),
        (answered, "somebody has prompted it since"),
        (busy, "the session works again"),
        (asking, "a permission waits for a person"),
        (asking_child, "a permission waits for a person"),
        (deleted, "the session was deleted"),
    ],
)
@pytest.mark.parametrize("effect", [SILENT, WORDS, NEW, ef.Retry(**BASE, id="7.3", stop=STOP)])
def test_when_reality_has_moved_on_nothing_is_sent(
    before: Callable[[FakeOpenCode], None], why: str, effect: ef.Effect
) -> None:
    def expect(fake: FakeOpenCode, outcome: Outcome) -> None:
        assert outcome == Outcome(result=Result.SUPERSEDED, detail=why)
        assert fake.prompts == []

    performed(effect, expect, before=before)


def test_after_a_crash_a_message_of_a_person_supersedes_and_silence_does_not() -> None:
    down = replace(WORDS, stop=f"down:{START:%Y%m%dT%H%M%S.%fZ}")
    long_ago = replace(WORDS, stop="down:20991101T000000.000000Z")

    async def story(fake: FakeOpenCode) -> None:
        fake.messages["ses_1"] = [user(1), answer(2, finish=None)]
        answers_at_once(fake)
        assert (await actuator(fake).perform(down)).result is Result.SUPERSEDED
        assert (await actuator(fake).perform(long_ago)).result is Result.OK

    play(story)


@pytest.mark.parametrize(
    ("last", "result"),
    [
        (answer(2), Result.SUPERSEDED),
        (answer(2, finish="length"), Result.SUPERSEDED),
        (answer(2, time={"created": ms(START) + 2_000}), Result.SUPERSEDED),
        (refused(2), Result.SUPERSEDED),
        (answer(2, finish="tool-calls"), Result.OK),
        (answer(2, finish="unknown"), Result.OK),
        (user(2), Result.OK),
    ],
)
def test_after_a_crash_a_turn_that_had_ended_before_is_not_gone_on_with(
    last: dict[str, Any], result: Result
) -> None:
    async def story(fake: FakeOpenCode) -> None:
        fake.messages["ses_1"] = [user(1), last]
        answers_at_once(fake)
        after = replace(WORDS, stop="down:20991101T000000.000000Z")
        assert (await actuator(fake).perform(after)).result is result

    play(story)


ABORTED = {"error": {"name": "MessageAbortedError", "data": {"message": "Aborted"}}}
RETRY_ABORTED = {"time": {"created": ms(START) + 2_000, "completed": ms(START) + 2_500}}


@pytest.mark.parametrize(
    "last",
    [answer(2, finish="", **ABORTED), {**answer(2, finish=None, **RETRY_ABORTED), "parts": []}],
    ids=["answering", "retrying"],
)
@pytest.mark.parametrize(
    ("alive_s", "result"),
    [(10, Result.SUPERSEDED), (3, Result.OK), (None, Result.OK)],
    ids=["it ran on", "it ended at once", "nobody knows"],
)
def test_after_a_crash_what_was_aborted_while_the_server_ran_on_is_not_gone_on_with(
    last: dict[str, Any], alive_s: int | None, result: Result
) -> None:
    alive_at = None if alive_s is None else START + timedelta(seconds=alive_s)

    async def story(fake: FakeOpenCode) -> None:
        fake.messages["ses_1"] = [user(1), last]
        answers_at_once(fake)
        after = replace(WORDS, stop="down:20991101T000000.000000Z", alive_at=alive_at)
        assert (await actuator(fake).perform(after)).result is result

    play(story)


def test_our_own_unanswered_prompt_is_no_reason_to_stop() -> None:
    def before(fake: FakeOpenCode) -> None:
        ours = f"msg_{0x100000000000:012x}PALIN123456789"
        fake.messages["ses_1"] = [user(1), refused(2), user(3, id=ours)]
        answers_at_once(fake)

    performed(SILENT, lambda _fake, out: _is_ok(out), before=before)


def test_the_assistant_s_own_retry_is_ended_before_ours() -> None:
    def before(fake: FakeOpenCode) -> None:
        fake.status["ses_1"] = {"type": "retry", "attempt": 1, "message": "x", "next": 1}
        answers_at_once(fake)

    def expect(fake: FakeOpenCode, outcome: Outcome) -> None:
        assert outcome.result is Result.OK
        assert fake.aborted == ["ses_1"]
        assert len(fake.prompts) == 1

    performed(replace(SILENT, stop=f"{message_key(2)}:retry-1"), expect, before=before)


def test_a_retry_says_the_last_words_again() -> None:
    def expect(fake: FakeOpenCode, outcome: Outcome) -> None:
        assert outcome.result is Result.OK
        assert [p["text"] for p in fake.prompts[0][1]["parts"]] == ["go"]

    performed(ef.Retry(**BASE, id="7.3", stop=STOP, model="p/other"), expect)


def test_a_new_session_carries_its_key_and_the_handoff() -> None:
    work = FakeWork(Handoff(text="Do step 3.", origin="Next-step.md"))

    async def story(fake: FakeOpenCode) -> None:
        answers_at_once(fake)
        first = await actuator(fake, work).perform(NEW)
        again = await actuator(fake, work).perform(NEW)

        [(session, body)] = fake.prompts
        mark = fake.sessions[session]["metadata"]["palingenesis"]
        assert mark == {"key": "7.2", "from": "ses_1", "stop": STOP}
        assert body["parts"][0]["text"] == "Do step 3."
        assert first.data["session"] == again.data["session"] == session
        assert first.data["handoff"] == "Next-step.md"

    play(story)


def test_a_new_session_begins_although_an_older_message_is_too_large_to_be_read() -> None:
    work = FakeWork(Handoff(text="Do step 3.", origin="Next-step.md"))

    def before(fake: FakeOpenCode) -> None:
        answers_at_once(fake)
        fake.messages["ses_1"] = [user(0), answer(1, text=LARGE), refused(2)]

    def expect(fake: FakeOpenCode, outcome: Outcome) -> None:
        assert outcome.result is Result.OK
        [(_, body)] = fake.prompts
        assert body["parts"][0]["text"] == "Do step 3."

    performed(NEW, expect, before=before, work=work)


def test_a_new_session_begins_although_one_before_the_old_one_has_such_a_message() -> None:
    work = FakeWork(Handoff(text="Do step 3.", origin="Next-step.md"))

    def before(fake: FakeOpenCode) -> None:
        answers_at_once(fake)
        fake.session("ses_0")
        fake.messages["ses_0"] = [user(0), answer(1, text=LARGE)]
        fake.session("ses_1", metadata={"palingenesis": {"key": "6.1", "from": "ses_0"}})

    def expect(fake: FakeOpenCode, outcome: Outcome) -> None:
        assert outcome.result is Result.OK
        [(_, body)] = fake.prompts
        assert body["parts"][0]["text"] == "Do step 3."

    performed(NEW, expect, before=before, work=work)


def test_a_session_that_was_created_and_never_prompted_is_adopted() -> None:
    def before(fake: FakeOpenCode) -> None:
        fake.session("ses_2", metadata={"palingenesis": {"key": "6.2", "from": ONE, "stop": STOP}})
        answers_at_once(fake)

    def expect(fake: FakeOpenCode, outcome: Outcome) -> None:
        assert outcome.data["session"] == "ses_2"
        assert len(fake.sessions) == 2

    performed(NEW, expect, before=before)


def begun_before(fake: FakeOpenCode, key: str) -> Json:
    """A new session for the same stop, whose prompt OpenCode has; returns that prompt."""
    mark = {"key": key, "from": ONE, "stop": STOP}
    fake.session("ses_2", metadata={"palingenesis": mark})
    return user(1, id=keys_of(key, STOP)[0])


def test_a_new_session_whose_answer_is_too_large_to_be_read_is_known_and_prompted_once() -> None:
    async def story(fake: FakeOpenCode) -> None:
        fake.messages["ses_2"] = [begun_before(fake, NEW.id), answer(2, text=LARGE)]
        acting = actuator(fake)

        outcomes = [await acting.reconcile(NEW), await acting.perform(NEW)]

        assert [one and (one.result, one.data["session"]) for one in outcomes] == [
            (Result.OK, "ses_2")
        ] * 2
        assert fake.prompts == []

    play(story)


def test_a_session_in_which_something_too_large_was_said_has_been_prompted() -> None:
    def before(fake: FakeOpenCode) -> None:
        fake.messages["ses_2"] = [begun_before(fake, "6.2"), answer(2, text=LARGE)]
        answers_at_once(fake)

    def expect(fake: FakeOpenCode, outcome: Outcome) -> None:
        assert outcome.result is Result.OK
        assert outcome.data["session"] not in {"ses_1", "ses_2"}

    performed(NEW, expect, before=before)


@pytest.mark.parametrize("handoff", [None, Handoff(text="x", origin="written by palingenesis")])
def test_without_a_document_a_policy_may_want_a_person_instead(handoff: Handoff | None) -> None:
    def expect(fake: FakeOpenCode, outcome: Outcome) -> None:
        assert outcome.result is Result.FAILED
        assert fake.prompts == []

    performed(replace(NEW, if_missing="attention"), expect, work=FakeWork(handoff))


def test_a_snapshot_is_kept_and_its_path_is_told() -> None:
    work = FakeWork()

    def expect(_fake: FakeOpenCode, outcome: Outcome) -> None:
        assert outcome.data == {"path": "/backups/1.md"}
        assert "title of ses_1" in work.kept[0]

    performed(ef.Snapshot(**BASE, id="7.4"), expect, work=work)


@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_snapshot_is_kept_without_a_message_that_is_too_large_and_says_so(place: int) -> None:
    work = FakeWork()

    def before(fake: FakeOpenCode) -> None:
        said = [user(number, text=f"word {number}") for number in range(3)]
        said[place] = user(place, text=LARGE)
        fake.messages["ses_1"] = said

    def expect(_fake: FakeOpenCode, outcome: Outcome) -> None:
        assert outcome.result is Result.OK
        [kept] = work.kept
        assert [f"word {number}" in kept for number in range(3)] == [n != place for n in range(3)]
        assert kept.count("**Left out**") == 1
        assert "larger than 16777216 bytes" in kept

    performed(ef.Snapshot(**BASE, id="7.4"), expect, before=before, work=work)


def test_an_interrupt_of_an_idle_session_is_done_already() -> None:
    def expect(fake: FakeOpenCode, outcome: Outcome) -> None:
        assert (outcome.result, fake.aborted) == (Result.OK, [])
        assert set(outcome.data) == {"idle_since", "by_itself", "stop"}

    performed(ef.Interrupt(**BASE, id="7.5"), expect)


def test_an_interrupt_waits_until_the_session_is_idle() -> None:
    def expect(fake: FakeOpenCode, outcome: Outcome) -> None:
        assert (outcome.result, fake.aborted) == (Result.OK, ["ses_1"])

    performed(ef.Interrupt(**BASE, id="7.5"), expect, before=busy)


def test_a_retry_that_works_again_is_not_interrupted() -> None:
    def expect(fake: FakeOpenCode, outcome: Outcome) -> None:
        assert (outcome.result, fake.aborted) == (Result.SUPERSEDED, [])

    performed(ef.Interrupt(**BASE, id="7.5", stop="msg_1:retry-2"), expect, before=busy)


def test_an_interrupt_tells_where_it_left_the_session() -> None:
    def expect(fake: FakeOpenCode, outcome: Outcome) -> None:
        assert outcome.data == {"stop": f"{fake.messages['ses_1'][-1]['info']['id']}:end"}

    performed(ef.Interrupt(**BASE, id="7.5"), expect, before=busy)


def test_a_summary_is_believed_when_it_is_there() -> None:
    def expect(fake: FakeOpenCode, outcome: Outcome) -> None:
        assert outcome == Outcome(result=Result.OK, detail="summarised")
        assert fake.messages["ses_1"][-1]["info"]["summary"]

    performed(COMPACT, expect)


def test_after_a_crash_of_ours_a_summary_under_way_is_waited_for_and_not_ordered_again() -> None:
    async def story(fake: FakeOpenCode) -> None:
        order = user(3)
        order["parts"] = [{"id": "prt_3", "messageID": message_key(3), "type": "compaction"}]
        fake.messages["ses_1"] = [user(1), answer(2), order, answer(4, finish=None, summary=True)]
        busy(fake)
        asking = asyncio.create_task(actuator(fake).reconcile(COMPACT))
        while fake.asked.count(("GET", "/session/ses_1/message")) < LOOKS:
            await asyncio.sleep(0)
        fake.messages["ses_1"][-1] = answer(4, summary=True)
        fake.idle("ses_1")

        assert await asking == Outcome(result=Result.OK, detail="summarised")

    play(story)


def test_a_version_that_was_not_tested_is_never_acted_on() -> None:
    async def story(fake: FakeOpenCode) -> None:
        outcome = await actuator(fake).perform(SILENT)

        assert outcome.result is Result.FAILED
        assert "only watched" in outcome.detail
        assert fake.asked == []

    play(story, version="1.18.16")


def test_an_attached_server_is_never_restarted() -> None:
    async def story(fake: FakeOpenCode) -> None:
        server = AttachedServer(fake.origin, PASSWORD, QuickClock())
        await server.up()
        act = OpenCodeActuator(server, FakeWork(), QuickClock(), quiet=set())
        outcome = await act.perform(ef.Restart(id="7.7", decision=7, agent=AGENT))

        assert outcome.result is Result.FAILED
        assert "never restarted by us" in outcome.detail

    play(story)


def test_what_became_of_an_effect_whose_server_vanished_is_asked_again() -> None:
    async def story(fake: FakeOpenCode) -> None:
        act = actuator(fake)
        await fake.vanish()
        assert (await act.perform(SILENT)).result is Result.UNKNOWN

    play(story)


def _is_ok(outcome: Outcome) -> None:
    assert outcome.result is Result.OK


def test_what_is_called_off_while_the_session_settles_is_not_sent() -> None:
    async def story(fake: FakeOpenCode) -> None:
        fake.messages["ses_1"] = [user(1), refused(2)]
        acting = OpenCodeActuator(
            Standing(fake), FakeWork(), QuickClock(), quiet=set(), void=lambda _: "called off"
        )

        outcomes = [await acting.perform(effect) for effect in (SILENT, WORDS, NEW)]

        assert [outcome.detail for outcome in outcomes] == ["called off"] * 3
        assert not fake.prompts

    play(story)


ENDING = ef.Stop(id="8.0", decision=8, agent=AGENT, grace_s=3.0)


def test_a_server_is_ended_when_a_rule_says_so() -> None:
    async def story(fake: FakeOpenCode) -> None:
        server = Standing(fake)
        acting = OpenCodeActuator(server, FakeWork(), QuickClock(), quiet=set())

        assert await acting.perform(ENDING) == Outcome(result=Result.OK, detail="stopped")

        assert server.running is None

    play(story)


def test_a_server_that_may_have_been_ended_already_is_ended_once_more() -> None:
    async def story(fake: FakeOpenCode) -> None:
        assert await actuator(fake).reconcile(ENDING) is None

    play(story)


def test_a_server_that_we_are_attached_to_is_not_ended() -> None:
    async def story(fake: FakeOpenCode) -> None:
        server = AttachedServer(fake.origin, PASSWORD, QuickClock())
        acting = OpenCodeActuator(server, FakeWork(), QuickClock(), quiet=set())

        outcome = await acting.perform(ENDING)

        assert outcome.result is Result.FAILED
        assert outcome.detail.startswith("an attached server is never stopped by us")

    play(story)


# ── a clock that was set back ─────────────────────────────────────────────────────────────────


def on_this_machine(fake: FakeOpenCode) -> Standing:
    server = Standing(fake)
    assert server.running is not None
    who = Identity(pid=1, start_ticks=1, boot_id="one")
    server.running = replace(server.running, identity=who)
    return server


@pytest.mark.parametrize("effect", [SILENT, WORDS, COMPACT])
def test_a_session_from_before_the_clock_was_set_back_is_prompted_when_it_has_caught_up(
    effect: ef.Effect,
) -> None:
    async def scene(fake: FakeOpenCode) -> None:
        fake.messages["ses_1"] = [user(1), refused(2)]
        clock = QuickClock(START - timedelta(hours=2))
        acting = OpenCodeActuator(on_this_machine(fake), FakeWork(), clock, quiet=set())

        outcome = await acting.perform(effect)

        assert outcome.result is Result.FAILED
        assert outcome.detail == "the clock was set back, and OpenCode goes by it"
        until = datetime.fromisoformat(outcome.data["not_before"])
        assert START < until < START + timedelta(seconds=10)
        assert fake.prompts == []

    play(scene)


def test_a_server_elsewhere_has_a_clock_of_its_own() -> None:
    async def scene(fake: FakeOpenCode) -> None:
        fake.messages["ses_1"] = [user(1), refused(2)]
        clock = QuickClock(START - timedelta(hours=2))
        fake.on_prompt = lambda _session, _body: fake.busy()
        acting = OpenCodeActuator(Standing(fake), FakeWork(), clock, quiet=set())

        outcome = await acting.perform(SILENT)

        assert outcome.result is Result.OK

    play(scene)
