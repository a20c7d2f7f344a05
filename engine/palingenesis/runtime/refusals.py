"""The newest policy file could not be used: what that is called, and what holds meanwhile.

A file that is refused for what it says is one thing, a file that is there no more another: there is
nothing to correct in it, and what it said last is still in force.
"""

from collections.abc import Sequence
from typing import Final

from palingenesis.runtime.door import PolicyStatus

GONE: Final = "the file is gone"
"""How the one problem begins of a file that is there no more."""
CONFIG_REFUSED: Final = "config.toml was refused; what held before holds on"
"""What became of the newest config.toml, in one sentence."""
CONFIG_WAY_OUT: Final = "palingenesis config validate"


def is_gone(problems: Sequence[str]) -> bool:
    """Whether the newest file was not refused for what it says, but is there no more."""
    return any(one.startswith(GONE) for one in problems)


def refusal(problems: Sequence[str]) -> str:
    """What became of the newest policy file, in one sentence."""
    if is_gone(problems):
        return "the policy's file is gone; what it said last stays in force"
    return "the newest policy file was refused; the last good one stays in force"


def stays(policy: PolicyStatus) -> str:
    """What is in force where the newest file was refused for what it says."""
    refused = policy.get("refused")
    if not refused:  # a daemon of an older version does not tell
        return "the one before it stays in force"
    if refused == policy["path"]:
        return "what the file said before stays in force"
    return f"{policy['path']} stays in force"


def briefly(problems: Sequence[str]) -> str:
    """What was wrong with it, in a few words."""
    if is_gone(problems):
        return GONE
    return "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
