"""Examples: one of every fact, function and action, as a person would write it in a rule.

`policy facts` and `policy actions` show them, the reference page of the actions has the same ones,
and a test compiles them all.
"""

from collections.abc import Mapping
from typing import Final

from palingenesis.core.facts import FACTS, Fact, Kind
from palingenesis.core.policy.functions import FUNCTIONS

_CONDITIONS: Final[Mapping[str, str]] = {
    "event": "event == 'stalled'",
    "stop.reason": "stop.reason in ('rate_limit', 'overloaded')",
    "stop.confidence": "stop.confidence > 60%",
    "stop.retry_after": "default(stop.retry_after, 0s) > 20m",
    "stop.http_status": "stop.http_status == 529",
    "stop.exit_code": "stop.exit_code != 0",
    "stop.signal": "stop.signal == 'SIGKILL'",
    "stop.message": "contains(stop.message, 'weekly')",
    "stop.provider": "stop.provider == 'anthropic'",
    "stop.model": "contains(stop.model, 'opus')",
    "session.context_used": "default(session.context_used, 0%) > 80%",
    "session.cost": "session.cost > $20",
    "session.children": "session.children == 0",
    "session.title": "matches(session.title, '^night-[0-9]+')",
    "session.directory": "contains(session.directory, '/work/')",
    "work.state": "work.state == 'torn'",
    "work.done": "work.state == 'valid' and not work.done",
    "work.step": "work.step == 'deploy'",
    "progress.age": "progress.age > 10m",
    "block.kind": "block.kind in ('permission', 'question')",
    "block.tool": "block.tool == 'bash'",
    "agent.way": "agent.way == 'managed'",
    "agent.up": "not agent.up",
    "host.network": "not host.network",
    "operator.seen": "default(operator.seen, 1d) > 15m",
    "episode.attempts": "episode.attempts >= 3",
    "episode.first_reason": "episode.first_reason == 'quota'",
    "action.kind": "action.kind == 'no_effect'",
}
_COMPARED: Final = {
    Kind.ENUM: "{name} == '{value}'",
    Kind.BOOL: "{name}",
    Kind.INT: "{name} > 3",
    Kind.TEXT: "contains({name}, 'night')",
    Kind.DURATION: "{name} > 10m",
    Kind.RATIO: "{name} > 80%",
    Kind.MONEY: "{name} > $20",
}


def of_fact(fact: Fact) -> str:
    """A fact in use: `when: …`, or the message that may hold it."""
    if fact.only_text:
        return f'log: {{message: "${{{fact.name}}}"}}'
    value = fact.values[0] if fact.values else ""
    general = _COMPARED[fact.kind].format(name=fact.name, value=value)
    return f"when: {_CONDITIONS.get(fact.name, general)}"


def of_function(name: str) -> str:
    """A call in use: `when: …`."""
    call = FUNCTIONS[name]
    return f"when: {call}{_COMPARED_CALLS.get(name, '')}"


_COMPARED_CALLS: Final = {"default": " > 20m", "count": " >= 3"}

STEPS: Final[Mapping[str, str]] = {
    "wait": "wait: {until: retry_after, else: {backoff: {first: 15s, factor: 2, max: 30m}}, "
    "jitter: 10s}",
    "resume": 'resume: {message: "Continue from where you stopped."}',
    "retry": "retry",
    "new-session": "new-session: {from: Next-step.md, if-missing: summary}",
    "compact": "compact",
    "switch-model": "switch-model: {chain: [anthropic/claude-sonnet-4-5, openai/gpt-5.2], "
    "return-after: 1h}",
    "restart": "restart: {grace: 10s}",
    "interrupt": "interrupt: {grace: 30s}",
    "delegate": "delegate: {until: 5m}",
    "stop": "stop: {grace: 10s}",
    "ask": 'ask: {question: "The model refused. Try the next one?", timeout: 30m, default: no}',
    "snapshot": "snapshot",
    "notify": 'notify: {severity: warning, message: "Stopped: ${stop.reason}"}',
    "log": 'log: {message: "seen ${stop.reason}"}',
    "run": "run: {hook: backup}",
    "stand-down": "stand-down",
    "finish": "finish",
    "attention": 'attention: {reason: "crash loop", reopen-after: 1h}',
}
"""Every action with an example of its use, as it stands behind `- `."""


def tells(assistant: str, fact: str) -> bool:
    """Whether a session of this assistant may ever have the fact; otherwise it stays unknown."""
    return assistant in FACTS[fact].suppliers
