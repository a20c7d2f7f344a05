"""Nights in which nobody is there: limits, a server that dies, work that is not finished."""

from typing import TYPE_CHECKING

from palingenesis.demo.replies import (
    Stall,
    Status,
    Text,
    context_overflow,
    out_of_quota,
    rate_limited,
    server_error,
    unauthorized,
)
from tests.torture.killing.night import (
    AT_ONCE,
    CUT,
    DONE,
    GO_ON,
    HALF_S,
    OVER,
    SOON,
    TASK,
    Night,
    decides,
    document,
    ends_well,
    is_taken_over,
    policy_of,
)

if TYPE_CHECKING:
    from tests.torture.killing.run import Run

# ── what passes by itself ─────────────────────────────────────────────────────────────────────

RATE_LIMIT = Night(
    name="rate-limit",
    about="a rate limit is taken over from the assistant, waited for, and asked again silently",
    policy=policy_of("""
  - id: taken-over
    when: stop.retrying
    do: [interrupt, {wait: {until: retry_after, else: 1s}}, {resume: {message: "Go on."}}]
"""),
    replies=(rate_limited(3), OVER),
    play=is_taken_over,
    asked=((TASK, "status 429"), (TASK, "finished")),
    rules=("taken-over", "done"),
    told=("Done.",),
)

QUOTA = Night(
    name="quota",
    about="a quota is told once, waited for, and asked for again",
    policy=policy_of("""
  - id: quota
    when: stop.retrying
    do:
      - notify: {message: "Quota."}
      - interrupt
      - wait: {until: retry_after, else: 1s}
      - resume
"""),
    replies=(out_of_quota(3), OVER),
    play=is_taken_over,
    asked=((TASK, "status 429"), (TASK, "finished")),
    rules=("quota", "done"),
    told=("Quota.", "Done."),
)

DELEGATED = Night(
    name="delegated",
    about="a short wait is left to the assistant, which asks again by itself; we never do",
    policy=policy_of("""
  - id: left
    when: stop.retrying
    do: [{delegate: {until: 5m}}]
"""),
    replies=(Status(status=429, headers=SOON, body=rate_limited().body), OVER),
    play=ends_well,
    asked=((TASK, "status 429"), (TASK, "finished")),
    rules=None,
    told=("Done.",),
)

SERVER_ERROR = Night(
    name="server-error",
    about="the assistant gives up after its own tries; we wait a little and ask once more",
    policy=policy_of("""
  - id: left
    when: stop.retrying
    do: [{delegate: {until: 5m}}]
  - id: again
    when: stop.reason == 'server_error'
    do: [{wait: {for: 200ms}}, {resume: {message: "Go on."}}]
"""),
    replies=(*(Status(status=500, headers=AT_ONCE, body=server_error().body) for _ in range(6)),
             OVER),
    play=ends_well,
    asked=(*((TASK, "status 500") for _ in range(6)), (TASK, "finished")),
    rules=None,
    told=("Done.",),
)  # fmt: skip

# ── the server dies ───────────────────────────────────────────────────────────────────────────

_CRASH = policy_of("""
  - id: crash
    when: stop.reason == 'crash'
    do: [{wait: {for: 200ms}}, restart, {resume: {message: "Go on."}}]
""")


async def _one_server_dies(run: "Run") -> None:
    await run.begin(TASK)
    await run.sleep(HALF_S)
    await run.kill_server()
    await run.until(lambda: "done" in run.journal.rules and not run.journal.open)


async def _two_die_together(run: "Run") -> None:
    for _ in range(2):
        await run.begin(TASK)
    await run.sleep(HALF_S)
    await run.kill_server()
    await run.until(lambda: run.journal.rules.count("done") == 2 and not run.journal.open)


CRASH = Night(
    name="crash",
    about="the server dies in the middle of an answer; it is restarted, and told to go on",
    policy=_CRASH,
    replies=(Stall(text="It st"), OVER),
    play=_one_server_dies,
    asked=((TASK, "client gone"), (f"{GO_ON}|{TASK}", "finished")),
    rules=None,
    told=("Done.",),
)

CRASH_OF_TWO = Night(
    name="crash-of-two",
    about="a server dies with two sessions at work; one restart serves both",
    policy=_CRASH,
    replies=(Stall(text="It st"), Stall(text="It st"), OVER, OVER),
    play=_two_die_together,
    asked=(*((TASK, "client gone"),) * 2, *((f"{GO_ON}|{TASK}", "finished"),) * 2),
    rules=None,
    in_any_order=True,
    told=("Done.", "Done."),
)

STOP = Night(
    name="stop",
    about="a rule ends the server, and it stays ended",
    policy=policy_of("""
  - id: enough
    when: stop.reason == 'auth'
    do: [{stop: {grace: 1s}}, {attention: {reason: "enough"}}]
"""),
    replies=(unauthorized(),),
    play=decides(1),
    asked=((TASK, "status 401"),),
    rules=("enough",),
    servers=0,
)

# ── the work goes on ──────────────────────────────────────────────────────────────────────────

CUT_OFF = Night(
    name="cut-off",
    about="an answer is cut off at the output limit, and told to go on",
    policy=policy_of("""
  - id: cut-off
    when: stop.reason == 'output_limit'
    do: [{resume: {message: "Go on."}}]
"""),
    replies=(CUT, OVER),
    play=decides(2),
    asked=((TASK, "finished"), (GO_ON, "finished")),
    rules=("cut-off", "done"),
    told=("Done.",),
)

AGAIN = Night(
    name="again",
    about="the last prompt is sent again",
    policy=policy_of("""
  - id: again
    when: stop.reason == 'output_limit'
    do: [retry]
"""),
    replies=(CUT, OVER),
    play=decides(2),
    asked=((TASK, "finished"), (TASK, "finished")),
    rules=("again", "done"),
    told=("Done.",),
)

UNFINISHED = Night(
    name="unfinished",
    about="a turn ends with open steps in its work, twice, and is told to go on each time",
    policy=f"""version: 1
rules:
  - id: unfinished
    when: work.state == 'valid' and not work.done and stop.reason == 'completed'
    do: [{{resume: {{message: "Go on."}}}}]{DONE}""",
    replies=(
        document(1, 2), Text(text="two"), document(1, 2, 3, 4), Text(text="four"),
        document(1, 2, 3, 4, 5, 6, 7, 8), Text(text="all"),
    ),
    play=decides(3),
    asked=(*((TASK, "finished"),) * 2, *((GO_ON, "finished"),) * 4),
    rules=("unfinished", "unfinished", "done"),
    told=("Done.",),
)  # fmt: skip

NEW_SESSION = Night(
    name="new-session",
    about="a full context is backed up and continued in a new session, from Next-step.md",
    policy=policy_of("""
  - id: full
    when: stop.reason == 'context_exhausted'
    do: [snapshot, {new-session: {from: Next-step.md, if-missing: summary}}]
"""),
    replies=(context_overflow(), OVER),
    play=decides(2),
    asked=((TASK, "status 400"), ("Build the roof.", "finished")),
    rules=("full", "done"),
    told=("Done.",),
    new_sessions=1,
    files={"Next-step.md": "Build the roof."},
)

COMPACT = Night(
    name="compact",
    about="a conversation is summarised, and told to go on",
    policy=policy_of("""
  - id: cut-off
    when: stop.reason == 'output_limit'
    do: [compact, {resume: {message: "Go on."}}]
"""),
    replies=(CUT, Text(text="A house was asked for."), OVER),
    play=decides(2),
    asked=((TASK, "finished"), ("Sum it up", "finished"), (GO_ON, "finished")),
    rules=("cut-off", "done"),
    told=("Done.",),
)

SWITCH_MODEL = Night(
    name="switch-model",
    about="the next prompt goes to another model",
    policy=policy_of("""
  - id: other
    when: stop.reason == 'output_limit'
    do: [{switch-model: {to: scripted-anthropic/scripted-claude}}, {resume: {message: "Go on."}}]
"""),
    replies=(CUT, OVER),
    play=decides(2),
    asked=((TASK, "finished"), (GO_ON, "finished")),
    rules=("other", "done"),
    told=("Done.",),
)

HOOK = Night(
    name="hook",
    about="a hook runs at most once; whether or not that is known, the session is told to go on",
    policy=policy_of("""
  - id: cut-off
    when: stop.reason == 'output_limit'
    do: [{run: {hook: note}}, {resume: {message: "Go on."}}]
  - id: hook-unknown
    event: action_failed
    do: [{resume: {message: "Go on."}}]
"""),
    replies=(CUT, OVER),
    play=ends_well,
    asked=((TASK, "finished"), (GO_ON, "finished")),
    rules=None,
    told=("Done.",),
    hooked=1,
)
