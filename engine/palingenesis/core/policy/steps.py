"""Actions: what may stand under `do:`, and how it becomes a step of a plan.

`ACTIONS` is the one table; the schema's test, the reference page and the checker read it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Any, Final

from palingenesis.core.errors import InvalidConfigError
from palingenesis.core.facts import parse_duration
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
from palingenesis.core.values import Severity


class Form(StrEnum):
    """What an option's value looks like."""

    DURATION = "duration"
    TEXT = "text"
    MESSAGE = "message"  # a text with ${facts}
    CHOICE = "choice"
    TEXTS = "texts"  # a list of texts
    BACKOFF = "backoff"  # {first, factor, max}
    SPAN = "span"  # a duration, or {backoff: …}
    CONDITION = "condition"  # an expression
    CALENDAR = "calendar"  # the name of a calendar
    QUIET = "quiet"  # a choice, or {calendar, do: a choice}


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """One option of an action."""

    form: Form
    doc: str
    required: bool = False
    values: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """One word that may stand under `do:`; `ends` actions stand last, and once."""

    group: str
    doc: str
    options: Mapping[str, Option]
    ends: bool = False


def _action(group: str, doc: str, *, ends: bool = False, **options: Option) -> Action:
    spelled = {name.rstrip("_").replace("_", "-"): option for name, option in options.items()}
    return Action(group=group, doc=doc, options=spelled, ends=ends)


def _option(form: Form, doc: str, *values: str, required: bool = False) -> Option:
    return Option(form=form, doc=doc, values=values, required=required)


_GRACE: Final = _option(Form.DURATION, "How long to wait for it to end by itself (10s).")
_CHANNELS: Final = _option(Form.TEXTS, "Names of channels (all).")
_MODEL: Final = _option(Form.TEXT, "Model to use, as provider/model.")

ACTIONS: Final[Mapping[str, Action]] = {
    "wait": _action(
        "time",
        "Let time pass. One of `for`, `until`, `backoff`, `for-condition` says how long.",
        for_=_option(Form.DURATION, "A fixed time."),
        until=_option(
            Form.CHOICE,
            "The instant the server named, or the end of the calendar's window.",
            "retry_after",
            "reset",
            "calendar_end",
        ),
        calendar=_option(Form.CALENDAR, "The calendar that `until: calendar_end` means."),
        for_condition=_option(Form.CONDITION, "Until this is true, at most for `max`."),
        backoff=_option(Form.BACKOFF, "Longer with every try: {first, factor, max}."),
        else_=_option(
            Form.SPAN,
            "How long when there is no such instant, or the condition is true already or unknown.",
        ),
        jitter=_option(Form.DURATION, "Up to this much is added, so that not all wake at once."),
        max=_option(Form.DURATION, "Longest wait; then it is tried earlier (8d)."),
    ),
    "resume": _action(
        "control",
        "Make the session go on: silently where that is right, with words where they are needed.",
        message=_option(Form.MESSAGE, "The words."),
        model=_MODEL,
    ),
    "retry": _action("control", "Send the last prompt again.", model=_MODEL),
    "new-session": _action(
        "control",
        "Continue the work in a new session. A snapshot is always made before.",
        from_=_option(Form.TEXT, "File with the handoff (Next-step.md)."),
        if_missing=_option(
            Form.CHOICE, "What to do without that file (summary).", "summary", "attention", "empty"
        ),
        model=_MODEL,
    ),
    "compact": _action("control", "Let the assistant summarise the conversation to make room."),
    "switch-model": _action(
        "control",
        "Use another model from the next prompt on. Either `to` or `chain`.",
        to=_option(Form.TEXT, "The one model, as provider/model."),
        chain=_option(Form.TEXTS, "Models in order; the next after the present one is used."),
        return_after=_option(Form.DURATION, "When to go back to the first model."),
    ),
    "restart": _action("control", "Start the agent's server again.", grace=_GRACE),
    "interrupt": _action("control", "Abort the running turn.", grace=_GRACE),
    "delegate": _action(
        "control",
        "Leave the retry to the assistant itself.",
        until=_option(Form.DURATION, "Longest wait that is left to it."),
    ),
    "stop": _action(
        "control", "End the agent's server and do not start it again; only our own.", grace=_GRACE
    ),
    "ask": _action(
        "gate",
        "Ask a person; the steps after it are taken on yes only. On no, a person has to look.",
        question=_option(Form.MESSAGE, "The question, to be answered by yes or no.", required=True),
        timeout=_option(Form.DURATION, "How long to wait for the answer (30m)."),
        default=_option(Form.CHOICE, "The answer when none came (no).", "yes", "no"),
        channels=_CHANNELS,
    ),
    "snapshot": _action("observe", "Back the conversation up; if that fails, the plan ends."),
    "notify": _action(
        "observe",
        "Tell people.",
        message=_option(Form.MESSAGE, "What to tell.", required=True),
        severity=_option(Form.CHOICE, "How loud (info).", "info", "warning", "critical"),
        title=_option(Form.MESSAGE, "A headline."),
        channels=_CHANNELS,
        quiet=_option(
            Form.QUIET,
            "In a calendar's window: hold it until the window ends, drop it, or send it (send).",
            "hold",
            "drop",
            "send",
        ),
        dedupe=_option(Form.DURATION, "Tell the same of the same session once in this time."),
    ),
    "log": _action(
        "observe",
        "Leave a line in the journal.",
        message=_option(Form.MESSAGE, "The line.", required=True),
    ),
    "run": _action(
        "observe",
        "Run a hook that the daemon's own configuration defines.",
        hook=_option(Form.TEXT, "Its name there, under `[hooks.NAME]`.", required=True),
    ),
    "stand-down": _action(
        "end", "Leave the session alone until the person starts it again.", ends=True
    ),
    "finish": _action("end", "The work is done.", ends=True),
    "attention": _action(
        "end",
        "A person has to look; nothing is done until then.",
        ends=True,
        reason=_option(Form.MESSAGE, "Why."),
        reopen_after=_option(Form.DURATION, "Try once more after this time."),
    ),
}

NEEDS_ONE: Final[Mapping[str, tuple[str, ...]]] = {
    "wait": ("for", "until", "backoff", "for-condition"),
    "switch-model": ("to", "chain"),
}
"""Actions that need exactly one of several options."""

QUIET_CALENDAR: Final = "quiet"
"""The calendar that a bare `quiet: hold` means in a resolved form that names none."""

LONGEST_WAIT: Final = timedelta(days=8)


def build_steps(plain: object) -> tuple[Step, ...]:
    """Build steps from their resolved form, `[{"wait": {"for": "5m"}}, …]`.

    Raises:
        InvalidConfigError: it is not the form that the checker makes.
    """
    if not isinstance(plain, list | tuple):
        raise InvalidConfigError("the steps of a rule are not a list")
    return tuple(_build(one) for one in plain)


def _build(plain: object) -> Step:
    if not isinstance(plain, Mapping) or len(plain) != 1:
        raise InvalidConfigError("a step is not an action with its options")
    ((name, options),) = plain.items()
    if name not in ACTIONS:
        raise InvalidConfigError(f"unknown action '{name}'")
    if not isinstance(options, Mapping):
        raise InvalidConfigError(f"the options of {name} are no options")
    unknown = set(options) - set(ACTIONS[name].options)
    if unknown:
        raise InvalidConfigError(f"unknown option '{min(unknown)}' of {name}")
    try:
        return _step(name, options)
    except (KeyError, TypeError, ValueError) as problem:
        raise InvalidConfigError(f"the options of {name} cannot be used: {problem}") from None


_BARE: Final[Mapping[str, Step]] = {
    "compact": Compact(),
    "snapshot": Snapshot(),
    "stand-down": StandDown(),
    "finish": Finish(),
}


def _step(name: str, given: Mapping[str, Any]) -> Step:
    if name in _BARE:
        return _BARE[name]
    if name == "wait":
        return _wait(given)
    if name in {"resume", "retry", "new-session", "switch-model"}:
        return _going_on(name, given)
    if name in {"restart", "interrupt", "stop"}:
        return _ending(name, _span(given.get("grace")) or timedelta(seconds=10))
    if name == "delegate":
        return Delegate(until=_span(given.get("until")))
    if name in {"notify", "ask", "run", "log"}:
        return _telling(name, given)
    return Attention(reason=given.get("reason", ""), reopen_after=_span(given.get("reopen-after")))


def _ending(name: str, grace: timedelta) -> Step:
    if name == "restart":
        return Restart(grace=grace)
    return Interrupt(grace=grace) if name == "interrupt" else Stop(grace=grace)


def _telling(name: str, given: Mapping[str, Any]) -> Step:
    if name == "log":
        return Log(message=given["message"])
    if name == "run":
        return Run(hook=given["hook"])
    channels = tuple(given.get("channels", ()))
    if name == "ask":
        return Ask(
            question=given["question"],
            timeout=_span(given.get("timeout")) or timedelta(minutes=30),
            default=_one_of(given.get("default", "no"), ("yes", "no")),
            channels=channels,
        )
    quiet, calendar = _quiet(given.get("quiet", "send"))
    return Notify(
        message=given["message"],
        severity=Severity(given.get("severity", "info")),
        title=given.get("title", ""),
        channels=channels,
        quiet=quiet,
        calendar=calendar,
        dedupe=_span(given.get("dedupe")),
    )


def _quiet(given: object) -> tuple[str, str | None]:
    """What `quiet:` says, and of which calendar: `hold` alone means the one called `quiet`."""
    word, calendar = given, QUIET_CALENDAR
    if isinstance(given, Mapping):
        word, calendar = given.get("do", "hold"), str(given["calendar"])
    word = _one_of(word, ("hold", "drop", "send"))
    return word, None if word == "send" else calendar


def _one_of(word: object, words: tuple[str, ...]) -> str:
    if word not in words:
        raise ValueError(f"'{word}' is none of {', '.join(words)}")
    return str(word)


def _going_on(name: str, given: Mapping[str, Any]) -> Step:
    model = given.get("model")
    if name == "resume":
        return Resume(message=given.get("message"), model=model)
    if name == "retry":
        return Retry(model=model)
    if name == "new-session":
        return NewSession(
            source=given.get("from", "Next-step.md"),
            if_missing=given.get("if-missing", "summary"),
            model=model,
        )
    chain = tuple(given["chain"]) if "chain" in given else (given["to"],)
    return SwitchModel(chain=chain, return_after=_span(given.get("return-after")))


def _wait(given: Mapping[str, Any]) -> Wait:
    other = given.get("else")
    return Wait(
        span=_span(given.get("for")),
        until=given.get("until"),
        backoff=_backoff(given["backoff"]) if "backoff" in given else None,
        condition=given.get("for-condition"),
        calendar=given.get("calendar"),
        otherwise=_backoff(other["backoff"]) if isinstance(other, Mapping) else _span(other),
        jitter=_span(given.get("jitter")) or timedelta(0),
        longest=_span(given.get("max")),
    )


def _backoff(given: Mapping[str, Any]) -> Backoff:
    return Backoff(
        first=parse_duration(given["first"]),
        factor=float(given.get("factor", 2)),
        longest=parse_duration(given["max"]),
    )


def _span(text: str | None) -> timedelta | None:
    return None if text is None else parse_duration(text)
