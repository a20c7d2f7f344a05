"""T2…: files of tests, which `policy test` runs."""

from typing import Final

from palingenesis.core.policy.codes.code import Code, Frame

_HEAD: Final = "version: 1\npolicy: default\ntests:\n"
_FINE: Final = (
    _HEAD
    + "  - name: a rejected key is never retried\n    each: [{reason: auth, rule: credentials}]\n"
)

CODES: Final = (
    Code(
        code="T201",
        title="An unknown key, event or action in a file of tests",
        why="A misspelt key that was skipped would be an expectation that always holds.",
        frame=Frame.POLICY_TEST,
        bad=_HEAD + "  - name: a rejected key is never retried\n"
        "    each: [{reason: auth, rul: credentials}]\n",
        good=_FINE,
    ),
    Code(
        code="T202",
        title="Something that a file of tests needs is missing",
        why="A file of tests begins with `version: 1` and has `tests`; a test has a `name`, and "
        "`steps` or `each`, or is marked with `todo: true`. A row of `each` has an event and "
        "expects something of it.",
        frame=Frame.POLICY_TEST,
        bad=_HEAD + "  - name: a rejected key is never retried\n",
        good=_HEAD + "  - name: a rejected key is never retried\n    todo: true\n",
    ),
    Code(
        code="T203",
        title="A value in a file of tests that cannot be used",
        why="A duration, a range of durations, an instant with its zone, a number or a word of a "
        "fixed set is expected there.",
        frame=Frame.POLICY_TEST,
        bad=_HEAD + "  - name: it waits\n    steps:\n"
        "      - event: {reason: rate_limit, retry_after: 90}\n        expect: {status: waiting}\n",
        good=_HEAD + "  - name: it waits\n    steps:\n"
        "      - event: {reason: rate_limit, retry_after: 90s}\n"
        "        expect: {status: waiting}\n",
    ),
    Code(
        code="T204",
        title="A list, a mapping or a single value is expected here",
        why="What stands here has another shape than this key takes.",
        frame=Frame.POLICY_TEST,
        bad=_HEAD + "  - name: it waits\n    steps: {event: tick}\n",
        good=_HEAD + "  - name: it waits\n    steps: [{event: tick}]\n",
    ),
    Code(
        code="T205",
        title="The policy has no such rule",
        why="A test expects a rule by an id that the policy under test does not have, so it could "
        "never pass.",
        frame=Frame.POLICY_TEST,
        bad=_HEAD + "  - name: a rejected key is never retried\n"
        "    each: [{reason: auth, rule: credentails}]\n",
        good=_FINE,
    ),
    Code(
        code="T206",
        title="An unknown fact in a file of tests",
        why="The registry has no fact of that name; `palingenesis policy facts` lists all.",
        frame=Frame.POLICY_TEST,
        bad=_HEAD
        + "  - name: it waits\n    given: {work.stat: valid}\n    steps: [{event: tick}]\n",
        good=_HEAD
        + "  - name: it waits\n    given: {work.state: valid}\n    steps: [{event: tick}]\n",
    ),
    Code(
        code="T207",
        title="A fact that cannot be set, because the kernel works it out",
        why="What happens in the test decides this fact, as it does in real life. Setting it would "
        "have no effect, so it is refused; the help says how to bring it about.",
        frame=Frame.POLICY_TEST,
        bad=_HEAD + "  - name: it waits\n    steps:\n      - set: {stop.reason: auth}\n",
        good=_HEAD
        + "  - name: it waits\n    steps:\n      - event: {kind: stopped, reason: auth}\n",
    ),
    Code(
        code="T208",
        title="Two tests have the same name",
        why="A name tells which test has failed, and `-k` finds it by its name.",
        frame=Frame.POLICY_TEST,
        bad=_HEAD + "  - {name: it waits, todo: true}\n  - {name: it waits, todo: true}\n",
        good=_HEAD + "  - {name: it waits, todo: true}\n  - {name: it goes on, todo: true}\n",
    ),
    Code(
        code="T209",
        title="An option that does not belong to this event",
        why="Each kind of event takes its own options; another one would be ignored.",
        frame=Frame.POLICY_TEST,
        bad=_HEAD
        + "  - name: it waits\n    steps:\n      - event: {kind: blocked, reason: auth}\n",
        good=_HEAD
        + "  - name: it waits\n    steps:\n      - event: {kind: blocked, block: question}\n",
    ),
)
