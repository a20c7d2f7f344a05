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
    Code(
        code="L131",
        title="A channel, a model or a hook that is not configured",
        why="The name is not in the configuration of this machine, so nothing would come of it. "
        "It is only a warning, because the configuration can change without the policy.",
        bad='do:\n  - notify: {message: "Hello", channels: [ntfi]}\n',
        good='do:\n  - notify: {message: "Hello", channels: [ntfy]}\n',
        severity=Grade.WARNING,
    ),
)
