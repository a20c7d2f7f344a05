"""The policy in force, as the daemon tells it; its file may say something else by now."""

from pathlib import Path
from typing import TYPE_CHECKING

from palingenesis.core.errors import InvalidConfigError
from palingenesis.runtime.door import PolicyText
from palingenesis.surfaces.cli.given_file import read_given

if TYPE_CHECKING:
    from palingenesis.core.policy.model import Policy


def named(told: PolicyText) -> str:
    """What the policy in force is called where its file is not it."""
    return f"the policy '{told['name']}' ({told['digest'][:6]})"


def remark_on(told: PolicyText) -> str:
    """Why the file is not what the daemon decides by; "" when it is."""
    from palingenesis.surfaces.cli.policy_text import compile_here

    path = Path(told["path"])
    here = f"what is in force is {named(told)}, which was adopted last"
    try:
        compiled = compile_here(read_given(path), path)
    except InvalidConfigError as error:
        return f"{error.message}; {here}"
    if compiled.policy is None:
        return f"{path} is refused; {here}"
    if compiled.policy.digest != told.get("alone", told["digest"]):
        return f"{path} has just changed; {here}"
    return ""


def policy_of(told: PolicyText) -> "Policy | None":
    """The policy that decides; None: what told it did not say what it comes to."""
    from palingenesis.core.policy.build import build

    resolved = told.get("resolved")
    return build(resolved) if resolved is not None else None


def is_forgotten(told: PolicyText) -> bool:
    """Whether the daemon does not know its text: an earlier one read it."""
    return "resolved" in told and not told["source"]
