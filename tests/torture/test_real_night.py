"""The short form of a real night: its judge sees what it is there to see, and a seed repeats.

The long form takes two hours by the wall's clock; tests/live plays its scenes one by one.
"""

from dataclasses import replace
from datetime import timedelta

from palingenesis.assistants.opencode.freshness import keys_of
from palingenesis.core import effects, events
from palingenesis.core.events import Event
from palingenesis.core.record import to_plain
from palingenesis.core.step import Turn
from palingenesis.core.values import Result, SessionId
from palingenesis.demo.provider import ModelRequest
from palingenesis.runtime.ports import Recorded
from tests.core.life import SES, START, Life, passed, progressed, stopped, working
from tests.core.policies import RATE, policy, rule
from tests.torture.judging import Act, Asked, Past, Said, Told, judge
from tests.torture.misbehaviour import MENU, Misbehaviour

SECOND = timedelta(seconds=1)
OTHER = SessionId("ses_2")
LOGIN = rule(
    "login",
    "stop.reason == 'auth'",
    {"notify": {"message": "a login problem"}},
    {"attention": {"reason": "a login problem"}},
)
NIGHT = policy(RATE, LOGIN)


class Written(Life):
    """A life whose journal is kept."""

    def __post_init__(self) -> None:
        self.entries: list[Recorded] = []
        adopted = events.PolicyAdopted(
            at=START, name="night", digest=self.policy.digest, resolved=self.policy.resolved
        )
        self.take(adopted)
        super().__post_init__()

    def take(self, event: Event) -> Turn:
        turn = super().take(event)
        plain = [to_plain(decision) for decision in turn.decisions]
        seq = len(self.entries) + 1
        self.entries.append(
            Recorded(seq=seq, event=event, decisions=tuple(plain), effects=turn.effects)
        )
        return turn


def a_night() -> Past:
    """A limit that is waited out, a prompt that works, and a session that needs a person."""
    life = Written(NIGHT) >> stopped("rate_limit", retry_after=90) >> passed(91)
    (resume,) = [order for order in life.orders if isinstance(order, effects.Resume)]
    life.take(events.EffectEnded(at=life.now, effect=resume.id, result=Result.OK))
    life >> working >> progressed >> stopped("auth")
    (notice,) = [order for order in life.orders if isinstance(order, effects.Notify)]
    life.take(events.EffectEnded(at=life.now, effect=notice.id, result=Result.OK))
    ours = keys_of(resume.id, resume.stop)[0]
    return Past(
        entries=life.entries,
        asked=(Asked(at=START, session=SES), Asked(at=life.now, session=SES)),
        acts=(Act(at=START, what="prompt", session=SES, text="do it"),),
        told=(Told(key=notice.id, session=SES, text=notice.message),),
        said=(
            Said(id="msg_1", session=SES, role="user", parent="", text="do it"),
            Said(id=ours, session=SES, role="user", parent="", text=""),
            Said(id="msg_2", session=SES, role="assistant", parent=ours, text="done"),
        ),
        sessions=({"id": SES, "status": "attention", "supervised": True, "until": None},),
    )


def test_a_night_as_promised_is_not_blamed():
    assert judge(a_night()) == []


def test_a_message_that_is_there_twice_is_seen():
    night = a_night()

    (wrong,) = judge(replace(night, said=(*night.said, night.said[1])))

    assert "is there 2 times" in wrong


def test_two_prompts_that_answer_one_stop_are_seen():
    night = a_night()
    place, entry = next(
        (place, entry)
        for place, entry in enumerate(night.entries)
        if any(isinstance(it, effects.Resume) for it in entry.effects)
    )
    (first,) = entry.effects
    second = replace(first, id=f"{first.id}9")
    again = keys_of(second.id, getattr(second, "stop", ""))[0]
    entries = list(night.entries)
    entries[place] = replace(entry, effects=(first, second))
    said = (
        *night.said,
        Said(id=again, session=SES, role="user", parent="", text=""),
        Said(id="msg_3", session=SES, role="assistant", parent=again, text="done"),
    )

    wrong = judge(replace(night, entries=entries, said=said))

    assert any("2 prompts" in one and "answered the stop" in one for one in wrong)


def test_a_prompt_that_never_arrived_is_seen():
    night = a_night()

    (wrong,) = judge(replace(night, said=night.said[:1]))

    assert "is in no transcript" in wrong


def test_a_prompt_of_ours_that_nothing_ordered_is_seen():
    night = a_night()
    strange = Said(
        id=keys_of("elsewhere-1.0", "x")[0], session=SES, role="user", parent="", text=""
    )

    (wrong,) = judge(replace(night, said=(*night.said, strange)))

    assert "has our mark and no intent" in wrong


def test_a_prompt_that_opencode_repeats_after_a_summary_is_not_taken_for_anybody_s():
    night = a_night()
    ours = replace(night.said[1], text="go on")
    asked = Said(id="msg_3", session=SES, role="user", parent="", text="")
    again = Said(id="msg_4", session=SES, role="user", parent="", text="go on")
    said = (night.said[0], ours, night.said[2])

    assert judge(replace(night, said=(*said, asked, again))) == []
    (unasked,) = judge(replace(night, said=(*said, again)))
    (twice,) = judge(replace(night, said=(*said, asked, again, replace(again, id="msg_5"))))
    assert "nobody said 'go on'" in unasked
    assert "nobody said 'go on'" in twice


def test_words_that_nobody_said_are_seen():
    night = a_night()
    strange = Said(id="msg_9", session=SES, role="user", parent="", text="rm -rf")

    (wrong,) = judge(replace(night, said=(*night.said, strange)))

    assert "nobody said 'rm -rf'" in wrong


def test_a_request_after_the_persons_stop_is_seen_until_she_speaks_again():
    night = a_night()
    stop = Act(at=START + SECOND, what="abort", session=SES)
    word = Act(at=START + 5 * SECOND, what="prompt", session=SES, text="do it")

    (wrong,) = judge(replace(night, acts=(*night.acts, stop)))

    assert "stopped at 02:00:01" in wrong
    assert judge(replace(night, acts=(*night.acts, stop, word))) == []


def test_a_notice_that_was_lost_doubled_or_made_up_is_seen():
    night = a_night()
    (told,) = night.told

    lost = judge(replace(night, told=()))
    doubled = judge(replace(night, told=(told, told)))
    made_up = judge(replace(night, told=(told, replace(told, key="elsewhere-1.0"))))

    assert any("was never told" in one for one in lost)
    assert any("was told 2 times" in one for one in doubled)
    assert any("nobody ordered it" in one for one in made_up)
    assert judge(replace(night, told=(told, told), our_deaths=1)) == []


def test_a_session_that_was_forgotten_is_seen():
    night = a_night()
    for status in ("working", "waiting"):
        row = {"id": SES, "status": status, "supervised": True, "until": None}

        (wrong,) = judge(replace(night, sessions=(row,)))

        assert "still working" in wrong or "without a deadline" in wrong


def test_a_session_that_needs_a_person_is_told_of_or_the_journal_says_which_limit_forbade_it():
    silent = policy(LOGIN, limits={"notifications": {"max": 1, "per": "1h"}})
    life = Written(silent) >> stopped("auth")
    (notice,) = [order for order in life.orders if isinstance(order, effects.Notify)]
    life.take(events.EffectEnded(at=life.now, effect=notice.id, result=Result.OK))
    life.work(OTHER)
    life >> stopped("auth", session=OTHER)
    told = (Told(key=notice.id, session=SES, text=notice.message),)
    row = {"id": OTHER, "status": "attention", "supervised": True, "until": None}
    night = Past(entries=life.entries, told=told, sessions=(row,))

    (wrong,) = judge(replace(night, sessions=(row | {"id": "ses_3"},)))

    assert wrong == "ses_3 needs attention, and nobody was told"
    assert judge(night) == []


def test_a_completed_session_whose_prompt_was_never_answered_is_seen():
    night = a_night()
    row = {"id": SES, "status": "completed", "supervised": True, "until": None}

    (wrong,) = judge(replace(night, sessions=(row,), said=night.said[:2]))

    assert "our last prompt was never answered" in wrong
    assert judge(replace(night, sessions=(row,))) == []


def test_an_entry_that_is_missing_is_seen():
    night = a_night()

    wrong = judge(replace(night, entries=[*night.entries[:2], *night.entries[3:]]))

    assert "the journal's numbers have gaps" in wrong


def test_a_seed_misbehaves_the_same_way_twice_and_in_every_way_there_is():
    request = ModelRequest(
        at=START, path="/v1/messages", model="scripted-claude", session=SES, messages=(),
        tools=(), streams=True, side=False, headers={},
    )  # fmt: skip
    one, other = Misbehaviour(5), Misbehaviour(5)

    assert [one(request) for _ in range(2000)] == [other(request) for _ in range(2000)]
    assert all(one.counts[name] for name, _, _ in MENU)
