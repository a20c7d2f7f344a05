"""What is written of an action is what is done: every option, and what holds without it."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest

from palingenesis.core.errors import InvalidConfigError
from palingenesis.core.plans import (
    Ask,
    Attention,
    Backoff,
    Compact,
    Delegate,
    Finish,
    Interrupt,
    Log,
    NewSession,
    Notify,
    Restart,
    Resume,
    Retry,
    Run,
    Snapshot,
    StandDown,
    Step,
    Stop,
    SwitchModel,
    Wait,
)
from palingenesis.core.policy.build import build, digest_of
from palingenesis.core.policy.model import Overlay, Policy, Rule
from palingenesis.core.policy.steps import ACTIONS, build_steps
from palingenesis.core.values import Severity

SECONDS_10 = timedelta(seconds=10)
MINUTE = timedelta(minutes=1)

BARE: list[tuple[str, Mapping[str, Any], Step]] = [
    ("wait", {}, Wait(jitter=timedelta(0))),
    ("resume", {}, Resume(message=None, model=None)),
    ("retry", {}, Retry(model=None)),
    ("new-session", {}, NewSession(source="Next-step.md", if_missing="summary", model=None)),
    ("compact", {}, Compact()),
    ("switch-model", {"to": "a/b"}, SwitchModel(chain=("a/b",), return_after=None)),
    ("restart", {}, Restart(grace=SECONDS_10)),
    ("interrupt", {}, Interrupt(grace=SECONDS_10)),
    ("delegate", {}, Delegate(until=None)),
    ("stop", {}, Stop(grace=SECONDS_10)),
    (
        "ask",
        {"question": "Go on?"},
        Ask(question="Go on?", timeout=timedelta(minutes=30), default="no", channels=()),
    ),
    ("snapshot", {}, Snapshot()),
    (
        "notify",
        {"message": "hi"},
        Notify(message="hi", severity=Severity.INFO, title="", channels=(), quiet="send"),
    ),
    ("log", {"message": "hi"}, Log(message="hi")),
    ("run", {"hook": "backup"}, Run(hook="backup")),
    ("stand-down", {}, StandDown()),
    ("finish", {}, Finish()),
    ("attention", {}, Attention(reason="", reopen_after=None)),
]
FULL: list[tuple[str, Mapping[str, Any], Step]] = [
    ("wait", {"for": "1m", "jitter": "10s"}, Wait(span=MINUTE, jitter=SECONDS_10)),
    (
        "wait",
        {"until": "calendar_end", "calendar": "quiet", "max": "1m"},
        Wait(until="calendar_end", calendar="quiet", longest=MINUTE),
    ),
    (
        "wait",
        {"backoff": {"first": "10s", "max": "1m"}},
        Wait(backoff=Backoff(first=SECONDS_10, factor=2.0, longest=MINUTE)),
    ),
    (
        "wait",
        {"for-condition": "work.done", "else": "1m"},
        Wait(condition="work.done", otherwise=MINUTE),
    ),
    (
        "wait",
        {"until": "reset", "else": {"backoff": {"first": "10s", "factor": 3, "max": "1m"}}},
        Wait(until="reset", otherwise=Backoff(first=SECONDS_10, factor=3.0, longest=MINUTE)),
    ),
    ("resume", {"message": "go", "model": "a/b"}, Resume(message="go", model="a/b")),
    ("retry", {"model": "a/b"}, Retry(model="a/b")),
    (
        "new-session",
        {"from": "Notes.md", "if-missing": "attention", "model": "a/b"},
        NewSession(source="Notes.md", if_missing="attention", model="a/b"),
    ),
    (
        "switch-model",
        {"chain": ["a/b", "c/d"], "return-after": "1m"},
        SwitchModel(chain=("a/b", "c/d"), return_after=MINUTE),
    ),
    ("restart", {"grace": "1m"}, Restart(grace=MINUTE)),
    ("interrupt", {"grace": "1m"}, Interrupt(grace=MINUTE)),
    ("delegate", {"until": "1m"}, Delegate(until=MINUTE)),
    ("stop", {"grace": "1m"}, Stop(grace=MINUTE)),
    (
        "ask",
        {"question": "Go on?", "timeout": "1m", "default": "yes", "channels": ["ntfy"]},
        Ask(question="Go on?", timeout=MINUTE, default="yes", channels=("ntfy",)),
    ),
    (
        "notify",
        {
            "message": "hi",
            "severity": "critical",
            "title": "Night",
            "channels": ["ntfy"],
            "quiet": {"do": "drop", "calendar": "evening"},
            "dedupe": "1m",
        },
        Notify(
            message="hi",
            severity=Severity.CRITICAL,
            title="Night",
            channels=("ntfy",),
            quiet="drop",
            calendar="evening",
            dedupe=MINUTE,
        ),
    ),
    (
        "attention",
        {"reason": "look", "reopen-after": "1m"},
        Attention(reason="look", reopen_after=MINUTE),
    ),
]


@pytest.mark.parametrize(("name", "options", "step"), BARE)
def test_an_action_without_its_options_means_what_its_page_says(
    name: str, options: Mapping[str, Any], step: Step
) -> None:
    assert build_steps([{name: options}]) == (step,)


@pytest.mark.parametrize(("name", "options", "step"), FULL)
def test_every_option_of_an_action_reaches_the_plan(
    name: str, options: Mapping[str, Any], step: Step
) -> None:
    assert build_steps([{name: options}]) == (step,)


def test_these_stories_leave_no_action_and_no_option_out() -> None:
    told = {(name, option) for name, options, _ in (*BARE, *FULL) for option in options}

    assert {name for name, *_ in BARE} == set(ACTIONS)
    assert told == {(name, option) for name, it in ACTIONS.items() for option in it.options}


@pytest.mark.parametrize(
    ("quiet", "word", "calendar"),
    [
        ("send", "send", None),
        ("hold", "hold", "quiet"),
        ("drop", "drop", "quiet"),
        ({"calendar": "evening"}, "hold", "evening"),
        ({"calendar": "evening", "do": "send"}, "send", None),
    ],
)
def test_quiet_names_what_happens_and_the_calendar_in_whose_window_it_happens(
    quiet: object, word: str, calendar: str | None
) -> None:
    steps = build_steps([{"notify": {"message": "hi", "quiet": quiet}}])

    assert steps == (Notify(message="hi", quiet=word, calendar=calendar),)


def test_what_a_resolved_policy_does_not_say_is_what_the_model_takes_for_granted() -> None:
    inner = {"version": 1, "rules": [{"id": "a", "do": []}], "default": {"do": []}}
    built = build({**inner, "overlays": [{"directory": "/srv", "policy": inner}]})

    plain = Policy(
        name="",
        digest=digest_of(inner),
        resolved=inner,
        rules=(Rule(id="a", steps=()),),
        default=(),
    )

    assert build(inner) == plain
    assert built.overlays == (Overlay(directory="/srv", policy=plain),)
    assert not built.overlays[0].trusted


DAMAGED = {
    "the steps of a rule are not a list": {"wait": {}},
    "a step is not an action with its options": ["finish"],
    "unknown action 'explode'": [{"explode": {}}],
    "the options of finish are no options": [{"finish": None}],
    "unknown option 'grace' of resume": [{"resume": {"model": "a/b", "grace": "1m"}}],
    "the options of log cannot be used: 'message'": [{"log": {}}],
    "the options of ask cannot be used: 'maybe' is none of yes, no": [
        {"ask": {"question": "Go on?", "default": "maybe"}}
    ],
    "the options of notify cannot be used: 'loud' is none of hold, drop, send": [
        {"notify": {"message": "hi", "quiet": "loud"}}
    ],
}


@pytest.mark.parametrize("said", DAMAGED)
def test_steps_that_the_checker_did_not_write_are_refused_with_what_is_wrong(said: str) -> None:
    with pytest.raises(InvalidConfigError) as refused:
        build_steps(DAMAGED[said])

    assert str(refused.value) == said


def test_a_step_of_two_actions_is_refused_instead_of_taking_one_of_them() -> None:
    with pytest.raises(InvalidConfigError, match="a step is not an action with its options"):
        build_steps([{"finish": {}, "resume": {}}])
