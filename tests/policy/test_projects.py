"""A project's policy holds for its own sessions; until it is trusted, it can only tighten."""

import json
from dataclasses import replace
from datetime import timedelta

import pytest

from palingenesis.core.plans import Attention, Finish, Resume
from palingenesis.core.policy.build import build
from palingenesis.core.policy.compile import Compiled
from palingenesis.core.policy.decide import Ruling, decide
from palingenesis.core.policy.matching import absolute, problem_with_glob
from palingenesis.core.policy.model import Mode, Policy
from tests.policy.projects import of_project
from tests.policy.texts import END, compiled, outside, policy

OWN = """\
version: 1
params: {nudge: {type: text, default: Go on.}}
calendars: {quiet: {from: "22:30", to: "07:00"}}
define:
  slow: stop.reason in ('rate_limit', 'overloaded')
rules:
  - {id: respect, when: stop.reason == 'user_exit', do: [stand-down]}
  - id: limits
    when: slow
    do: [wait: {for: 1m}, resume: {message: "${params.nudge}"}]
    limit: {max: 5, per: 1h}
  - {id: crash, when: stop.reason == 'crash', do: [restart]}
  - {id: late, mode: shadow, when: stop.reason == 'timeout', do: [resume]}
default: {do: [attention]}
"""
APP = "/home/ada/app"


def made(text: str, *, trusted: bool = False) -> Compiled:
    return of_project(f"version: 1\n{text}", OWN, trusted=trusted)


def usable(text: str, *, trusted: bool = False) -> Policy:
    result = made(text, trusted=trusted)
    assert result.policy is not None, result.diagnostics
    return result.policy


def both(text: str, *, trusted: bool = False) -> Policy:
    """The person's policy with the project's over it."""
    overlay = {
        "directory": APP, "file": f"{APP}/.palingenesis/policy.yaml", "trusted": trusted,
        "policy": usable(text, trusted=trusted).resolved,
    }  # fmt: skip
    return build(json.loads(json.dumps({**policy(OWN).resolved, "overlays": [overlay]})))


def ruled(by: Policy, reason: str, directory: str = APP, used: int = 0) -> Ruling:
    facts = {"event": "stopped", "stop.reason": reason, "session.directory": directory}
    return decide(by, facts, lambda *_: used)


def told(text: str, *, trusted: bool = False) -> list[tuple[str, int, int, str]]:
    return [
        (one.code, one.line, one.col, one.message)
        for one in made(text, trusted=trusted).diagnostics
    ]


def test_a_lowered_limit_holds_in_the_project_and_nowhere_else() -> None:
    by = both("rules: [{id: limits, override: merge, limit: {max: 2, per: 1h}}]\n")

    assert ruled(by, "overloaded", used=2).limited
    assert ruled(by, "overloaded", f"{APP}/inside", used=2).limited
    assert not ruled(by, "overloaded", f"{APP}-other", used=2).limited
    assert not ruled(by, "overloaded", "/srv", used=2).limited
    assert ruled(by, "overloaded", used=1).steps == policy(OWN).rules[1].steps


@pytest.mark.parametrize("word", ["override: off", "override: merge, mode: off"])
def test_a_rule_that_is_turned_off_asks_for_a_person_and_no_later_rule_acts(word: str) -> None:
    by = both(f"rules: [{{id: crash, {word}}}]\n")

    ruling = ruled(by, "crash")
    assert ruling.rule == "crash-held"
    assert ruling.steps == (
        Attention(reason="the project's policy has turned the rule 'crash' to off"),
    )
    assert ruled(by, "crash", "/srv").rule == "crash"


def test_a_rule_that_is_turned_to_shadow_is_recorded_and_asks_for_a_person() -> None:
    by = both("rules: [{id: crash, override: merge, mode: shadow}]\n")

    ruling = ruled(by, "crash")
    assert [(aside.rule, aside.shadow) for aside in ruling.asides] == [("crash", True)]
    assert ruling.rule == "crash-held"


def test_rules_that_tell_and_rules_that_ask_for_a_person_may_be_added() -> None:
    by = both(
        "define: {dear: session.cost > $5}\nrules:\n"
        "  - {id: watch, continue: true, do: [notify: {message: hi}, snapshot]}\n"
        "  - {id: stop-here, when: dear or stop.reason == 'quota', do: [attention]}\n"
    )

    assert [aside.rule for aside in ruled(by, "crash").asides] == ["watch"]
    assert ruled(by, "quota").rule == "stop-here"
    assert ruled(by, "quota", "/srv").rule == "default"


def test_a_trusted_project_extends_the_persons_policy_as_it_likes() -> None:
    by = both(
        "params: {nudge: {type: text, default: Please.}}\n"
        "define: {slow: stop.reason == 'quota'}\n"
        "rules:\n  - {id: mine, when: stop.reason == 'crash', do: [resume]}\n"
        "  - {id: respect, override: off}\n"
        "default: {do: [finish]}\n",
        trusted=True,
    )

    assert ruled(by, "crash").steps == (Resume(),)
    assert ruled(by, "quota").steps[-1] == Resume(message="Please.")
    assert ruled(by, "user_exit").steps == (Finish(),)
    assert ruled(by, "user_exit", "/srv").rule == "respect"


REFUSED = {
    "rules: [{id: go, do: [resume]}]": ["'resume' in a policy that is not trusted",
        "a rule of a policy that is not trusted decides, and no person looks"],
    "rules: [{id: go, continue: true, do: [run: {hook: backup}]}]": [
        "'run' in a policy that is not trusted"],
    "rules: [{id: go, do: [notify: {message: hi}]}]": [
        "a rule of a policy that is not trusted decides, and no person looks"],
    "rules: [{id: go, do: [finish]}]": ["'finish' in a policy that is not trusted",
        "a rule of a policy that is not trusted decides, and no person looks"],
    "rules: [{id: crash, override: replace, do: [attention]}]": [
        "a rule is replaced by a policy that is not trusted"],
    "rules: [{id: crash, override: merge, do: [resume]}]": ["'do' of a rule is changed"],
    "rules: [{id: crash, override: merge, when: true}]": ["'when' of a rule is changed"],
    "rules: [{id: respect, override: off}]": [
        "the rule 'respect' protects the session and is turned off"],
    "rules: [{id: respect, override: merge, mode: shadow}]": [
        "the rule 'respect' protects the session and is turned shadow"],
    "rules: [{id: late, override: merge, mode: enforce}]": [
        "a rule is turned on by a policy that is not trusted"],
    "rules: [{id: limits, override: merge, limit: {max: 6, per: 1h}}]": [
        "a limit is raised from 5 to 6"],
    "rules: [{id: limits, override: merge, limit: {max: 5, per: 30m}}]": [
        "the window of a limit is shortened from 1h to 30m"],
    "rules: [{id: limits, override: merge, limit: {max: 1, per: 1h, then: [resume]}}]": [
        "'resume' in a policy that is not trusted",
        "a rule of a policy that is not trusted decides, and no person looks"],
    "params: {nudge: {type: text, default: 'rm -rf /'}}": [
        "'nudge' has a meaning in your own policy"],
    "define: {slow: true}": ["'slow' has a meaning in your own policy"],
    "calendars: {quiet: {from: '00:00', to: '23:59'}}": [
        "'quiet' has a meaning in your own policy"],
    "extends: [builtin:recommended@1]": ["'extends' in a policy that is not trusted"],
    "default: {do: [finish]}": ["'default' in a policy that is not trusted"],
}  # fmt: skip


TIGHTER = [
    "rules: [{id: crash, override: merge, mode: enforce}]",
    "rules: [{id: late, override: merge, why: later}]",
    "rules: [{id: late, override: merge, mode: off}]",
    "rules: [{id: crash, override: merge, limit: {max: 9, per: 1m}}]",
    "rules: [{id: limits, override: merge, limit: {max: 5, per: 1h}}]",
    "rules: [{id: limits, override: merge, limit: {max: 1, per: 1h, then: [attention]}}]",
    "rules: [{id: a, continue: true, do: [snapshot], limit: {max: 1, per: 1h, then: [snapshot]}}]",
    "rules: [{id: seen, do: [snapshot, attention: {reason: look}]}]",
    "rules: []",
    "params: {mine: {type: int, default: 5}}\nrules: []",
]


@pytest.mark.parametrize("text", TIGHTER)
def test_what_only_tightens_needs_no_trust(text: str) -> None:
    assert [code for code, *_ in told(f"{text}\n") if code[0] != "L"] == []


def test_a_rule_of_a_project_that_does_not_go_on_has_to_end_with_a_person() -> None:
    text = "rules: [{id: seen, continue: false, do: [snapshot]}]\n"

    assert [message for code, _, _, message in told(text) if code == "S021"] == [
        "a rule of a policy that is not trusted decides, and no person looks"
    ]


def test_an_unknown_action_is_told_as_a_mistake_and_not_as_one_that_needs_trust() -> None:
    found = told("rules: [{id: seen, do: [explode, attention]}]\n")

    assert [code for code, *_ in found] == ["S001"]


def test_an_overlay_is_kept_with_its_file_and_whether_it_is_trusted() -> None:
    text = "rules: [{id: crash, override: merge, mode: shadow}]\n"

    (strange,), (own,) = both(text).overlays, both(text, trusted=True).overlays

    assert (strange.file, strange.trusted) == (f"{APP}/.palingenesis/policy.yaml", False)
    assert own.trusted


MISSHAPED = [
    "rules: no",
    "rules: [no]",
    "rules: [{id: crash, override: [off]}]",
    "rules: [{id: crash, override: merge, limit: no}]",
    "rules: [{id: crash, override: merge, why: {max: 9, per: 1m}}]",
    "rules: [{id: limits, override: merge, why: {max: 9, per: 1m}}]",
    "rules: [{id: limits, override: merge, limit: {max: many, per: 1h}}]",
    "rules: [{id: limits, override: merge, limit: {max: 1, per: often}}]",
    "rules: [{id: limits, override: merge, limit: {max: 1, per: 1h, then: attention}}]",
    "rules: [{id: [], override: merge, limit: {max: 1, per: 1h}}]",
    "rules: [{id: go, do: attention}]",
    "rules: [{id: go, do: [{}, attention]}]",
    "rules: [{id: go, limit: 5, do: [attention]}]",
    "rules: [{id: nobody, override: off}]",
    "params: no",
    "define: [slow]",
]


@pytest.mark.parametrize("text", MISSHAPED)
def test_what_has_no_form_is_a_mistake_of_its_own_and_no_matter_of_trust(text: str) -> None:
    codes = {code for code, *_ in told(f"{text}\n")}

    assert codes
    assert "S021" not in codes


@pytest.mark.parametrize("text", REFUSED)
def test_whatever_is_no_tightening_needs_trust(text: str) -> None:
    assert [message for code, _, _, message in told(text) if code == "S021"] == REFUSED[text]


@pytest.mark.parametrize(
    "line",
    ["mode: off", "limits: {actions: {max: 1, per: 1h}}", "never: [{do: resume}]",
     "healthy-after: 1m", "time-zone: UTC"],
)  # fmt: skip
def test_what_is_about_all_sessions_is_no_projects_business(line: str) -> None:
    assert [code for code, *_ in told(f"{line}\n", trusted=True)] == ["S020"]


def test_mistakes_are_told_in_the_projects_own_lines() -> None:
    crash = "rules:\n  - {id: crash, overide: merge, do: [attention]}\n"
    text = crash + "  - {id: a, when: wrok.done, do: [attention]}\n"

    assert [(code, line) for code, line, _, _ in told(text)] == [
        ("S019", 3), ("S001", 3), ("E009", 4),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("glob", "path"),
    [
        ("/", "/"), ("/srv/", "/srv"), ("~", "/home/ada"), ("~/work/", "/home/ada/work"),
        ("~other", ""), ("srv", ""), ("", ""),
    ],
)  # fmt: skip
def test_a_folder_is_written_out_from_the_root_or_not_at_all(glob: str, path: str) -> None:
    assert absolute(glob, "/home/ada") == path


def test_a_pattern_of_folders_that_is_too_long_says_so() -> None:
    assert problem_with_glob("/srv/**") == ""
    assert problem_with_glob(f"/{'x' * 300}") == "a pattern has at most 200 characters"


def test_what_was_read_beside_a_policy_is_kept_with_it() -> None:
    team = "version: 1\nrules: [{id: team, do: [finish]}]\n" + END
    text = "version: 1\nextends: [./team.yaml]\nrules: []\n" + END

    assert compiled(text, outside({"./team.yaml": team})).sources == {"./team.yaml": team}


def test_the_nearest_project_holds() -> None:
    own = policy(OWN)
    outer, inner = (replace(own, default=(step,)) for step in (Finish(), Attention(reason="in")))
    overlays = [
        {"directory": "/a", "policy": outer.resolved}, {"directory": "/a/b", "policy": own.resolved}
    ]  # fmt: skip

    by = build({**own.resolved, "overlays": overlays})

    assert [by.for_directory(where) for where in ("/a", "/a/c")] == [by.overlays[0].policy] * 2
    assert [by.for_directory(where) for where in ("/a/b", "/a/b/c")] == [by.overlays[1].policy] * 2
    assert [by.for_directory(where) for where in ("/ab", "", None)] == [by] * 3
    assert inner != outer


def test_an_overlay_is_part_of_what_a_policy_does() -> None:
    text = "rules: [{id: crash, override: merge, mode: shadow}]\n"
    one, other = both(text), both(text.replace("shadow", "off"))

    assert len({one.digest, other.digest, policy(OWN).digest}) == 3
    assert one.digest == both(f"# a comment\n\n{text}").digest
    assert one.mode is Mode.ENFORCE
    assert one.overlays[0].policy.rules[1].limit is not None
    assert one.overlays[0].policy.rules[1].limit.per == timedelta(hours=1)
