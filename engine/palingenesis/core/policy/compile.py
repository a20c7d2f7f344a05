"""Compiling: the text of a policy file -> a policy, or every reason why not."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from palingenesis.core.policy.build import build
from palingenesis.core.policy.check import check
from palingenesis.core.policy.diagnostics import Diagnostic
from palingenesis.core.policy.model import Policy
from palingenesis.core.policy.outside import NOTHING, Outside
from palingenesis.core.policy.read import read

_NONE: Final[Mapping[str, str]] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class Compiled:
    """The policy, None if there is an error, and all diagnostics in the order of the file."""

    policy: Policy | None
    diagnostics: tuple[Diagnostic, ...]
    sources: Mapping[str, str] = field(default_factory=dict)
    """The text of every file that was read beside the policy itself, by its name."""


def compile_text(
    text: str | bytes,
    *,
    name: str,
    schema: str,
    params: Mapping[str, str] = _NONE,
    outside: Outside = NOTHING,
) -> Compiled:
    """Compile a policy file. Never raises because of what is in it.

    Args:
        text: the file, as it was read.
        name: what to call the policy, usually the file's name.
        schema: text of policy.schema.json.
        params: values that replace the defaults of `params:`, as text.
        outside: what it may refer to: time zones, other policies, names of the configuration.
    """
    root, findings = read(text)
    if root is None:
        return Compiled(policy=None, diagnostics=findings.in_order())
    resolved = check(root, findings, name=name, schema=schema, params=params, outside=outside)
    return Compiled(
        policy=None if findings.refused else build(resolved),
        diagnostics=findings.in_order(),
        sources=findings.source.others(),
    )
