"""What the keys of a policy become: calendars, limits, statements, modes, scopes, new steps."""

import json
from datetime import UTC, datetime, time, timedelta

import pytest

from palingenesis.core import plans
from palingenesis.core.policy.build import build
from palingenesis.core.policy.calendars import only_utc
from palingenesis.core.policy.compile import compile_text
from palingenesis.core.policy.matching import absolute, pattern
from palingenesis.core.policy.model import Cap, Mode, Policy
from palingenesis.core.policy.outside import Outside
from palingenesis.core.policy.patterns import compile_pattern
from tests.policy.texts import END, SCHEMA, compiled, policy, rules, with_do

NIGHT = "calendars: {night: {days: [fri, mon], from: '22:30', to: '07:00'}}\n"


def step(made: Policy) -> plans.Step:
    return made.rules[0].steps[0]


def test_a_calendar_is_built_in_the_zone_of_the_policy() -> None:
    made = policy(f"version: 1\n{NIGHT}time-zone: Asia/Tokyo\nrules: []\n{END}")

    night = made.calendars["night"]
    assert (night.days, night.start, night.end) == ({0, 4}, time(22, 30), time(7))
    assert night.zone.name == made.zone.name == "Asia/Tokyo"
    assert night.zone.local(datetime(2026, 1, 1, tzinfo=UTC)).hour == 9


def test_without_a_zone_it_is_the_machines_and_a_calendar_may_have_its_own() -> None:
    own = NIGHT.replace("}}", ", time-zone: America/New_York}, day: {from: '09:00', to: '17:00'}}")

    made = policy(f"version: 1\n{own}rules: []\n{END}")

    assert made.zone.name == "Europe/Berlin"
    assert made.calendars["night"].zone.name == "America/New_York"
    assert made.calendars["day"].zone.name == "Europe/Berlin"
    assert made.calendars["day"].days == set(range(7))


def test_a_policy_that_asks_for_no_time_of_day_is_the_same_in_every_zone() -> None:
    text = with_do("[finish]")
    everywhere = compile_text(text, name="policy.yaml", schema=SCHEMA)

    assert everywhere.policy is not None
    assert everywhere.policy.digest == policy(text).digest
    assert "zones" not in policy(text).resolved


def test_the_resolved_form_needs_no_zone_database() -> None:
    original = policy(f"version: 1\n{NIGHT}rules: []\n{END}")

    again = build(json.loads(json.dumps(original.resolved)))

    assert again.calendars == original.calendars
    assert again.digest == original.digest


def test_without_zone_data_only_utc_is_known_and_the_way_out_is_told() -> None:
    bare = Outside(zones=only_utc)
    text = f"version: 1\n{NIGHT}time-zone: Europe/Berlin\nrules: []\n{END}"

    (one,) = compiled(text, bare).diagnostics

    assert one.code == "S016"
    assert "there is no time-zone data" in one.message
    assert "tzdata" in one.help
    assert compiled(text.replace("Europe/Berlin", "UTC"), bare).diagnostics == ()


def test_caps_hold_for_all_rules() -> None:
    limits = (
        "limits: {new-sessions: {max: 8, per: 1d, then: [finish]}, actions: {max: 40, per: 1h}}"
    )

    made = policy(f"version: 1\n{limits}\nrules: []\n{END}")

    assert made.caps == (
        Cap(what="actions", most=40, per=timedelta(hours=1)),
        Cap(what="new-sessions", most=8, per=timedelta(days=1), then=(plans.Finish(),)),
    )


def test_statements_are_numbered_unless_they_have_a_name() -> None:
    made = policy(
        "version: 1\nnever:\n"
        "  - {do: resume, when: stop.reason == 'user_exit', why: No.}\n"
        "  - {id: careful, do: [new-session, act], without: snapshot}\n"
        f"rules: []\n{END}"
    )

    first, second = made.never
    assert (first.id, first.actions, first.why, first.line) == ("never-1", {"resume"}, "No.", 3)
    assert first.when is not None
    assert first.when.holds({"stop.reason": "user_exit"}) is True
    assert (second.id, second.actions, second.without) == (
        "careful", {"new-session", "act"}, "snapshot",
    )  # fmt: skip


def test_modes_and_rules_that_go_on() -> None:
    made = policy(
        "version: 1\nmode: shadow\nrules:\n"
        "  - {id: a, continue: true, do: [snapshot]}\n"
        "  - {id: b, mode: shadow, do: [finish]}\n"
        f"  - {{id: c, mode: off, do: [finish]}}\n{END}"
    )

    assert made.mode is Mode.SHADOW
    assert [(rule.id, rule.mode, rule.observes) for rule in made.rules] == [
        ("a", Mode.ENFORCE, True), ("b", Mode.SHADOW, False),
    ]  # fmt: skip


def test_a_scope_is_a_condition_like_any_other() -> None:
    made = policy(rules(
        "  - id: one\n    match: {agent: opencode, project: [~/work/*, /srv/**]}\n"
        "    when: stop.reason == 'crash'\n    do: [finish]\n"
    ))  # fmt: skip

    (rule,) = made.rules
    assert rule.when is not None
    assert [part.text for part in rule.when.parts] == [
        "agent.kind == 'opencode'",
        (
            "matches(session.directory, '^/home/ada/work/[^/]*$')"
            " or matches(session.directory, '^/srv(/.*)?$')"
        ),
        "stop.reason == 'crash'",
    ]
    facts = {"agent.kind": "opencode", "stop.reason": "crash"}
    assert rule.when.holds(facts | {"session.directory": "/home/ada/work/one"}) is True
    assert rule.when.holds(facts | {"session.directory": "/home/bob/work/one"}) is False
    assert rule.when.holds(facts) is None
    assert made.resolved["rules"][0]["match"] == {
        "agent": ["opencode"], "project": ["/home/ada/work/*", "/srv/**"],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("glob", "inside", "outside"),
    [
        ("~/work/*", ["/home/ada/work/a", "/home/ada/work/a.b"], ["/home/ada/work", "/x/work/a"]),
        ("~/work/**", ["/home/ada/work", "/home/ada/work/a/b"], ["/home/ada/works"]),
        ("/a/**/z", ["/a/z", "/a/b/z", "/a/b/c/z"], ["/a/bz", "/z"]),
        ("/a.b/c+(d)", ["/a.b/c+(d)"], ["/axb/c+(d)", "/a.b/cd"]),
        ("/a/", ["/a"], ["/a/b", "/"]),
        ("/*x?", ["/x1", "/axx1"], ["/x", "/a/x1"]),
        ("~", ["/home/ada"], ["/home/adam"]),
    ],
)
def test_a_glob_means_the_folders_that_a_person_expects(
    glob: str, inside: list[str], outside: list[str]
) -> None:
    machine = compile_pattern(pattern(absolute(glob, "/home/ada")))

    assert [path for path in inside if not machine.found_in(path)] == []
    assert [path for path in outside if machine.found_in(path)] == []


def test_the_home_is_handed_in_and_never_guessed() -> None:
    text = rules("  - id: one\n    match: {project: ~/work}\n    do: [finish]\n")

    (one,) = compiled(text, Outside()).diagnostics

    assert (one.code, one.help) == (
        "S017", "it is not known here which home '~' is: write the whole path",
    )  # fmt: skip


def test_the_only_calendar_is_the_one_that_is_meant() -> None:
    told = policy(
        f"version: 1\n{NIGHT}rules:\n  - id: one\n"
        "    do: [notify: {message: hi, quiet: hold, dedupe: 10m}]\n" + END
    )
    waiting = policy(
        f"version: 1\n{NIGHT}rules:\n  - id: one\n"
        "    do: [wait: {until: calendar_end, else: 5m}, resume]\n" + END
    )

    assert step(told) == plans.Notify(
        message="hi", quiet="hold", calendar="night", dedupe=timedelta(minutes=10)
    )
    assert step(waiting) == plans.Wait(
        until="calendar_end", calendar="night", otherwise=timedelta(minutes=5)
    )


def test_a_wait_for_a_condition_is_compiled_under_its_text_and_counts() -> None:
    made = policy(
        "version: 1\nparams: {n: {type: int, default: 3}}\nrules:\n  - id: one\n    do:\n"
        "      - wait: {for-condition: 'count(crash, 15m) < params.n', max: 2h, else: 10s}\n" + END
    )

    wait = step(made)
    assert isinstance(wait, plans.Wait)
    assert wait.condition == "count(crash, 15m) < 3"
    assert made.conditions[wait.condition].holds({"count(crash, 15m)": 2}) is True
    assert made.windows == {("crash", timedelta(minutes=15))}


def test_the_new_steps_are_built() -> None:
    made = policy(with_do(
        "[ask: {question: 'Go on, ${session.title}?', timeout: 10m, default: yes}, "
        "run: {hook: backup}, stop: {grace: 1m}]"
    ))  # fmt: skip

    assert made.rules[0].steps == (
        plans.Ask(
            question="Go on, ${session.title}?", timeout=timedelta(minutes=10), default="yes"
        ),
        plans.Run(hook="backup"),
        plans.Stop(grace=timedelta(minutes=1)),
    )


def test_within_asks_whether_a_window_is_open() -> None:
    made = policy(
        f"version: 1\n{NIGHT}define: {{late: within('night')}}\nrules:\n"
        "  - {id: one, when: late and not within('night'), do: [finish]}\n" + END
    )

    condition = made.rules[0].when
    assert condition is not None
    assert condition.holds({"within(night)": True}) is False
    assert condition.holds({}) is None


def test_where_a_policy_stands_does_not_change_what_it_is() -> None:
    text = f"version: 1\nnever: [{{do: resume}}]\nrules:\n  - {{id: a, do: [finish]}}\n{END}"

    assert policy(text).digest == policy("\n\n" + text.replace("rules", "\nrules")).digest
