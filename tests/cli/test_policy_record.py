"""`policy record`: what happened becomes a test that plays as the journal says."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from palingenesis.core import commands, events
from palingenesis.core.record import to_plain
from palingenesis.core.values import DownCause, Stop, StopReason
from palingenesis.journal import SqliteJournal
from palingenesis.runtime.ports import Entry
from palingenesis.simulation.rehearsal import AGENT, SESSION, Answers, Rehearsal
from palingenesis.surfaces.cli.program import run
from tests.cli.test_commands import Say, environment, say
from tests.simulation.test_simulation import DEFAULT

__all__ = ["say"]

BEGAN = datetime(2026, 11, 21, 1, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


class Night:
    """A night of the default policy, whose every turn goes into a journal."""

    def __init__(self, folder: Path, answers: Answers = Answers()) -> None:  # noqa: B008 frozen
        self.folder = folder
        self.rehearsal = Rehearsal(policy=DEFAULT, start=BEGAN, seed="that night", answers=answers)
        self._count = 0

    def stop(self, reason: str, *, after: timedelta = MINUTE, **more: object) -> None:
        self.rehearsal.advance(after)
        self._count += 1
        stop = Stop(key=f"m{self._count}", reason=StopReason(reason), **more)  # type: ignore[arg-type]
        on = self.rehearsal
        on.happen(events.SessionStopped(at=on.now, session=on.session, agent=AGENT, stop=stop))

    def facts(self, **facts: object) -> None:
        self.rehearsal.observe({name.replace("__", "."): it for name, it in facts.items()})  # type: ignore[misc]

    def happen(self, kind: type, *, after: timedelta = MINUTE, **more: object) -> None:
        self.rehearsal.advance(after)
        self.rehearsal.happen(kind(at=self.rehearsal.now, **more))

    def write(self) -> None:
        self.rehearsal.advance(30 * MINUTE)
        before = BEGAN - MINUTE
        first = [
            events.PolicyAdopted(
                at=before, name="default", digest=DEFAULT.digest, resolved=DEFAULT.resolved
            ),
            events.AgentUp(
                at=before,
                agent=AGENT,
                assistant="opencode",
                way=self.rehearsal.way,
                version="1.18.33",
                supported=True,
                started_at=before,
            ),
            events.SessionSeen(at=before, session=SESSION, agent=AGENT, title='The "docs"'),
        ]
        state = self.folder / "s"
        state.mkdir(mode=0o700)
        with SqliteJournal.open(state / "journal.db") as journal:
            for event in first:
                journal.append(Entry(event=event, decisions=(), effects=()))
            for one in self.rehearsal.past:
                plain = [to_plain(decision) for decision in one.turn.decisions]
                journal.append(Entry(event=one.event, decisions=plain, effects=one.turn.effects))


@pytest.fixture
def night(tmp_path: Path) -> Night:
    return Night(tmp_path)


def recorded(say: Say, night: Night, *options: str) -> str:
    night.write()
    said = say("policy", "record", *options)
    assert (said.code, said.err) == (0, ""), said.out
    return said.out


def assert_it_passes(say: Say, folder: Path, text: str) -> None:
    (folder / "x.test.yaml").write_text(text, encoding="utf-8")
    said = say("policy", "test", str(folder / "x.test.yaml"))
    assert (said.code, said.err) == (0, ""), said.out


def test_a_recorded_night_is_a_test_that_passes_and_tells_what_was_done(
    say: Say, night: Night, tmp_path: Path
):
    night.facts(work__state="valid", work__done=False, session__cost=1.25)
    night.stop(
        "rate_limit", retry_at=BEGAN + 3 * MINUTE, message='wait: "90" #s\n', http_status=429
    )

    text = recorded(say, night)

    assert_it_passes(say, tmp_path, text)
    assert text.splitlines()[1].startswith("# The policy in force was default, sha256 ")
    assert "policy: default\n" in text
    assert 'session.title: "The \\"docs\\""\n' in text
    assert "session.cost: $1.25\n" in text
    assert 'message: "wait: \\"90\\" #s\\n"}   # decision 1\n' in text
    assert "rule: throttled\n          status: waiting\n          did: []\n" in text
    assert (
        "- advance: due\n        expect:\n          status: acting\n          did: [resume]" in text
    )


@pytest.mark.parametrize(
    "reasons",
    [
        ["overloaded"] * 4,
        ["crash"] * 6,
        ["context_exhausted", "completed"],
        ["network", "timeout", "server_error"],
        ["quota", "quota", "auth"],
        ["output_limit", "output_limit", "unknown"],
        ["user_abort"],
        ["completed"],
    ],
    ids=" ".join,
)
def test_whatever_stopped_it_the_test_plays_as_the_journal_says(
    say: Say, night: Night, tmp_path: Path, reasons: list[str]
):
    for reason in reasons:
        night.stop(reason, after=5 * MINUTE, words=True)

    assert_it_passes(say, tmp_path, recorded(say, night))


@pytest.mark.parametrize("reason", ["network", "crash", "completed", "output_limit"])
@pytest.mark.parametrize("trouble", ["fails", "no_effect"])
def test_actions_that_went_wrong_go_wrong_in_the_test_too(
    say: Say, tmp_path: Path, reason: str, trouble: str
):
    wrong = frozenset({"resume", "restart"})
    night = Night(tmp_path, Answers(**{trouble: wrong}))
    night.facts(work__state="valid", work__done=False)
    night.stop(reason)

    assert_it_passes(say, tmp_path, recorded(say, night))


def test_a_crash_loop_of_the_server_is_recorded_to_its_end(say: Say, night: Night, tmp_path: Path):
    for _ in range(6):
        night.happen(events.AgentDown, agent=AGENT, cause=DownCause.EXITED, exit_code=139)

    text = recorded(say, night)

    assert_it_passes(say, tmp_path, text)
    assert "status: attention\n          did: [notify, attention]" in text


def test_the_person_the_operator_questions_and_a_dead_server_are_recorded(
    say: Say, night: Night, tmp_path: Path
):
    session = {"session": SESSION}
    night.happen(events.PersonPrompted, message="m", **session)
    night.stop("rate_limit", retry_at=BEGAN + 20 * MINUTE)
    night.happen(events.CommandGiven, command=commands.Hold(**session), by="you")
    night.happen(events.CommandGiven, command=commands.Release(**session), by="you")
    night.happen(
        events.AgentDown, after=40 * MINUTE, agent=AGENT, cause=DownCause.EXITED, exit_code=137
    )
    night.stop("completed", after=2 * MINUTE)

    text = recorded(say, night)

    assert_it_passes(say, tmp_path, text)


def test_counters_of_an_earlier_trouble_move_the_beginning_of_the_test(
    say: Say, night: Night, tmp_path: Path
):
    night.facts(work__state="valid", work__done=False)
    for number in range(7):
        night.stop("completed", after=(11 if number == 3 else 8) * MINUTE)

    text = recorded(say, night)

    assert "limits" not in text
    assert text.count("rule: unfinished") == 7
    assert_it_passes(say, tmp_path, text)


def test_one_decision_or_one_session_may_be_meant(say: Say, night: Night, tmp_path: Path):
    night.stop("rate_limit")
    night.stop("auth", after=timedelta(hours=3))

    first = recorded(say, night, "--decision", "1")

    assert "rule: throttled" in first
    assert "rule: credentials" not in first
    assert_it_passes(say, tmp_path, first)
    assert "rule: credentials" in say("policy", "record", "--session", "ses_re").out


def test_everything_lately_becomes_one_test_a_session(say: Say, night: Night):
    night.stop("auth")
    night.write()

    said = say("policy", "record", "--last", "876000h")

    assert (said.code, said.out.count("- name:")) == (0, 1)


def test_the_same_test_comes_as_json_with_where_it_is_from(say: Say, night: Night, tmp_path: Path):
    night.stop("rate_limit", retry_at=BEGAN + 3 * MINUTE)
    text = recorded(say, night)

    said = say("policy", "record", "--json")

    assert (said.code, said.err) == (0, "")
    told = json.loads(said.out)
    assert told["test"] == text
    assert told["sessions"] == [SESSION]
    assert told["policy"] == {"name": "default", "digest": DEFAULT.digest, "used": "default"}
    assert told["differences"] == []


@pytest.mark.parametrize(
    ("options", "code"),
    [
        (("--decision", "99"), 1),
        (("--session", "nobody"), 2),
        (("--last", "1s"), 1),
        (("--session", "x", "--decision", "1"), 2),
    ],
)
def test_what_cannot_be_recorded_is_one_clear_error(say: Say, night: Night, options, code):
    night.stop("auth")
    night.write()

    said = say("policy", "record", *options)

    assert (said.code, said.out) == (code, "")
    assert said.err.startswith("error: ")


def test_a_session_is_recorded_by_its_title_and_a_wrong_name_is_told(say: Say, night: Night):
    night.stop("auth")

    titled = recorded(say, night, "--session", 'the "docs')
    wrong = say("policy", "record", "--session", "nosuch")

    assert "policy: default\n" in titled
    assert wrong.code == 2
    assert wrong.err.startswith("error: 'nosuch': no such session\n")


def test_without_a_journal_there_is_nothing_to_record(tmp_path: Path, capsys):
    assert run(["policy", "record"], environment(tmp_path)) == 3


def test_a_policy_that_has_changed_since_is_remarked(say: Say, night: Night, tmp_path: Path):
    night.stop("auth")
    (tmp_path / "c").mkdir(mode=0o700)
    (tmp_path / "c" / "policy.yaml").write_text(
        "version: 1\nrules: []\ndefault: {do: [attention]}\n"
    )

    text = recorded(say, night)

    assert "policy: default\n" in text
