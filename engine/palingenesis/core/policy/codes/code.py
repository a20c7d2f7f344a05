"""What is known about a code: what it means, an example that has it, and one that has not."""

from dataclasses import dataclass
from enum import StrEnum

from palingenesis.core.policy.diagnostics import Grade


class Frame(StrEnum):
    """What an example is a piece of, and so which tool says the code."""

    POLICY = "policy"  # a whole policy file
    TOP = "top"  # keys of a policy file; what is required and missing there is added
    RULE = "rule"  # keys of one rule; what is required and missing there is added
    LINT_TOP = "lint-top"  # as TOP; said by `policy lint`
    LINT_RULE = "lint-rule"  # as RULE; said by `policy lint`
    PROJECT = "project"  # the policy of a project that is not trusted
    POLICY_TEST = "policy-test"  # a whole file of tests
    SCENARIO = "scenario"  # a whole scenario


@dataclass(frozen=True, slots=True, kw_only=True)
class Code:
    """One kind of diagnostic. `bad` has it and `good` is the same without it."""

    code: str
    title: str
    """What is wrong, in a few words; a sentence without subject and full stop is enough."""
    why: str
    """One paragraph: what it means, why it is refused or told, and what to do."""
    bad: str
    good: str
    frame: Frame = Frame.RULE
    severity: Grade = Grade.ERROR


def whole(frame: Frame, text: str) -> str:
    """An example as a whole file, ready to be read."""
    if frame in {Frame.RULE, Frame.LINT_RULE}:
        keys = "".join(f"    {line}\n" if line else "\n" for line in text.splitlines())
        identity = "" if _has(text, "id") else "    id: example\n"
        steps = "" if _has(text, "do") else "    do: [finish]\n"
        rule = identity + keys + steps
        return f"version: 1\nrules:\n  - {rule[4:]}{_END}"
    if frame in {Frame.TOP, Frame.LINT_TOP}:
        missing = {"version": "version: 1\n", "rules": "rules: []\n", "default": _END}
        return text + "".join(line for key, line in missing.items() if not _has(text, key))
    return text


_END = "default: {do: [attention]}\n"


def _has(text: str, key: str) -> bool:
    return any(line.startswith(f"{key}:") for line in text.splitlines())
