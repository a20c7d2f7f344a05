"""The policies of the nights by the dice: between them they say most that the language can."""

from typing import Any, Final

from palingenesis.core.policy.build import build
from palingenesis.core.policy.model import Policy
from tests.core.any_policy import QUIET
from tests.core.policies import LADDER, NIGHT, STUBBORN, WAIT, rule


def _resolved(name: str, *rules: dict[str, Any], **options: Any) -> Policy:
    return build(
        {
            "version": 1,
            "name": name,
            "zones": {},
            "calendars": {"quiet": QUIET},
            "rules": list(rules),
            "default": {"do": [{"attention": {"reason": "nothing fits", "reopen-after": "2h"}}]},
        }
        | options
    )


CAREFUL: Final = _resolved(
    "careful",
    rule(
        "beside",
        "",
        {"notify": {"message": "${stop.reason}: ${resume_at}", "quiet": "hold", "dedupe": "1h"}},
        {"snapshot": {}},
        {"run": {"hook": "page"}},
    )
    | {"continue": True},
    rule("own", "stop.retrying", {"delegate": {"until": "5m"}}, {"interrupt": {}}, WAIT, "resume"),
    rule("limit", "stop.reason in ('rate_limit', 'overloaded')", WAIT, {"resume": {}})
    | {"limit": {"max": 3, "per": "1h", "then": [{"attention": {"reopen-after": "1h"}}]}},
    rule(
        "quota",
        "stop.reason == 'quota'",
        {"notify": {"message": "until ${resume_at}", "quiet": "drop"}},
        {"wait": {"until": "reset", "else": {"backoff": LADDER}, "jitter": "30s"}},
        {"switch-model": {"chain": ["openai/gpt-5.2", "x/y"], "return-after": "2h"}},
        {"resume": {}},
    ),
    rule(
        "gate",
        "stop.reason == 'auth'",
        {"ask": {"question": "Again?", "timeout": "30m", "default": "yes"}},
        {"retry": {}},
    ),
    rule("net", "stop.reason == 'network'", {"wait": {"for-condition": "host.network",
         "max": "2h", "else": "10s"}}, {"resume": {}}) | {"for": "1m"},
    rule("full", "stop.reason == 'context_exhausted'", {"compact": {}}, {"resume": {}}),
    rule("big", "stop.reason == 'request_too_large'", {"new-session": {}}),
    rule("crash", "stop.reason == 'crash'", {"wait": {"for": "5s"}}, "restart", "resume"),
    rule("paid", "stop.reason == 'billing'", {"stop": {"grace": "3s"}}, {"attention": {}}),
    rule("night", "within('quiet')", {"wait": {"until": "calendar_end", "calendar": "quiet",
         "else": "5m"}}, {"resume": {}}),
    rule("done", "stop.reason == 'completed'", {"finish": {}}),
    rule("failed", "", {"wait": {"for": "30s"}}, {"resume": {}}, event=["action_failed"]),
    rule("stall", "progress.age > 15m", {"interrupt": {}}, {"resume": {}}, event=["stalled"]),
    rule("remind", "", {"notify": {"message": "${block.text}"}}, event=["blocked"])
    | {"for": "2m"},
    limits={"prompts": {"max": 6, "per": "1h"}, "restarts": {"max": 3, "per": "1h"}},
)  # fmt: skip
EAGER: Final = _resolved(
    "eager",
    rule("model", "stop.reason in ('quota', 'overloaded')",
         {"switch-model": {"chain": ["openai/gpt-5.2"], "return-after": "1h"}}, {"retry": {}}),
    rule("save", "stop.reason in ('crash', 'network')", {"snapshot": {}}, "restart", "resume"),
    rule("anew", "progress.repeats >= 3", {"new-session": {"if-missing": "empty"}}),
    rule("on", "", {"resume": {}}, event=["stopped", "action_failed", "blocked", "stalled"]),
    rule("watch", "", {"log": {"message": "seen"}}, event=["blocked", "stalled"])
    | {"continue": True, "for": "30s"},
    limits={"actions": {"max": 9, "per": "10m", "then": [{"stand-down": {}}]}},
)  # fmt: skip
POLICIES: Final = {"careful": CAREFUL, "eager": EAGER, "night": NIGHT, "stubborn": STUBBORN}
