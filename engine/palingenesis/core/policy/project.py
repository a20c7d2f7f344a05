"""A project's policy: what it asks for, on top of the person's own policy, for its own sessions.

Theory of operation: the project's document is assembled upon the person's, as if it extended it,
and what comes out is a whole policy that holds for the sessions of one directory (an overlay). A
project that is not trusted may only tighten, which is checked on the document (`tighten`) before
anything of it is merged.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from palingenesis.core.policy.build import TIMINGS, build
from palingenesis.core.policy.check import resolve
from palingenesis.core.policy.compile import Compiled
from palingenesis.core.policy.diagnostics import Findings
from palingenesis.core.policy.inherit import assemble, assemble_upon
from palingenesis.core.policy.outside import Loaded, Outside
from palingenesis.core.policy.read import Table, read, read_beside
from palingenesis.core.policy.structure import check_structure
from palingenesis.core.policy.tighten import guarded, tightened

_OF_ALL: Final = frozenset({"mode", "time-zone", "limits", "never", *TIMINGS})
"""Keys that say something about all sessions."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """A project's policy as it was found."""

    directory: str
    text: str | bytes
    trusted: bool


def compile_project(
    project: Project,
    own: Loaded,
    *,
    schema: str,
    params: Mapping[str, str],
    outside: Outside,
) -> Compiled:
    """Compile a project's policy upon the person's own. Never raises because of what is in it.

    Args:
        project: the project's policy, which diagnostics without a file are about.
        own: the person's policy, which has no errors.
        schema: text of policy.schema.json.
        params: values for the parameters of the person's policy.
        outside: what both may refer to.
    """
    root, findings = read(project.text)
    resolved: dict[str, Any] | None = None
    if root is not None:
        check_structure(root, schema, findings, fragment=True)
        if isinstance(root, Table):
            resolved = _resolved(
                root, project, own, findings, schema=schema, params=params, outside=outside
            )
    if findings.refused or resolved is None:
        return Compiled(policy=None, diagnostics=findings.in_order())
    return Compiled(policy=build(resolved), diagnostics=findings.in_order())


def _resolved(
    root: Table,
    project: Project,
    own: Loaded,
    findings: Findings,
    *,
    schema: str,
    params: Mapping[str, str],
    outside: Outside,
) -> dict[str, Any] | None:
    _check_keys(root, findings)
    if own.text is None:
        return None
    beneath = read_beside(own.text, own.name, findings)
    if not isinstance(beneath, Table):
        return None
    whole = assemble(beneath, schema, _seen_from(own.name, outside), findings)
    held: dict[str, str] = {}
    if not project.trusted:
        root = tightened(root, whole, held, findings)
    both = assemble_upon(whole, root, schema, outside, findings)
    resolved = resolve(both, findings, name=own.name, params=params, outside=outside)
    return guarded(resolved, held)


def _seen_from(name: str, outside: Outside) -> Outside:
    """The outside of a document that is not the one that is compiled, but has its own name."""

    def load(named: str, by: str) -> Loaded:
        return outside.load(named, by or name)

    return replace(outside, load=load)


def _check_keys(root: Table, findings: Findings) -> None:
    for key, _ in root.entries:
        if key.text in _OF_ALL:
            message = f"'{key.text[:40]}' in a project's policy"
            advice = "it is about all sessions, so only your own policy can say it"
            findings.add("S020", message, key.span, advice)
