"""What a policy inherits, in which order, and what it may say about it."""

import pytest

from palingenesis.core.plans import Attention, Finish
from palingenesis.core.policy.compile import Compiled
from palingenesis.core.policy.inherit import DEEPEST, MOST_FILES
from palingenesis.core.policy.model import Policy
from tests.policy.texts import END, PRESETS, compiled, outside

TEAM = """\
version: 1
params: {cap: {type: money, default: $5}, word: {type: text, default: team}}
define: {dear: session.cost > params.cap}
healthy-after: 5m
rules:
  - {id: dear, when: dear, do: [attention: {reason: "${params.word}"}], limit: {max: 2, per: 1h}}
  - {id: done, when: work.done, do: [finish]}
never: [{do: restart}]
default: {do: [attention: {reason: team}]}
"""


def made(text: str, **files: str) -> Compiled:
    named = {name.replace("__", "/").replace("_", ".") + ".yaml": it for name, it in files.items()}
    return compiled(text, outside({f"./{name}": it for name, it in named.items()}))


def usable(text: str, **files: str) -> Policy:
    result = made(text, **files)
    assert result.policy is not None, result.diagnostics
    return result.policy


def ids(policy: Policy) -> list[str]:
    return [rule.id for rule in policy.rules]


def test_own_rules_are_tried_before_inherited_ones_unless_those_want_to_be_on_top() -> None:
    own = "rules: [{id: mine, do: [finish]}]\n"

    below = usable(f"version: 1\nextends: [./team.yaml]\n{own}", team=TEAM)
    above = usable(f"version: 1\nextends: [{{use: ./team.yaml, position: top}}]\n{own}", team=TEAM)

    assert ids(below) == ["mine", "dear", "done"]
    assert ids(above) == ["dear", "done", "mine"]
    assert [rule.file for rule in below.rules] == ["", "./team.yaml", "./team.yaml"]


def test_the_order_of_the_list_is_the_order_of_what_is_inherited() -> None:
    other = "version: 1\nrules: [{id: other, do: [finish]}]\n"
    text = "version: 1\nextends: [./{0}.yaml, ./{1}.yaml]\nrules: []\n"

    assert ids(usable(text.format("team", "other"), team=TEAM, other=other)) == [
        "dear", "done", "other",
    ]  # fmt: skip
    assert ids(usable(text.format("other", "team"), team=TEAM, other=other)) == [
        "other", "dear", "done",
    ]  # fmt: skip


def test_merging_changes_some_keys_and_keeps_the_place_of_the_rule() -> None:
    text = "version: 1\nextends: [./team.yaml]\nrules:\n  - {id: a, do: [finish]}\n"
    merging = text + "  - {id: done, override: merge, when: work.state == 'absent'}\n"

    policy = usable(merging, team=TEAM)

    assert ids(policy) == ["a", "dear", "done"]
    (_, _, done) = policy.rules
    assert done.when is not None
    assert done.when.parts[0].text == "work.state == 'absent'"
    assert done.steps == (Finish(),)
    assert (done.file, done.line) == ("", 5)


def test_replacing_and_leaving_out() -> None:
    text = (
        "version: 1\nextends: [./team.yaml]\nrules:\n"
        "  - {id: dear, override: replace, do: [finish]}\n"
        "  - {id: done, override: off, why: Not here.}\n"
    )

    policy = usable(text, team=TEAM)

    assert ids(policy) == ["dear"]
    assert policy.rules[0].when is None
    assert policy.rules[0].limit is None


def test_names_and_settings_are_inherited_and_a_nearer_file_wins() -> None:
    text = (
        "version: 1\nextends: [./team.yaml]\n"
        "params: {word: {type: text, default: mine}}\n"
        "never: [{do: stop}]\nrules: [{id: a, when: dear, do: [finish]}]\n"
    )

    policy = usable(text, team=TEAM)

    assert policy.rules[1].steps == (Attention(reason="mine"),)
    assert policy.healthy_after.total_seconds() == 300
    assert policy.default == (Attention(reason="team"),)
    assert [(one.id, sorted(one.actions)) for one in policy.never] == [
        ("never-1", ["stop"]), ("never-2", ["restart"]),
    ]  # fmt: skip


def test_a_file_that_is_reached_in_two_ways_is_inherited_once() -> None:
    left = "version: 1\nextends: [./team.yaml]\nrules: [{id: left, do: [finish]}]\n"
    right = left.replace("left", "right")

    policy = usable(
        "version: 1\nextends: [./left.yaml, ./right.yaml]\n", team=TEAM, left=left, right=right
    )

    assert ids(policy) == ["left", "dear", "done", "right"]


def test_the_resolved_form_holds_everything_and_names_of_files_do_not_change_the_digest() -> None:
    text = "version: 1\nextends: [./{0}.yaml]\nrules: [{{id: mine, do: [finish]}}]\n"

    one = usable(text.format("team"), team=TEAM)
    other = usable(text.format("crew"), crew=TEAM)

    assert "extends" not in one.resolved
    assert one.digest == other.digest


def told(text: str, **files: str) -> list[tuple[str, str, int, int, str]]:
    return [
        (one.code, one.file, one.line, one.col, one.message)
        for one in made(text, **files).diagnostics
    ]


def test_a_circle_of_files_is_told_with_its_way() -> None:
    back = "version: 1\nextends: [./there.yaml]\n"

    text = "version: 1\nextends: [./here.yaml]\nrules: []\n" + END
    assert told(text, here=back, there=back.replace("there", "here")) == [
        ("S018", "./there.yaml", 2, 11,
         "the files extend one another: this file → ./here.yaml → ./there.yaml → ./here.yaml")
    ]  # fmt: skip


def test_a_long_row_of_files_and_a_crowd_of_them_are_refused() -> None:
    row = {
        f"f{n}": f"version: 1\nextends: [./f{n + 1}.yaml]\n" for n in range(DEEPEST + 3)
    }  # fmt: skip
    crowd = {f"f{n}": "version: 1\n" for n in range(MOST_FILES + 3)}

    deep = told("version: 1\nextends: [./f0.yaml]\nrules: []\n" + END, **row)
    assert [(code, message) for code, _, _, _, message in deep] == [
        ("S018", "more than 8 deep are extended")
    ]
    first = ", ".join(f"./f{n}.yaml" for n in range(16))
    inner = "version: 1\nextends: [" + ", ".join(f"./f{n}.yaml" for n in range(16, 31)) + "]\n"
    crowd["f0"] = inner
    crowd["f1"] = "version: 1\nextends: [./f31.yaml, ./f32.yaml]\n"
    many = told(f"version: 1\nextends: [{first}]\nrules: []\n" + END, **crowd)
    assert [(code, message) for code, _, _, _, message in many] == [
        ("S018", "more than 32 files are extended")
    ]


def test_mistakes_are_told_in_the_file_where_they_stand_all_at_once() -> None:
    broken = TEAM.replace("work.done", "wrok.done").replace("finish", "finsh")

    found = told(
        "version: 1\nextends: [./team.yaml]\nrules: [{id: a, whn: x, do: [finish]}]\n", team=broken
    )

    assert [(code, file, line) for code, file, line, _, _ in found] == [
        ("S001", "", 3), ("E009", "./team.yaml", 7), ("S001", "./team.yaml", 7),
    ]  # fmt: skip


def test_text_that_cannot_be_read_is_told_in_its_file_too() -> None:
    text = "version: 1\nextends: [./team.yaml]\nrules: []\n" + END

    assert told(text, team="version: [1\n")[0][:3] == ("Y001", "./team.yaml", 2)
    assert told(text, team="version: 1\nrules: \x07\n")[0][:4] == ("Y002", "./team.yaml", 2, 8)
    assert told(text, team="#" * 300_000)[0][:3] == ("Y003", "./team.yaml", 1)
    assert told(text, team="- version: 1\n")[0][:3] == ("S004", "./team.yaml", 1)


def test_the_way_back_to_an_inherited_rule_is_shown() -> None:
    text = "version: 1\nextends: [./team.yaml]\nrules:\n  - {id: done, do: [finish]}\n"

    (one,) = made(text, team=TEAM).diagnostics

    assert [(other.message, other.file, other.line) for other in one.related] == [
        ("inherited from here", "./team.yaml", 7)
    ]


def test_two_files_with_one_id_need_a_word_from_whoever_extends_both() -> None:
    other = "version: 1\nrules: [{id: done, do: [attention]}]\n"
    text = "version: 1\nextends: [./team.yaml, ./other.yaml]\nrules: [{0}]\n"

    clash = told(text.format(""), team=TEAM, other=other)
    settled = usable(
        text.format("{id: done, override: replace, do: [finish]}"), team=TEAM, other=other
    )

    assert [(code, file, line) for code, file, line, _, _ in clash] == [("S006", "./other.yaml", 2)]
    assert ids(settled) == ["dear", "done"]


@pytest.mark.parametrize(
    "preset",
    sorted(path for path in PRESETS.glob("*.yaml") if not path.name.endswith(".test.yaml")),
    ids=lambda path: path.stem,
)
def test_a_policy_may_consist_of_nothing_but_a_preset(preset) -> None:
    result = compiled(f"version: 1\nextends: ['builtin:{preset.stem}']\n")

    assert result.diagnostics == ()
    assert result.policy is not None
    assert result.policy.rules
