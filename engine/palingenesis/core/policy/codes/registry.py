"""All codes in one table, and the words about them for a reference page."""

from collections.abc import Mapping
from itertools import chain
from types import MappingProxyType
from typing import Final

from palingenesis.core.policy.codes import (
    advice,
    expressions,
    linting,
    scenarios,
    structure,
    tests,
    yaml_text,
)
from palingenesis.core.policy.codes.code import Code, Frame
from palingenesis.core.policy.diagnostics import Grade

FAMILIES: Final[tuple[tuple[str, tuple[Code, ...]], ...]] = (
    ("The file as YAML", yaml_text.CODES),
    ("The structure of a policy", structure.CODES),
    ("Conditions and messages", expressions.CODES),
    ("Advice", advice.CODES),
    ("Advice of `policy lint`", linting.CODES),
    ("Scenarios", scenarios.CODES),
    ("Files of tests", tests.CODES),
)
"""Every family with its title; a new one is a module beside this one and a line here."""

CODES: Final[Mapping[str, Code]] = MappingProxyType(
    {one.code: one for one in chain.from_iterable(codes for _, codes in FAMILIES)}
)

PAGE: Final = "docs/reference/diagnostics.md"
"""Where all codes are explained, seen from the root of the repository."""


def url(code: str) -> str:
    """Where a code is explained, seen from the root of the repository."""
    return f"{PAGE}#{code.lower()}"


def page() -> str:
    """The reference page about all codes, as Markdown."""
    parts = [_HEAD]
    for title, codes in FAMILIES:
        rows = [f"| [`{one.code}`](#{one.code.lower()}) | {_title(one)} |" for one in codes]
        parts.append("\n".join([f"## {title}\n", "| code | meaning |", "|---|---|", *rows]) + "\n")
        parts += [_section(one) for one in codes]
    return "\n".join(parts)


def _title(one: Code) -> str:
    grade = "" if one.severity is Grade.ERROR else f"{one.severity.value.capitalize()}: "
    return f"{grade}{one.title}."


def _section(one: Code) -> str:
    return (
        f"### {one.code}\n\n{_title(one)}\n\n{_one_sentence_a_line(one.why)}\n\n"
        f"{_block('Told about', one.bad, one.frame)}\n{_block('Better', one.good, one.frame)}"
    )


def _one_sentence_a_line(text: str) -> str:
    return text.replace(". ", ".\n")


def _block(said: str, text: str, frame: Frame) -> str:
    where = {Frame.RULE: " (in a rule)", Frame.LINT_RULE: " (in a rule)",
             Frame.PROJECT: " (in a project's policy)",
             Frame.POLICY_TEST: " (in a file of tests)",
             Frame.SCENARIO: " (in a scenario)"}.get(frame, "")  # fmt: skip
    return f"{said}{where}:\n\n```text\n{shown(text)}```\n"


def shown(text: str) -> str:
    """An example as it is printed: characters that nobody sees are written out."""
    return "".join(char if char.isprintable() or char == "\n" else _spelled(char) for char in text)


def _spelled(char: str) -> str:
    return f"<U+{ord(char):04X}>"


_HEAD: Final = """\
# Diagnostics

<!-- Written by tests/policy/test_codes.py from engine/palingenesis/core/policy/codes. -->

Everything that palingenesis can say about a policy, a scenario or a file of tests has a code.
A code never changes its meaning.
`palingenesis explain-code CODE` shows the same on the command line.
One error refuses a file; warnings and notes do not.

`Y…` is about YAML, `S…` about structure, `E…` about expressions and texts.
`L…` is advice, `T…` is about tests.

## As JSON

Every command that finds something in a file speaks one shape, under `diagnostics`:

```json
{
  "code": "E009",
  "severity": "error",
  "message": "unknown fact 'stop.resaon'",
  "help": "did you mean 'stop.reason'?",
  "url": "docs/reference/diagnostics.md#e009",
  "file": "my.yaml",
  "range": {"start": {"line": 4, "column": 11}, "end": {"line": 4, "column": 22}},
  "related": []
}
```

Lines and columns count from 1, columns in characters; `end` is the first place behind it.
`severity` is `error`, `warning` or `note`.
`help` is the way out, an empty text where there is none.
`url` is where the code is explained, seen from the root of the repository.
`related` holds other places that belong to it, each with `message`, `file` and `range`.

`--github` prints workflow commands, which annotate a pull request.
`--sarif` prints SARIF 2.1.0, for code scanning.
"""
