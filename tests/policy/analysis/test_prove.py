"""Proofs: proved is true of every point, and an example is one that the evaluator confirms."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from palingenesis.core.plans import word_of
from palingenesis.core.policy.analysis.budget import Budget, SpentError
from palingenesis.core.policy.analysis.chart import Chart, survey
from palingenesis.core.policy.analysis.claims import Claim, Verdict
from palingenesis.core.policy.analysis.prove import Proof, prove
from palingenesis.core.policy.analysis.statements import Statement, violating
from palingenesis.core.policy.conditions import compile_condition
from palingenesis.core.policy.decide import decide
from palingenesis.core.policy.expressions import Scope
from palingenesis.core.policy.model import Never, Policy
from tests.policy.analysis.random_policies import expressions, policies
from tests.policy.analysis.test_boxes import completed, facts_at, has_free_pair, samples
from tests.policy.texts import SHIPPED, policy

FEW = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
END = "default: {do: [attention]}\n"


def rules(*texts: str, more: str = "") -> str:
    listed = "".join(f"  - {text}\n" for text in texts)
    return f"version: 1\n{more}rules:\n{listed}{END}"


def claim(text: str, name: str, **options: Any) -> Claim:
    return next(one for one in prove(policy(text), **options).claims if one.id == name)


def test_the_default_policy_is_proved_with_the_statements_that_the_manual_recommends() -> None:
    never = (
        "never:\n"
        "  - {do: resume, when: stop.reason == 'user_exit'}\n"
        "  - {do: new-session, without: snapshot}\n"
        "  - {do: act, when: known(block.kind)}\n"
    )
    text = SHIPPED.read_text(encoding="utf-8").replace("rules:\n", f"{never}rules:\n", 1)

    proof = prove(policy(text))

    assert {one.id: one.verdict for one in proof.claims} == {
        "decided": Verdict.PROVED,
        "alive": Verdict.PROVED,
        "waits": Verdict.PROVED,
        "counted": Verdict.PROVED,
        "her-stop": Verdict.PROVED,
        "no-loss": Verdict.PROVED,
        "her-turn": Verdict.PROVED,
        "never-1": Verdict.PROVED,
        "never-2": Verdict.PROVED,
        "never-3": Verdict.PROVED,
    }
    assert proof.holds


# ── the laws ──────────────────────────────────────────────────────────────────────────────────


@st.composite
def nevers(draw: st.DrawFn) -> Never:
    when = draw(st.one_of(st.none(), expressions(leaves=2)))
    return Never(
        id="mine",
        actions=frozenset(
            draw(st.lists(st.sampled_from(["resume", "act", "attention"]), min_size=1))
        ),
        when=None if when is None else compile_condition((when,), Scope()),
        without=draw(st.sampled_from([None, "snapshot", "wait"])),
    )


ACT = {"resume", "retry", "new-session", "compact", "interrupt", "restart", "stop"}


def breaks(steps: Any, never: Never) -> bool:
    words = set(never.actions) | (ACT if "act" in never.actions else set())
    for step in steps:
        if word_of(step) == never.without:
            return False
        if word_of(step) in words:
            return True
    return False


@given(policies(), nevers(), st.data())
@settings(FEW, max_examples=150)
def test_what_is_proved_is_true_of_every_possible_point(
    given_policy: Policy, never: Never, data: st.DataObject
) -> None:
    one = replace(given_policy, never=(never,))
    found = survey([one], [never.when] if never.when else [], Budget(10_000_000))
    if has_free_pair(found.space):
        return
    said = next(claim for claim in prove(one).claims if claim.id == "mine")
    cells = samples(found.space)

    for _ in range(15):
        facts = facts_at({key: data.draw(st.sampled_from(some)) for key, some in cells.items()})
        used = data.draw(st.sampled_from([0, 1_000]))
        point = completed(found.space, facts)
        if any(not point & ~box for box in found.impossible):
            continue
        asked = never.when is None or never.when.holds(facts) is True
        if asked and breaks(decide(one, facts, lambda *_, used=used: used).steps, never):
            assert said.verdict in {Verdict.REFUTED, Verdict.OPEN}


@given(policies(), nevers())
@settings(FEW, max_examples=150)
def test_every_example_breaks_the_statement_in_the_hands_of_the_evaluator(
    given_policy: Policy, never: Never
) -> None:
    one = replace(given_policy, never=(never,))

    said = next(claim for claim in prove(one).claims if claim.id == "mine")

    for case in said.cases:
        if case.exact:
            used = 1_000 if case.when.startswith("the limit") else 0
            ruling = decide(one, case.facts, lambda *_, used=used: used)
            assert ruling.rule == case.rule
            assert breaks(ruling.steps, never)
            assert never.when is None or never.when.holds(case.facts) is True


@given(policies())
@FEW
def test_a_dead_rule_is_never_the_first(given_policy: Policy) -> None:
    said = next(one for one in prove(given_policy).claims if one.id == "alive")
    chart = Chart(given_policy, survey([given_policy], (), Budget(10_000_000)))

    dead = {case.rule for case in said.cases}

    assert dead == {
        rule.id for index, rule in enumerate(given_policy.rules) if chart.first(index) is None
    }


def test_steps_behind_the_wanted_one_are_allowed() -> None:
    statement = Statement(id="x", text="", words=frozenset({"new-session"}), without="snapshot")
    plan = policy(rules("{id: a, do: [snapshot, new-session]}")).rules[0].steps

    assert violating(plan, statement) is None
    assert violating(plan[1:], statement) == "new-session"


# ── stories ───────────────────────────────────────────────────────────────────────────────────


def test_the_smallest_example_names_only_what_matters() -> None:
    text = rules(
        "{id: wide, when: 'default(session.cost, $0) > $5', do: [resume],"
        " limit: {max: 2, per: 1h}}",
        more="never: [{do: resume, when: stop.reason == 'user_exit'}]\n",
    )

    said = claim(text, "never-1")

    assert said.verdict is Verdict.REFUTED
    assert said.cases[0].told == (
        "event = stopped", "stop.reason = user_exit", "session.cost = $6",
    )  # fmt: skip


def test_what_the_limit_leads_to_is_held_to_the_statement_too() -> None:
    text = rules(
        "{id: a, do: [attention], limit: {max: 1, per: 1h, then: [resume]}}",
        more="never: [{do: resume, when: stop.reason == 'auth'}]\n",
    )

    said = claim(text, "never-1")

    assert said.verdict is Verdict.REFUTED
    assert said.cases[0].when == "the limit of 'a' is reached"


def test_a_limit_of_the_whole_policy_and_the_default_are_held_to_it_too() -> None:
    limits = "limits: {prompts: {max: 9, per: 1h, then: [stand-down]}}\n"
    never = "never: [{do: stand-down}, {do: attention}]\n"
    text = rules(
        "{id: a, do: [resume], limit: {max: 2, per: 1h, then: [stand-down]}}", more=limits + never
    )

    finish, attention = claim(text, "never-1"), claim(text, "never-2")

    assert finish.cases[0].when == "the policy's limit of prompts is reached"
    assert attention.cases[0].rule == "default"


@pytest.mark.parametrize("mode", ["shadow", "off"])
def test_a_rule_that_does_not_act_breaks_nothing(mode: str) -> None:
    text = rules(
        f"{{id: a, mode: {mode}, when: stop.reason == 'auth', do: [resume]}}",
        more="never: [{do: resume}]\n",
    )

    assert claim(text, "never-1").verdict is Verdict.PROVED


def test_a_policy_in_shadow_never_acts_and_the_proof_says_so() -> None:
    text = rules("{id: a, do: [resume]}", more="mode: shadow\nnever: [{do: resume}]\n")

    proof = prove(policy(text))

    assert proof.remark == "the policy is in mode shadow: it never acts"
    assert next(one for one in proof.claims if one.id == "never-1").verdict is Verdict.PROVED


def test_a_rule_that_observes_is_held_to_what_it_does() -> None:
    text = rules(
        "{id: a, continue: true, when: stop.reason == 'auth', do: [snapshot]}",
        more="never: [{do: snapshot, when: stop.reason == 'auth'}]\n",
    )

    assert claim(text, "never-1").cases[0].rule == "a"


def test_the_kernels_own_care_is_said_and_counts() -> None:
    text = rules("{id: a, when: stop.reason == 'user_exit', do: [new-session]}")

    her_stop, no_loss = claim(text, "her-stop"), claim(text, "no-loss")

    assert her_stop.verdict is Verdict.RAILED
    assert her_stop.why == "the kernel prompts no session that the person stopped"
    assert no_loss.why == "the kernel makes a snapshot before every new session"
    assert her_stop.holds
    assert no_loss.holds


def test_an_interrupt_while_a_person_is_asked_is_not_prevented_by_the_kernel() -> None:
    assert claim(rules("{id: a, event: blocked, do: [resume]}"), "her-turn").holds
    assert not claim(rules("{id: a, event: blocked, do: [interrupt]}"), "her-turn").holds


SLOW = "when: stop.reason == 'network', do: [wait: {for: 30m}, resume]"


@pytest.mark.parametrize(
    ("rule", "verdict"),
    [
        ("when: stop.reason == 'network', do: [resume]", Verdict.REFUTED),
        ("when: stop.reason == 'network', do: [resume], limit: {max: 5, per: 1h}", Verdict.PROVED),
        # a limit that cannot be reached ends nothing
        (f"{SLOW}, limit: {{max: 5, per: 1h}}", Verdict.REFUTED),
        ("when: stop.reason == 'quota', do: [wait: {for: 1h}, resume]", Verdict.PROVED),
        ("when: stop.reason == 'quota', do: [resume]", Verdict.REFUTED),
        ("when: stop.reason == 'output_limit', do: [resume]", Verdict.RAILED),
        ("when: stop.reason == 'crash', do: [restart]", Verdict.REFUTED),
        ("when: stop.reason == 'network' and episode.attempts < 4, do: [resume]", Verdict.PROVED),
        ("event: progress, do: [resume]", Verdict.REFUTED),
        ("event: action_failed, do: [resume]", Verdict.PROVED),  # answered once
        ("do: [ask: {question: Go on?, timeout: 1h}, resume]", Verdict.PROVED),
        ("do: [ask: {question: Go on?, timeout: 1h, default: yes}, resume]", Verdict.REFUTED),
    ],
)  # fmt: skip
def test_what_counts_as_a_counter(rule: str, verdict: Verdict) -> None:
    assert claim(rules(f"{{id: a, {rule}}}"), "counted").verdict is verdict


def test_a_limit_of_the_whole_policy_is_a_counter() -> None:
    limits = "limits: {prompts: {max: 9, per: 1h}}\n"

    text = rules("{id: a, when: stop.reason == 'network', do: [resume]}", more=limits)

    assert claim(text, "counted").verdict is Verdict.PROVED


def test_a_delegated_wait_without_an_end_is_told() -> None:
    endless = claim(rules("{id: a, when: stop.retrying, do: [delegate]}"), "waits")
    ending = claim(rules("{id: a, when: stop.retrying, do: [delegate: {until: 5m}]}"), "waits")

    assert endless.verdict is Verdict.REFUTED
    assert ending.verdict is Verdict.PROVED


def test_every_reason_is_listed_with_where_the_default_answers() -> None:
    said = claim(
        rules("""{id: a, when: "stop.reason not in ('auth', 'crash')", do: [finish]}"""), "decided"
    )

    assert said.verdict is Verdict.PROVED
    assert said.why == "by the default, at least in some case: auth, crash"


def too_slow() -> None:
    raise SpentError


def test_past_its_budget_nothing_is_proved_and_nothing_guessed() -> None:
    text = SHIPPED.read_text(encoding="utf-8")

    proof: Proof = prove(policy(text), looks=500)

    verdicts = {one.verdict for one in proof.claims}
    assert Verdict.OPEN in verdicts
    assert verdicts <= {Verdict.OPEN, Verdict.PROVED}
    assert not proof.holds
    assert all(one.why for one in proof.claims if one.verdict is Verdict.OPEN)


def test_a_policy_that_is_too_much_from_the_start_has_every_question_open_by_name() -> None:
    text = rules("{id: a, when: work.done, do: [finish]}", more="never: [{do: [resume, retry]}]\n")

    proof = prove(policy(text), tick=too_slow, looks=0)

    assert {one.verdict for one in proof.claims} == {Verdict.OPEN}
    assert proof.claims[-1].text == "never resume, retry"
    assert not proof.holds


def test_an_endless_wait_that_no_facts_lead_to_is_no_case() -> None:
    text = rules("{id: a, do: [finish]}", "{id: b, when: stop.retrying, do: [delegate]}")

    assert claim(text, "waits").verdict is Verdict.PROVED


def test_a_comparison_of_two_facts_is_not_called_exact() -> None:
    text = rules(
        "{id: a, when: work.steps_completed < work.steps_total, do: [resume]}",
        more="never: [{do: resume}]\n",
    )

    said = claim(text, "never-1")

    assert said.verdict is Verdict.OPEN
    assert "compares two facts" in said.why
    assert "work.steps_completed < work.steps_total" in said.cases[0].told


def test_what_a_limit_of_the_whole_policy_leads_to_instead_of_the_default_is_held_to_it() -> None:
    limits = "limits: {prompts: {max: 9, per: 1h, then: [stand-down]}}\n"
    text = rules(
        "{id: a, when: work.done, do: [finish]}", more=f"{limits}never: [{{do: stand-down}}]\n"
    )

    said = claim(text.replace("do: [attention]", "do: [resume]"), "never-1")

    assert [(case.rule, case.when) for case in said.cases] == [
        ("default", "the policy's limit of prompts is reached")
    ]


def test_of_many_rules_that_break_a_statement_only_some_are_shown() -> None:
    reasons = ("quota", "network", "timeout", "crash", "billing", "auth", "overloaded")
    text = rules(
        *(f"{{id: {one}, when: stop.reason == '{one}', do: [finish]}}" for one in reasons),
        more="never: [{do: finish}]\n",
    )

    said = claim(text, "never-1")

    assert said.verdict is Verdict.REFUTED
    assert {case.rule for case in said.cases} < set(reasons)


def test_a_text_that_is_asked_for_too_many_words_leaves_every_question_open() -> None:
    words = " or ".join(f"contains(stop.message, 'w{n}')" for n in range(9))

    proof = prove(policy(rules(f"""{{id: a, when: "{words}", do: [finish]}}""")))

    assert {one.verdict for one in proof.claims} == {Verdict.OPEN}
    assert {one.why for one in proof.claims} == {"it takes more work than was allowed"}


def test_a_text_that_could_not_be_made_up_is_described() -> None:
    when = "matches(stop.message, '^a+$') and contains(stop.message, 'b')"
    text = rules(f"""{{id: a, when: "{when}", do: [resume]}}""", more="never: [{do: resume}]\n")

    said = claim(text, "never-1")

    assert said.verdict is Verdict.OPEN
    assert "needs a text that could not be made up" in said.why
    assert "stop.message = a text that contains b and matches ^a+$" in said.cases[0].told
