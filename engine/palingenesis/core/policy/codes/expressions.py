"""E…: conditions and messages: their grammar, their names, their kinds and units."""

from typing import Final

from palingenesis.core.policy.codes.code import Code, Frame

CODES: Final = (
    Code(
        code="E001",
        title="The expression is too long or too complicated",
        why="A condition has at most 600 characters and 120 parts, and 600 parts once every "
        "defined condition in it is written out. Give parts of it a name with `define:`, or make "
        "two rules of it.",
        bad="when: " + "not " * 125 + "work.done\n",
        good="when: not work.done\n",
    ),
    Code(
        code="E002",
        title="Not an operator here",
        why="Values are compared with `==`, conditions joined with `and`, `or` and `not`, in "
        "small letters. The signs of other languages are refused, so that one condition is "
        "always written one way.",
        bad="when: stop.reason = 'crash' && agent.up\n",
        good="when: stop.reason == 'crash' and agent.up\n",
    ),
    Code(
        code="E003",
        title="The expression cannot be parsed",
        why="Something is missing, misplaced or not closed. A ` #` inside begins a YAML comment: "
        "an expression with it, or with `: `, needs quotes around all of it.",
        bad="when: (stop.reason == 'crash'\n",
        good="when: (stop.reason == 'crash')\n",
    ),
    Code(
        code="E004",
        title="A construct that conditions do not have",
        why="Conditions compare facts with fixed values; there is no arithmetic, no index, no "
        "loop and no chain of comparisons. That is what makes them impossible to break at night "
        "and possible to analyse.",
        bad="when: 1 < episode.attempts < 3\n",
        good="when: episode.attempts > 1 and episode.attempts < 3\n",
    ),
    Code(
        code="E005",
        title="Not a condition",
        why="A number, a text or a duration alone is neither true nor false. Compare it with "
        "something.",
        bad="when: session.cost\n",
        good="when: session.cost > $20\n",
    ),
    Code(
        code="E006",
        title="Two kinds that cannot be compared",
        why="Both sides of a comparison have to be of one kind: a duration is compared with a "
        "duration, a text with a text; a whole number has no fraction. After `in` stands a list of "
        "fixed values.",
        bad="when: session.age > $5\n",
        good="when: session.age > 5h\n",
    ),
    Code(
        code="E007",
        title="A kind that has no order",
        why="Texts, words and truth values are equal or not; none is greater than another.",
        bad="when: stop.model > 'claude'\n",
        good="when: stop.model == 'claude'\n",
    ),
    Code(
        code="E008",
        title="Unknown function",
        why="A condition may call only a few functions, and the help lists them.",
        bad="when: cuont(crash, 15m) > 3\n",
        good="when: count(crash, 15m) > 3\n",
    ),
    Code(
        code="E009",
        title="Unknown fact",
        why="A condition asks about facts from a fixed registry, or about a name from `define:`. "
        "`palingenesis policy facts` lists them all. A word of a fixed set, such as a stop "
        "reason, is a text and stands in quotes.",
        bad="when: stop.resaon == 'crash'\n",
        good="when: stop.reason == 'crash'\n",
    ),
    Code(
        code="E010",
        title="Not a value of that fact",
        why="The fact has a fixed set of values and this is none of them, so the comparison could "
        "never be true.",
        bad="when: stop.reason == 'ratelimit'\n",
        good="when: stop.reason == 'rate_limit'\n",
    ),
    Code(
        code="E011",
        title="Wrong arguments",
        why="The function takes other arguments, and the help shows an example.",
        bad="when: count(crash) > 3\n",
        good="when: count(crash, 15m) > 3\n",
    ),
    Code(
        code="E012",
        title="`count()` needs an event or a stop reason",
        why="What can be counted is an event such as `stalled` or a stop reason such as `crash`, "
        "written without quotes.",
        bad="when: count(crsh, 15m) > 3\n",
        good="when: count(crash, 15m) > 3\n",
    ),
    Code(
        code="E013",
        title="The pattern cannot be used",
        why="A pattern has to be well formed, and it may not contain what could take very long: "
        "no look-around, no back references, no large repetitions.",
        bad="when: matches(stop.message, '(weekly')\n",
        good="when: matches(stop.message, '(weekly|monthly)')\n",
    ),
    Code(
        code="E014",
        title="Unknown parameter",
        why="`params.NAME` stands for a value that the file declares under `params:`, and nothing "
        "of that name is declared.",
        frame=Frame.TOP,
        bad="params:\n  cap: {type: money, default: $20}\n"
        "rules:\n  - id: dear\n    when: session.cost > params.cup\n    do: [attention]\n",
        good="params:\n  cap: {type: money, default: $20}\n"
        "rules:\n  - id: dear\n    when: session.cost > params.cap\n    do: [attention]\n",
    ),
    Code(
        code="E015",
        title="A definition that cannot be used",
        why="A name under `define:` may not be one that the language has already, and a "
        "definition cannot be made from itself, not even by a detour.",
        frame=Frame.TOP,
        bad="define:\n  tired: worn\n  worn: tired\n",
        good="define:\n  tired: worn or session.age > 8h\n  worn: episode.attempts > 3\n",
    ),
    Code(
        code="E016",
        title="A unit is missing",
        why="Durations, ratios and money are written with their unit: `15m`, `80%`, `$20`. A bare "
        "number would be read differently by two people.",
        bad="when: session.context_used > 80\n",
        good="when: session.context_used > 80%\n",
    ),
    Code(
        code="E017",
        title="Not a number, duration or text that can be read",
        why="The value begins like a number, a duration or a text, and does not end like one.",
        bad="when: progress.age > 5min\n",
        good="when: progress.age > 5m\n",
    ),
    Code(
        code="E018",
        title="A fact that can only be shown in a message",
        why="Some facts are there for people to read. A rule that depended on their wording would "
        "depend on something that changes with every version of the assistant.",
        bad="when: contains(block.text, 'delete')\n",
        good="when: block.tool == 'bash'\n",
    ),
    Code(
        code="E019",
        title="A placeholder in a message that names nothing",
        why="`${name}` in a text stands for a fact or a parameter, and there is none of that "
        "name. Write `$${` for the characters themselves.",
        bad='do:\n  - log: {message: "stopped: ${stop.resaon}"}\n',
        good='do:\n  - log: {message: "stopped: ${stop.reason}"}\n',
    ),
    Code(
        code="E020",
        title="Unknown calendar",
        why="A calendar is declared under `calendars:`. Where exactly one is declared, `quiet: "
        "hold` and `until: calendar_end` mean that one without saying so.",
        frame=Frame.TOP,
        bad="calendars:\n  night: {from: '22:30', to: '07:00'}\n"
        "rules:\n  - id: late\n    when: within('nigth')\n    do: [attention]\n",
        good="calendars:\n  night: {from: '22:30', to: '07:00'}\n"
        "rules:\n  - id: late\n    when: within('night')\n    do: [attention]\n",
    ),
    Code(
        code="E021",
        title="The rest of the expression is a comment",
        why="In YAML a `#` behind a blank begins a comment. What stands behind it would have been "
        "part of the expression, so this is more likely a slip of the finger than a remark; a "
        "remark has a blank behind the `#`.",
        bad="when: agent.up #and work.done\n",
        good="when: agent.up and work.done\n",
    ),
)
