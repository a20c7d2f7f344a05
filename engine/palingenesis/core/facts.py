"""Facts: the named, typed values that a condition may ask about.

One table, `FACTS`, says everything: the checker, the schema's test, the reference page and the
kernel read it. A name never changes its meaning. A fact that is missing from a snapshot is unknown,
and a comparison with it is neither true nor false.

Durations as people write them (`90s`, `1h30m`) are read and shown here too, for everybody.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from difflib import get_close_matches
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from palingenesis.core.errors import InvalidConfigError
from palingenesis.core.values import BlockKind, FactValue, StopReason, Way, WorkState

ASSISTANTS: Final = ("opencode",)
"""The assistants that we can supervise."""


class Kind(StrEnum):
    """What a fact's value is, and so what it may be compared with."""

    ENUM = "enum"  # str, one of a closed set
    BOOL = "bool"  # bool
    INT = "int"  # int
    TEXT = "text"  # str
    DURATION = "duration"  # timedelta; `90s`, `1h30m`
    RATIO = "ratio"  # float, 1.0 is 100 %; `80%`
    MONEY = "money"  # float, in US dollars; `$20`


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """One entry of the registry.

    `optional` facts may be unknown although everything works. `only_text` facts can be shown in a
    message but not asked about in a condition. `values` is the closed set of an ENUM. `suppliers`
    are the assistants whose sessions may have the fact; for any other it is always unknown.
    """

    name: str
    kind: Kind
    optional: bool
    doc: str
    source: str
    values: tuple[str, ...] = ()
    only_text: bool = False
    suppliers: tuple[str, ...] = ASSISTANTS


EVENTS: Final = (
    "stopped",
    "blocked",
    "stalled",
    "started",
    "progress",
    "action_failed",
    "tick",
    "operator",
)
"""The events that a rule may name."""

STOP_REASONS: Final = tuple(reason.value for reason in StopReason)

ACTION_FAILURES: Final = ("failed", "no_effect", "unknown")
"""Values of `action.kind`: refused or broken · done, but nothing moved · it cannot be told."""

_E, _B, _I, _T = Kind.ENUM, Kind.BOOL, Kind.INT, Kind.TEXT
_D, _R, _M = Kind.DURATION, Kind.RATIO, Kind.MONEY


def _fact(
    name: str,
    kind: Kind,
    doc: str,
    source: str,
    *,
    optional: bool = True,
    values: Iterable[str] = (),
    only_text: bool = False,
) -> Fact:
    return Fact(
        name=name,
        kind=kind,
        optional=optional,
        doc=doc,
        source=source,
        values=tuple(values),
        only_text=only_text,
    )


_TABLE: Final = (
    _fact("event", _E, "What just happened.", "kernel", optional=False, values=EVENTS),
    # ── the stop that is being decided about ──
    _fact("stop.reason", _E, "Why the session ceased to work.", "classifier", values=STOP_REASONS),
    _fact("stop.confidence", _R, "How sure the classifier is of the reason.", "classifier"),
    _fact("stop.retry_after", _D, "How long the server asks us to wait, from now.", "provider"),
    _fact("stop.resets_in", _D, "How long until the limit begins anew, from now.", "provider"),
    _fact("stop.http_status", _I, "Status code of the provider's answer.", "provider"),
    _fact("stop.exit_code", _I, "Exit code of the agent's process.", "process"),
    _fact("stop.signal", _T, "Signal that ended the process, such as SIGKILL.", "process"),
    _fact("stop.message", _T, "What the provider or the assistant said.", "assistant"),
    _fact("stop.provider", _T, "Provider that answered.", "assistant"),
    _fact("stop.model", _T, "Model that was asked.", "assistant"),
    _fact("stop.retrying", _B, "The assistant waits by itself and has not given up.", "assistant"),
    _fact("stop.attempt", _I, "The assistant's own count of tries.", "assistant"),
    # ── the session ──
    _fact("session.context_used", _R, "Share of the model's window in use.", "assistant"),
    _fact("session.model", _T, "Model of the last turn.", "assistant"),
    _fact("session.cost", _M, "What the session has cost so far.", "assistant"),
    _fact("session.age", _D, "Time since the session was first seen.", "kernel"),
    _fact("session.messages", _I, "Number of messages.", "assistant"),
    _fact("session.children", _I, "Sub-agents at work right now.", "assistant"),
    _fact("session.idle", _D, "Time since the session was last at work.", "kernel"),
    _fact("session.title", _T, "Title of the session.", "assistant"),
    _fact("session.directory", _T, "Directory the session works in.", "assistant"),
    # ── its work ──
    _fact(
        "work.state",
        _E,
        "Whether the bound workflow document can be trusted; absent: none is bound.",
        "files",
        values=(state.value for state in WorkState),
    ),
    _fact("work.done", _B, "Every step is completed; unknown unless valid.", "files"),
    _fact("work.steps_completed", _I, "Number of completed steps.", "files"),
    _fact("work.steps_total", _I, "Number of steps, if the document tells.", "files"),
    _fact("work.step", _T, "Name of the last completed or current step.", "files"),
    _fact("work.next_file", _B, "A Next-step.md is there.", "files"),
    _fact("progress.age", _D, "Time since the last real progress.", "kernel"),
    _fact("progress.repeats", _I, "Stops since the last real progress.", "kernel"),
    # ── what it costs ──
    _fact("budget.session", _M, "Cost of the session and of those it continues.", "kernel"),
    _fact("budget.today", _M, "Cost of all sessions since the day began.", "kernel"),
    _fact("budget.week", _M, "Cost of all sessions today and on the six days before.", "kernel"),
    # ── what a person is asked ──
    _fact(
        "block.kind",
        _E,
        "What the session waits for a person to answer.",
        "assistant",
        values=(kind.value for kind in BlockKind),
    ),
    _fact("block.age", _D, "How long it has been waiting.", "kernel"),
    _fact("block.tool", _T, "Tool that asks for permission.", "assistant"),
    _fact("block.text", _T, "The question, for messages.", "assistant", only_text=True),
    # ── the agent ──
    _fact("agent.kind", _E, "The assistant.", "assistant", values=ASSISTANTS),
    _fact("agent.name", _T, "Our name for the agent.", "configuration"),
    _fact(
        "agent.way",
        _E,
        "How we came to the agent, and so what we may do to it.",
        "kernel",
        values=(way.value for way in Way),
    ),
    _fact("agent.up", _B, "The agent answers.", "kernel"),
    _fact("agent.restarts", _I, "How often we restarted it within the last hour.", "kernel"),
    _fact("agent.retrying", _B, "The assistant waits by itself right now.", "assistant"),
    _fact("agent.version", _T, "Version of the assistant.", "assistant"),
    _fact("agent.supported", _B, "That version is one we act on.", "assistant"),
    # ── around it ──
    _fact("host.network", _B, "The machine has a route to the outside.", "host"),
    _fact("host.disk_free", _R, "Free share of the disk with our state.", "host"),
    _fact("host.mem_free", _R, "Share of the memory that is available.", "host"),
    _fact("host.on_battery", _B, "The machine runs on its battery.", "host"),
    _fact("operator.seen", _D, "Time since a person last wrote or commanded.", "kernel"),
    _fact("operator.paused", _B, "A person told us to hold.", "kernel"),
    _fact("operator.paused_by", _T, "Who that was.", "kernel"),
    _fact("episode.attempts", _I, "Tries since this trouble began.", "kernel"),
    _fact("episode.age", _D, "Time since this trouble began.", "kernel"),
    _fact("episode.first_reason", _E, "The stop it began with.", "kernel", values=STOP_REASONS),
    _fact("action.kind", _E, "How our action failed.", "kernel", values=ACTION_FAILURES),
    _fact("action.error", _T, "What was said about the failure.", "kernel"),
    _fact("rule.tries", _I, "How often this rule has decided.", "kernel", only_text=True),
)

FACTS: Final[Mapping[str, Fact]] = MappingProxyType({fact.name: fact for fact in _TABLE})


# ── durations ─────────────────────────────────────────────────────────────────────────────────

_UNITS: Final = (
    ("w", timedelta(weeks=1)),
    ("d", timedelta(days=1)),
    ("h", timedelta(hours=1)),
    ("m", timedelta(minutes=1)),
    ("s", timedelta(seconds=1)),
    ("ms", timedelta(milliseconds=1)),
)
_DURATION: Final = re.compile(
    "".join(rf"(?:(?P<{unit}>\d{{1,9}}(?:\.\d{{1,3}})?){unit}(?![a-z]))?" for unit, _ in _UNITS),
    re.ASCII,
)
_SPOKEN: Final = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([a-zA-Z]+)\s*", re.ASCII)
_LONGEST: Final = timedelta(days=36_500)


def parse_duration(text: str) -> timedelta:
    """Read `90s`, `1h30m` or `1.5h`: units w d h m s ms, largest first, each at most once.

    Raises:
        InvalidConfigError: it is not a duration, or longer than a hundred years.
    """
    match = _DURATION.fullmatch(text) if 0 < len(text) <= 60 else None  # noqa: PLR2004 - six units
    if match is None:
        raise InvalidConfigError(f"'{text[:40]}' is not a duration", _spoken_duration(text))
    span = timedelta(0)
    for unit, size in _UNITS:
        number = match[unit]
        if number is not None:
            if float(number) * size.total_seconds() > _LONGEST.total_seconds():
                raise InvalidConfigError(f"'{text}' is longer than a hundred years")
            span += size * float(number) if "." in number else size * int(number)
    return span


def show_duration(span: timedelta) -> str:
    """Write a duration the way it is read, to the millisecond: `1h30m`, `0s`, `-5s`.

    Weeks are written as days. Equal spans have equal texts.
    """
    total = round(span / timedelta(milliseconds=1))
    parts = ["-"] if total < 0 else []
    rest = abs(total)
    for unit, size in _UNITS[1:]:
        number, rest = divmod(rest, size // timedelta(milliseconds=1))
        if number:
            parts.append(f"{number}{unit}")
    return "".join(parts) or "0s"


def say_duration(span: timedelta) -> str:
    """The same for a sentence: from a minute on in whole seconds, because nobody reads more.

    A value that is compared with another belongs into `show_duration`.
    """
    is_long = abs(span) >= timedelta(minutes=1)
    return show_duration(timedelta(seconds=round(span.total_seconds())) if is_long else span)


def _spoken_duration(text: str) -> str:
    """What to say to somebody who wrote `5 minutes` or `5`."""
    if meant := meant_duration(text):
        return f"did you mean '{meant}'?"
    if re.fullmatch(r"\d{1,9}", text, re.ASCII):
        return f"a unit is missing: '{text}s' or '{text}m'?"
    return "units are w d h m s ms, as in 90s or 1h30m"


def meant_duration(text: str) -> str:
    """`5 minutes` -> `5m`; nothing where it cannot be told."""
    spoken = _SPOKEN.fullmatch(text) if len(text) <= 60 else None  # noqa: PLR2004
    if spoken is None:
        return ""
    word = spoken[2].lower()
    unit = "ms" if word.startswith(("ms", "milli")) else word[0]
    return f"{spoken[1]}{unit}" if unit in dict(_UNITS) else ""


# ── values of facts, as text ──────────────────────────────────────────────────────────────────


def show(name: str, value: FactValue) -> str:
    """Write a fact's value for people: `1m30s`, `86%`, `$1.20`, `true`.

    Durations of a second and more are rounded to whole seconds.
    """
    fact = FACTS.get(name)
    kind = fact.kind if fact is not None else None
    if isinstance(value, timedelta):
        whole = abs(value) >= timedelta(seconds=1)
        return show_duration(timedelta(seconds=round(value.total_seconds())) if whole else value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float) and kind is Kind.RATIO:
        return f"{round(value * 100, 1):g}%"
    if isinstance(value, int | float) and kind is Kind.MONEY:
        return f"${value:.2f}"
    return str(value)


def parse(name: str, text: str) -> FactValue:
    """Read a fact's value from the text that `show` writes or a person types.

    Raises:
        InvalidConfigError: there is no such fact, or the text is not a value of it.
    """
    fact = FACTS.get(name)
    if fact is None:
        raise InvalidConfigError(f"unknown fact '{name[:60]}'", did_you_mean(name, FACTS))
    return parse_kind(fact.kind, text, values=fact.values, what=name)


_RATIO: Final = re.compile(r"\d{1,6}(?:\.\d{1,6})?%", re.ASCII)
_MONEY: Final = re.compile(r"\$\d{1,12}(?:\.\d{1,6})?", re.ASCII)
_INT: Final = re.compile(r"-?\d{1,15}", re.ASCII)


def parse_kind(
    kind: Kind, text: str, *, values: tuple[str, ...] = (), what: str = "this"
) -> FactValue:
    """Read a value of a kind; `what` names its owner in the error.

    Raises:
        InvalidConfigError: the text is not a value of that kind.
    """
    shown = f"'{text[:40]}'"
    if kind is Kind.DURATION:
        return parse_duration(text)
    if kind is Kind.TEXT:
        return text
    if kind is Kind.ENUM:
        if text in values:
            return text
        close = did_you_mean(text, values) or f"one of: {', '.join(values)}"
        raise InvalidConfigError(f"{shown} is not a value of {what}", close)
    if kind is Kind.BOOL:
        if text in {"true", "false"}:
            return text == "true"
        raise InvalidConfigError(f"{what} is true or false, not {shown}")
    if kind is Kind.INT:
        if _INT.fullmatch(text):
            return int(text)
        raise InvalidConfigError(f"{what} is a whole number, not {shown}")
    if kind is Kind.RATIO:
        if _RATIO.fullmatch(text):
            return float(text[:-1]) / 100
        raise InvalidConfigError(f"{what} is a ratio, not {shown}", "write it as 80%")
    if _MONEY.fullmatch(text):
        return float(text[1:])
    raise InvalidConfigError(f"{what} is an amount of money, not {shown}", "write it as $20")


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """The close neighbour of a misspelt word as a question, or nothing."""
    close = get_close_matches(word[:80], list(known), n=1, cutoff=0.6)
    return f"did you mean '{close[0]}'?" if close else ""
