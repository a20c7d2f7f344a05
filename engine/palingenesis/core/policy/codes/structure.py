"""S0…: the file is YAML, but not a policy: keys, words, types and options."""

from typing import Final

from palingenesis.core.policy.codes.code import Code, Frame

CODES: Final = (
    Code(
        code="S001",
        title="Unknown key or action",
        why="The language has no such key, action or option here. A misspelt key that was skipped "
        "would be a rule that never does what it says.",
        bad="whn: stop.reason == 'crash'\n",
        good="when: stop.reason == 'crash'\n",
    ),
    Code(
        code="S002",
        title="Not one of the allowed words",
        why="This value comes from a fixed set of words, and the help lists them.",
        bad="event: stoped\n",
        good="event: stopped\n",
    ),
    Code(
        code="S003",
        title="Not a duration",
        why="A duration is a number with a unit, such as `90s`, `5m` or `1h30m`; units are "
        "w d h m s ms, largest first. A bare number is refused, because seconds and minutes are "
        "too easily confused.",
        bad="do:\n  - wait: {for: 5 minutes}\n  - resume\n",
        good="do:\n  - wait: {for: 5m}\n  - resume\n",
    ),
    Code(
        code="S004",
        title="Wrong type, such as a text for a list",
        why="The key is right, but its value has another form. A list is written `[a, b]` or "
        "with `- ` in lines of their own. An action's options are a mapping, as in "
        "`wait: {for: 5m}`; without options it stands alone.",
        bad="do: finish\n",
        good="do: [finish]\n",
    ),
    Code(
        code="S005",
        title="Something required is missing",
        why="Without this the policy would leave open what happens. `default:` is required, "
        "because what is done when no rule is true is a decision too.",
        frame=Frame.POLICY,
        bad="version: 1\nrules: []\n",
        good="version: 1\nrules: []\ndefault: {do: [snapshot, attention]}\n",
    ),
    Code(
        code="S006",
        title="A rule's id is used twice, or reserved",
        why="Every decision names the rule that made it, so each rule has an id of its own. "
        "`default`, `kernel` and `operator` name decisions that no rule made.",
        bad="id: default\n",
        good="id: everything-else\n",
    ),
    Code(
        code="S007",
        title="A step after the end of a plan",
        why="`finish`, `attention` and `stand-down` end a plan. A step behind one of them would "
        "never run, and two of them cannot both be the end.",
        bad="do: [attention, snapshot]\n",
        good="do: [snapshot, attention]\n",
    ),
    Code(
        code="S009",
        title="Too few, too many, too small or too large",
        why="A step is one action, a list of steps is not empty, and numbers have sensible bounds.",
        bad="do:\n  - resume:\n    finish:\n",
        good="do:\n  - snapshot\n  - finish\n",
    ),
    Code(
        code="S010",
        title="A parameter's value is not of its type",
        why="A parameter says its type, and both its default and a value set with `--set` have "
        "to be of it: `$20` for money, `15m` for a duration, `80%` for a ratio.",
        frame=Frame.TOP,
        bad="params:\n  cap: {type: money, default: 20}\n",
        good="params:\n  cap: {type: money, default: $20}\n",
    ),
    Code(
        code="S011",
        title="Not a valid name, or not a time of day",
        why="Ids of rules have small letters, digits and `-`; names of parameters and definitions "
        "have `_` instead, because they stand in expressions. A time of day is written `22:30`; "
        "midnight is `00:00`.",
        bad="id: Rate Limit\n",
        good="id: rate-limit\n",
    ),
    Code(
        code="S012",
        title="Options that do not go together",
        why="One of the options excludes or demands another one. A `wait` has exactly one way to "
        "end, and where the server names the instant there has to be an `else`, because it may "
        "name none.",
        bad="do:\n  - wait: {until: retry_after}\n  - resume\n",
        good="do:\n  - wait: {until: retry_after, else: 5m}\n  - resume\n",
    ),
    Code(
        code="S013",
        title="A version of the language that is not supported",
        why="`version: 1` is the language that this palingenesis reads. `palingenesis policy "
        "migrate` rewrites files of earlier versions.",
        frame=Frame.POLICY,
        bad="version: 2\nrules: []\ndefault: {do: [attention]}\n",
        good="version: 1\nrules: []\ndefault: {do: [attention]}\n",
    ),
    Code(
        code="S014",
        title="A time that is too long or too short",
        why="No wait is longer than 8 days, because the world is another one by then; a ladder "
        "begins with a second at least, so that it cannot hammer; a window that is counted over "
        "is between 1s and 30d.",
        bad="do:\n  - wait: {for: 2w}\n  - resume\n",
        good="do:\n  - wait: {for: 8d}\n  - resume\n",
    ),
    Code(
        code="S015",
        title="A step that is not allowed here",
        why="A rule with `continue: true` observes and lets the rules after it decide, so it may "
        "only notify, snapshot, log and run. What is done when a limit of the whole policy is "
        "reached may not touch an agent either, because that is what the limit is for.",
        bad="continue: true\ndo: [resume]\n",
        good="continue: true\ndo: [snapshot]\n",
    ),
    Code(
        code="S016",
        title="A time zone that is not known",
        why="Zones have the names of the IANA database, such as `Europe/Berlin`, or `UTC`. When "
        "the system has no such database, only `UTC` is known: install its package `tzdata`.",
        frame=Frame.TOP,
        bad="time-zone: Europe/Berlinn\n",
        good="time-zone: Europe/Berlin\n",
    ),
    Code(
        code="S017",
        title="A folder in `match:` that cannot be used",
        why="`project:` is the folder that a session works in: an absolute path, or one that "
        "begins with `~/`. `*` stands for any name, and `/**` for any folders below.",
        bad="match: {project: work/*}\n",
        good="match: {project: ~/work/*}\n",
    ),
    Code(
        code="S018",
        title="A policy that cannot be extended",
        why="`extends:` names shipped presets with their version (`builtin:recommended@1`) and "
        "files beside the policy (`./team.yaml`). A preset without a version could change under "
        "you. Nothing is fetched from elsewhere, and files cannot extend one another in a circle.",
        frame=Frame.TOP,
        bad="extends: [builtin:recommended]\n",
        good="extends: [builtin:recommended@1]\n",
    ),
    Code(
        code="S019",
        title="An inherited rule and an own one do not fit together",
        why="A rule with the id of an inherited one has to say what becomes of that one: "
        "`override: merge` changes some of its keys, `replace` puts this rule in its place, `off` "
        "leaves it out. `override:` for an id that is not inherited is a mistake, too.",
        frame=Frame.TOP,
        bad="extends: [builtin:recommended@1]\nrules:\n  - id: crash\n    do: [attention]\n",
        good="extends: [builtin:recommended@1]\n"
        "rules:\n  - id: crash\n    override: replace\n    do: [attention]\n",
    ),
    Code(
        code="S020",
        title="A key that a project's policy cannot have",
        why="The policy of a project holds for the sessions that work in its directory. Modes, "
        "time zones, limits of all rules, statements and timings are about all sessions, so only "
        "your own policy says them.",
        frame=Frame.PROJECT,
        bad="version: 1\nlimits:\n  actions: {max: 3, per: 1h}\n",
        good="version: 1\nrules:\n"
        "  - id: crash\n    override: merge\n    limit: {max: 3, per: 30m}\n",
    ),
    Code(
        code="S021",
        title="A project that is not trusted can only tighten",
        why="A policy that came with a project may lower limits of your rules, turn rules that act "
        "to shadow or off (a person has to look then), and add rules that tell people or ask for "
        "one. For anything else read it, and then trust it: `palingenesis policy trust PATH`.",
        frame=Frame.PROJECT,
        bad="version: 1\nrules:\n  - {id: go-on, when: stop.reason == 'user_exit', do: [resume]}\n",
        good="version: 1\nrules:\n"
        "  - {id: tell, continue: true, do: [notify: {message: It stopped.}]}\n",
    ),
)
