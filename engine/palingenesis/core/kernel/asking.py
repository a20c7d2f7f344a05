"""Asking a person: a plan waits for her yes or no, for a while, and then for its default."""

from string import ascii_lowercase
from typing import Final

from palingenesis.core import effects, plans
from palingenesis.core.copies import replace
from palingenesis.core.facts import show_duration
from palingenesis.core.kernel.draft import Draft
from palingenesis.core.kernel.leaving import end_plan, passed
from palingenesis.core.kernel.telling import say
from palingenesis.core.values import Severity, Source
from palingenesis.core.world import Plan, Session

_REMEMBERED: Final = 50
"""How many settled questions are remembered, to tell a late answer what became of its question."""


def ask(draft: Draft, session: Session, plan: Plan, step: plans.Ask) -> Session:
    """Put the question to people and wait; one that was asked already stays the same question."""
    if plan.question and plan.deadline is not None:
        if plan.deadline <= draft.at:
            return no_answer(draft, session)
        return draft.move(session, "ask", plan.because)
    question = question_id(plan)
    text = say(draft, session, plan, step.question)
    draft.order(
        effects.Notify(
            id=draft.effect_id(plan.decision, str(plan.index)),
            decision=plan.decision,
            session=session.id,
            severity=Severity.WARNING,
            title=session.title or session.id,
            message=f"{text}\n{how_to_answer(question, step)}",
            channels=step.channels,
        )
    )
    asking = replace(
        plan,
        question=question,
        wait_from=draft.at,
        deadline=draft.at + step.timeout,
        because=text,
        source=Source.POLICY,
        boot=draft.world.boot_id,
        effect=None,
    )
    return draft.move(draft.put(replace(session, plan=asking)), "ask", text)


def question_id(plan: Plan) -> str:
    """The short name by which a question is answered: `q17`, then `q17b` in the same plan."""
    before = sum(isinstance(step, plans.Ask) for step in plan.steps[: plan.index])
    return f"q{plan.decision}{ascii_lowercase[min(before, 25)] if before else ''}"


def how_to_answer(question: str, step: plans.Ask) -> str:
    """The line under a question that says how it is answered."""
    return (
        f"Answer with: palingenesis answer {question} yes|no "
        f"(without an answer within {show_duration(step.timeout)}: {step.default})"
    )


def no_answer(draft: Draft, session: Session) -> Session:
    """The time for an answer is over: the default is the answer.

    The session is where its plan can go on or end: deciding, or about to.
    """
    plan = session.plan
    assert plan is not None, "only a session with a plan asks"
    step = plan.steps[plan.index]
    assert isinstance(step, plans.Ask), "only a question is not answered"
    why = f"nobody answered {plan.question} in time: {step.default}"
    draft.decide("answered", event=plan.event, rule=plan.rule, why=why, session=session)
    return settled(draft, session, plan, yes=step.default == "yes", how=why)


def settled(draft: Draft, session: Session, plan: Plan, *, yes: bool, how: str) -> Session:
    """The answer is there: the plan goes on behind the question, or a person has to look."""
    close(draft, plan.question, how)
    if not yes:
        return end_plan(draft, session, "need_attention", f"{how}: {plan.because}")
    return draft.put(replace(session, plan=passed(plan)))


def close(draft: Draft, question: str, how: str) -> None:
    """Remember what became of a question."""
    kept = list(draft.world.questions.items())[-_REMEMBERED + 1 :]
    draft.world = replace(draft.world, questions={**dict(kept), question: how})
