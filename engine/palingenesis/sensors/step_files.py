"""A workflow's own step files on the disk: how many steps there are, and what they are called."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from palingenesis.sensors.folder import Folder
from palingenesis.sensors.frontmatter import Plain
from palingenesis.sensors.steps import Step, kind_of, read_step

PLACES = ("_bmad", ".bmad", "bmad", ".opencode/skills", ".claude/skills", ".agents/skills")
"""Where workflows are installed in a project."""
_DETOUR = re.compile(r"step-\d+[a-z]?-(?:continue|resume)")


@dataclass(frozen=True, slots=True)
class StepFiles:
    """One workflow's steps: number → name of its file, without `.md`."""

    workflow: str
    names: Mapping[int, str]

    @property
    def total(self) -> int:
        """Number of the last step; lettered files (`step-02b-…`) belong to their number's step."""
        return max(self.names)


def find_step_files(folder: Folder) -> tuple[StepFiles, ...] | None:
    """Every workflow whose step files (`…/steps*/step-NN-name.md`) lie in the usual places.

    None: one of these places is there, and cannot be looked into now.
    """
    found: dict[str, dict[int, str]] = {}
    for place in PLACES:
        for path in folder.matches(f"{place}/**/steps*/step-*.md"):
            if path == place:
                return None
            parent, _, name = path.rpartition("/")
            step = read_step(name)
            if step is None or step.family or _DETOUR.match(name):
                continue
            found.setdefault(parent, {}).setdefault(step.ordinal, name.removesuffix(".md"))
    return tuple(
        StepFiles(parent.rpartition("/")[0].rpartition("/")[2], names)
        for parent, names in found.items()
    )


def choose(
    files: Sequence[StepFiles],
    *,
    mapping: Mapping[str, Plain],
    name: str,
    recorded: Sequence[Step],
) -> StepFiles | None:
    """The workflow that a document belongs to, by the recorded names or else by its kind.

    None when none fits, or when several fit that differ in length.
    """
    slugs = {(step.ordinal, step.slug) for step in recorded if step.slug and not step.family}
    if slugs:
        scores = [(len(slugs & _slugs_of(candidate)), candidate) for candidate in files]
        best = max((score for score, _ in scores), default=0)
        fitting = [candidate for score, candidate in scores if score == best > 0]
    else:
        kind = kind_of(mapping, name)
        fitting = [file for file in files if f"-{file.workflow}".endswith(f"-{kind}")]
    return fitting[0] if len({file.total for file in fitting}) == 1 else None


def _slugs_of(files: StepFiles) -> set[tuple[int, str]]:
    steps = (read_step(name) for name in files.names.values())
    return {(step.ordinal, step.slug) for step in steps if step is not None}
