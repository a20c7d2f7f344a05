"""Y…: the file cannot be taken in as YAML, or says less than it seems to."""

from typing import Final

from palingenesis.core.policy.codes.code import Code, Frame
from palingenesis.core.policy.diagnostics import Grade

_BACKOFF: Final = "  - id: slow\n    do:\n      - wait: {for: 5m}\n      - resume\n"

CODES: Final = (
    Code(
        code="Y001",
        title="It cannot be read as YAML",
        why="The text breaks the rules of YAML, so nothing in it can be trusted. Most often a "
        "quote or a bracket is not closed, the indentation is wrong, or a text with ': ' in it "
        "has no quotes.",
        bad="why: Wait: it comes back\n",
        good="why: 'Wait: it comes back'\n",
    ),
    Code(
        code="Y002",
        title="It is not UTF-8, or has a character that no text needs",
        why="Files are UTF-8, without control characters. Such a character is invisible, and an "
        "invisible character in a condition would change it without anybody seeing why.",
        bad="why: Wait\x07 for it\n",
        good="why: Wait for it\n",
    ),
    Code(
        code="Y003",
        title="It is too large or too deep",
        why="A file has at most 256 KiB and 24 lists and mappings inside one another. No policy "
        "that a person can read comes near, and a hostile one is refused before it costs "
        "anything.",
        frame=Frame.TOP,
        bad="rules: " + "[" * 30 + "]" * 30 + "\n",
        good="rules: []\n",
    ),
    Code(
        code="Y004",
        title="It begins with a byte order mark",
        why="Some editors on Windows put an invisible mark before the first character. It does "
        "no harm here, but other tools trip over it.",
        severity=Grade.WARNING,
        frame=Frame.POLICY,
        bad="\ufeffversion: 1\nrules: []\ndefault: {do: [attention]}\n",
        good="version: 1\nrules: []\ndefault: {do: [attention]}\n",
    ),
    Code(
        code="Y005",
        title="A key stands twice",
        why="YAML lets the last of two equal keys win, without a word. What you see first would "
        "then not be what is done, so one of them has to go.",
        bad="do: [snapshot]\nwhen: stop.reason == 'crash'\ndo: [restart]\n",
        good="when: stop.reason == 'crash'\ndo: [snapshot, restart]\n",
    ),
    Code(
        code="Y006",
        title="An anchor, an alias or a merge key",
        why="What a rule does should be visible where the rule stands, and a nest of aliases can "
        "grow without bound. Give a condition a name with `define:`, a value with `params:`, or "
        "write it out.",
        frame=Frame.POLICY,
        bad="version: 1\nrules:\n  - id: one\n    do: &steps [snapshot, attention]\n"
        "  - id: two\n    do: *steps\ndefault: {do: [attention]}\n",
        good="version: 1\nrules:\n  - id: one\n    do: [snapshot, attention]\n"
        "  - id: two\n    do: [snapshot, attention]\ndefault: {do: [attention]}\n",
    ),
    Code(
        code="Y007",
        title="A tag",
        why="A tag asks the reader to make something special out of a value; a policy needs "
        "nothing special, and such requests are how YAML files attack programs. Quotes make a "
        "text out of anything.",
        bad="why: !!str 5\n",
        good='why: "5"\n',
    ),
    Code(
        code="Y008",
        title="A second document",
        why="A line `---` begins a second document in the same file. Only one of the two could be "
        "in force, and nobody should have to guess which.",
        frame=Frame.POLICY,
        bad="version: 1\nrules: []\ndefault: {do: [attention]}\n---\nversion: 1\n",
        good="version: 1\nrules: []\ndefault: {do: [attention]}\n",
    ),
    Code(
        code="Y009",
        title="The file is empty",
        why="There is nothing in it, or only comments. An empty policy would do nothing, ever; if "
        "that is meant, say it with a `default:`. `palingenesis policy init` writes a start.",
        frame=Frame.POLICY,
        bad="# later\n",
        good="version: 1\nrules: []\ndefault: {do: [attention]}\n",
    ),
    Code(
        code="Y010",
        title="A tab indents",
        why="YAML is indented with spaces. A tab looks like some number of them, and which number "
        "depends on the editor.",
        frame=Frame.POLICY,
        bad="version: 1\nrules:\n\t- id: one\n",
        good=f"version: 1\nrules:\n{_BACKOFF}default: {{do: [attention]}}\n",
    ),
    Code(
        code="Y011",
        title="A key is not a plain word",
        why="A key is a word. A list or a mapping as a key is legal YAML, and always a slip here, "
        "such as a `?` or a bracket at the start of a line.",
        bad="? [snapshot, resume]\n: do\n",
        good="do: [snapshot, resume]\n",
    ),
)
