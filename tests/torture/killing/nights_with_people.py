"""Nights with a person: she is asked and told, holds, ends, goes on herself, changes her policy."""

from dataclasses import replace
from typing import TYPE_CHECKING

from palingenesis.demo.replies import Stall, Tool, unauthorized
from tests.torture.killing.night import (
    CUT,
    GO_ON,
    HALF_S,
    OVER,
    TASK,
    Night,
    Play,
    decides,
    policy_of,
)

if TYPE_CHECKING:
    from tests.torture.killing.run import Run

# ── the person ────────────────────────────────────────────────────────────────────────────────

ASKED = policy_of("""
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

_QUESTIONS = 12
_LATER = policy_of("""
  - id: later
    when: stop.reason == 'output_limit'
    do: [{wait: {for: 2s}}, {resume: {message: "Go on."}}]
""")


async def _aborts_in_the_wait(run: "Run") -> None:
    session = await run.begin(TASK)
    await run.until(lambda: run.journal.rules)
    await run.command(lambda door: door.command("abort", session, "person"))
    ended_at = run.now()
    await run.sleep(2.5)
    run.claim(was_in_time=not run.ours_before(ended_at))
    await run.decided(1)


async def _speaks_in_the_wait(run: "Run") -> None:
    session = await run.begin(TASK)
    await run.until(lambda: run.journal.rules)
    await run.say(session, "Paint it.")
    run.claim(was_in_time=not run.ours_before(run.now()))
    await run.decided(2)
    await run.sleep(2.0)


async def _speaks_while_it_is_away(run: "Run") -> None:
    """She speaks when it has died in its wait; there it has something to do at which it can die."""
    session = await run.begin(TASK)
    await run.until(lambda: run.journal.rules)
    deaths = len(run.told.kills)
    for _ in range(_QUESTIONS):
        await run.ask()
        if len(run.told.kills) > deaths:
            break
    await run.say(session, "Paint it.")
    run.claim(was_in_time=not run.ours_before(run.now()))
    await run.decided(2)
    await run.sleep(2.0)


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

PROMPT_WHILE_AWAY = replace(
    PROMPT_IN_WAIT,
    name="prompt-while-away",
    about="the same, and the daemon is away while she speaks, until its wait is over",
    play=_speaks_while_it_is_away,
    away_s=2.5,
)

HELD = Night(
    name="held",
    about="a session that the person holds is left alone, and continued when she lets it go",
    policy=policy_of("""
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
    policy=policy_of(""),
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
    policy=policy_of("""
  - id: auth
    when: stop.reason == 'auth'
    do: [snapshot, {notify: {severity: critical, message: "Key!"}}, {attention: {reason: "key"}}]
"""),
    replies=(unauthorized(),),
    play=decides(1),
    asked=((TASK, "status 401"),),
    rules=("auth",),
    told=("Key!",),
)

_OTHER_WORDS = _LATER.replace("Go on.", "Carry on.")


async def _changes_the_policy(run: "Run") -> None:
    await run.begin(TASK)
    await run.until(lambda: run.journal.rules)
    run.stage.write_policy(_OTHER_WORDS)
    await run.command(lambda door: door.reload("a person"))
    await run.decided(2)


async def _tries_a_policy(run: "Run") -> None:
    await run.is_up()
    run.counts()
    candidate = run.stage.folder / "candidate.yaml"
    candidate.write_text(_LATER)
    candidate.chmod(0o600)
    await run.command(lambda door: door.shadow("start", "a person", str(candidate)))
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
    policy=HELD.policy,
    replies=(CUT, OVER),
    play=_tries_a_policy,
    asked=((TASK, "finished"), (GO_ON, "finished")),
    rules=("cut-off", "done"),
    told=("Done.",),
)

FIRST_START = Night(
    name="first-start",
    about="the very first start: journal, policy, server; then one turn",
    policy=policy_of(""),
    replies=(OVER,),
    play=decides(1),
    asked=((TASK, "finished"),),
    rules=("done",),
    told=("Done.",),
    counts_from_the_start=True,
)
