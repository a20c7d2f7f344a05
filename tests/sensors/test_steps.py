import pytest
from hypothesis import given
from hypothesis import strategies as st

from palingenesis.sensors.steps import (
    Progress,
    Step,
    is_workflow,
    read_progress,
    read_sprint,
    read_step,
)

PRD_NAMES = [
    "step-01-init",
    "step-02-discovery",
    "step-03-success",
    "step-04-journeys",
    "step-05-domain",
    "step-06-innovation",
    "step-07-project-type",
    "step-08-scoping",
    "step-09-functional",
    "step-10-nonfunctional",
    "step-11-polish",
    "step-12-complete",
]


def progress(steps, *, name="", total=None, **header):
    return read_progress({"stepsCompleted": steps, **header}, name=name, total=total)


@pytest.mark.parametrize(
    ("element", "step"),
    [
        (7, Step(ordinal=7)),
        ("7", Step(ordinal=7)),
        ("step-07", Step(ordinal=7)),
        ("step-07-project-type", Step(ordinal=7, slug="project-type")),
        ("step-07-project-type.md", Step(ordinal=7, slug="project-type")),
        ("Step-07-Project-Type", Step(ordinal=7, slug="project-type")),
        ("2-research", Step(ordinal=2, slug="research")),
        ("step-02b-vision", Step(ordinal=2, slug="vision")),
        ("step-05-domain-skipped", Step(ordinal=5, slug="domain")),
        ("growth-3-skip", Step(ordinal=3, family="growth")),
        ("step-e-03-edit", Step(ordinal=3, slug="edit", family="e")),
        ("v1-publish-4a", Step(ordinal=4, family="v1-publish")),
        ("step-02-design-phase3", Step(ordinal=2, slug="design", lap="phase3")),
        ("step-07-to-12-consolidated", Step(ordinal=12, slug="to-12-consolidated")),
        ("cli-condensed", None),
        ("dev-review-v1.1", None),
        (True, None),
        (None, None),
        ({"a": 1}, None),
    ],
)
def test_an_element_is_taken_apart_however_it_is_written(element, step):
    assert read_step(element) == step


def test_six_of_twelve_recorded_steps_mean_that_step_seven_is_next():
    for recorded in (PRD_NAMES[:6], [1, 2, 3, 4, 5, 6], [f"{name}.md" for name in PRD_NAMES[:6]]):
        found = progress(recorded, workflowType="prd")

        assert found == Progress(done=False, completed=6, total=12)
        assert found.current == 7


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ({"stepsCompleted": PRD_NAMES, "workflowType": "prd"}, ""),
        ({"stepsCompleted": list(range(1, 13))}, "prd.md"),
        ({"stepsCompleted": list(range(1, 12)), "workflowType": "prd", "lastStep": 0}, ""),
        ({"stepsCompleted": list(range(1, 9)), "workflowType": "architecture"}, ""),
        ({"stepsCompleted": [*range(1, 9), "growth-2", "growth-3-skip"]}, "architecture.md"),
        ({"stepsCompleted": [*PRD_NAMES, "step-e-03-edit"]}, "prd.md"),
        ({"stepsCompleted": ["step-04-final-validation"]}, ""),
        ({"stepsCompleted": ["step-05-generate-output"], "lastStep": "step-05-x"}, ""),
        ({"stepsCompleted": ["step-02-design-epics"], "status": "complete"}, "epics.md"),
        ({"stepsCompleted": [1, 2], "status": "Completed"}, ""),
        ({"stepsCompleted": [1, 2], "workflow_completed": True}, ""),
        ({"stepsCompleted": [1, 2], "workflowComplete": True}, ""),
        ({"stepsCompleted": [1, 2], "workflowStatus": "complete"}, ""),
        ({"stepsCompleted": [1, 2], "session_active": False}, ""),
        ({"stepsCompleted": [1, 2], "session_complete": True}, ""),
        ({"stepsCompleted": [1, 2], "completedAt": "2026-02-05"}, ""),
        ({"stepsCompleted": [1, 2], "currentStep": "completed"}, ""),
        ({"stepsCompleted": [1, 2], "readinessStatus": "READY"}, ""),
        ({"stepsCompleted": [1, 2, 3, 4], "status": "ready-for-dev"}, "tech-spec-login.md"),
        ({"status": "done", "type": "feature", "review_loop_iteration": 1}, ""),
    ],
)
def test_a_flag_or_the_recorded_last_step_means_done(header, name):
    assert read_progress(header, name=name).done is True


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ({"stepsCompleted": []}, "epics.md"),
        ({"stepsCompleted": [1, 2, 3, "cli-condensed"], "workflowType": "ux-design"}, ""),
        ({"stepsCompleted": PRD_NAMES[:11], "workflowType": "prd"}, ""),
        ({"stepsCompleted": ["step-02-select-framework"], "lastStep": "step-02"}, ""),
        ({"stepsCompleted": [1, 2, 3], "status": "in-progress"}, ""),
        ({"stepsCompleted": [1, "2-research"]}, "brainstorming-session-1.md"),
        ({"status": "in_progress", "type": "bugfix"}, ""),
        ({"stepsCompleted": [1, 2], "workflow_completed": False, "workflowType": "prd"}, ""),
        (
            {"stepsCompleted": [1, 2, 3, 4, 5, 6, 7, 8, 1, 2], "workflowType": "architecture"},
            "",
        ),
    ],
)
def test_a_count_below_the_total_or_an_open_status_means_not_done(header, name):
    assert read_progress(header, name=name).done is False


@pytest.mark.parametrize(
    "header",
    [
        {"stepsCompleted": ["step-01-discovery", "step-07-foundation"]},
        {"stepsCompleted": ["step-07-foundation"], "status": "FOUNDATION_COMPLETE"},
        {"stepsCompleted": ["step-02-x"], "status": "implementation-complete"},
        {"stepsCompleted": [], "workflowType": "our-own"},
        {"stepsCompleted": ["expedited-synthesis"], "workflowType": "our-own"},
        {"stepsCompleted": list(range(1, 12)), "workflowType": "prd", "lastStep": 11},
        {"stepsCompleted": [1, "2-a", "3-b", "4-c"], "workflowType": "brainstorming"},
        {"stepsCompleted": [1, "2-a", "9-z"], "workflowType": "brainstorming"},
        {"stepsCompleted": "nonsense"},
        {"stepsCompleted": {"a": 1}},
        {"stepsCompleted": [1], "status": "complete", "workflow_completed": False},
        {"stepsCompleted": [1], "completedAt": "", "readinessStatus": "NOT READY"},
        {"stepsCompleted": [1, 2, 3], "status": "blocked", "workflowType": "prd"},
        {"lastStep": 12},
    ],
)
def test_everything_else_is_unknown(header):
    assert read_progress(header).done is None


def test_an_array_that_holds_only_the_last_step_counts_by_number_not_by_length():
    assert progress(["step-05-generate-output"]).completed == 5


def test_a_second_lap_is_read_by_itself():
    first = ["step-01-a", "step-02-b", "step-03-c"]
    second = ["step-02-b-phase3", "step-03-c-phase3"]

    assert progress(first + second, name="epics.md").done is False
    assert progress([*first, *second, "step-04-final-validation-phase3"], name="epics.md").done


def test_the_number_of_step_files_on_the_disk_outranks_the_table():
    assert progress(PRD_NAMES[:6], workflowType="prd", total=14) == Progress(
        done=False, completed=6, total=14
    )
    assert progress([1, 2, 3], workflowType="prd", total=3).done is True


@pytest.mark.parametrize(
    ("header", "is_one"),
    [
        ({"stepsCompleted": [1]}, True),
        ({"workflowType": "prd", "lastStep": 1}, True),
        ({"status": "draft", "type": "feature"}, True),
        ({"status": "draft", "title": "A blog post"}, False),
        ({"stepsCompleted": None}, False),
        ({"stepsCompleted": [], "title": "{title}"}, False),
        ({"stepsCompleted": [], "nextStepFile": "./step-02.md"}, False),
        ({"name": "skill", "description": "x"}, False),
    ],
)
def test_templates_step_files_and_other_headers_are_no_workflow_documents(header, is_one):
    assert is_workflow(header) is is_one


def test_a_sprint_is_done_when_every_story_is():
    stories = {"epic-1": "in-progress", "1-1-login": "done", "1-2-logout": "review"}

    assert read_sprint({"development_status": stories}) == Progress(
        done=False, completed=1, total=2
    )
    assert read_sprint({"development_status": {**stories, "1-2-logout": "done"}}).done is True
    assert read_sprint({"development_status": {"1-1-login": "odd"}}).done is None
    assert read_sprint({"development_status": {}}).done is None
    assert read_sprint({"a": 1}) is None


plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner),
)


@given(
    st.dictionaries(
        st.sampled_from(["stepsCompleted", "lastStep", "status", "workflowType", "completedAt"]),
        plain,
    )
)
def test_no_header_makes_the_reading_raise(header):
    read_progress(header)
    is_workflow(header)
    read_sprint({"development_status": header})


@given(st.lists(st.integers(1, 7), max_size=10))
def test_a_count_below_the_total_is_never_done(steps):
    assert progress(steps, workflowType="architecture").done is False
