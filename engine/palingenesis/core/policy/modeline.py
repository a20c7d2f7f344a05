"""The modeline: a comment that tells an editor which schema a YAML file has.

`# yaml-language-server: $schema=./policy.schema.json`, understood by the YAML language server and
so by most editors.
"""

import re
from dataclasses import dataclass
from typing import Final

from palingenesis.core.policy.diagnostics import Span
from palingenesis.core.policy.patches import Patch, patched
from palingenesis.core.policy.read import Table, read


@dataclass(frozen=True, slots=True, kw_only=True)
class Modeline:
    """Where the schema is looked for, seen from the file's folder, and the line that says so."""

    schema: str
    span: Span
    line: int


_MODELINE: Final = re.compile(
    r"^[\ufeff \t]*#[ \t]*yaml-language-server[ \t]*:[ \t]*\$schema=(\S+)", re.MULTILINE
)


def modeline_of(text: str) -> Modeline | None:
    """The first modeline of a file."""
    found = _MODELINE.search(text)
    if found is None:
        return None
    line = text.count("\n", 0, found.start()) + 1
    return Modeline(schema=found[1], span=Span(*found.span(1)), line=line)


def with_modeline(text: str, schema: str) -> str:
    """The text with a modeline for `schema`: the one it has is changed, or one is put on top."""
    found = modeline_of(text)
    if found is not None:
        return patched(text, [Patch(found.span, schema)])
    top = len(text) - len(text.removeprefix("\ufeff"))
    breaks = "\r\n" if "\r\n" in text else "\n"
    return patched(
        text, [Patch(Span(top, top), f"# yaml-language-server: $schema={schema}{breaks}")]
    )


_KINDS: Final = {"tests": "policy-test", "story": "scenario", "world": "scenario"}


def kind_of(text: str) -> str:
    """What kind of file it is, which follows from its keys; a policy if they do not tell."""
    root, _ = read(text)
    keys = [key.text for key, _ in root.entries] if isinstance(root, Table) else []
    return next((kind for key, kind in _KINDS.items() if key in keys), "policy")
