"""Files that are not what a command reads, and the command that reads them."""

from typing import Final

_READ_BY: Final = {
    "policy-test": "a file of tests: palingenesis policy test",
    "scenario": "a scenario: palingenesis policy simulate",
}


def other_kind(raw: str | bytes, said: str) -> str | None:
    """What a file that is no policy is, and the command for it; None: it may be a policy."""
    from palingenesis.core.policy.modeline import kind_of

    text = raw.decode("utf-8", "replace") if isinstance(raw, bytes) else raw
    told = _READ_BY.get(kind_of(text))
    return f"this is {told} {said}" if told is not None else None


def way_out(raw: str | bytes, said: str) -> str:
    """The hint for a policy that cannot be used."""
    return other_kind(raw, said) or f"palingenesis policy validate {said}"
