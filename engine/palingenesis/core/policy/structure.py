"""Structure: does the file have the shape that the schema asks for?

jsonschema finds the places; the words are ours, chosen by what was violated and where, because its
own ones speak about schemas and not about policies.
"""

import json
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any, Final, NamedTuple

from palingenesis.core.errors import InvalidConfigError
from palingenesis.core.facts import did_you_mean, parse_duration
from palingenesis.core.policy.diagnostics import Findings, Span
from palingenesis.core.policy.fitting import fits
from palingenesis.core.policy.meant import meant_step, options_advice, steps_advice
from palingenesis.core.policy.read import Listing, Node, Scalar, Table

_MOST: Final = 300
_MOST_KEYS: Final = 50


class _Problem(NamedTuple):
    """One violation: what was asked for, where, and what stood there."""

    validator: str
    wanted: Any
    path: tuple[str | int, ...]
    schema: Mapping[str, Any]
    instance: Any


def check_structure(
    root: Node, schema_text: str, findings: Findings, *, fragment: bool = False
) -> None:
    """Hold a document against the schema; every violation becomes a diagnostic.

    A `fragment` is a document that others extend: it need not have rules and a default.
    """
    document, schema = plain(root), json.loads(schema_text)
    if fits(document, schema, schema):
        return
    errors = islice(_validator(schema).iter_errors(document), _MOST)
    for problem in (one for error in errors for one in _leaves(error)):
        if findings.full:
            return
        if not (fragment and problem.schema.get("title") == "policy"):
            _tell(_with_properties(problem, schema), root, findings)


def _validator(schema: Mapping[str, Any]) -> Any:
    """Finds every violation; it never looks outside the schema."""
    from jsonschema import Draft202012Validator, FormatChecker
    from referencing import Registry

    formats = FormatChecker(formats=())
    formats.checks("span", raises=InvalidConfigError)(_is_span)
    return Draft202012Validator(schema, registry=Registry(), format_checker=formats)


def _with_properties(problem: _Problem, schema: Mapping[str, Any]) -> _Problem:
    """What a condition of the schema asks for, together with the properties that there are."""
    title = problem.schema.get("title")
    if title not in {"policy", "rule"} or "properties" in problem.schema:
        return problem
    whole = schema if title == "policy" else schema["$defs"]["rule"]
    return problem._replace(schema={**whole, **problem.schema})


def _is_span(value: object) -> bool:
    """Whether a text is a duration that we can read; anything else is the type's business."""
    return not isinstance(value, str) or parse_duration(value) is not None


def plain(node: Node, path: tuple[str | int, ...] = ()) -> Any:
    """A node as plain data, with `- resume` written as `{resume: {}}`."""
    match node:
        case Scalar(value=value):
            bare = is_step(path) and isinstance(value, str)
            empty = len(path) > 1 and is_step(path[:-1]) and value is None
            return {value: {}} if bare else {} if empty else value
        case Listing(items=items):
            return [plain(item, (*path, index)) for index, item in enumerate(items)]
        case Table(entries=entries):
            return {key.text: plain(value, (*path, key.text)) for key, value in entries}


def is_step(path: tuple[str | int, ...]) -> bool:
    """Whether a path leads to one step of a list of steps."""
    if len(path) < _SHORTEST or not isinstance(path[-1], int):
        return False
    if path[0] == "default":
        return path[1:-1] == ("do",)
    if path[0] == "limits":
        return path[2:-1] == ("then",)
    return path[0] == "rules" and path[2:-1] in {("do",), ("limit", "then")}


_SHORTEST: Final = 3


def locate(root: Node, path: tuple[str | int, ...]) -> Node:
    """The node at a path, or the nearest one above it."""
    node: Node = root
    for step in path:
        found: Node | None = None
        if isinstance(node, Table):
            found = node.get(str(step))
        elif isinstance(node, Listing) and isinstance(step, int) and step < len(node.items):
            found = node.items[step]
        if found is None:
            return node
        node = found
    return node


def _leaves(error: Any) -> Iterator[_Problem]:
    """An error, or those of the branch that was meant where there were several."""
    if error.validator == "anyOf":
        meant = _meant(error)
        for inner in error.context:
            if inner.relative_schema_path[0] == meant:
                yield from _leaves(inner)
        if meant is not None:
            return
    yield _Problem(
        error.validator,
        error.validator_value,
        tuple(error.absolute_path),
        error.schema,
        error.instance,
    )


def _meant(error: Any) -> int | None:
    """The branch of an anyOf that accepts this type of value at all."""
    wrong = {
        inner.relative_schema_path[0]
        for inner in error.context
        if inner.validator == "type" and not list(inner.relative_path)
    }
    right = [index for index in range(len(error.validator_value)) if index not in wrong]
    return right[0] if right else None


def _tell(problem: _Problem, root: Node, findings: Findings) -> None:
    node = locate(root, problem.path)
    if problem.validator == "additionalProperties":
        _unknown_keys(problem, node, findings)
    elif problem.validator == "required":
        _missing(problem, node, findings)
    elif problem.schema.get("title") == "duration" and not isinstance(problem.instance, dict):
        message, advice = _duration_words(_written(node))
        findings.add("S003", message, node.span, advice)
    elif problem.validator == "enum":
        values = [str(value) for value in problem.wanted]
        shown = str(problem.instance)[:40]
        advice = " ".join(filter(None, (did_you_mean(shown, values), _one_of(values))))
        findings.add("S002", f"'{shown}' is not allowed here", node.span, advice)
    elif problem.validator == "type" and "enum" in problem.schema:
        return  # what is allowed is told already: no text would do, and no quotes
    elif problem.validator == "type" and is_step((*problem.path, 0)):
        name = str(problem.path[-1])
        message = f"{name} must be a list, not {_called(node)}"
        findings.add("S004", message, node.span, steps_advice(name, node, findings.source.text))
    elif problem.validator == "type" and is_step(problem.path[:-1]):
        action = str(problem.path[-1])
        message = f"the options of {action} must be a mapping, not {_shown(node)}"
        findings.add("S004", message, node.span, options_advice(action, node))
    else:
        code, message, advice = _words(problem, node)
        advice = advice or _shape(problem, node)
        span = node.span
        if problem.validator in {"minProperties", "maxProperties"} and isinstance(node, Table):
            span = node.entries[-1][0].span if node.entries else node.span
        if problem.validator == "pattern" and isinstance(node, Table):
            key = node.key(str(problem.instance))
            span = key.span if key is not None else span
        findings.add(code, message, span, advice)


_SHAPES: Final = {
    "limit": "as in limit: {{max: {0}, per: 1h}}",
    "when": "write a condition; without 'when' the rule is always true",
    "default": "as in default: {{do: [attention]}}",
    "do": "say what to do, as in do: [attention]",
    "then": "say what to do, as in then: [attention]",
}
"""What a rule's keys look like; {0} is a number that stood there."""


def _shape(problem: _Problem, node: Node) -> str:
    """How that is written which has another shape here."""
    if not problem.path or problem.path[0] not in {"rules", "default"}:
        return ""
    is_number = isinstance(node, Scalar) and type(node.value) is int and node.value > 0
    return _SHAPES.get(str(problem.path[-1]), "").format(_written(node) if is_number else 3)


def _one_of(values: list[str]) -> str:
    return f"one of: {', '.join(values)}"


def _written(node: Node) -> str:
    return node.text[:40] if isinstance(node, Scalar) else _called(node)


def _shown(node: Node) -> str:
    return f"'{_written(node)}'" if isinstance(node, Scalar) else _called(node)


def _duration_words(text: str) -> tuple[str, str]:
    try:
        parse_duration(text)
    except InvalidConfigError as problem:
        return problem.message, problem.hint
    return f"'{text}' is not a duration", ""


def _unknown_keys(problem: _Problem, node: Node, findings: Findings) -> None:
    known = problem.schema.get("properties", {})
    action = problem.schema.get("title") == "step"
    kind = "action" if action else "key"
    for name in islice((name for name in problem.instance if name not in known), _MOST_KEYS):
        key = node.key(name) if isinstance(node, Table) else None
        span = key.span if key is not None else node.span
        meant = meant_step(name) if action else ""
        advice = f"write '{meant}'" if meant else did_you_mean(name, known)
        advice = advice or (_one_of(sorted(known)) if known else "")
        findings.add("S001", f"unknown {kind} '{name[:40]}'", span, advice)


_FIRST_STEPS: Final = {
    "version": "begin the file with 'version: 1'",
    "default": "say what happens when no rule is true: default: {do: [snapshot, attention]}",
    "id": "give the rule a name: '- id: my-rule'",
    "do": "say what to do: do: [notify: {message: …}]",
    "rules": "write 'rules: []' if there are none",
}


def _missing(problem: _Problem, node: Node, findings: Findings) -> None:
    known = problem.schema.get("properties", {})
    for name in problem.wanted:
        misspelt = any(
            did_you_mean(key, known) == did_you_mean(name, [name])
            for key in islice(problem.instance, _MOST_KEYS)
            if key not in known
        )
        if name not in problem.instance and not misspelt:
            span = Span(node.span.start, node.span.start + 1)
            if isinstance(node, Table) and node.entries:
                span = node.entries[0][0].span
            advice = _FIRST_STEPS.get(name, "")
            findings.add("S005", f"'{name}' is missing here", span, advice)


def _called(node: Node) -> str:
    match node:
        case Listing():
            return "a list"
        case Table():
            return "a mapping"
        case Scalar(value=bool()):
            return "true or false"
        case Scalar(value=int()) | Scalar(value=float()):
            return "a number"
        case Scalar(value=None):
            return "nothing"
        case _:
            return "a text"


def _source_words(name: str) -> tuple[str, str]:
    """What is wrong with an entry of `extends:`, and the way out."""
    if name.startswith("builtin:"):
        bare = name.removeprefix("builtin:").partition("@")[0] or "recommended"
        return f"'{name}' is not pinned to a version", f"as in builtin:{bare}@1"
    if "://" in name:
        return (
            f"'{name}' is not on this machine",
            "nothing is fetched: put the file beside this one",
        )
    advice = "name a preset (builtin:recommended@1) or a file that ends in .yaml"
    return f"'{name}' is neither a preset nor a policy file", advice


_TYPES: Final = {
    "string": "a text",
    "array": "a list",
    "object": "a mapping",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
}
_BOUNDS: Final = {
    "minItems": "needs at least {0} entry",
    "maxItems": "has more than {0} entries",
    "minimum": "is at least {0}",
    "maximum": "is at most {0}",
    "minLength": "must not be empty",
    "maxLength": "has more than {0} characters",
    "maxProperties": "has more than {0} entries",
}


def _words(problem: _Problem, node: Node) -> tuple[str, str, str]:
    """Code, message and help of everything that needs no look around."""
    validator, wanted = problem.validator, problem.wanted
    name = next((str(step) for step in reversed(problem.path) if isinstance(step, str)), "the file")
    if validator == "type":
        types = [wanted] if isinstance(wanted, str) else list(wanted)
        expected = " or ".join(_TYPES[one] for one in types)
        advice = "put it in quotes" if expected == "a text" and isinstance(node, Scalar) else ""
        subject = "an entry of " if problem.path and isinstance(problem.path[-1], int) else ""
        return "S004", f"{subject}{name} must be {expected}, not {_called(node)}", advice
    if validator == "anyOf":
        types = [str(one.get("type", one.get("$ref", ""))) for one in wanted]
        listed = any("array" in one for one in types)
        expected = "a text or a list" if listed else "a text or a mapping"
        return "S004", f"{name} must be {expected}, not {_called(node)}", ""
    if validator == "const" and isinstance(problem.instance, str):
        advice = "write 'version: 1', without quotes"
        return "S013", f"version is a number, and {_shown(node)} is a text", advice
    if validator == "const":
        return "S013", f"version {_written(node)} is not supported", "write 'version: 1'"
    if validator == "pattern" and problem.schema.get("title") == "source":
        return "S018", *_source_words(str(problem.instance)[:80])
    if validator == "pattern":
        shown = str(problem.instance)[:40]
        what = "a time of day" if problem.schema.get("title") == "clock" else "a valid name"
        return "S011", f"'{shown}' is not {what}", str(problem.schema.get("description", ""))
    if validator == "maxProperties" and problem.schema.get("title") == "step":
        return "S009", "a step is one action; here are several", "begin each with '- '"
    if validator == "minProperties":
        return "S009", "a step is one action; here is none", ""
    bound = _BOUNDS.get(validator, "is not as the schema asks")
    return "S009", f"{name} {bound.format(wanted)}", ""
