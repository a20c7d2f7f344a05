"""The words of a test file, each said once: the reader, the schema and the reference page use them.

A test file holds what is observed, so its words are spelt like facts: `retry_after`, `did_last`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from palingenesis.core.values import BlockKind, Result, Severity, Status, StopReason


class Shape(StrEnum):
    """What may stand under a key."""

    TEXT = "text"
    WORD = "word"  # one of a closed set
    FLAG = "flag"  # true or false
    WHOLE = "whole"  # a whole number
    SPAN = "span"  # 90s
    INSTANT = "instant"  # 2026-02-05T02:00:00Z
    ADVANCE = "advance"  # 90s, or `due`
    RULE = "rule"  # a rule's id, `default`, or `none`
    RULES = "rules"  # a list of rules' ids
    ACTION = "action"  # an action's word, or `none`
    ACTIONS = "actions"  # a list of actions' words
    RANGE = "range"  # 90s, 90s..100s, or `none`
    RANGES = "ranges"  # a list of ranges
    NOTICES = "notices"  # a text, a mapping, or a list of them
    PARTS = "parts"  # a text that is contained, or `none`
    FACTS = "facts"  # facts and their values
    PARAMS = "params"  # parameters and their values
    EFFECTS = "effects"  # actions that go wrong, and how
    EVENT = "event"
    EXPECT = "expect"
    TESTS = "tests"
    STEPS = "steps"
    ROWS = "rows"


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """One key: what may stand under it, and what it means."""

    shape: Shape
    doc: str
    words: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One thing that may happen, and the options it takes."""

    doc: str
    options: tuple[str, ...] = ()
    needs: tuple[str, ...] = field(default=())


NONE: Final = "none"
"""The word for: nothing."""
DUE: Final = "due"
"""The word for: until what is pending falls due."""

ACTIONS: Final = (
    *("resume", "retry", "new-session", "compact", "switch-model", "restart", "interrupt", "stop"),
    *("stand-down", "finish", "attention", "ask", "notify", "snapshot", "log", "run"),
)
"""Words that `did` may hold: every action but those that only let time pass."""

EFFECTS: Final = (
    *("resume", "retry", "new-session", "compact", "restart", "interrupt", "stop", "snapshot"),
    *("run", "notify"),
)
"""Actions that may go wrong."""

WAYS: Final = ("fails", "no-effect", "works")
"""How an action goes."""

COMMANDS: Final = ("pause", "resume", "abort", "skip", "new-session", "enrol", "detach")
"""What the operator may ask for."""


def _table(**keys: Key) -> Mapping[str, Key]:
    return MappingProxyType(keys)


_AT = Key(
    shape=Shape.INSTANT,
    doc="When the test begins: an instant with its zone, so that calendars and the nights on "
    "which the clocks change can be tested. '2026-03-29T01:30:00 Europe/Berlin' is local time.",
)
_GIVEN = Key(
    shape=Shape.FACTS,
    doc="Facts that every test starts with; those of a test come on top of the file's.",
)
_ON = Key(
    shape=Shape.EFFECTS,
    doc="Actions that go wrong from here on: 'fails' (refused, broken), 'no-effect' (done, but "
    "nothing comes of it), 'works' (as before).",
)

_ASSISTANT = Key(
    shape=Shape.WORD,
    doc="'modelled': it answers our actions, shows life and makes progress by itself. "
    "'fruitless': it answers and shows life, and never makes progress. "
    "'scripted': nothing happens but the steps; 'policy record' writes such tests.",
    words=("modelled", "fruitless", "scripted"),
)

FILE: Final = _table(
    version=Key(shape=Shape.WHOLE, doc="The language's version: 1."),
    policy=Key(
        shape=Shape.TEXT,
        doc="The policy under test: a file, seen from this one, or the name of a shipped policy. "
        "Without it, 'night.test.yaml' tests the 'night.yaml' beside it.",
    ),
    set=Key(shape=Shape.PARAMS, doc="Parameters of the policy, as with --set NAME=VALUE."),
    at=_AT,
    given=_GIVEN,
    on=_ON,
    assistant=_ASSISTANT,
    tests=Key(shape=Shape.TESTS, doc="The tests; each begins with a fresh session."),
)

TEST: Final = _table(
    name=Key(shape=Shape.TEXT, doc="A sentence about what the policy does; unique in the file."),
    at=_AT,
    given=_GIVEN,
    on=_ON,
    seed=Key(shape=Shape.TEXT, doc="Feeds the jitter; the same seed gives the same waits."),
    assistant=_ASSISTANT,
    steps=Key(shape=Shape.STEPS, doc="What happens, one after the other, and what is expected."),
    each=Key(
        shape=Shape.ROWS,
        doc="A table instead of steps. Each row is one event and what is expected of it, and has "
        "a fresh session: {reason: auth, rule: credentials}.",
    ),
    todo=Key(shape=Shape.FLAG, doc="true: still to be written. Listed, and not run."),
)

STEP: Final = _table(
    on=_ON,
    set=Key(shape=Shape.FACTS, doc="Facts that change now, before the event."),
    answer=Key(
        shape=Shape.WORD, doc="The person's answer to the question asked.", words=("yes", "no")
    ),
    event=Key(shape=Shape.EVENT, doc="What happens now."),
    advance=Key(
        shape=Shape.ADVANCE,
        doc="How much time passes after the event, with everything that falls due; "
        "'due': until what is pending falls due.",
    ),
    repeat=Key(
        shape=Shape.WHOLE,
        doc="How often the whole step is taken; its expectations hold each time.",
    ),
    expect=Key(shape=Shape.EXPECT, doc="What was observed, once all of the above has happened."),
)

EVENT: Final = _table(
    kind=Key(shape=Shape.WORD, doc="What happens; 'stopped' unless said otherwise."),
    reason=Key(
        shape=Shape.WORD,
        doc="Why it stopped: a stop reason.",
        words=tuple(reason.value for reason in StopReason),
    ),
    retry_after=Key(shape=Shape.SPAN, doc="How long the server asks us to wait."),
    implausible=Key(
        shape=Shape.FLAG,
        doc="That time makes no sense for this kind of limit, so it is tried earlier.",
    ),
    message=Key(shape=Shape.TEXT, doc="What the provider, the assistant or the shell said."),
    http_status=Key(shape=Shape.WHOLE, doc="Status code of the provider's answer."),
    exit_code=Key(shape=Shape.WHOLE, doc="Exit code of the agent's process."),
    signal=Key(shape=Shape.TEXT, doc="Signal that ended the process, such as SIGKILL."),
    confidence=Key(shape=Shape.TEXT, doc="How sure the classifier is: 80%."),
    provider=Key(shape=Shape.TEXT, doc="The provider that answered."),
    model=Key(shape=Shape.TEXT, doc="The model that was asked."),
    retrying=Key(shape=Shape.FLAG, doc="The assistant waits by itself and has not given up."),
    attempt=Key(shape=Shape.WHOLE, doc="The assistant's own count of tries."),
    words=Key(
        shape=Shape.FLAG,
        doc="Going on needs words; if false, a silent re-run of the unanswered turn is enough.",
    ),
    found=Key(
        shape=Shape.FLAG,
        doc="The session was found stopped at a server that answers; else 'reason: crash' is the "
        "end of the server.",
    ),
    block=Key(
        shape=Shape.WORD,
        doc="What the session waits for a person to answer.",
        words=tuple(kind.value for kind in BlockKind),
    ),
    text=Key(shape=Shape.TEXT, doc="The question that a person is asked."),
    tool=Key(shape=Shape.TEXT, doc="The tool that asks for permission."),
    command=Key(shape=Shape.WORD, doc="What the operator asks for.", words=COMMANDS),
    action=Key(
        shape=Shape.WORD,
        doc="The action that ends; the one under way unless said otherwise.",
        words=EFFECTS,
    ),
    result=Key(
        shape=Shape.WORD,
        doc="How the action ended.",
        words=tuple(result.value for result in Result),
    ),
)

KINDS: Final[Mapping[str, Kind]] = MappingProxyType(
    {
        "stopped": Kind(
            doc="The session ceases to work. 'reason: crash' is the end of the whole server.",
            options=(
                *("reason", "retry_after", "implausible", "message", "http_status", "exit_code"),
                *(
                    "signal",
                    "confidence",
                    "provider",
                    "model",
                    "retrying",
                    "attempt",
                    "words",
                    "found",
                ),
            ),
        ),
        "blocked": Kind(
            doc="It asks a person for a permission, or a question.",
            options=("block", "text", "tool"),
        ),
        "unblocked": Kind(doc="The person has answered, or the question is gone."),
        "stalled": Kind(
            doc="It gives no more sign of life; time passes until that is called a stall."
        ),
        "started": Kind(doc="A new session begins to work; the test goes on with that one."),
        "working": Kind(doc="The session begins to work, without us."),
        "alive": Kind(doc="A sign of life: text, a tool, a step."),
        "progress": Kind(doc="Real progress: a completed turn, changed work."),
        "action_failed": Kind(
            doc="The action under way fails. To let later ones fail, use 'on'.",
            options=("action", "message"),
        ),
        "outcome": Kind(
            doc="The action under way ends, as 'result' says.",
            options=("action", "result", "message"),
            needs=("result",),
        ),
        "operator": Kind(
            doc="A person commands us, as with the command of that name.",
            options=("command",),
            needs=("command",),
        ),
        "prompted": Kind(doc="The person writes to the session herself."),
        "died": Kind(
            doc="The server dies: 'signal' or 'exit_code', or nobody knows how.",
            options=("signal", "exit_code", "message"),
        ),
        "ended": Kind(doc="The person ends her own program, cleanly."),
        "up": Kind(doc="The server is there again."),
        "tick": Kind(doc="A moment passes."),
        "gone": Kind(doc="The session is deleted."),
    }
)

EXPECT: Final = _table(
    rule=Key(
        shape=Shape.RULE,
        doc="The rule that decided last in this step: its id, 'default', or 'none'.",
    ),
    rules=Key(shape=Shape.RULES, doc="Every rule that decided in this step, in order."),
    status=Key(
        shape=Shape.WORD,
        doc="The session's status now.",
        words=tuple(status.value for status in Status),
    ),
    did=Key(
        shape=Shape.ACTIONS,
        doc="What the policy did in this step, in order; without waits, and without what the "
        "kernel tells people by itself.",
    ),
    did_last=Key(shape=Shape.ACTION, doc="The last thing it did in the whole test so far."),
    never_did=Key(shape=Shape.ACTIONS, doc="What it has not done in the whole test so far."),
    waits=Key(
        shape=Shape.RANGES,
        doc="Every wait of the test so far, as planned: without its jitter.",
    ),
    next_in=Key(
        shape=Shape.RANGE,
        doc="How long from now until what is pending falls due, jitter included; 'none' if "
        "nothing is pending.",
    ),
    notified=Key(
        shape=Shape.NOTICES,
        doc="What people were told in this step, also by the kernel. A text, or a mapping, is "
        "looked for among the messages; a list is all of them in order; [] is none.",
    ),
    said=Key(
        shape=Shape.PARTS,
        doc="Part of what was said to the session in this step; 'none': nothing.",
    ),
    why=Key(shape=Shape.PARTS, doc="Part of the reason why the session is in its status."),
    asked=Key(
        shape=Shape.PARTS,
        doc="Part of the question that waits for a person's yes or no; 'none': there is none.",
    ),
    next_model=Key(
        shape=Shape.PARTS, doc="The model that the policy chose for the prompts to come."
    ),
    limits=Key(
        shape=Shape.RULES,
        doc="The rules, and entries of the policy's 'limits', that were reached in this step.",
    ),
    observed=Key(
        shape=Shape.RULES,
        doc="The rules with 'continue: true' that took their steps in this step.",
    ),
    shadowed=Key(
        shape=Shape.RULES,
        doc="The rules in shadow mode that would have done something in this step.",
    ),
    decision_unknown=Key(
        shape=Shape.RULES,
        doc="The rules that could not be told in the last decision, because facts were missing.",
    ),
)

NOTICE: Final = _table(
    message=Key(shape=Shape.TEXT, doc="Part of the message."),
    title=Key(shape=Shape.TEXT, doc="Part of the title."),
    severity=Key(
        shape=Shape.WORD,
        doc="How loud it is.",
        words=tuple(severity.value for severity in Severity),
    ),
)

ROW: Final[Mapping[str, Key]] = MappingProxyType({**EVENT, "set": STEP["set"], **EXPECT})
"""Keys of a row of `each`: an event's, an expectation's, and facts. They never share a name."""
