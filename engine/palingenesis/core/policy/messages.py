"""Messages: texts with `${facts}` in them. `$${` stands for `${` itself."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from palingenesis.core.facts import FACTS, did_you_mean

EXTRA: Final = ("resume_at", "rule.id", "session.id")
"""What a message may hold beside facts; parameters are filled in when the policy is compiled."""

UNKNOWN: Final = "unknown"
"""What stands for a fact that is not known."""

_PLACEHOLDER: Final = re.compile(r"\$\$\{|\$\{([^{}]{0,100})\}")
_BEGUN: Final = re.compile(r"\$\{")


@dataclass(frozen=True, slots=True)
class Placeholder:
    """A `${name}` and where it stands, in characters."""

    name: str
    start: int
    end: int


def placeholders(template: str) -> tuple[Placeholder, ...]:
    """Every placeholder, from left to right."""
    return tuple(
        Placeholder(found[1].strip(), *found.span())
        for found in _PLACEHOLDER.finditer(template)
        if found[1] is not None
    )


def unfinished(template: str) -> tuple[tuple[int, int], ...]:
    """Where a `${` begins no placeholder, because what follows is no name with a `}` after it."""
    used = {at for found in _PLACEHOLDER.finditer(template) for at in range(*found.span())}
    begun = (found.span() for found in _BEGUN.finditer(template))
    return tuple((start, end) for start, end in begun if start not in used)


def fill(template: str, values: Mapping[str, str]) -> str:
    """Put values in place of the placeholders; what is missing becomes `unknown`."""
    return _replace(template, lambda name: values.get(name, UNKNOWN), escape="${")


def fill_params(template: str, params: Mapping[str, str]) -> str:
    """Put parameters in, and leave every other placeholder as it is."""

    def one(name: str) -> str:
        return params.get(name.removeprefix("params."), "") if _is_param(name) else f"${{{name}}}"

    return _replace(template, one, escape="$${")


def _replace(template: str, value: Callable[[str], str], *, escape: str) -> str:
    return _PLACEHOLDER.sub(
        lambda found: escape if found[1] is None else value(found[1].strip()), template
    )


def _is_param(name: str) -> bool:
    return name.startswith("params.")


def problem_with(name: str, params: Mapping[str, str]) -> tuple[str, str] | None:
    """Message and help if a placeholder names nothing; None if all is well."""
    if _is_param(name):
        bare = name.removeprefix("params.")
        if bare in params:
            return None
        advice = did_you_mean(bare, params) or "declare it under 'params:'"
        return f"unknown parameter '{bare}' in a message", advice
    if name in FACTS or name in EXTRA:
        return None
    advice = did_you_mean(name, (*FACTS, *EXTRA)) or "write $${ for the characters ${"
    return f"unknown fact '{name}' in a message", advice
