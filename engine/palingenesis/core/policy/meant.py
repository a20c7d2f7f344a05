"""What somebody meant who wrote a step as it is said and not as it is written.

`do: resume`, `- wait 5m` and `resume: yes` are clear to everybody but the schema. They stay errors,
because a policy has one spelling; the way out is the spelling itself.
"""

import json
import re
from typing import Final

from palingenesis.core.errors import InvalidConfigError
from palingenesis.core.facts import did_you_mean, meant_duration, parse_duration
from palingenesis.core.policy.read import Node, Scalar, Table
from palingenesis.core.policy.steps import ACTIONS, NEEDS_ONE, Form, Option

_MAIN: Final = {
    "wait": "for",
    "resume": "message",
    "retry": "model",
    "new-session": "from",
    "switch-model": "to",
    "restart": "grace",
    "interrupt": "grace",
    "stop": "grace",
    "delegate": "until",
    "ask": "question",
    "notify": "message",
    "log": "message",
    "run": "hook",
    "attention": "reason",
}
"""The option that a value without a name is for."""
_EXAMPLES: Final = {
    "wait": "wait: {for: 5m}",
    "switch-model": "switch-model: {to: provider/model}",
    "ask": "ask: {question: …}",
    "notify": "notify: {message: …}",
    "log": "log: {message: …}",
    "run": "run: {hook: …}",
}
"""Actions that cannot stand alone."""
_YES: Final = frozenset({"yes", "true", "on"})
_NO: Final = frozenset({"no", "false", "off"})
_LONGEST: Final = 120
_SAID: Final = re.compile(r"([a-z]+(?:-[a-z]+)?)(?:\s*[:(\s]\s*(.*?)\s*\)?)?", re.DOTALL)
_WORD: Final = re.compile(r"(?!null\b)[A-Za-z][\w./-]*(?::[\w./-]+)*", re.IGNORECASE)


def meant_step(said: str) -> str:
    """`wait 5m` -> `wait: {for: 5m}`; nothing where it cannot be told."""
    found = _SAID.fullmatch(said.strip()) if len(said) <= _LONGEST else None
    if found is None or found[1] not in ACTIONS:
        return ""
    return _step(found[1], found[2] or "")


def steps_advice(name: str, node: Node, source: str) -> str:
    """What to write where something else stands in the place of the list that is called `name`."""
    if meant := _meant_steps(node, source):
        return f"write '{name}: {meant}'"
    close = did_you_mean(_text(node), ACTIONS)
    return " ".join(filter(None, (close, f"as in {name}: [snapshot, attention]")))


def options_advice(action: str, node: Node) -> str:
    """What to write where something else stands in the place of an action's options."""
    said = node.text.strip().lower() if isinstance(node, Scalar) else ""
    if said in _NO:
        return f"a step that is not wanted is left out; otherwise {_alone(action)}"
    if said in _YES or not ACTIONS[action].options:
        return _alone(action)
    meant = meant_step(f"{action} {said and _text(node)}")
    return f"write '{meant}'" if meant and meant != action else _alone(action)


def _meant_steps(node: Node, source: str) -> str:
    """The list that was meant by what stands in a list's place; nothing where it cannot be told."""
    if isinstance(node, Scalar):
        one_by_one = [meant_step(part) for part in node.text[:_LONGEST].split(",")]
        steps = one_by_one if all(one_by_one) else [meant_step(node.text)]
    else:
        entries = node.entries if isinstance(node, Table) else ()
        steps = [_entry(key.text, value, source) for key, value in entries]
    return f"[{', '.join(steps)}]" if steps and all(steps) else ""


def _alone(action: str) -> str:
    example = _EXAMPLES.get(action)
    return f"as in {example}" if example else f"write '{action}' alone"


def _text(node: Node) -> str:
    return node.text if isinstance(node, Scalar) else ""


def _entry(action: str, value: Node, source: str) -> str:
    """A step from a mapping's entry; what has options keeps them as they are."""
    if isinstance(value, Table) and value.entries:
        written = source[value.span.start : value.span.end]
        is_short = "\n" not in written and len(written) <= _LONGEST
        braced = written if written.startswith("{") else f"{{{written}}}"
        return f"{action}: {braced}" if is_short and action in ACTIONS else ""
    return meant_step(f"{action} {_text(value)}")


def _step(action: str, said: str) -> str:
    options = ACTIONS[action].options
    if not said or said.lower() in _YES:
        needs = action in NEEDS_ONE or any(one.required for one in options.values())
        return "" if needs else action
    name, _, rest = re.sub(r"\s*[:=]\s*|\s+", " ", said, count=1).partition(" ")
    if name not in options or not rest:
        name, rest = _MAIN.get(action, ""), said
        if action == "wait" and said in options["until"].values:
            name = "until"
    value = _value(options[name], rest.strip()) if name in options else ""
    if not value:
        return ""
    no_instant = ", else: 1h" if name == "until" and value in ("reset", "retry_after") else ""
    return f"{action}: {{{name}: {value}{no_instant}}}"


def _value(option: Option, said: str) -> str:
    if option.form is Form.DURATION:
        return said if _is_duration(said) else meant_duration(said)
    if option.form is Form.CHOICE:
        return said if said in option.values else ""
    if option.form is Form.TEXT:
        return said if _WORD.fullmatch(said) else ""
    is_text = option.form is Form.MESSAGE and said.lower() not in _NO and "$" not in said
    return json.dumps(said, ensure_ascii=False) if is_text else ""


def _is_duration(text: str) -> bool:
    try:
        parse_duration(text)
    except InvalidConfigError:
        return False
    return True
