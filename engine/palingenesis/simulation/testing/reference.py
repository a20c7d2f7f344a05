"""The tables of the reference page about tests, from the tables that the reader uses."""

from collections.abc import Mapping
from typing import Final

from palingenesis.simulation.testing import keys
from palingenesis.simulation.testing.keys import Key, Shape

_SHAPES: Final[Mapping[Shape, str]] = {
    Shape.TEXT: "a text",
    Shape.FLAG: "`true` or `false`",
    Shape.WHOLE: "a whole number",
    Shape.SPAN: "a duration",
    Shape.INSTANT: "an instant",
    Shape.ADVANCE: "a duration, or `due`",
    Shape.RULE: "a rule, `default`, or `none`",
    Shape.RULES: "a list of rules",
    Shape.ACTION: "an action, or `none`",
    Shape.ACTIONS: "a list of actions",
    Shape.RANGE: "a duration, a range, or `none`",
    Shape.RANGES: "a list of durations or ranges",
    Shape.NOTICES: "a text, a mapping, or a list",
    Shape.PARTS: "a text, or `none`",
    Shape.FACTS: "facts",
    Shape.PARAMS: "parameters",
    Shape.EFFECTS: "actions",
    Shape.EVENT: "an event",
    Shape.EXPECT: "expectations",
    Shape.TESTS: "a list of tests",
    Shape.STEPS: "a list of steps",
    Shape.ROWS: "a list of rows",
}
_MANY: Final = 8


def tables() -> Mapping[str, str]:
    """Every table of the page as Markdown, by the name of its place."""
    return {
        "file": _keys(keys.FILE),
        "test": _keys(keys.TEST),
        "step": _keys(keys.STEP),
        "kinds": _kinds(),
        "event": _keys({name: key for name, key in keys.EVENT.items() if name != "kind"}),
        "expect": _keys(keys.EXPECT),
        "notice": _keys(keys.NOTICE),
    }


def _keys(table: Mapping[str, Key]) -> str:
    rows = [f"| `{name}` | {_value(key)} | {key.doc} |" for name, key in table.items()]
    return "\n".join(["| Key | Value | Meaning |", "|---|---|---|", *rows]) + "\n"


def _value(key: Key) -> str:
    if key.shape is not Shape.WORD:
        return _SHAPES[key.shape]
    if len(key.words) > _MANY:
        return "a word"
    return " ".join(f"`{word}`" for word in key.words)


def _kinds() -> str:
    rows = [
        f"| `{name}` | {' '.join(f'`{option}`' for option in kind.options)} | {kind.doc} |"
        for name, kind in keys.KINDS.items()
    ]
    return "\n".join(["| Kind | Options | What happens |", "|---|---|---|", *rows]) + "\n"
