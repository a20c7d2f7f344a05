"""Files of tests: read with every mistake in them, run through the kernel, brought up to date."""

from datetime import timedelta
from textwrap import dedent, indent

import pytest
from hypothesis import given
from hypothesis import strategies as st

from palingenesis.core.facts import FACTS, Kind
from palingenesis.core.policy.compile import compile_text
from palingenesis.core.policy.kinds import show_literal
from palingenesis.core.policy.model import Policy
from palingenesis.core.policy.outside import Outside
from palingenesis.core.policy.read import Scalar, read
from palingenesis.core.values import Status, StopReason
from palingenesis.runtime.zones import zone_names, zones_of
from palingenesis.simulation.testing import keys
from palingenesis.simulation.testing.expecting import _CHECKS
from palingenesis.simulation.testing.facts import how
from palingenesis.simulation.testing.happening import _EVENTS
from palingenesis.simulation.testing.reading import check_against, read_tests
from palingenesis.simulation.testing.running import run
from palingenesis.simulation.testing.updating import update
from palingenesis.simulation.testing.writing import quote, quote_if_needed
from tests.policy.texts import SCHEMA, compiled
from tests.simulation.test_simulation import DEFAULT

POLICY = """
version: 1
rules:
  - id: mine
    when: stop.reason in ('user_exit', 'user_abort')
    do: [stand-down]
  - id: limit
    when: stop.reason == 'rate_limit'
    do:
      - wait: {until: retry_after, else: {backoff: {first: 15s, max: 10m}}, jitter: 10s}
      - resume: {message: "go on"}
  - id: crash
    when: stop.reason == 'crash'
    do: [notify: {severity: warning, message: "It died."}, restart, resume]
    limit:
      {max: 2, per: 1h, then: [attention: {reason: "it dies again and again", reopen-after: 1h}]}
  - id: full
    when: stop.reason == 'context_exhausted'
    do: [snapshot, new-session]
  - id: overloaded
    when: stop.reason == 'overloaded'
    do:
      - switch-model: {chain: [a/one, a/two]}
      - resume
  - id: silent
    event: stalled
    when: session.children == 0
    do: [interrupt, resume]
  - id: reminder
    event: blocked
    for: 5m
    do: [notify: {message: "${block.kind}: ${block.text}"}]
  - id: broken
    event: action_failed
    do: [log: {message: "${action.error}"}, attention: {reason: "${action.kind}"}]
default: {do: [attention: {reason: "no rule"}]}
"""


def a_policy(text: str = POLICY) -> Policy:
    made = compiled(text)
    assert made.policy is not None, made.diagnostics
    return made.policy


SMALL = a_policy()


def results(steps: str, *, policy: Policy = SMALL, top: str = ""):
    body = indent(dedent(steps).strip(), "      ")
    text = f"version: 1\n{top}tests:\n  - name: it works\n    steps:\n{body}\n"
    found = read_tests(text)
    assert found.file is not None, found.diagnostics
    assert check_against(found.file, policy) == ()
    (one,) = run(found.file, policy)
    return text, one


def failures(steps: str, *, policy: Policy = SMALL, top: str = "") -> list[str]:
    _, one = results(steps, policy=policy, top=top)
    return [
        f"{failure.line} {failure.key}: {failure.expected} | {failure.got}"
        for case in one.cases
        for failure in case.failures
    ]


# ── what can be tested ────────────────────────────────────────────────────────────────────────


def test_a_wait_lasts_as_long_as_the_provider_asked_and_then_it_goes_on():
    assert (
        failures("""
        - event: {kind: stopped, reason: rate_limit, retry_after: 90s}
          expect: {rule: limit, rules: [limit], status: waiting, next_in: 90s..100s, did: []}
        - advance: 85s
          expect: {status: waiting, did: [], rule: none}
        - advance: 17s
          expect: {status: working, did: [resume], did_last: resume, next_in: none, waits: [90s]}
        """)
        == []
    )


def test_waits_are_those_of_the_ladder_without_their_jitter_while_nothing_is_achieved():
    assert (
        failures(
            """
        - {repeat: 4, event: {reason: rate_limit}, advance: 3m, expect: {rule: limit}}
        - expect: {waits: [15s, 30s, 1m, 2m]}
        """,
            top="assistant: fruitless\n",
        )
        == []
    )


def test_a_limit_that_is_reached_is_told_with_what_is_done_then():
    assert (
        failures("""
        - {repeat: 2, event: {reason: crash, exit_code: 139}, advance: 3m, expect: {limits: []}}
        - event: {kind: died}
          expect: {limits: [crash], status: attention, did: [attention], next_in: 1h}
        - expect: {never_did: [new-session, interrupt], why: again and again}
        """)
        == []
    )


def test_what_people_were_told_is_looked_for_or_counted():
    assert (
        failures("""
        - event: {kind: died, signal: SIGKILL}
          expect: {notified: It died}
        - event: {kind: blocked, block: question, text: "Which one?"}
          expect:
            notified:
              - {severity: warning, message: "asks you: Which one?", title: rehearsal}
            did: []
            next_in: 5m
        - advance: 5m
          expect: {did: [notify], notified: ["question: Which one?"]}
        - event: unblocked
          expect: {notified: [], status: working}
        """)
        == []
    )


def test_a_question_may_stand_among_the_facts_that_a_step_sets():
    assert (
        failures("""
        - event: {kind: blocked}
          set: {block.kind: permission, block.tool: bash, block.age: 0s}
          expect: {status: blocked, notified: asks permission for bash}
        """)
        == []
    )


def test_a_full_context_is_continued_in_the_new_session():
    assert (
        failures("""
        - event: {reason: context_exhausted}
          advance: 1m
          expect: {did: [snapshot, new-session], status: working, why: none}
        - event: {reason: rate_limit, retry_after: 1m}
          expect: {rule: limit}
        """)
        == []
    )


def test_the_model_chosen_and_the_words_said_can_be_expected():
    assert (
        failures("""
        - event: {reason: overloaded}
          expect: {next_model: a/one, did: [switch-model, resume], said: none}
        - advance: 1m
        - event: {reason: rate_limit, words: true}
          advance: due
          expect: {said: go on, next_model: a/one}
        """)
        == []
    )


def test_a_stall_comes_about_by_silence():
    assert (
        failures("""
        - event: stalled
          set: {session.children: 0}
          expect: {rule: silent, did: [interrupt]}
        """)
        == []
    )


def test_rules_that_cannot_be_told_are_named():
    assert (
        failures("""
        - event: stalled
          set: {session.children: unknown}
          expect: {rule: silent}
        """)
        == []
    )
    text = POLICY.replace("session.children == 0", "session.cost > $1")
    assert failures("- event: stalled\n  expect: {rule: none}", policy=a_policy(text)) == []
    text = POLICY.replace("stop.reason == 'rate_limit'", "session.cost > $1")
    assert (
        failures(
            "- event: {reason: rate_limit}\n  expect: {rule: default, decision_unknown: [limit]}",
            policy=a_policy(text),
        )
        == []
    )


@pytest.mark.parametrize("way", ["fails", "no-effect"])
def test_an_action_can_be_made_to_go_wrong_and_to_work_again(way):
    assert (
        failures(f"""
        - on: {{resume: {way}}}
          event: {{reason: overloaded}}
          advance: 3m
          expect: {{rule: broken, did_last: attention, status: attention}}
        - on: {{resume: works}}
          event: {{kind: prompted}}
        - event: {{reason: overloaded}}
          advance: 1m
          expect: {{rule: overloaded, status: working}}
        """)
        == []
    )


def test_the_action_under_way_can_fail_by_itself():
    assert (
        failures("""
        - event: {reason: overloaded}
          expect: {status: acting}
        - event: {kind: action_failed, message: "no such session"}
          expect: {rule: broken, did: [log, attention], why: failed}
        """)
        == []
    )


def test_a_scripted_assistant_does_nothing_by_itself():
    assert (
        failures(
            """
        - event: {reason: overloaded}
          advance: 1m
          expect: {status: acting, did: [switch-model, resume]}
        - event: {kind: outcome, result: ok}
          advance: 1m
          expect: {status: verifying, next_in: 1m}
        - event: alive
          advance: 10m
          expect: {status: working, did: []}
        """,
            top="assistant: scripted\n",
        )
        == []
    )


ASKING = """
version: 1
rules:
  - id: listener
    continue: true
    event: stopped
    when: session.cost > $1
    do: [log: {message: "it costs ${session.cost}"}]
  - id: canary
    mode: shadow
    when: stop.reason == 'refused'
    do: [finish]
    limit: {max: 1, per: 1h}
  - id: refused
    when: stop.reason == 'refused'
    do:
      - ask: {question: "Try ${stop.reason} again?", timeout: 30m, default: no}
      - switch-model: {chain: [a/b]}
      - resume
default: {do: [attention]}
"""


def test_a_question_is_answered_by_the_test_or_by_its_default():
    assert failures(
        """
        - event: {reason: refused}
          expect: {status: asking, asked: Try refused again, did: [ask], next_in: 30m}
        - answer: yes
          expect: {did: [switch-model, resume], asked: none, status: acting}
        - advance: 1m
        - event: {reason: refused}
        - answer: no
          expect: {did: [], status: attention}
        - answer: yes
        """,
        policy=a_policy(ASKING),
    ) == ["13 : this step | no question is asked"]
    assert (
        failures(
            """
        - event: {reason: refused}
          advance: due
          expect: {status: attention, never_did: [resume], why: nobody answered}
        """,
            policy=a_policy(ASKING),
        )
        == []
    )


def test_what_only_observes_and_what_is_in_shadow_is_told_apart_from_what_decides():
    assert (
        failures(
            """
        - event: {reason: refused}
          expect: {rule: refused, rules: [refused], observed: [], shadowed: [canary]}
        - event: {reason: refused}
          set: {session.cost: $2}
          expect: {observed: [listener], shadowed: [canary], limits: [canary]}
        - event: {reason: auth}
          set: {session.cost: $3}
          expect: {did: [log, attention], observed: [listener], shadowed: []}
        """,
            policy=a_policy(ASKING),
        )
        == []
    )


def test_a_new_session_may_be_seen_at_work_before_its_birth_is_told():
    assert (
        failures(
            """
        - event: {reason: context_exhausted}
        - event: {kind: outcome, result: ok}
          expect: {did: [new-session], status: acting}
        - event: working
        - event: alive
        - event: {kind: outcome, result: ok}
          expect: {status: working, did: []}
        - event: {kind: died}
          expect: {rule: crash, did: [notify, restart]}
        """,
            top="assistant: scripted\n",
        )
        == []
    )


@pytest.mark.parametrize(
    ("command", "status"),
    [("pause", "paused"), ("abort", "acting"), ("detach", "detached"), ("skip", "acting")],
)
def test_the_operator_can_be_played(command, status):
    event = f"{{kind: operator, command: {command}}}"

    assert failures(f"- event: {event}\n  expect: {{status: {status}}}") == []


@pytest.mark.parametrize("kind", sorted(keys.KINDS))
def test_every_kind_of_event_can_be_played_or_says_why_not(kind):
    options = {"operator": ", command: pause", "outcome": ", result: ok"}.get(kind, "")

    found = failures(f"- event: {{kind: {kind}{options}}}\n  expect: {{did: []}}")

    expected = {
        "action_failed": ["5 : this step | no action is under way"],
        "outcome": ["5 : this step | no action is under way"],
        "stopped": ["6 did: [] | [attention]"],
        "died": ["6 did: [] | [notify, restart]"],
        "ended": ["6 did: [] | [stand-down]"],
        "stalled": ["6 did: [] | [interrupt]"],
        "working": [],
    }
    assert found == expected.get(kind, [])


def test_a_test_begins_with_the_agent_the_session_and_the_time_that_are_given():
    policy = a_policy("""
version: 1
rules:
  - id: theirs
    when: agent.way == 'attached' and not agent.supported and agent.version == '9'
    do: [notify: {message: "${session.title} in ${session.directory}, ${progress.age}"}, finish]
default: {do: [attention]}
""")
    given_ = (
        "at: 2026-03-29T00:30:00Z\n"
        "given: {agent.way: attached, agent.supported: false, agent.version: 9, "
        "session.title: The docs, session.directory: /work, progress.age: 12m}\n"
    )

    assert (
        failures(
            "- event: {reason: completed}\n"
            "  expect: {rule: theirs, notified: 'The docs in /work, 12m'}",
            policy=policy,
            top=given_,
        )
        == []
    )


def test_each_row_of_a_table_has_a_fresh_session():
    text = (
        "version: 1\ntests:\n  - name: which\n    each:\n"
        "      - {reason: user_exit, rule: mine, status: stood_down}\n"
        "      - {reason: rate_limit, set: {session.cost: $3}, rule: limit}\n"
        "      - {kind: stalled, rule: silent}\n"
    )
    found = read_tests(text)
    assert found.file is not None, found.diagnostics

    (one,) = run(found.file, SMALL)

    assert [case.label for case in one.cases] == [
        "reason: user_exit",
        "reason: rate_limit",
        "kind: stalled",
    ]
    assert one.outcome == "passed"


def test_what_is_still_to_be_written_is_listed_and_not_run():
    found = read_tests("version: 1\ntests: [{name: later, todo: true}]")
    assert found.file is not None

    (one,) = run(found.file, SMALL)

    assert (one.outcome, one.cases) == ("todo", ())


def test_only_tests_whose_name_has_the_text_are_run():
    found = read_tests("version: 1\ntests: [{name: One, todo: true}, {name: two, todo: true}]")
    assert found.file is not None

    assert [test.name for test in run(found.file, SMALL, named="oNe")] == ["One"]


def test_a_failure_says_where_what_was_expected_and_what_came_instead():
    assert failures("""
        - event: {reason: rate_limit, retry_after: 90s}
          expect:
            rule: crash
            status: working
            next_in: 60s..70s
            did: [resume]
            notified: gone
            said: hello
            asked: why
            never_did: [notify]
        """) == [
        "7 rule: crash | limit",
        "8 status: working | waiting",
        "9 next_in: 1m..1m10s | 1m36s",
        "10 did: [resume] | []",
        "11 notified: gone | nobody was told",
        "12 said: hello | none",
        "13 asked: why | none",
    ]


QUIET = """
version: 1
time-zone: Europe/Berlin
calendars:
  quiet: {days: [sat, sun], from: "22:30", to: "07:00"}
rules:
  - id: at-night
    when: within('quiet') and stop.reason == 'quota'
    do:
      - notify: {message: "all used up", quiet: {calendar: quiet, do: hold}}
      - wait: {until: calendar_end, calendar: quiet, else: 5m}
      - resume
default: {do: [attention]}
"""


def test_calendars_are_tested_on_real_nights_also_when_the_clocks_change():
    made = compile_text(
        QUIET,
        name="quiet",
        schema=SCHEMA,
        outside=Outside(zones=zones_of({}), zone_names=zone_names),
    )
    assert made.policy is not None, made.diagnostics
    text = """
version: 1
tests:
  - name: the night is an hour shorter when the clocks are put forward
    at: 2026-03-28 23:00 Europe/Berlin
    steps:
      - event: {reason: quota}
        expect: {rule: at-night, notified: [], next_in: 7h}
      - advance: due
        expect: {notified: [{message: all used up}], did: [notify, resume]}
  - name: and an hour longer when they are put back
    at: 2026-10-24T21:00:00Z
    steps:
      - event: {reason: quota}
        expect: {next_in: 9h}
  - name: by day nobody is quiet
    at: 2026-03-28T11:00:00+01:00
    steps:
      - event: {reason: quota}
        expect: {rule: default}
"""
    found = read_tests(text, zones_of({}))
    assert found.file is not None, found.diagnostics

    results = run(found.file, made.policy)

    assert [(one.outcome, [case.failures for case in one.cases]) for one in results] == [
        ("passed", [()])
    ] * 3


@pytest.mark.parametrize(
    ("at", "told"),
    [
        ("2026-03-29 02:30 Europe/Berlin", "there is no such time that night in Europe/Berlin"),
        ("2026-03-29 02:30 Europe/Berln", "there is no time zone 'Europe/Berln'"),
        ("2026-03-29T02:30:00", "'2026-03-29T02:30:00' is not an instant"),
        ("tonight", "'tonight' is not an instant"),
        ("2026-03-29T02:30:00Z UTC", "'2026-03-29T02:30:00Z UTC' is not an instant"),
    ],
)
def test_an_instant_that_there_never_was_is_told(at, told):
    text = f"version: 1\nat: {at}\ntests: [{{name: x, todo: true}}]"

    found = read_tests(text, zones_of({}))

    assert [(one.code, one.message) for one in found.diagnostics] == [("T203", told)]


# ── mistakes ──────────────────────────────────────────────────────────────────────────────────


def test_every_mistake_in_a_test_file_is_told_at_once_with_its_place():
    text = dedent("""\
        version: 2
        polcy: default
        given: {stop.reason: auth, work.stat: valid}
        tests:
          - name: one
            steps:
              - evnt: tick
              - event: {kind: stoped}
              - event: {kind: blocked, reason: auth}
              - event: {kind: operator}
              - advance: 5 minutes
                repeat: 0
                expect: {status: waitng, next_in: 90s..60s, did: resme, rul: x}
              - {}
          - name: one
            at: 2026-02-05
            steps: {event: tick}
          - steps: []
            each: []
        """)

    found = read_tests(text)

    assert found.file is None
    assert [(one.line, one.col, one.code, one.help) for one in found.diagnostics] == [
        (1, 10, "T202", ""),
        (2, 1, "T201", "did you mean 'policy'?"),
        (3, 9, "T207", "write it in the event: {kind: stopped, reason: …}"),
        (3, 28, "T206", "did you mean 'work.state'?"),
        (7, 9, "T201", "did you mean 'event'?"),
        (8, 23, "T203", "did you mean 'stopped'?"),
        (9, 32, "T209", "it takes block, text, tool"),
        (10, 16, "T202", ""),
        (11, 18, "T203", "did you mean '5m'?"),
        (12, 17, "T203", ""),
        (13, 26, "T203", "did you mean 'waiting'?"),
        (13, 43, "T203", "the shorter span is first"),
        (13, 58, "T203", "did you mean 'resume'?"),
        (13, 65, "T201", "did you mean 'rule'?"),
        (14, 9, "T202", ""),
        (15, 11, "T208", "say what differs"),
        (16, 9, "T203", "write it with its zone: 2026-02-05T02:00:00Z, or 2026-02-05 02:00 UTC"),
        (17, 12, "T204", ""),
        (18, 5, "T202", ""),
        (19, 5, "T202", ""),
        (19, 11, "T202", ""),
    ]


def test_a_rule_that_the_policy_does_not_have_is_told_with_the_one_that_was_meant():
    text = (
        "version: 1\ntests:\n  - name: x\n    steps:\n      - event: tick\n"
        "        expect: {rule: limt, rules: [crash, none], limits: [crsh]}\n"
    )
    found = read_tests(text)
    assert found.file is not None

    told = check_against(found.file, SMALL)

    assert [(one.code, one.col, one.help) for one in told] == [
        ("T205", 24, "did you mean 'limit'?"),
        ("T205", 61, "did you mean 'crash'?"),
    ]


@given(st.text(max_size=200) | st.binary(max_size=200))
def test_whatever_is_in_it_reading_a_test_file_never_raises(data):
    found = read_tests(data)

    assert (found.file is None) == bool(found.diagnostics)


LEAVES = st.one_of(
    st.sampled_from(sorted({*keys.EVENT, *keys.EXPECT, *keys.STEP, *keys.TEST, *keys.KINDS})),
    st.sampled_from(["none", "90s", "1m..2m", "default", "1", "true", "stop.reason", "due", "''"]),
)
TREES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda items: f"[{', '.join(items)}]"),
        st.dictionaries(LEAVES, inner, max_size=3).map(
            lambda table: "{" + ", ".join(f"{key}: {value}" for key, value in table.items()) + "}"
        ),
    ),
    max_leaves=8,
)


@given(TREES, TREES, TREES)
def test_whatever_stands_where_reading_says_what_is_wrong_with_it(event, expect, given_):
    text = (
        f"version: 1\ngiven: {given_}\ntests:\n  - name: x\n    steps:\n"
        f"      - event: {event}\n        expect: {expect}\n"
    )

    found = read_tests(text)

    if found.file is not None:
        run(found.file, SMALL)
    else:
        assert found.diagnostics


# ── bringing up to date ───────────────────────────────────────────────────────────────────────


def test_updating_touches_what_failed_and_nothing_else():
    text, one = results(
        """
        # the first night
        - event: {reason: rate_limit, retry_after: 90s}   # as the provider says
          expect: {rule: crash, status: waiting, next_in: 1s..2s}
        - advance: 2m   # long enough
          expect:
            did:   # in order
              - notify
              # and then
              - log
            said: hello   # words
            notified: [gone, {message: away}]
            waits: [1s, 2s]
            never_did: [resume]
        """
    )

    new = update(text, [one])

    assert (new.written, new.left) == (6, 1)
    assert new.text == text.replace("rule: crash", "rule: limit").replace(
        "next_in: 1s..2s", "next_in: 1m36s"
    ).replace("- notify\n            # and then\n            - log", "- resume").replace(
        "said: hello", "said: none"
    ).replace("[gone, {message: away}]", "[]").replace("[1s, 2s]", "[1m30s]")


def test_what_was_seen_differently_in_each_repetition_is_left_to_a_person():
    text, one = results("- {repeat: 3, event: {reason: crash}, advance: 2m, expect: {did: []}}")

    new = update(text, [one])

    assert new.text == text
    assert (new.written, new.left) == (0, 1)


def test_after_an_update_the_same_tests_pass():
    text, one = results("""
        - event: {reason: crash, exit_code: 3}
          expect:
            rule: default
            status:
            did: []
            notified: {message: nothing}
            why: |
              for no reason
        """)

    new = update(text, [one])
    again = read_tests(new.text)

    assert again.file is not None, again.diagnostics
    assert [test.outcome for test in run(again.file, SMALL)] == ["passed"]


@given(st.text(max_size=60))
def test_a_text_that_is_written_reads_back_as_itself(text):
    for written in (quote(text), quote_if_needed(text)):
        node, findings = read(f"a: {written}\n")

        assert findings.found == []
        value = node.get("a") if hasattr(node, "get") else None
        assert isinstance(value, Scalar)
        assert value.text == text


# ── the tables ────────────────────────────────────────────────────────────────────────────────


def test_every_expectation_can_be_checked_and_every_event_be_played():
    special = {"stalled", "started", "action_failed", "outcome"}

    assert set(_CHECKS) == set(keys.EXPECT)
    assert set(_EVENTS) | special == set(keys.KINDS)
    assert {option for kind in keys.KINDS.values() for option in kind.options} | {"kind"} == set(
        keys.EVENT
    )


def test_a_row_never_has_one_word_for_two_things():
    assert not set(keys.EVENT) & set(keys.EXPECT)
    assert "set" not in {*keys.EVENT, *keys.EXPECT}


def test_every_stop_reason_and_status_can_be_written():
    assert keys.EVENT["reason"].words == tuple(StopReason)
    assert keys.EXPECT["status"].words == tuple(Status)


def test_a_test_of_the_shipped_policy_takes_as_long_as_its_night_only_on_paper():
    found = read_tests(
        "version: 1\ntests:\n  - name: a week\n    steps:\n"
        "      - {repeat: 50, event: {reason: quota}, advance: 3h}\n"
        "      - expect: {never_did: [attention], status: working}\n"
    )
    assert found.file is not None

    (one,) = run(found.file, DEFAULT)

    assert one.outcome == "passed"
    assert one.cases[0].start + timedelta(days=6) > one.cases[0].start


@pytest.mark.parametrize("when", ["given", "set"])
def test_every_fact_that_may_be_set_reaches_the_conditions_as_it_was_set(when):
    found: dict[str, object] = {}
    wanted = {
        name: fact.values[-1] if fact.kind is Kind.ENUM else OF_KIND[fact.kind]
        for name, fact in FACTS.items()
        if not how(name, at_start=when == "given")
    }
    if "agent.way" in wanted:
        wanted["agent.way"] = "attached"  # one that is observed is told about, never decided on

    for name, value in wanted.items():
        text = value if isinstance(value, str) else show_literal(FACTS[name].kind, value)
        facts = f"{{{name}: {text}}}"
        top, step = (f"given: {facts}\n", "") if when == "given" else ("", f"\n  set: {facts}")
        _, one = results(f"- event: {{reason: auth}}{step}", top=top)
        found[name] = one.cases[0].observations[0].facts.get(name)

    assert found == wanted


OF_KIND = {
    Kind.BOOL: True,
    Kind.INT: 7,
    Kind.TEXT: "x",
    Kind.DURATION: timedelta(minutes=7),
    Kind.RATIO: 0.3,
    Kind.MONEY: 7.5,
}
