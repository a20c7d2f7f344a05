"""L…, said by `policy lint`: the policy does what it says, and that may not be what was meant."""

from typing import Final

from palingenesis.core.policy.codes.code import Code, Frame
from palingenesis.core.policy.diagnostics import Grade

_TWO: Final = """\
rules:
  - id: first
    when: stop.reason in ('rate_limit', 'quota')
    do: [stand-down]
  - id: second
    when: {}
    do: [finish]
"""

CODES: Final = (
    Code(
        code="L101",
        title="A rule that can never match",
        why="No facts make its condition true together with one of its events. Often two "
        "comparisons contradict one another, or a fact is asked for on an event that it is never "
        "known with.",
        bad="when: stop.reason == 'crash' and stop.exit_code > 300\n",
        good="when: stop.reason == 'crash' and stop.exit_code > 128\n",
        frame=Frame.LINT_RULE,
        severity=Grade.WARNING,
    ),
    Code(
        code="L102",
        title="A rule that is unreachable",
        why="The first rule that is true decides, and every case of this one is taken by rules "
        "before it. Move it up, or narrow the rules that take its cases.",
        bad=_TWO.format("stop.reason == 'quota'"),
        good=_TWO.format("stop.reason == 'overloaded'"),
        frame=Frame.LINT_TOP,
        severity=Grade.WARNING,
    ),
    Code(
        code="L103",
        title="A rule with the same condition as one before it",
        why="Both are true for exactly the same facts, so the second one never decides. Remove "
        "one of them.",
        bad=_TWO.format("stop.reason in ('quota', 'rate_limit')"),
        good=_TWO.format("stop.reason in ('overloaded', 'timeout')"),
        frame=Frame.LINT_TOP,
        severity=Grade.WARNING,
    ),
    Code(
        code="L104",
        title="Two rules that are true for the same facts",
        why="They do different things, and the one that stands first decides. Guards in front of "
        "general rules are made like that on purpose, so this is only told with --overlaps.",
        bad=_TWO.format("stop.confidence > 50%"),
        good=_TWO.format("stop.reason == 'crash'"),
        frame=Frame.LINT_TOP,
        severity=Grade.NOTE,
    ),
    Code(
        code="L105",
        title="Stop reasons that no rule decides",
        why="Whatever else is known, they are left to the default. That is fine if the default "
        "does what you want for them.",
        bad="when: stop.reason == 'completed'\n",
        good="why: It is for every stop.\n",
        frame=Frame.LINT_RULE,
        severity=Grade.NOTE,
    ),
    Code(
        code="L106",
        title="A part of a condition that never changes anything",
        why="It is true, or never true, whatever the facts are. It is a note where it is so only "
        "because of the events that the rule listens to.",
        bad="when: stop.reason == 'crash' and count(crash, 1h) >= 0\n",
        good="when: stop.reason == 'crash' and count(crash, 1h) >= 2\n",
        frame=Frame.LINT_RULE,
        severity=Grade.WARNING,
    ),
    Code(
        code="L110",
        title="A limit that cannot be reached",
        why="The waits of the plan alone take longer than the window in which the limit counts, "
        "so its 'then' never comes. Raise 'per' or lower 'max'.",
        bad="when: stop.reason == 'network'\n"
        "do: [wait: {for: 10m}, resume]\nlimit: {max: 6, per: 30m}\n",
        good="when: stop.reason == 'network'\n"
        "do: [wait: {for: 10m}, resume]\nlimit: {max: 6, per: 2h}\n",
        frame=Frame.LINT_RULE,
        severity=Grade.WARNING,
    ),
    Code(
        code="L111",
        title="Restarts that are counted apart",
        why="Several rules restart the server for the same stop reason. Each limit counts its own "
        "rule only, so together they restart more often than any of them says. A limit of the "
        "whole policy counts all of them.",
        bad="rules:\n"
        "  - {id: silent, when: stop.reason == 'crash' and not known(stop.signal), do: [restart],"
        " limit: {max: 3, per: 1h}}\n"
        "  - {id: all, when: stop.reason == 'crash', do: [restart], limit: {max: 5, per: 1h}}\n",
        good="rules:\n"
        "  - {id: all, when: stop.reason == 'crash', do: [restart], limit: {max: 5, per: 1h}}\n",
        frame=Frame.LINT_TOP,
        severity=Grade.NOTE,
    ),
    Code(
        code="L112",
        title="A wait that is longer than the window of its limit",
        why="Where the server names no time, the plan waits so long that the limit has forgotten "
        "the try before. Two such tries are never counted together.",
        bad="when: stop.reason == 'quota'\n"
        "do: [wait: {until: retry_after, else: 5h}, resume]\nlimit: {max: 8, per: 1h}\n",
        good="when: stop.reason == 'quota'\n"
        "do: [wait: {until: retry_after, else: 5m}, resume]\nlimit: {max: 8, per: 1h}\n",
        frame=Frame.LINT_RULE,
        severity=Grade.WARNING,
    ),
    Code(
        code="L113",
        title="Going on after a stop that trying again does not cure",
        why="The same request would get the same answer: a rejected key, an unpaid account, a "
        "model that is not there, a refusal, a request that is too large. Retrying a rejected key "
        "can lock the account. Change what was wrong before going on, or leave it to a person.",
        bad="when: stop.reason in ('auth', 'network')\ndo: [resume]\nlimit: {max: 3, per: 1h}\n",
        good="when: stop.reason == 'network'\ndo: [resume]\nlimit: {max: 3, per: 1h}\n",
        frame=Frame.LINT_RULE,
        severity=Grade.WARNING,
    ),
    Code(
        code="L114",
        title="Going on after the person stopped it",
        why="The person ended the session on purpose, and a rule would begin it again. The rails "
        "refuse that in any case; the policy should not ask for it.",
        bad="do: [resume]\nwhen: stop.reason in ('user_abort', 'network')\n"
        "limit: {max: 3, per: 1h}\n",
        good="do: [resume]\nwhen: stop.reason == 'network'\nlimit: {max: 3, per: 1h}\n",
        frame=Frame.LINT_RULE,
        severity=Grade.WARNING,
    ),
    Code(
        code="L115",
        title="A rule that never gives up",
        why="It goes on, it may be true again at once, and it has neither a limit nor a count in "
        "its condition. What the provider refuses for lack of quota is meant to be tried for "
        "ever, with a wait before each try, and is not told about. Anything else should end with "
        "a person.",
        bad="when: stop.reason == 'network'\ndo: [resume]\n",
        good="when: stop.reason == 'network'\ndo: [resume]\nlimit: {max: 12, per: 6h}\n",
        frame=Frame.LINT_RULE,
        severity=Grade.WARNING,
    ),
    Code(
        code="L117",
        title="A backoff that begins above its longest wait",
        why="`max` holds for every wait of the ladder, also for the first one: where `first` is "
        "longer, each wait takes `max`. Often the two were exchanged.",
        bad="when: stop.reason == 'network'\ndo: [wait: {backoff: {first: 1h, max: 1m}}, resume]\n"
        "limit: {max: 3, per: 8h}\n",
        good="when: stop.reason == 'network'\ndo: [wait: {backoff: {first: 1m, max: 1h}}, resume]\n"
        "limit: {max: 3, per: 8h}\n",
        frame=Frame.LINT_RULE,
        severity=Grade.WARNING,
    ),
    Code(
        code="L120",
        title="A comparison with a fact that may be unknown",
        why="Where the fact is unknown the comparison is neither true nor false, and the rule does "
        "not decide, although the rest of its condition is true. Say what should happen then, "
        "with default() or known(), if that case matters.",
        bad="when: stop.reason == 'quota' and stop.retry_after < 1h\n",
        good="when: stop.reason == 'quota' and default(stop.retry_after, 0s) < 1h\n",
        frame=Frame.LINT_RULE,
        severity=Grade.NOTE,
    ),
    Code(
        code="L121",
        title="A step that cannot be taken back, on a reason that may be a guess",
        why="The classifier says how sure it is of a stop's reason. A restart, a stop of the "
        "server, a compaction and a new session without a snapshot should not rest on a guess.",
        bad="when: stop.reason == 'context_exhausted'\ndo: [compact, resume]\n"
        "limit: {max: 2, per: 1h}\n",
        good="when: stop.reason == 'context_exhausted' and stop.confidence >= 60%\n"
        "do: [compact, resume]\nlimit: {max: 2, per: 1h}\n",
        frame=Frame.LINT_RULE,
        severity=Grade.NOTE,
    ),
    Code(
        code="L130",
        title="A fact that no assistant tells",
        why="None of the assistants that are supervised ever tells this fact, so it is always "
        "unknown and a comparison with it never true.",
        bad="when: session.age > 8h\n",
        good="when: count(stopped, 8h) > 40\n",
        frame=Frame.LINT_RULE,
        severity=Grade.WARNING,
    ),
    Code(
        code="L140",
        title="An old word",
        why="It still means what it meant, and there is a better word for it now.",
        bad="when: stop.reason == 'quota'\ndo: [wait: {until: reset, else: 1h}, resume]\n",
        good="when: stop.reason == 'quota'\ndo: [wait: {until: retry_after, else: 1h}, resume]\n",
        frame=Frame.LINT_RULE,
        severity=Grade.NOTE,
    ),
    Code(
        code="L150",
        title="A name that nothing uses",
        why="A parameter, a condition or a calendar is defined, and neither this file nor one "
        "that it extends uses it. Often the name is written differently where it should be used.",
        bad="define: {throttled: stop.reason == 'rate_limit'}\n",
        good="define: {throttled: stop.reason == 'rate_limit'}\n"
        "rules:\n  - {id: wait, when: throttled, do: [stand-down]}\n",
        frame=Frame.LINT_TOP,
        severity=Grade.WARNING,
    ),
    Code(
        code="L151",
        title="A message that quotes text from outside to a named channel",
        why="The text of a provider, a tool or the assistant may quote your code or your prompt. "
        "It is redacted, and still more than a channel that others read should get.",
        bad='do:\n  - notify: {message: "${stop.message}", channels: [ntfy]}\n',
        good='do:\n  - notify: {message: "${stop.reason}", channels: [ntfy]}\n',
        frame=Frame.LINT_RULE,
        severity=Grade.NOTE,
    ),
)
