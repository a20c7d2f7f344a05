import asyncio
from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from palingenesis.core.events import PolicyAdopted, PolicyRefused
from palingenesis.runtime.reload import Answer, Compiled, Reading, Reload

BEGIN = datetime(2026, 2, 5, 3, 0, tzinfo=UTC)
GONE = Reading(trouble="the file is gone: policy.yaml")


def text(content):
    return Reading(content=content, file="/c/night.yaml")


class Desk:
    """A file that changes while a virtual clock goes on, and a compiler that likes `good…`."""

    def __init__(self, *states, current="", stale=False, tells_writers=True):
        self.at = BEGIN
        self.states = [
            (0.0, state, False) if not isinstance(state, tuple) else state for state in states
        ]
        self.tells_writers = tells_writers
        self.compiled = []
        self.compiler_down = False
        self.events = []
        self.reload = Reload(
            name="policy.yaml",
            source=self,
            compiler=self.compile,
            clock=self,
            current=current,
            stale=stale,
        )

    def now(self):
        return self.at

    async def sleep(self, seconds):
        self.at += timedelta(seconds=seconds)

    def state(self):
        passed = (self.at - BEGIN).total_seconds() + 1e-9
        return [state for state in self.states if state[0] <= passed][-1]

    def becomes(self, reading):
        passed = (self.at - BEGIN).total_seconds()
        self.states.append((passed, reading, False))

    def read(self):
        return self.state()[1]

    def adopted(self, reading):
        self.in_force = reading

    def attend(self, files):
        self.attended = files

    def is_being_written(self):
        return self.state()[2] if self.tells_writers else None

    async def compile(self, data):
        self.compiled.append(data)
        if self.compiler_down:
            return Compiled(problems=("the compiler is down",), passing=True)
        if data.startswith(b"good"):
            return Compiled(resolved={"name": "night"}, digest=f"digest of {data.decode()}")
        return Compiled(problems=(f"policy.yaml:1:1: error[Y001]: {data.decode()}",))

    def check(self):
        return asyncio.run(self.reload.check(self.events.append))

    def told(self):
        return [
            (type(event).__name__, getattr(event, "problems", None) or event.digest)
            for event in self.events
        ]


def test_the_first_look_adopts_what_is_there():
    desk = Desk(text(b"good"))

    verdict = desk.check()

    assert verdict.answer is Answer.ADOPTED
    [event] = desk.events
    assert event == PolicyAdopted(
        at=desk.at,
        name="night",
        digest="digest of good",
        resolved={"name": "night"},
        file="/c/night.yaml",
    )


class Unhurried(Desk):
    """One at which other tasks run while the clock goes on."""

    def __init__(self, *states):
        super().__init__(*states)
        self.compiled_at = []

    async def sleep(self, seconds):
        await super().sleep(seconds)
        await asyncio.sleep(0)

    async def compile(self, data):
        self.compiled_at.append(self.at)
        return await super().compile(data)


def test_the_first_look_compiles_while_the_content_settles_and_takes_it_if_it_stayed():
    desk = Unhurried(text(b"good"))

    assert desk.check().answer is Answer.ADOPTED
    assert desk.compiled_at == [BEGIN + timedelta(seconds=0.1)]  # in the first pause
    assert desk.at > desk.compiled_at[0]


def test_what_was_compiled_meanwhile_is_nothing_if_the_content_changed():
    desk = Unhurried(text(b"good, half"), (0.15, text(b"good, whole"), False))

    desk.check()

    assert desk.told() == [("PolicyAdopted", "digest of good, whole")]
    assert desk.compiled == [b"good, half", b"good, whole"]


def test_a_later_look_compiles_nothing_that_has_not_settled():
    desk = Unhurried(text(b"good"))
    desk.check()
    desk.states.append((0.5, text(b"good, half"), False))
    desk.states.append((0.7, text(b"good, whole"), False))
    desk.at = BEGIN + timedelta(seconds=0.5)

    desk.check()

    assert desk.compiled == [b"good", b"good, whole"]


def test_what_is_in_force_already_is_not_told_again():
    desk = Desk(text(b"good"), current="digest of good")

    assert [desk.check().answer, desk.check().answer] == [Answer.UNCHANGED, Answer.UNCHANGED]
    assert desk.events == []
    assert desk.compiled == [b"good"]


def test_a_bad_policy_is_refused_once_and_the_last_good_one_stays():
    desk = Desk(text(b"good"))
    desk.check()
    desk.becomes(text(b"bad"))

    verdicts = [desk.check() for _ in range(3)]

    assert {verdict.answer for verdict in verdicts} == {Answer.REFUSED}
    assert {verdict.digest for verdict in verdicts} == {"digest of good"}
    assert verdicts[2].problems == ("policy.yaml:1:1: error[Y001]: bad",)
    assert [type(event) for event in desk.events] == [PolicyAdopted, PolicyRefused]


def test_the_return_to_the_last_good_content_is_told_so_that_nothing_looks_stale():
    desk = Desk(text(b"bad"), current="digest of good")
    desk.check()
    desk.becomes(text(b"good"))

    assert desk.check().answer is Answer.ADOPTED
    assert desk.check().answer is Answer.UNCHANGED
    assert len(desk.events) == 2


def test_after_a_restart_a_refusal_that_was_told_before_is_lifted():
    desk = Desk(text(b"good"), current="digest of good", stale=True)

    assert desk.check().answer is Answer.ADOPTED


def test_half_written_content_waits_for_its_writer():
    desk = Desk(
        (0.0, text(b"good, but hal"), True),
        (3.0, text(b"good, but half-written no more"), True),
        (4.0, text(b"good, but half-written no more"), False),
    )

    desk.check()

    assert desk.compiled == [b"good, but half-written no more"]


def test_a_writer_that_never_ends_is_left_for_the_next_hint():
    desk = Desk((0.0, text(b"good"), True))

    assert desk.check().answer is Answer.BUSY
    assert desk.events == []
    assert desk.at - BEGIN <= timedelta(seconds=11)

    desk.becomes(text(b"good"))
    assert desk.check().answer is Answer.ADOPTED


def test_where_nobody_can_tell_who_writes_three_quiet_pauses_are_enough():
    desk = Desk((0.0, text(b"good 1"), None), (0.25, text(b"good 2"), None), tells_writers=False)

    desk.check()

    assert desk.compiled == [b"good 2"]
    assert desk.at - BEGIN >= timedelta(seconds=0.5)


def test_a_truncated_file_gets_time_to_be_written():
    desk = Desk((0.0, text(b""), False), (0.4, text(b"good"), False))

    desk.check()

    assert desk.told() == [("PolicyAdopted", "digest of good")]


def test_an_empty_file_that_stays_empty_is_refused():
    desk = Desk(text(b""), current="digest of good")

    assert desk.check().answer is Answer.REFUSED
    assert desk.compiled == [b""]


def test_a_file_that_is_deleted_and_made_again_was_never_gone():
    desk = Desk(text(b"good 1"), (5.0, GONE, False), (5.5, text(b"good 2"), False))
    desk.check()
    desk.at = BEGIN + timedelta(seconds=5)

    desk.check()

    assert desk.told()[-1] == ("PolicyAdopted", "digest of good 2")


def test_a_file_that_is_gone_is_told_once():
    desk = Desk(text(b"good"))
    desk.check()
    desk.becomes(GONE)

    assert [desk.check().answer for _ in range(3)] == [Answer.REFUSED] * 3
    assert [type(event) for event in desk.events] == [PolicyAdopted, PolicyRefused]
    assert desk.events[-1].problems == ("the file is gone: policy.yaml",)


def test_the_source_is_told_what_of_it_is_in_force_and_not_what_is_refused():
    desk = Desk(text(b"good"))
    desk.check()
    desk.becomes(text(b"bad"))

    desk.check()

    assert desk.in_force == text(b"good")


def test_trouble_of_the_compiler_is_told_once_and_tried_again():
    desk = Desk(text(b"good"))
    desk.compiler_down = True
    desk.check()
    desk.check()
    desk.compiler_down = False
    desk.check()

    assert desk.told() == [
        ("PolicyRefused", ("the compiler is down",)),
        ("PolicyAdopted", "digest of good"),
    ]


def test_a_compiler_that_is_down_says_nothing_about_the_policy():
    desk = Desk(text(b"good"))
    desk.compiler_down = True

    verdict = desk.check()

    assert verdict.answer is Answer.REFUSED
    assert verdict.passing
    desk.compiler_down = False
    assert not desk.check().passing
    assert not Desk(text(b"bad")).check().passing


CONTENTS = st.sampled_from([b"", b"good 1", b"good 2", b"bad", None])


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(st.floats(0, 30), CONTENTS, st.booleans()), max_size=12))
def test_content_that_its_writer_has_not_left_is_never_adopted(changes):
    states = [
        (at, GONE if content is None else text(content), writing)
        for at, content, writing in sorted(changes, key=lambda change: change[0])
    ]
    desk = Desk(text(b"good 0"), *states)

    for _ in range(20):
        desk.check()
        desk.at += timedelta(seconds=1)

    left = {reading.content for _, reading, writing in desk.states if not writing}
    assert set(desk.compiled) <= left
    assert all(a != b for a, b in zip(desk.told(), desk.told()[1:], strict=False))
