"""Lint: what a careful author would want to know about a policy that can be used.

Warnings are things that the author will want to change; notes are things to know. Each is exact:
it is said only where the boxes show it.
"""

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain
from typing import Final

from palingenesis.core.facts import ASSISTANTS
from palingenesis.core.policy.analysis import lint_facts, lint_plans, lint_reach, lint_words
from palingenesis.core.policy.analysis.budget import Budget, SpentError
from palingenesis.core.policy.analysis.chart import Chart, survey
from palingenesis.core.policy.analysis.places import Places, Remark
from palingenesis.core.policy.diagnostics import Diagnostic
from palingenesis.core.policy.model import Policy

PLENTY: Final = 20_000_000
"""Looks that a lint may cost; far more than any policy written by hand needs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Linted:
    """What was found, in the order of the file. `unanswered`: questions that cost too much."""

    diagnostics: tuple[Diagnostic, ...] = ()
    unanswered: tuple[str, ...] = field(default=())


Question = Callable[[Chart], Iterator[Remark]]


def lint(
    policy: Policy,
    text: str | bytes,
    *,
    others: Mapping[str, str] | None = None,
    overlaps: bool = False,
    assistants: Collection[str] = ASSISTANTS,
    tick: Callable[[], None] | None = None,
) -> Linted:
    """Look a policy over.

    Args:
        policy: what `text` was compiled to.
        text: the file, for the places of what is found.
        others: the files that it extends, by name.
        overlaps: tell every pair of rules that are true together, too.
        assistants: the assistants that are configured.
        tick: called now and then; raises `SpentError` when it takes too long.
    """
    places = Places(text)
    found = [
        places.diagnostic(one)
        for one in chain(lint_words.old_words(policy), lint_words.tells_much(policy))
    ]
    if places.root is not None:
        found += lint_words.unused(places.root, places.findings, others or {})
    questions: dict[str, Question] = {
        "reach": lint_reach.reach,
        "default": lint_reach.left_to_default,
        "constants": lint_reach.constants,
        "plans": lint_plans.plans,
        "facts": lint_facts.unguarded,
        "assistants": lambda chart: lint_facts.never_told(chart, assistants),
    }
    if overlaps:
        questions["overlaps"] = lint_reach.overlaps
    budget = Budget(PLENTY, tick)
    unanswered = []
    try:
        chart = Chart(policy, survey([policy], (), budget))
        for name, question in questions.items():
            remarks, spent = _answer(question, chart)
            found += [places.diagnostic(one) for one in remarks]
            unanswered += [name] if spent else []
    except SpentError:
        unanswered = list(questions)
    found = list(dict.fromkeys(found))
    found.sort(key=lambda one: (one.file, one.line, one.col, one.code))
    return Linted(diagnostics=tuple(found), unanswered=tuple(unanswered))


def _answer(question: Question, chart: Chart) -> tuple[list[Remark], bool]:
    """What one question brings, and whether it cost too much to be answered whole."""
    remarks = []
    try:
        for remark in question(chart):
            remarks.append(remark)  # noqa: PERF402 - what came before the end of the budget counts
    except SpentError:
        return remarks, True
    return remarks, False
