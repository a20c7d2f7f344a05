"""The nights: for each what the provider answers, what the person does, what must come of it."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from palingenesis.demo.replies import (
    Reply,
    Stall,
    Status,
    Text,
    Tool,
    context_overflow,
    out_of_quota,
    rate_limited,
    server_error,
    unauthorized,
)

if TYPE_CHECKING:
    from tests.torture.killing.run import Run

Play = Callable[["Run"], Awaitable[None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Night:
    """One kind of night."""

    name: str
    about: str
    policy: str
    replies: tuple[Reply, ...]
    play: Play
    asked: tuple[tuple[str, str], ...]
    """What the provider is asked for (words of it; `A|B` is either), and how each answer ends."""
    rules: tuple[str, ...] | None
    """The rules that decide; None: it depends on the moment of death how often they do."""
    told: tuple[str, ...] = ()
    in_any_order: bool = False
    person_ends_it: bool = False
    """What is asked beyond the expected is asked after the person said stop."""
    hooked: int = 0
    servers: int = 1
    new_sessions: int = 0
    """Sessions that we open."""
    opencode: Mapping[str, Any] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    """What lies in the project, by name."""
    counts_from_the_start: bool = False
    """Boundaries count from the daemon's first one; else from the person's first word on."""


DONE = """
  - id: done
    when: stop.reason == 'completed'
    do: [{notify: {message: "Done."}}, finish]
default: {do: [attention]}
"""
TASK, GO_ON = "Build the house.", "Go on."


def _policy(rules: str) -> str:
    return f"version: 1\nrules:\n{rules.strip(chr(10))}{DONE}"


async def _ends_well(run: "Run") -> None:
    await run.begin(TASK)
    await run.until(lambda: "done" in run.journal.rules and not run.journal.open)


def _decides(count: int) -> Play:
    async def play(run: "Run") -> None:
        await run.begin(TASK)
        await run.decided(count)

    return play


def _document(*steps: int) -> Tool:
    text = f"---\nstepsCompleted: {list(steps)}\nworkflowType: architecture\n---\n\n# Plan\n"
    return Tool(name="write", arguments={"filePath": "docs/plan.md", "content": text})


CUT, OVER = Text(text="It st", finish="length"), Text(text="It stands.")
SOON = {"retry-after-ms": "300"}
HALF_S = 0.2
"""After so long an answer that stalls has said its first words."""
AT_ONCE = {"retry-after-ms": "1"}


# ── what passes by itself ─────────────────────────────────────────────────────────────────────

RATE_LIMIT = Night(
    name="rate-limit",
    about="a rate limit is taken over from the assistant, waited for, and asked again silently",
    policy=_policy("""
  - id: taken-over
    when: stop.retrying
    do: [interrupt, {wait: {until: retry_after, else: 1s}}, {resume: {message: "Go on."}}]
"""),
    replies=(rate_limited(3), OVER),
    play=_decides(2),
    asked=((TASK, "status 429"), (TASK, "finished")),
    rules=("taken-over", "done"),
    told=("Done.",),
)

QUOTA = Night(
    name="quota",
    about="a quota is told once, waited for, and asked for again",
    policy=_policy("""
  - id: quota
    when: stop.retrying
    do:
      - notify: {message: "Quota."}
      - interrupt
      - wait: {until: retry_after, else: 1s}
      - resume
"""),
    replies=(out_of_quota(3), OVER),
    play=_decides(2),
    asked=((TASK, "status 429"), (TASK, "finished")),
    rules=("quota", "done"),
    told=("Quota.", "Done."),
)

DELEGATED = Night(
    name="delegated",
    about="a short wait is left to the assistant, which asks again by itself; we never do",
    policy=_policy("""
  - id: left
    when: stop.retrying
    do: [{delegate: {until: 5m}}]
"""),
    replies=(Status(status=429, headers=SOON, body=rate_limited().body), OVER),
    play=_ends_well,
    asked=((TASK, "status 429"), (TASK, "finished")),
    rules=None,
    told=("Done.",),
)

SERVER_ERROR = Night(
    name="server-error",
    about="the assistant gives up after its own tries; we wait a little and ask once more",
    policy=_policy("""
  - id: left
    when: stop.retrying
    do: [{delegate: {until: 5m}}]
  - id: again
    when: stop.reason == 'server_error'
    do: [{wait: {for: 200ms}}, {resume: {message: "Go on."}}]
"""),
    replies=(*(Status(status=500, headers=AT_ONCE, body=server_error().body) for _ in range(6)),
             OVER),
    play=_ends_well,
    asked=(*((TASK, "status 500") for _ in range(6)), (TASK, "finished")),
    rules=None,
    told=("Done.",),
)  # fmt: skip

# ── the server dies ───────────────────────────────────────────────────────────────────────────

_CRASH = _policy("""
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
    asked=((TASK, "client gone"), (GO_ON, "finished")),
    rules=None,
    told=("Done.",),
)

CRASH_OF_TWO = Night(
    name="crash-of-two",
    about="a server dies with two sessions at work; one restart serves both",
    policy=_CRASH,
    replies=(Stall(text="It st"), Stall(text="It st"), OVER, OVER),
    play=_two_die_together,
    asked=(*((TASK, "client gone"),) * 2, *((GO_ON, "finished"),) * 2),
    rules=None,
    in_any_order=True,
    told=("Done.", "Done."),
)

STOP = Night(
    name="stop",
    about="a rule ends the server, and it stays ended",
    policy=_policy("""
  - id: enough
    when: stop.reason == 'auth'
    do: [{stop: {grace: 1s}}, {attention: {reason: "enough"}}]
"""),
    replies=(unauthorized(),),
    play=_decides(1),
    asked=((TASK, "status 401"),),
    rules=("enough",),
    servers=0,
)

# ── the work goes on ──────────────────────────────────────────────────────────────────────────

CUT_OFF = Night(
    name="cut-off",
    about="an answer is cut off at the output limit, and told to go on",
    policy=_policy("""
  - id: cut-off
    when: stop.reason == 'output_limit'
    do: [{resume: {message: "Go on."}}]
"""),
    replies=(CUT, OVER),
    play=_decides(2),
    asked=((TASK, "finished"), (GO_ON, "finished")),
    rules=("cut-off", "done"),
    told=("Done.",),
)

AGAIN = Night(
    name="again",
    about="the last prompt is sent again",
    policy=_policy("""
  - id: again
    when: stop.reason == 'output_limit'
    do: [retry]
"""),
    replies=(CUT, OVER),
    play=_decides(2),
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
        _document(1, 2), Text(text="two"), _document(1, 2, 3, 4), Text(text="four"),
        _document(1, 2, 3, 4, 5, 6, 7, 8), Text(text="all"),
    ),
    play=_decides(3),
    asked=(*((TASK, "finished"),) * 2, *((GO_ON, "finished"),) * 4),
    rules=("unfinished", "unfinished", "done"),
    told=("Done.",),
)  # fmt: skip

NEW_SESSION = Night(
    name="new-session",
    about="a full context is backed up and continued in a new session, from Next-step.md",
    policy=_policy("""
  - id: full
    when: stop.reason == 'context_exhausted'
    do: [snapshot, {new-session: {from: Next-step.md, if-missing: summary}}]
"""),
    replies=(context_overflow(), OVER),
    play=_decides(2),
    asked=((TASK, "status 400"), ("Build the roof.", "finished")),
    rules=("full", "done"),
    told=("Done.",),
    new_sessions=1,
    files={"Next-step.md": "Build the roof."},
)

COMPACT = Night(
    name="compact",
    about="a conversation is summarised, and told to go on",
    policy=_policy("""
  - id: cut-off
    when: stop.reason == 'output_limit'
    do: [compact, {resume: {message: "Go on."}}]
"""),
    replies=(CUT, Text(text="A house was asked for."), OVER),
    play=_decides(2),
    asked=((TASK, "finished"), ("Sum it up", "finished"), (GO_ON, "finished")),
    rules=("cut-off", "done"),
    told=("Done.",),
)

SWITCH_MODEL = Night(
    name="switch-model",
    about="the next prompt goes to another model",
    policy=_policy("""
  - id: other
    when: stop.reason == 'output_limit'
    do: [{switch-model: {to: scripted-anthropic/scripted-claude}}, {resume: {message: "Go on."}}]
"""),
    replies=(CUT, OVER),
    play=_decides(2),
    asked=((TASK, "finished"), (GO_ON, "finished")),
    rules=("other", "done"),
    told=("Done.",),
)

HOOK = Night(
    name="hook",
    about="a hook runs at most once; whether or not that is known, the session is told to go on",
    policy=_policy("""
  - id: cut-off
    when: stop.reason == 'output_limit'
    do: [{run: {hook: note}}, {resume: {message: "Go on."}}]
  - id: hook-unknown
    event: action_failed
    do: [{resume: {message: "Go on."}}]
"""),
    replies=(CUT, OVER),
    play=_ends_well,
    asked=((TASK, "finished"), (GO_ON, "finished")),
    rules=None,
    told=("Done.",),
    hooked=1,
)

# ── the person ────────────────────────────────────────────────────────────────────────────────

ASKED = _policy("""
  - id: gate
    when: stop.reason == 'output_limit'
    do: [{ask: {question: "Once more?", timeout: 10m}}, {resume: {message: "Go on."}}]
""")


def _answers(*, yes: bool) -> Play:
    async def play(run: "Run") -> None:
        session = await run.begin(TASK)
        await run.until(lambda: run.journal.rules)
        question = ""
        while not question:
            found = await run.command(lambda door: door.sessions())
            mine = [one for one in found if one["id"] == session]
            question = str(mine[0].get("question") or "") if mine else ""
        await run.command(lambda door: door.answer(question, "person", yes=yes))
        await run.decided(2 if yes else 1)

    return play


ASK_YES = Night(
    name="ask-yes",
    about="a person is asked, says yes, and the session goes on",
    policy=ASKED,
    replies=(CUT, OVER),
    play=_answers(yes=True),
    asked=((TASK, "finished"), (GO_ON, "finished")),
    rules=("gate", "done"),
    told=("Once more?", "Done."),
)

ASK_NO = Night(
    name="ask-no",
    about="a person is asked and says no: nothing is sent",
    policy=ASKED,
    replies=(CUT, OVER),
    play=_answers(yes=False),
    asked=((TASK, "finished"),),
    person_ends_it=True,
    rules=("gate",),
    told=("Once more?",),
)

_LATER = _policy("""
  - id: later
    when: stop.reason == 'output_limit'
    do: [{wait: {for: 1500ms}}, {resume: {message: "Go on."}}]
""")


async def _aborts_in_the_wait(run: "Run") -> None:
    session = await run.begin(TASK)
    await run.until(lambda: run.journal.rules)
    await run.command(lambda door: door.command("abort", session, "person"))
    await run.sleep(1.8)
    await run.decided(1)


async def _speaks_in_the_wait(run: "Run") -> None:
    session = await run.begin(TASK)
    await run.until(lambda: run.journal.rules)
    await run.say(session, "Paint it.")
    await run.decided(2)
    await run.sleep(1.0)


async def _holds_and_releases(run: "Run") -> None:
    session = await run.open_session(TASK)
    await run.until(lambda: run.journal.has("SessionWorking", session=session))
    await run.command(lambda door: door.command("pause", session, "person"))
    run.stage.clock.gate.set()
    await run.until(lambda: run.journal.has("SessionStopped", session=session))
    await run.sleep(0.3)
    assert len(run.asked()) == 1, "asked while it was held"
    await run.command(lambda door: door.command("resume", session, "person"))
    await run.decided(2)


async def _stops_it_herself(run: "Run") -> None:
    session = await run.begin(TASK)
    await run.sleep(HALF_S)
    await run.stage.api("POST", f"/session/{session}/abort")
    await run.until(lambda: run.journal.has("SessionStopped", session=session))
    await run.sleep(1.0)


async def _allows_it(run: "Run") -> None:
    session = await run.begin(TASK)
    await run.until(lambda: run.journal.has("SessionBlocked", session=session))
    await run.until(lambda: run.stage.told.notices)
    (asked,) = await run.stage.api("GET", "/permission")
    await run.stage.api("POST", f"/permission/{asked['id']}/reply", {"reply": "once"})
    await run.decided(1)


EXIT_IN_WAIT = Night(
    name="exit-in-wait",
    about="the person ends it while we wait: nothing is ever sent",
    policy=_LATER,
    replies=(CUT, OVER),
    play=_aborts_in_the_wait,
    asked=((TASK, "finished"),),
    person_ends_it=True,
    rules=("later",),
)

PROMPT_IN_WAIT = Night(
    name="prompt-in-wait",
    about="the person goes on by herself while we wait: our prompt is never sent",
    policy=_LATER,
    replies=(CUT, OVER),
    play=_speaks_in_the_wait,
    asked=((TASK, "finished"), ("Paint it.", "finished")),
    person_ends_it=True,
    rules=("later", "done"),
    told=("Done.",),
)

HELD = Night(
    name="held",
    about="a session that the person holds is left alone, and continued when she lets it go",
    policy=_policy("""
  - id: cut-off
    when: stop.reason == 'output_limit'
    do: [{resume: {message: "Go on."}}]
"""),
    replies=(CUT, OVER),
    play=_holds_and_releases,
    asked=((TASK, "finished"), (GO_ON, "finished")),
    rules=("cut-off", "done"),
    told=("Done.",),
)

USER_ABORT = Night(
    name="user-abort",
    about="the person breaks the turn off: not even a stubborn policy goes on",
    policy="""version: 1
rules:
  - id: stubborn
    when: true
    do: [{resume: {message: "Go on, whatever happens."}}]
default: {do: [resume]}
""",
    replies=(Stall(text="It st"), OVER),
    play=_stops_it_herself,
    asked=((TASK, "client gone"),),
    person_ends_it=True,
    rules=None,
)

BLOCKED = Night(
    name="blocked",
    about="a tool waits for a permission: the person is told, and answers herself",
    policy=_policy(""),
    replies=(Tool(name="bash", arguments={"command": "echo hi", "description": "Say hi"}), OVER),
    play=_allows_it,
    asked=((TASK, "finished"), (TASK, "finished")),
    rules=("done",),
    told=("Done.", "asks permission"),
    opencode={"permission": {"bash": "ask"}},
)

# ── telling, and policies ─────────────────────────────────────────────────────────────────────

NOTIFIED = Night(
    name="notified",
    about="a rejected key: the conversation is backed up, people are told, nothing is tried",
    policy=_policy("""
  - id: auth
    when: stop.reason == 'auth'
    do: [snapshot, {notify: {severity: critical, message: "Key!"}}, {attention: {reason: "key"}}]
"""),
    replies=(unauthorized(),),
    play=_decides(1),
    asked=((TASK, "status 401"),),
    rules=("auth",),
    told=("Key!",),
)

_OTHER_WORDS = _LATER.replace("Go on.", "Carry on.")


async def _changes_the_policy(run: "Run") -> None:
    await run.begin(TASK)
    await run.until(lambda: run.journal.rules)
    run.stage.write_policy(_OTHER_WORDS)
    await run.command(lambda door: door.reload())
    await run.decided(2)


async def _tries_a_policy(run: "Run") -> None:
    await run.is_up()
    run.counts()
    candidate = run.stage.folder / "candidate.yaml"
    candidate.write_text(_LATER)
    candidate.chmod(0o600)
    await run.command(lambda door: door.shadow("start", str(candidate)))
    await run.begin(TASK)
    await run.decided(2)


RELOAD = Night(
    name="reload",
    about="the policy changes while we wait: the wait goes on, and one prompt is sent",
    policy=_LATER,
    replies=(CUT, OVER),
    play=_changes_the_policy,
    asked=((TASK, "finished"), (f"{GO_ON}|Carry on.", "finished")),
    rules=None,
    told=("Done.",),
)

SHADOW = Night(
    name="shadow",
    about="another policy decides beside ours, and never acts",
    policy=CUT_OFF.policy,
    replies=(CUT, OVER),
    play=_tries_a_policy,
    asked=((TASK, "finished"), (GO_ON, "finished")),
    rules=("cut-off", "done"),
    told=("Done.",),
)

FIRST_START = Night(
    name="first-start",
    about="the very first start: journal, policy, server; then one turn",
    policy=_policy(""),
    replies=(OVER,),
    play=_decides(1),
    asked=((TASK, "finished"),),
    rules=("done",),
    told=("Done.",),
    counts_from_the_start=True,
)

NIGHTS: Mapping[str, Night] = {
    night.name: night
    for night in (
        RATE_LIMIT, QUOTA, DELEGATED, SERVER_ERROR, CRASH, CRASH_OF_TWO, STOP, CUT_OFF, AGAIN,
        UNFINISHED, NEW_SESSION, COMPACT, SWITCH_MODEL, HOOK, ASK_YES, ASK_NO, EXIT_IN_WAIT,
        PROMPT_IN_WAIT, HELD, USER_ABORT, BLOCKED, NOTIFIED, RELOAD, SHADOW, FIRST_START,
    )
}  # fmt: skip
