"""L…: the policy can be used, and something about it deserves a second look."""

from typing import Final

from palingenesis.core.policy.codes.code import Code
from palingenesis.core.policy.diagnostics import Grade

CODES: Final = (
    Code(
        code="L116",
        title="A new session without an earlier snapshot",
        why="Before a new session begins, the old conversation is backed up in any case. The "
        "policy should say what is done, so that nobody has to know it.",
        severity=Grade.WARNING,
        bad="do: [new-session]\n",
        good="do: [snapshot, new-session]\n",
    ),
)
