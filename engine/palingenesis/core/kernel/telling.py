"""What people are told on a policy's account: its messages, filled in."""

from palingenesis.core import plans
from palingenesis.core.facts import show
from palingenesis.core.kernel.draft import Draft
from palingenesis.core.kernel.quota import drift_of
from palingenesis.core.kernel.waits import deadline_of
from palingenesis.core.policy.messages import fill, placeholders
from palingenesis.core.world import Plan, Session


def say(draft: Draft, session: Session, plan: Plan, template: str) -> str:
    """Fill the placeholders of a message with the facts of the decision."""
    asked = {placeholder.name for placeholder in placeholders(template)}
    values = {name: show(name, plan.facts[name]) for name in asked if name in plan.facts}
    values["rule.id"] = plan.rule
    values["session.id"] = session.id
    values["rule.tries"] = str(plan.tries + 1)
    if "resume_at" in asked:
        values["resume_at"] = _resume_at(draft, session, plan)
    return fill(template, values)


def _resume_at(draft: Draft, session: Session, plan: Plan) -> str:
    for step in plan.steps[plan.index :]:
        if isinstance(step, plans.Wait) and step.condition is not None:
            return f"as soon as {step.condition}"
        if isinstance(step, plans.Wait):
            until = deadline_of(
                step,
                session.stop,
                draft.at,
                tries=plan.tries,
                seed=plan.seed,
                calendars=draft.policy_of(session).calendars,
                drift=drift_of(draft.world, session),
            )
            return f"{until.deadline:%Y-%m-%d %H:%M:%S} UTC"
    return "at once"
