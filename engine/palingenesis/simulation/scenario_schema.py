"""The JSON Schema of scenario files, for editors: made of the same tables as the reader."""

import json
from collections.abc import Iterator
from typing import Any

from palingenesis.simulation.grammar import (
    Facts,
    Kind,
    Leaf,
    Many,
    Named,
    Shape,
    Words,
    schema_of,
)
from palingenesis.simulation.keys import SCENARIO


def scenario_schema() -> dict[str, Any]:
    """The schema as plain data."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "https://palingenesis.dev/schemas/scenario.schema.json",
        "title": "palingenesis scenario, version 1",
        "description": "A night on a virtual clock: a world, what goes wrong in it, and what is "
        "expected. `palingenesis policy simulate FILE` plays it.",
        **schema_of(SCENARIO),
    }


def scenario_schema_text() -> str:
    """The schema as it stands in `schemas/scenario.schema.json`."""
    return json.dumps(scenario_schema(), indent=2, ensure_ascii=False) + "\n"


def reference_tables() -> str:
    """The section of the reference page that tells every key, in Markdown."""
    return "\n".join(_tables(SCENARIO, "A scenario", seen=set()))


def _tables(shape: Shape, title: str, *, seen: set[str]) -> Iterator[str]:
    yield f"### {title}\n"
    yield "| key | value | meaning |"
    yield "|---|---|---|"
    for key in shape.keys:
        yield f"| `{key.name}` | {_said(key.of)} | {key.doc} |"
    yield ""
    for key in shape.keys:
        inner = key.of.of if isinstance(key.of, Many | Named) else key.of
        if isinstance(inner, Shape) and inner.keys and inner.what not in seen:
            seen.add(inner.what)
            yield from _tables(inner, inner.what.replace("'", "`").capitalize(), seen=seen)


def _said(kind: Kind) -> str:
    match kind:
        case Leaf():
            return kind.name
        case Words():
            return " ".join(f"`{word}`" for word in kind.words)
        case Facts():
            return "facts"
        case Many():
            return f"{_said(kind.of)}; one or a list"
        case Named():
            return f"names with {_said(kind.of)}"
        case Shape():
            return kind.what.replace("'", "`") if kind.keys else "nothing"
