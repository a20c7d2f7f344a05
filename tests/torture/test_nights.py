"""The short form of the simulated nights (see tests/torture/nights.py)."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import islice
from subprocess import CompletedProcess

import pytest

from palingenesis.core.kernel import ordering
from palingenesis.core.kernel.leaving import OPERATOR
from tests.torture.mutants import ROOT, End, hunt, summed, verdict
from tests.torture.night.bounds import prompts_within_bounds
from tests.torture.night.bugs import BUGS
from tests.torture.night.checker import nobody_forgotten, on_time, what_she_ended_has_ended
from tests.torture.night.designs import WRONG
from tests.torture.night.doors import Pages
from tests.torture.night.driver import Night
from tests.torture.night.evidence import Decided, Evidence, Line, Violation, evidence_of
from tests.torture.night.expecting import drift_of
from tests.torture.night.house import Beat, House, Mark, Talk
from tests.torture.night.play import Play
from tests.torture.night.script import script_of
from tests.torture.night.varied import ingredients, least_tried, varied
from tests.torture.nights import Tally, play_all, repeats


def test_a_night_survives_a_crash_at_every_boundary():
    tally = play_all(Tally(), count=20, every=7)

    assert tally.shown == []
    assert tally.runs > 200


@pytest.mark.parametrize("design", WRONG, ids=lambda design: design.name)
def test_a_wrong_design_is_caught(design):
    tally = play_all(Tally(), count=30, design=design, every=3, first_violation=True)

    assert tally.broken


def test_the_same_seed_is_the_same_night_under_any_hash_seed():
    assert repeats(20)


def test_every_bug_can_be_planted():
    sources = {bug: (ROOT / "engine" / "palingenesis" / bug.file).read_text() for bug in BUGS}

    assert [bug for bug in BUGS if sources[bug].count(bug.old) != 1] == []


def test_a_planted_bug_is_caught():
    for bug in (BUGS[1], BUGS[17]):
        assert hunt(bug, seconds=30.0).end is End.CAUGHT, bug.why


def test_a_hunt_that_runs_out_of_time_is_said_to_have_no_known_end():
    found = hunt(BUGS[1], wall_s=0.05)

    assert (found.end, found.how) == (End.UNKNOWN, "no end within 0.05 s of wall clock")


def test_only_a_promise_that_was_told_as_broken_counts_as_caught():
    told = "seed 61, died at: nowhere\n  I1 at 12.03: hook 1.0 ran twice\n"
    ends = [(1, told, ""), (0, "", ""), (1, "", "Traceback\nNameError: x"), (-15, "", "")]

    found = [verdict(CompletedProcess([], *one)) for one in ends]

    assert found == [
        (End.CAUGHT, "I1 at 12.03: hook 1.0 ran twice"),
        (End.MISSED, ""),
        (End.UNKNOWN, "the nights broke: NameError: x"),
        (End.UNKNOWN, "the nights were ended by SIGTERM"),
    ]


def test_what_is_not_known_is_neither_caught_nor_missed():
    ends = [End.CAUGHT] * 3 + [End.MISSED] * 2 + [End.UNKNOWN]

    assert summed(ends) == "3 of 6 planted bugs were caught, 2 were missed, 1 has no known end"


def test_varied_nights_bring_more_together_than_as_many_in_a_row():
    chosen = list(islice(varied(0), 30))

    assert len(set(chosen)) == 30
    met = [set().union(*map(ingredients, seeds)) for seeds in (chosen, range(30))]
    assert len(met[0]) > 1.5 * len(met[1])


def test_the_daemon_dies_first_where_it_died_least():
    tried = Counter({"hook after": 1})

    chosen = least_tried(["append", "append", "hook after", "prompt sent"], 3, tried)

    assert chosen == [0, 3, 1]
    assert tried == {"append": 2, "hook after": 1, "prompt sent": 1}


BEGINS = datetime(2026, 2, 5, 22, 0, tzinfo=UTC)


def left_behind(*lines: Line) -> Evidence:
    """Of a night in which nothing was done."""
    house = script_of(0).house()
    return Evidence(house=house, lines=[*lines], rows=(), downs=[], until=9000.0, crashes=0)


def said(seq: int, at: float, name: str) -> Line:
    """What the person commands all sessions."""
    event = {"command": {"is": name, "session": None}}
    return Line(seq, at, at, "CommandGiven", event, [], [])


def decided(seq: int, at: float, *first: dict[str, object]) -> Line:
    """A decision to go on, after other steps if there are any."""
    plan = [*first, {"is": "Resume"}]
    made = {"id": 1, "kind": "decided", "session": "ses_1", "rule": "crash", "plan": plan}
    made |= {"facts": {}, "tries": 0}
    return Line(seq, at, at, "Ticked", {}, [made], [])


def test_what_is_decided_while_she_holds_all_is_due_when_she_releases_it():
    free = left_behind(decided(1, 100.0))
    held = left_behind(said(1, 50.0, "Hold"), decided(2, 100.0), said(3, 4000.0, "Release"))
    kept = left_behind(said(1, 50.0, "Hold"), decided(2, 100.0))

    due = [[one.at for one in on_time(evidence)] for evidence in (free, held, kept)]

    assert due == [[135.0], [4035.0], []]


def test_a_wait_after_an_effect_counts_from_when_that_could_be_done():
    evidence = left_behind(decided(1, 100.0, {"is": "Interrupt"}, {"is": "Wait", "span": 150}))
    evidence.downs.append((110.0, 1000.0))

    due = [one.at for one in on_time(evidence)]

    assert due == [1185.0]


def refused(seq: int, minute: float, *, resets: float) -> Line:
    """A refusal at that minute, which displays a reset at another."""
    stop = {"reason": "quota", "retry_at": (BEGINS + timedelta(minutes=resets)).isoformat()}
    at = (BEGINS + timedelta(minutes=minute)).isoformat()
    event = {"at": at, "session": "ses_1", "stop": stop}
    return Line(seq, 60 * minute, 60 * minute, "SessionStopped", event, [], [])


@pytest.mark.parametrize(
    ("reason", "then", "expected"),
    [
        ("quota", refused(3, 70, resets=130), 600.0),
        ("quota", refused(3, 70, resets=71), 0.0),
        ("crash", refused(3, 70, resets=130), 0.0),
    ],
    ids=["a reset", "a pause", "another stop since"],
)
def test_a_reset_may_be_expected_as_late_as_one_was_before(reason, then, expected):
    evidence = left_behind(refused(1, 0, resets=60), refused(2, 61, resets=62), then)
    plain = {"session": "ses_1", "facts": {"stop.reason": reason}}

    may_be = drift_of(evidence, Decided(then, plain))

    assert may_be == expected


def ordered(seq: int, at: float) -> Line:
    """A resumption that is ordered."""
    effect = {"is": "Resume", "id": "1.0", "session": "ses_1"}
    return Line(seq, at, at, "Ticked", {}, [], [effect])


@pytest.mark.parametrize(
    ("at", "forgotten"), [(8990.0, 0), (5000.0, 1)], ids=["just now", "long ago"]
)
def test_who_rests_is_not_forgotten_as_long_as_an_order_is_young(at, forgotten):
    evidence = left_behind(ordered(1, at))
    evidence.marks["stop"] = [Mark(at=100.0, what="stop", session="ses_1")]
    assert evidence.house.talks["ses_1"].doing == "rest"

    assert len([*nobody_forgotten(evidence, {"ses_1": "acting"})]) == forgotten


@pytest.mark.parametrize(
    ("up", "forgotten"), [(8500.0, 0), (8000.0, 1)], ids=["just now", "long ago"]
)
def test_who_rests_is_not_forgotten_as_long_as_nobody_has_watched_for_long(up, forgotten):
    evidence = left_behind()
    evidence.downs.append((200.0, up))
    evidence.marks["stop"] = [Mark(at=100.0, what="stop", session="ses_1")]

    assert len([*nobody_forgotten(evidence, {"ses_1": "working"})]) == forgotten


def prompted(seq: int, at: float, *, clock: float) -> Line:
    """The policy orders a prompt; by the machine's clock it is another time."""
    effect = {"is": "Resume", "id": f"1.{seq}", "decision": 1, "session": "ses_1"}
    return Line(seq, at, at + clock, "Ticked", {}, [], [effect])


@pytest.mark.parametrize(("rebooted", "broken"), [(False, 1), (True, 0)])
def test_an_hour_is_over_by_the_clock_if_that_was_set_before_a_boot(rebooted, broken):
    before = [prompted(seq, 10.0 * seq, clock=0.0) for seq in range(12)]
    evidence = left_behind(*before, prompted(12, 600.0, clock=7200.0))
    evidence.marks["step"] = [Mark(at=300.0, what="step", session="", more="7200")]
    evidence.marks["reboot"] = [Mark(at=300.0, what="reboot", session="")] * rebooted

    assert len([*prompts_within_bounds(evidence)]) == broken


@pytest.mark.parametrize(
    ("seed", "at"),
    [
        # She aborts, we die before we hear of it, and its server dies before it tells us.
        (112342, 19),
        # She ends it by command; the stop that came before is told after that.
        (200023, 25),
        # The answer to our abort is lost, and she aborts three seconds after it was sent.
        (311265, 34),
        # She has a wait skipped, we die, the clock is set back, and she begins another turn.
        (591915, 22),
        # She ends a turn by command that she began before the clock was set back.
        (590191, 39),
        (590191, 10),  # and before our start
    ],
)
def test_what_she_has_ended_is_left_alone_in_the_nights_in_which_it_was_not(seed, at):
    night = Night(seed)
    night.base()

    assert night.crash(at).violations == ()


def ended_by_command_while_it_works() -> list[Violation]:
    """It tries again by itself for 20 s, works, and then she ends it."""
    house = House(begins=datetime(2026, 2, 5, 22, 0, tzinfo=UTC), policy="default")
    house.later(0.0, "wake", local=False)
    beats = [Beat("retry", 20.0, "rate_limit", "after"), Beat("work", 45.0), Beat("work", 45.0)]
    house.talks["ses_1"] = Talk(id="ses_1", script=beats, total=2, title="night")
    house.later(5.0, "person", "prompt", "ses_1")
    house.commands[1] = ("abort", "ses_1")
    house.later(50.0, "command", 1, local=False)
    play = Play(house=house, pages=Pages(), seed="1", until=200.0)
    play.run()
    return [*what_she_ended_has_ended(evidence_of(play))]


def test_a_turn_that_goes_on_after_her_abort_is_seen(monkeypatch):
    assert ended_by_command_while_it_works() == []

    # As it was: the order named the old retry, and was void because that was over.
    monkeypatch.setattr(ordering, "TELL_OF_A_STOP", {OPERATOR})

    assert {found.name for found in ended_by_command_while_it_works()} == {"I2"}


@pytest.mark.parametrize(
    ("seed", "at"),
    [
        # What she said long before our abort is told after it.
        (300647, 111),
        # And the answer to our abort is lost.
        (590027, 14),
    ],
)
def test_an_abort_of_ours_that_nothing_followed_is_not_taken_for_hers_after_a_death_of_ours(
    seed, at
):
    night = Night(seed)
    night.base()

    assert night.crash(at).violations == ()


def test_who_waits_anew_under_another_policy_does_not_keep_the_line_before_a_limit_up():
    night = Night(400860)
    night.base()

    assert night.crash(112).violations == ()


@pytest.mark.parametrize(
    ("seed", "at"),
    [
        # Three turns hang; the third prompt is refused for now, and then we die: what a prompt came
        # to is not told by the stop that it answers.
        (111137, 191),
        # A prompt that was called off before it was sent achieved nothing, and was none.
        (400604, 28),
        # Its own retry began in the moment between our look and our abort, which ended it.
        (400634, 77),
        # She aborts half a second after our order to end its retry, in whose midst we died.
        (551578, 23),
    ],
)
def test_what_nobody_could_do_better_is_no_violation(seed, at):
    night = Night(seed)
    night.base()

    assert night.crash(at).violations == ()
