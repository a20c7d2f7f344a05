"""What a workflow document says about its progress: the recorded steps, their number, done or not.

Pure: a header's mapping in, a `Progress` out. The shapes are those of the BMAD method and its
relatives, in all the ways that agents really write them; docs/reference/work-documents.md tells
them. Done is said on evidence only: a completion flag, or the recorded last step. An unfinished
count is evidence of the opposite. Everything else is unknown (None).
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from palingenesis.sensors.frontmatter import Plain

TELLTALE = ("stepsCompleted", "lastStep", "workflowType", "workflow_completed", "workflowComplete")
"""Keys that make a header a workflow document's, wherever it stands and however broken it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a piece of work is. None: the document does not tell."""

    done: bool | None
    completed: int | None = None
    total: int | None = None

    @property
    def current(self) -> int | None:
        """Number of the step to go on with."""
        if self.done or self.completed is None:
            return None
        if self.total is not None and self.completed >= self.total:
            return None
        return self.completed + 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One element of `stepsCompleted`, taken apart."""

    ordinal: int
    slug: str = ""
    family: str = ""
    """A pass of its own, such as `e` in `step-e-03-edit`; empty for the workflow's own steps."""
    lap: str = ""
    """A repetition of the workflow's own steps, such as `phase3`."""


# ── is it one ─────────────────────────────────────────────────────────────────────────────────

_BUILD_STATES = frozenset({"draft", "ready-for-dev", "in-progress", "in-review", "done", "blocked"})
_BUILD_KEYS = ("review_loop_iteration", "followup_review_recommended", "baseline_revision")
_BUILD_TYPES = frozenset({"feature", "bugfix", "refactor", "chore"})
_STEP_FILE_KEYS = ("nextStepFile", "continueStepFile", "thisStepFile")


def is_workflow(mapping: Mapping[str, Plain]) -> bool:
    """Whether a header is a workflow document's; templates and step files are none."""
    if any(key in mapping for key in _STEP_FILE_KEYS) or _is_template(mapping):
        return False
    if mapping.get("stepsCompleted") is not None:
        return True
    if any(mapping.get(key) is not None for key in TELLTALE[1:]):
        return True
    return _word(mapping.get("status")) in _BUILD_STATES and (
        any(key in mapping for key in _BUILD_KEYS) or mapping.get("type") in _BUILD_TYPES
    )


def _is_template(mapping: Mapping[str, Plain]) -> bool:
    marks = (mapping.get(key) for key in ("title", "slug", "project_name", "date"))
    return any(isinstance(mark, str) and re.fullmatch(r"\{.+\}", mark) for mark in marks)


# ── one element ───────────────────────────────────────────────────────────────────────────────

_OWN = re.compile(r"(?:step[-_ ]?)?0*(\d{1,4})([a-z])?(?:[-_. ]+(.*))?")
_FAMILY = re.compile(r"(?:step[-_])?([a-z][a-z0-9_-]*?)[-_]0*(\d{1,4})([a-z])?(?:[-_. ]+(.*))?")
_LAP = re.compile(r"-((?:phase|pass|round|v)-?\d+)$")


def read_step(element: Plain) -> Step | None:
    """Take an element apart; None when it has no number."""
    if isinstance(element, bool):
        return None
    if isinstance(element, int | float):
        return Step(ordinal=int(element)) if 0 <= element < 10_000 else None  # noqa: PLR2004
    if not isinstance(element, str) or len(element) > 200:  # noqa: PLR2004
        return None
    text = element.strip().casefold().removesuffix(".md")
    text = re.sub(r"-(?:skipped|skip)$", "", text)
    lap = _LAP.search(text)
    if lap is not None:
        text = text[: lap.start()]
    family = ""
    if (found := _OWN.fullmatch(text)) is not None:
        number, slug = int(found[1]), found[3] or ""
    elif (found := _FAMILY.fullmatch(text)) is not None:
        family, number, slug = found[1], int(found[2]), found[4] or ""
    else:
        return None
    if (span := re.match(r"to-0*(\d{1,4})(?:-|$)", slug)) is not None:
        number = max(number, int(span[1]))
    return Step(ordinal=number, slug=slug, family=family, lap=lap[1] if lap else "")


# ── how many there are ────────────────────────────────────────────────────────────────────────

_TOTALS = (
    (r"(?:.*-)?prd(?:-\d.*)?|create-prd", 12),
    (r".*architecture.*", 8),
    (r".*ux(?:-design)?(?:-spec.*)?", 14),
    (r"(?:create-)?epics(?:-and-stories)?(?:-.*)?", 4),
    (r".*readiness.*", 6),
    (r"(?:.*-)?brief(?:-.*)?", 6),
    (r".*research.*", 6),
    (r".*brainstorm.*", 4),
    (r"(?:quick|tech)-spec.*", 4),
    (r"(?:testarch-)?(?:atdd|framework|test-design)(?:-.*)?", 5),
    (r"(?:testarch-)?ci(?:-.*)?", 4),
)
_TELLING_SLUGS = {"select-framework": 5, "scaffold-framework": 5, "generate-pipeline": 4}
_PRD_STEPS_BEFORE_BETA = 11


def kind_of(mapping: Mapping[str, Plain], name: str) -> str:
    """The kind of workflow: its `workflowType`, else the name of the file, in kebab-case."""
    stated = mapping.get("workflowType")
    text = stated if isinstance(stated, str) and stated else name.rpartition("/")[2]
    return re.sub(r"[\s_]+", "-", text.casefold().removesuffix(".md"))


def _table_total(mapping: Mapping[str, Plain], name: str, steps: Sequence[Step]) -> int | None:
    telling = (_TELLING_SLUGS[step.slug] for step in steps if step.slug in _TELLING_SLUGS)
    if (told := next(telling, None)) is not None:
        return told
    kind = kind_of(mapping, name)
    total = next((n for pattern, n in _TOTALS if re.fullmatch(pattern, kind)), None)
    highest = max((step.ordinal for step in steps), default=0)
    numbers = all(not step.slug for step in steps)
    if total == 12 and numbers and highest <= _PRD_STEPS_BEFORE_BETA:  # noqa: PLR2004
        # Older documents have eleven steps and carry the template's untouched `lastStep: 0`.
        if mapping.get("lastStep") == 0:
            return _PRD_STEPS_BEFORE_BETA
        return None if highest == _PRD_STEPS_BEFORE_BETA else total
    return None if total is not None and highest > total else total


# ── done or not ───────────────────────────────────────────────────────────────────────────────

_DONE = frozenset({"complete", "completed", "done"})
_OPEN = frozenset({"draft", "ready-for-dev", "in-progress", "in-review", "review", "backlog"})
_FINAL_SLUGS = frozenset({"complete", "completion", "final-validation", "final-assessment"})
_FINAL_SLUGS_LATE = re.compile(
    r".*synthesis|generate-(?:output|report)|validate-and-(?:summary|summarize|complete)"
    r"|gate-decision"
)
_LATE = 4


def _flags(mapping: Mapping[str, Plain]) -> tuple[bool, bool, bool]:
    """Whether the header says done, says open, and says open in so many words."""
    says_done = (
        any(_word(mapping.get(key)) in _DONE for key in ("status", "workflowStatus"))
        or any(mapping.get(key) is True for key in _COMPLETED_KEYS)
        or mapping.get("session_active") is False
        or any(_is_date(mapping.get(key)) for key in ("completedAt", "completedDate"))
        or mapping.get("currentStep") == "completed"
        or mapping.get("readinessStatus") == "READY"
    )
    denies = (
        any(mapping.get(key) is False for key in _COMPLETED_KEYS)
        or mapping.get("session_active") is True
    )
    says_open = any(_word(mapping.get(key)) in _OPEN for key in ("status", "workflowStatus"))
    return says_done, says_open or denies, denies


_COMPLETED_KEYS = ("workflow_completed", "workflowComplete", "session_complete")


def _is_date(value: Plain) -> bool:
    return isinstance(value, str) and re.match(r"\d{4}-\d\d", value.strip()) is not None


def _word(value: Plain) -> str:
    """A state as the closed sets spell it."""
    return re.sub(r"[\s_]+", "-", value.strip().casefold()) if isinstance(value, str) else ""


def read_progress(
    mapping: Mapping[str, Plain], *, name: str = "", total: int | None = None
) -> Progress:
    """How far the work is.

    Args:
        mapping: the header.
        name: the document's file name, which tells the kind where the header does not.
        total: the number of step files on the disk, when they were found: it outranks our table.
    """
    recorded = _recorded(mapping)
    steps = [step for step in map(read_step, recorded or ()) if step is not None]
    own = [step for step in steps if not step.family]
    if steps and not own:  # only a pass of its own, such as an edit: read that one
        own = [step for step in steps if step.family == steps[-1].family]
        known = total
    else:
        known = total if total is not None else _table_total(mapping, name, own)
    lap = _last_lap(own, known)
    completed = max((step.ordinal for step in lap), default=0 if recorded == [] else None)
    mixed = len({bool(step.slug) for step in lap}) > 1
    final = any(_is_final(step, known, by_table=total is None and mixed) for step in lap)
    return Progress(
        done=_is_done(mapping, completed=completed, total=known, final=final),
        completed=completed,
        total=known,
    )


def _is_done(
    mapping: Mapping[str, Plain], *, completed: int | None, total: int | None, final: bool
) -> bool | None:
    says_done, says_open, denies = _flags(mapping)
    if says_done:
        return None if says_open else True
    if final:
        return None if denies else True
    if _word(mapping.get("status")) == "blocked":
        return None  # a person has to say what it waits for
    if says_open:
        return False
    if completed is not None and total is not None and completed < total:
        return False
    return None


def _recorded(mapping: Mapping[str, Plain]) -> list[Plain] | None:
    """The elements of `stepsCompleted`; `lastStep` counts only where there are none."""
    value = mapping.get("stepsCompleted")
    if isinstance(value, list):
        return value
    if isinstance(value, str):
        return [part for part in re.split(r"[,\s]+", value.strip("[] ")) if part]
    if value is not None:
        return [value] if isinstance(value, int) else None
    last = mapping.get("lastStep")
    return [last] if isinstance(last, str | int) and last else None


def _last_lap(steps: Sequence[Step], total: int | None) -> list[Step]:
    """The steps since the workflow was last begun anew."""
    lap: list[Step] = []
    for step in steps:
        renamed = bool(lap) and step.lap != lap[-1].lap
        begun_anew = any(_is_final(done, total) for done in lap) and all(
            step.ordinal < done.ordinal or step.ordinal == 1 for done in lap[-1:]
        )
        if renamed or begun_anew:
            lap = []
        lap.append(step)
    return lap


def _is_final(step: Step, total: int | None, *, by_table: bool = False) -> bool:
    """Whether a step is its workflow's last; `by_table`: its number alone is no evidence."""
    if step.slug in _FINAL_SLUGS:
        return True
    if step.ordinal >= _LATE and _FINAL_SLUGS_LATE.fullmatch(step.slug):
        return total is None or step.ordinal >= total
    return not by_table and total is not None and step.ordinal >= total


# ── a project's list of stories ───────────────────────────────────────────────────────────────


def read_sprint(mapping: Mapping[str, Plain]) -> Progress | None:
    """How far a sprint is (`development_status`: story → state); None: it is no such list."""
    listed = mapping.get("development_status")
    if not isinstance(listed, dict):
        return None
    states = {
        key: _word(value)
        for key, value in listed.items()
        if not re.match(r"epic-\d+$", key) and not key.endswith("-retrospective")
    }
    counted = [state for state in states.values() if state != "optional"]
    finished = sum(state == "done" for state in counted)
    known = all(state in _OPEN | {"done"} for state in counted)
    done = finished == len(counted) if known and counted else None
    return Progress(done=done, completed=finished, total=len(counted) or None)
