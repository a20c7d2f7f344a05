"""What attributes are called: OpenTelemetry's GenAI conventions, and ours where these are silent.

What people and models write to each other is nobody's business at a collector: no title, prompt,
answer or question leaves. What a provider said when it refused does, as the journal holds it,
without secrets.
"""

from typing import Final

from palingenesis.core import effects, events
from palingenesis.core.effects import Effect
from palingenesis.core.tallying import word
from palingenesis.core.values import SessionId
from palingenesis.core.world import Decision
from palingenesis.telemetry.trace import Attributes

AGENT: Final = "gen_ai.agent.id"
AGENT_NAME: Final = "gen_ai.agent.name"
OPERATION: Final = "gen_ai.operation.name"
SESSION: Final = "gen_ai.conversation.id"
MODEL: Final = "gen_ai.request.model"
PROVIDER: Final = "gen_ai.provider.name"
TOKENS_IN: Final = "gen_ai.usage.input_tokens"
TOKENS_OUT: Final = "gen_ai.usage.output_tokens"
ERROR: Final = "error.type"
HTTP_STATUS: Final = "http.response.status_code"
INVOKE: Final = "invoke_agent"

REASON: Final = "palingenesis.stop.reason"
MESSAGE: Final = "palingenesis.stop.message"
RULE: Final = "palingenesis.rule"
WHY: Final = "palingenesis.why"
DECISION: Final = "palingenesis.decision"
EVENT: Final = "palingenesis.event"
POLICY: Final = "palingenesis.policy"
PLAN: Final = "palingenesis.plan"
EFFECT: Final = "palingenesis.effect"
RESULT: Final = "palingenesis.result"
DETAIL: Final = "palingenesis.detail"
OUTCOME: Final = "palingenesis.outcome"
ATTEMPTS: Final = "palingenesis.attempts"
WAITED: Final = "palingenesis.waited_seconds"
SEQ: Final = "palingenesis.journal.seq"

_PROMPTS = effects.Resume | effects.Retry | effects.NewSession
_CHARS: Final = 300

__all__ = ["word"]


def of_stop(session: SessionId, decision: Decision) -> dict[str, str | int | float | bool]:
    """Whom an episode is about, and what began it; on each of its spans."""
    facts = decision.facts
    provider, found, model = str(facts.get("session.model", "")).partition("/")
    named = {
        SESSION: session,
        REASON: str(facts.get("stop.reason", "unknown")),
        AGENT: facts.get("agent.name"),
        AGENT_NAME: facts.get("agent.kind"),
        PROVIDER: facts.get("stop.provider") or (provider if found else ""),
        MODEL: facts.get("stop.model") or (model if found else provider),
    }
    return {name: str(value) for name, value in named.items() if value}


def of_evidence(stopped: events.SessionStopped | None, decision: Decision) -> Attributes:
    """What is known of one stop."""
    reason = str(decision.facts.get("stop.reason", "unknown"))
    told: dict[str, str | int | float | bool] = {REASON: reason, ERROR: reason}
    if stopped is None:
        return told
    stop = stopped.stop
    if stop.message:
        told[MESSAGE] = stop.message[:_CHARS]
    if stop.http_status is not None:
        told[HTTP_STATUS] = stop.http_status
    for name, key in ((TOKENS_IN, "input_tokens"), (TOKENS_OUT, "output_tokens")):
        count = stop.evidence.get(key)
        if isinstance(count, int):
            told[name] = count
    return told


def of_decision(decision: Decision) -> Attributes:
    """What was decided, by which rule, and why."""
    return {
        DECISION: decision.id,
        RULE: decision.rule,
        WHY: decision.why[:_CHARS],
        EVENT: decision.event,
        POLICY: decision.policy,
    }


def of_effect(effect: Effect, ended: events.EffectEnded) -> Attributes:
    """What was ordered, and how it ended."""
    told: dict[str, str | int | float | bool] = {
        EFFECT: word(effect),
        RESULT: ended.result.value,
        DECISION: effect.decision,
    }
    if ended.detail and not isinstance(effect, effects.Run):  # a hook may say anything
        told[DETAIL] = ended.detail[:_CHARS]
    if isinstance(effect, _PROMPTS):
        told[OPERATION] = INVOKE
    return told
