"""Formatting: a policy in its canonical layout. What it does is not changed, by law.

What is normalised: a byte order mark and line breaks of other systems, blanks at the ends of lines,
runs of blank lines, the indentation, and steps without options, where `- resume: {}` becomes
`- resume`. Everything else is its author's: the order of keys, quotes, comments, brackets or lines,
`90s` or `1m30s`.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from palingenesis.core.policy.diagnostics import Diagnostic, Span
from palingenesis.core.policy.layout import laid_out
from palingenesis.core.policy.patches import Patch, patched
from palingenesis.core.policy.read import Listing, Node, Scalar, Table, read
from palingenesis.core.policy.steps import ACTIONS
from palingenesis.core.policy.structure import is_step, plain


@dataclass(frozen=True, slots=True, kw_only=True)
class Formatted:
    """The text in its canonical layout; None with the reasons where it is no YAML that we take."""

    text: str | None
    diagnostics: tuple[Diagnostic, ...] = ()


def formatted(data: str | bytes) -> Formatted:
    """A YAML file of ours in its canonical layout. Never raises because of what is in it."""
    root, findings = read(data)
    if root is None or findings.refused:
        return Formatted(text=None, diagnostics=findings.in_order())
    given = findings.source.text
    text = given.replace("\r\n", "\n").replace("\r", "\n")
    for change in (_bare_steps, laid_out):
        text = _unless_it_says_another_thing(text, change(text, _read(text)), root)
    return Formatted(text=text)


def _read(text: str) -> Node:
    root, _ = read(text)
    assert root is not None, "it has been read before"
    return root


def _unless_it_says_another_thing(before: str, after: str, root: Node) -> str:
    """The changed text, or the one before where a change would alter what the file says.

    That happens where YAML lets a text depend on its indentation, as with `|2`.
    """
    made, findings = read(after)
    same = made is not None and not findings.refused and plain(made) == plain(root)
    return after if same else before


def _bare_steps(text: str, root: Node) -> str:
    return patched(text, _bare(text, root, ()))


def _bare(text: str, node: Node, path: tuple[str | int, ...]) -> Iterator[Patch]:
    """`- resume: {}` and `- resume:` as `- resume`."""
    match node:
        case Listing(items=items):
            for index, item in enumerate(items):
                yield from _bare(text, item, (*path, index))
        case Table(entries=((key, value),)) if is_step(path) and _is_bare(text, key, value):
            closed = text[node.span.start : node.span.start + 1] == "{"
            end = node.span.end if closed else max(value.span.end, key.span.end + 1)
            if not text[key.span.end : end].strip(" :{}"):
                yield Patch(Span(node.span.start, end), key.text)
        case Table(entries=entries):
            for key, value in entries:
                yield from _bare(text, value, (*path, key.text))
        case _:
            pass


def _is_bare(text: str, key: Scalar, value: Node) -> bool:
    action = ACTIONS.get(key.text)
    if action is None or any(option.required for option in action.options.values()):
        return False
    if isinstance(value, Table):
        return not value.entries and text[value.span.start] == "{"
    return isinstance(value, Scalar) and value.value is None and not value.quoted
