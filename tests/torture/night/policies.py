"""The policies of the nights: those that ship, and some that ask for trouble."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from json import loads
from typing import Any, Final

from palingenesis import shipped
from palingenesis.core.events import PolicyAdopted
from palingenesis.core.policy.build import build
from palingenesis.core.policy.compile import compile_text
from palingenesis.core.policy.model import Policy
from palingenesis.runtime.outside import outside_of

_SHIPPED: Final = ("default", "cautious", "overnight")


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """A policy, compiled once, in the form that the journal keeps."""

    name: str
    digest: str
    resolved: dict[str, Any]

    def adopted(self, at: datetime) -> PolicyAdopted:
        return PolicyAdopted(at=at, name=self.name, digest=self.digest, resolved=self.resolved)


_built: dict[int, tuple[Mapping[str, Any], Policy]] = {}


def build_once(resolved: Mapping[str, Any]) -> Policy:
    """`build`, once for the same object: a night is short, and building takes longer."""
    found = _built.get(id(resolved))
    if found is None:
        if len(_built) > 200:
            _built.clear()
        found = _built[id(resolved)] = (resolved, build(resolved))
    return found[1]


@cache
def resolved_of(text: str) -> Mapping[str, Any]:
    """The resolved form that the journal keeps as text."""
    plain: Mapping[str, Any] = loads(text)
    return plain


@cache
def prepared(name: str) -> Prepared:
    """A policy of the nights, by its name."""
    if name in _SHIPPED:
        text = (shipped.folder("policies") / f"{name}.yaml").read_text(encoding="utf-8")
    else:
        text = _OWN[name]
    around = outside_of(None, presets=shipped.presets(), environ={})
    schema = shipped.schema("policy").read_text(encoding="utf-8")
    compiled = compile_text(text, name=name, schema=schema, outside=around.outside)
    assert compiled.policy is not None, compiled.diagnostics
    resolved = dict(compiled.policy.resolved)
    return Prepared(name=name, digest=compiled.policy.digest, resolved=resolved)


_OWN: Final = {
    "stubborn": """\
version: 1
rules:
  - id: always
    event: [stopped, blocked, stalled, action_failed]
    do: [resume]
default: {do: [attention]}
""",
    "everything": """\
version: 1
limits:
  prompts: {max: 30, per: 4h}
rules:
  - id: own
    when: stop.retrying and default(stop.retry_after, 0s) <= 90s
    do: [{delegate: {until: 2m}}]
  - id: short
    when: stop.reason in ('rate_limit', 'overloaded', 'quota')
    for: 5s
    do:
      - wait: {until: retry_after, else: {backoff: {first: 20s, factor: 2, max: 10m}}, jitter: 5s}
      - resume
  - id: hooked
    when: stop.reason in ('network', 'timeout', 'server_error')
    do:
      - run: {hook: repair}
      - wait: {for: 30s}
      - retry
    limit: {max: 6, per: 1h}
  - id: crash
    when: stop.reason == 'crash'
    do: [restart, {wait: {for: 3s}}, resume]
  - id: full
    when: stop.reason == 'context_exhausted'
    do:
      - ask: {question: "Go on in a new session?", timeout: 10m, default: yes}
      - new-session
  - id: open
    when: stop.reason in ('completed', 'output_limit') and work.state == 'valid' and not work.done
    do: [resume]
    limit: {max: 20, per: 1h}
  - id: done
    when: stop.reason == 'completed'
    do: [finish]
  - id: hers
    when: stop.reason in ('user_abort', 'user_exit')
    do: [stand-down]
  - id: silence
    event: stalled
    do: [interrupt, resume]
  - id: failed
    event: action_failed
    do: [{wait: {for: 1m}}, resume]
    limit: {max: 4, per: 1h, then: [{attention: {reason: "it fails", reopen-after: 20m}}]}
default:
  do: [snapshot, {notify: {message: "no rule for ${stop.reason}"}}, attention]
""",
}
NAMES: Final = (*_SHIPPED, *_OWN)
