"""The decision flow of a policy: its rules in the order they are tried, as text or as Mermaid."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from palingenesis.core.facts import show_duration
from palingenesis.core.plans import Step
from palingenesis.core.policy.model import Mode, Policy, Rule
from palingenesis.simulation.plan_words import Setting, in_words

_SETTING: Final = Setting(at=datetime(2026, 1, 1, tzinfo=UTC), stop=None)
_LONGEST: Final = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """The rules of a policy that listen to an event (None: to any), in their order.

    `now` are the rules whose decisions are being carried out; they are marked.
    """

    policy: Policy
    event: str | None = None
    now: frozenset[str] = frozenset()

    @property
    def rules(self) -> tuple[Rule, ...]:
        """The rules that are tried, from top to bottom."""
        rules = self.policy.rules
        return tuple(one for one in rules if self.event is None or self.event in one.events)

    @property
    def ends_in_default(self) -> bool:
        """Whether `default:` answers what no rule did; after other events nothing is done."""
        return self.event in {None, "stopped", "action_failed"}


# ── text ──────────────────────────────────────────────────────────────────────────────────────


def as_text(flow: Flow) -> str:
    """One block a rule: what it asks, what it does, and what comes where its limit is reached."""
    lines = [flow.event or "something happened"]
    for number, rule in enumerate(flow.rules, start=1):
        mark = "  ← now" if rule.id in flow.now else ""
        lines += ["│", f"├─ {number}. {rule.id}{_aside(rule, flow.policy)}{mark}"]
        lines += [f"│     {said}" for said in _asked(rule, flow)]
        lines.append(f"│     → {_plan(rule.steps)}{_goes_on(rule)}")
        if rule.limit is not None:
            lines.append(f"│     {_limit(rule)} → {_then(rule)}")
    lines += ["│", f"└─ {_otherwise(flow)}"]
    return "\n".join(lines) + "\n"


def _otherwise(flow: Flow) -> str:
    if not flow.ends_in_default:
        return "no rule: nothing is done"
    only = "" if flow.event else " (stopped, action_failed)"
    return f"default{only} → {_plan(flow.policy.default)}"


def _asked(rule: Rule, flow: Flow) -> Iterator[str]:
    if flow.event is None:
        yield f"on {', '.join(sorted(rule.events))}"
    for part in rule.when.parts if rule.when is not None else ():
        yield f"if {' '.join(part.text.split())}"
    if rule.delay is not None:
        yield f"for {show_duration(rule.delay)}"


def _aside(rule: Rule, policy: Policy) -> str:
    if Mode.SHADOW in {rule.mode, policy.mode}:
        return " (shadow: recorded only)"
    return " (observes)" if rule.observes else ""


def _goes_on(rule: Rule) -> str:
    return ", and the next rule is tried" if rule.observes or rule.mode is Mode.SHADOW else ""


def _limit(rule: Rule) -> str:
    assert rule.limit is not None
    return f"after {rule.limit.most} in {show_duration(rule.limit.per)}"


def _then(rule: Rule) -> str:
    assert rule.limit is not None
    return _plan(rule.limit.then) if rule.limit.then else "attention"


def _plan(steps: tuple[Step, ...]) -> str:
    return in_words(steps, _SETTING)


def as_plain(flow: Flow) -> dict[str, Any]:
    """The same for programs; `default` is None where nothing is done without a rule."""
    rules = [
        {
            "id": rule.id,
            "event": sorted(rule.events),
            "when": [part.text for part in rule.when.parts] if rule.when is not None else [],
            "plan": _plan(rule.steps),
            "then": _then(rule) if rule.limit is not None else None,
            "goes_on": bool(_goes_on(rule)),
            "now": rule.id in flow.now,
        }
        for rule in flow.rules
    ]
    default = _plan(flow.policy.default) if flow.ends_in_default else None
    return {"event": flow.event, "rules": rules, "default": default}


# ── Mermaid ───────────────────────────────────────────────────────────────────────────────────


def as_mermaid(flow: Flow) -> str:
    """A Mermaid flowchart: a diamond a rule, a box a plan; `now` in a class of its own."""
    rules = flow.rules
    lines = ["flowchart TD", f"    start([{_label(flow.event or 'something happened')}])"]
    lines.append(f"    start --> {_name(0, rules)}")
    for number, rule in enumerate(rules):
        lines += [f"    {line}" for line in _rule(number, rule, flow, _name(number + 1, rules))]
    lines.append(f"    otherwise[{_label(_otherwise(flow))}]")
    lines += [
        "    classDef now fill:#fd7,stroke:#b60,color:#000",
        "    classDef aside stroke-dasharray:4",
    ]
    lit = [f"r{number}" for number, rule in enumerate(rules) if rule.id in flow.now]
    aside = [f"r{number}" for number, rule in enumerate(rules) if _aside(rule, flow.policy)]
    lines += [
        f"    class {','.join(names)} {kind}"
        for names, kind in ((aside, "aside"), (lit, "now"))
        if names
    ]
    return "\n".join(lines) + "\n"


def _name(number: int, rules: tuple[Rule, ...]) -> str:
    return f"r{number}" if number < len(rules) else "otherwise"


def _rule(number: int, rule: Rule, flow: Flow, following: str) -> Iterator[str]:
    asked = "\n".join([f"{rule.id}{_aside(rule, flow.policy)}", *_asked(rule, flow)])
    yield f"r{number}{{{_label(asked)}}}"
    yield f"p{number}[{_label(_plan(rule.steps))}]"
    if rule.limit is None:
        yield f"r{number} -- true --> p{number}"
    else:
        limit, then = _limit(rule), _then(rule)
        yield f"t{number}[{_label(then)}]"
        yield f"r{number} -- true --> p{number}"
        yield f"r{number} -- {_label(limit)} --> t{number}"
    if _goes_on(rule):
        yield f"p{number} --> {following}"
    if rule.when is not None or flow.event is None or rule.observes:
        yield f"r{number} -- else --> {following}"


def _label(text: str) -> str:
    """A text in quotes, in which nothing means anything to Mermaid or to a browser."""
    short = text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
    return '"' + "".join(_spelled(char) for char in short) + '"'


def _spelled(char: str) -> str:
    if char == "\n":
        return "<br/>"
    if char.isalnum() or char in " .,:;-_/()=!?'+→…%$":
        return char
    return f"#{ord(char)};" if char.isprintable() else " "
