"""Any policy that the language can say, in its resolved form: for the laws of the kernel."""

from typing import Any

from hypothesis import strategies as st

from palingenesis.core.facts import EVENTS
from palingenesis.core.policy.build import build
from palingenesis.core.policy.model import Policy

WAITS: tuple[dict[str, Any], ...] = (
    {"for": "5m"},
    {"until": "retry_after", "else": "2m", "jitter": "10s"},
    {"backoff": {"first": "15s", "factor": 2, "max": "10m"}},
    {"for-condition": "host.network", "max": "2h", "else": "10s"},
    {"for-condition": "host.network and progress.repeats < 3", "max": "1h", "jitter": "10s"},
    {"for-condition": "count(stopped, 1h) < 3"},
    {"for-condition": "operator.seen > 5m", "max": "1h", "jitter": "1m"},
    {"until": "calendar_end", "calendar": "quiet", "else": "5m"},
)
NOTICES = st.fixed_dictionaries(
    {"message": st.sampled_from(["on", "seen ${stop.reason}"])},
    optional={
        "severity": st.sampled_from(["info", "critical"]),
        "quiet": st.sampled_from(["hold", "drop", "send"]),
        "dedupe": st.just("10m"),
    },
)
OBSERVING = st.one_of(
    st.builds(lambda given: {"notify": given}, NOTICES),
    st.sampled_from([{"snapshot": {}}, {"run": {"hook": "h"}}, {"log": {"message": "m"}}]),
)
GATE = {"ask": {"question": "Again?", "timeout": "30m"}}
GATE_OPEN = {"ask": {"question": "Again?", "timeout": "1h", "default": "yes"}}
DOING = st.one_of(
    st.sampled_from([{"wait": wait} for wait in WAITS]),
    st.sampled_from([{name: {}} for name in ("resume", "retry", "new-session", "compact")]),
    OBSERVING,
    st.sampled_from([{name: {}} for name in ("restart", "interrupt", "delegate", "stop")]),
    st.sampled_from([GATE, GATE_OPEN]),
)
ENDS = st.sampled_from(
    [
        [],
        [{"attention": {}}],
        [{"attention": {"reopen-after": "1h"}}],
        [{"stand-down": {}}],
        [{"finish": {}}],
    ]
)
STEPS = st.builds(lambda steps, end: steps + end, st.lists(DOING, min_size=1, max_size=3), ENDS)
WHEN = st.sampled_from(
    [
        [],
        ["stop.reason in ('network', 'quota', 'rate_limit')"],
        ["within('quiet')"],
        ["progress.repeats >= 2"],
        ["not host.network"],
        ["budget.today > $1"],
    ]
)
RULES = st.fixed_dictionaries(
    {
        "when": WHEN,
        "event": st.one_of(
            st.just(["stopped"]),
            st.just(["stopped", "action_failed", "stalled"]),
            st.lists(st.sampled_from(EVENTS), min_size=1, max_size=3, unique=True),
        ),
        "do": STEPS,
    },
    optional={
        "for": st.sampled_from(["30s", "5m"]),
        "mode": st.sampled_from(["enforce", "shadow"]),
        "limit": st.fixed_dictionaries(
            {"max": st.integers(1, 2), "per": st.just("1h")}, optional={"then": STEPS}
        ),
    },
)
OBSERVERS = st.builds(lambda rule, steps: rule | {"continue": True, "do": steps},
                      RULES, st.lists(OBSERVING, min_size=1, max_size=3))  # fmt: skip
LIMITS = st.dictionaries(
    st.sampled_from(["actions", "prompts", "new-sessions", "restarts", "notifications"]),
    st.fixed_dictionaries(
        {"max": st.integers(1, 3), "per": st.sampled_from(["10m", "1h"])}, optional={"then": STEPS}
    ),
    max_size=3,
)
QUIET = {
    "days": ["mon", "tue", "wed", "thu", "fri", "sat", "sun"],
    "from": "22:30",
    "to": "07:00",
    "zone": "UTC",
}


def any_policy(*, mode: str = "enforce") -> st.SearchStrategy[Policy]:
    """Any policy of one to four rules; the laws' nights begin at two, when it is quiet."""

    def made(rules: list[dict[str, Any]], limits: dict[str, Any], do: list[Any]) -> Policy:
        named = [{"id": f"r{number}", **rule} for number, rule in enumerate(rules)]
        return build(
            {
                "version": 1,
                "name": "any",
                "mode": mode,
                "zones": {},
                "calendars": {"quiet": QUIET},
                "limits": limits,
                "rules": named,
                "default": {"do": do},
            }
        )

    rules = st.lists(st.one_of(RULES, RULES, OBSERVERS), min_size=1, max_size=4)
    return st.builds(made, rules, LIMITS, STEPS)
