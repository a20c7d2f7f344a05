"""The history checker: the promises I1 to I16, each read from what a night left behind.

It is told nothing about the kernel. What it needs to know of a plan it works out anew from the
plan that the journal holds (`expecting`).
"""

from collections.abc import Callable, Iterator
from typing import Final

from tests.torture.night.bounds import BOUNDS
from tests.torture.night.evidence import (
    EARLY_S,
    LATE_S,
    PROMPTS,
    Decided,
    Evidence,
    Intent,
    Plain,
    Violation,
)
from tests.torture.night.expecting import Expected, drift_of, expected_of
from tests.torture.night.house import Mark

WINDOW_S: Final = 0.25
"""Between the last look and the act nobody can promise anything: what a person does in it is
shown, and is not followed by a second effect."""
NOT_OURS: Final = {
    "I14": "secrets nowhere: shown by the run that plants secrets, through the real sensors",
    "I15": "a second daemon has zero effects: shown by a thousand concurrent starts",
}
"""What is shown elsewhere, and where."""


Rule = Callable[[Evidence], Iterator[Violation]]


def judge(evidence: Evidence) -> list[Violation]:
    """Every promise that was broken."""
    return [violation for rule in RULES for violation in rule(evidence)]


# ── nothing twice ─────────────────────────────────────────────────────────────────────────────


def one_run_for_one_stop(evidence: Evidence) -> Iterator[Violation]:
    """I1: no two runs of ours for one stop, none that joins a turn under way, or follows one that
    had come to its end before its server died.
    """
    answered: dict[tuple[str, str], Mark] = {}
    alive: dict[str, list[float]] = {}
    for mark in evidence.all("alive"):
        alive.setdefault(mark.key, []).append(mark.at)
    begun: dict[str, float] = {}
    rests: dict[str, str] = {}
    for mark in evidence.all("run", "joined", "person-run", "own-run", "stop"):
        if mark.what == "stop":
            rests[mark.session] = mark.more
            continue
        if mark.what == "joined":
            if mark.at - begun.get(mark.session, -1e9) > WINDOW_S:
                yield Violation("I1", mark.at, f"{mark.key} joined a turn of {mark.session}")
            continue
        begun[mark.session] = mark.at
        if mark.what != "run":
            continue
        meant = mark.more.split("|")[0]
        before = answered.get((mark.session, meant))
        if before is not None and any(
            before.at <= at < mark.at for at in alive.get(before.key, ()) if meant
        ):
            yield Violation(
                "I1", mark.at, f"{meant} was answered by {before.key}, and again by {mark.key}"
            )
        answered[mark.session, meant] = mark
        if meant.startswith("down:") and rests.get(mark.session) == "completed":
            yield Violation("I1", mark.at, f"{mark.key}: it had finished before the server died")
    made: dict[str, Mark] = {}
    for mark in evidence.all("create"):
        if mark.key in made:
            yield Violation("I1", mark.at, f"{mark.key} created two sessions")
        made[mark.key] = mark


def nothing_stale(evidence: Evidence) -> Iterator[Violation]:
    """I16: whatever began after a decision, by a person or by itself, makes its prompt void."""
    began: dict[str, list[Mark]] = {}
    for mark in evidence.all("run", "person-run", "own-run", "person-prompt"):
        intent = evidence.intents.get(mark.key)
        if mark.what == "run" and intent is not None and mark.more.split("|")[0]:
            since = _decided_last(evidence, intent)
            for other in began.get(mark.session, ()):
                same = other.key == mark.key or _was_called_back(evidence, other, intent, since)
                same = same or _was_ended_at_once(evidence, other, intent)
                if since < other.at < mark.at - WINDOW_S and not same:
                    text = f"{mark.key} was decided at {since:.2f}; {other.what} at {other.at:.2f}"
                    yield Violation("I16", mark.at, text)
        began.setdefault(mark.session, []).append(mark)


def _was_called_back(evidence: Evidence, run: Mark, later: Intent, since: float) -> bool:
    """Whether it was ours, on its way when the later was decided about, and ended by its plan."""
    earlier = evidence.intents.get(run.key)
    return (
        run.what == "run"
        and earlier is not None
        and earlier.line.at <= since
        and any(
            run.at < mark.at
            and mark.session == run.session
            and (order := evidence.intents.get(mark.key)) is not None
            and order.effect["decision"] == later.effect["decision"]
            for mark in evidence.all("abort")
        )
    )


def _was_ended_at_once(evidence: Evidence, run: Mark, later: Intent) -> bool:
    """Whether it began by itself between the look and the abort of that plan, which ended it."""
    return run.what == "own-run" and any(
        0.0 <= mark.at - run.at < WINDOW_S
        and mark.session == run.session
        and (order := evidence.intents.get(mark.key)) is not None
        and order.effect["decision"] == later.effect["decision"]
        for mark in evidence.all("abort")
    )


def _decided_last(evidence: Evidence, intent: Intent) -> float:
    """When the plan of an effect was last decided about, or kept for a newer stop."""
    at = 0.0
    for decided in evidence.of_session.get(intent.effect.get("session") or "", ()):
        if decided.line.seq > intent.line.seq:
            break
        mine = decided.plain["id"] == intent.effect["decision"]
        if mine or decided.plain["kind"] == "kept":
            at = max(at, decided.line.at)
    return at


# ── nothing after the person said stop ────────────────────────────────────────────────────────

_UNREAD_S: Final = 6.0
"""A signal may be lost; then the next look comes so much later."""
_MIDST_S: Final = 2.0
"""So long after our order to abort, an abort is taken for ours if we died of it."""
_STOPS: Final = frozenset({"Hold", "Abort", "Detach"})


def nothing_after_her_stop(evidence: Evidence) -> Iterator[Violation]:
    """I2: nothing is done to a session after the person ended, held or aborted it."""
    aborts = evidence.all("person-abort")
    unread = {m.at for m in aborts if _died_at_once(evidence, m) or _in_our_midst(evidence, m)}
    words = _her_words(evidence)
    hers = [w for w in words if not (w[1] and (w[0] in unread or _in_one_breath(words, w)))]
    for mark in evidence.all("run", "joined", "create", "abort", "hook"):
        session = mark.more if mark.what == "create" else mark.session
        last = None
        for at, stops, whose, what in hers:
            if at <= mark.at - (WINDOW_S if stops else 0.0) and whose in {"", session}:
                last = (at, stops, what)
        if last is None or not last[1] or _is_hers(evidence, mark.key, last[0]):
            continue
        yield Violation("I2", mark.at, f"{mark.what} {mark.key} after her {last[2]}")
    for mark in evidence.all("typed"):
        yield Violation("I2", mark.at, f"{mark.key} was typed into a question of {mark.session}")


def what_she_ended_has_ended(evidence: Evidence) -> Iterator[Violation]:
    """I2: the turn that her `abort` came upon does not go on once that is told as done."""
    for intent in evidence.intents.values():
        if intent.kind != "Interrupt" or not _is_by_her_abort(evidence, intent):
            continue
        session = intent.effect["session"]
        done = [
            line.at
            for line in evidence.outcomes.get(intent.id, ())
            if line.event["result"] in {"ok", "superseded"}
        ]
        begun = intent.line.at - WINDOW_S
        since = [m.at for m in evidence.all(*_BEGINS) if m.session == session and m.at > begun]
        for mark in evidence.all("alive", "progress", "own-run", "retrying"):
            if not done or mark.session != session or mark.at <= done[0] + WINDOW_S:
                continue
            if not any(at <= mark.at for at in since):
                yield Violation("I2", mark.at, f"{mark.what} after {intent.id} had ended its turn")


_BEGINS: Final = ("person-prompt", "person-run", "run")


def _is_by_her_abort(evidence: Evidence, intent: Intent) -> bool:
    made = evidence.decisions[intent.effect["decision"]]
    event = made.line.event
    return made.plain["kind"] == "commanded" and event.get("command", {}).get("is") == "Abort"


def _her_words(evidence: Evidence) -> list[tuple[float, bool, str, str]]:
    """What she said, oldest first: when, whether it means stop, of whom, and in which words."""
    words = [
        (mark.at, mark.what == "person-abort", mark.session, f"{mark.what} at the assistant")
        for mark in evidence.house.ledger
        if mark.what in {"person-abort", "person-prompt"}
    ]
    for line in evidence.lines:
        if line.kind != "CommandGiven":
            continue
        command = line.event["command"]
        stops, session = command["is"] in _STOPS, command.get("session") or ""
        words.append((line.at, stops, session, f"command {command['is']}"))
    return sorted(words, key=lambda word: word[0])


def _in_one_breath(
    words: list[tuple[float, bool, str, str]], stop: tuple[float, bool, str, str]
) -> bool:
    """Whether she prompted in the very moment before that command: nobody can tell the order."""
    at, _, whose, what = stop
    return what.startswith("command") and any(
        0.0 <= at - other < WINDOW_S and whose in {"", session} and said.startswith("person-prompt")
        for other, _, session, said in words
    )


def _died_at_once(evidence: Evidence, abort: Mark) -> bool:
    """Whether the server died before anybody could ask why the session rests.

    What is left is a turn that ended with its server, as all the others of that moment.
    """
    return any(0.0 <= died.at - abort.at < _UNREAD_S for died in evidence.all("died"))


def _in_our_midst(evidence: Evidence, abort: Mark) -> bool:
    """Whether it came right after an order of ours to abort, of which we died: it has no author."""
    for intent in evidence.intents.values():
        if intent.kind != "Interrupt" or intent.effect["session"] != abort.session:
            continue
        ordered = evidence.true_of(intent.line)
        ends = evidence.outcomes.get(intent.id, [])
        ended = ends[0].at if ends else evidence.until
        died = any(ordered <= mark.at <= ended for mark in evidence.all("daemon-died"))
        if died and 0.0 <= abort.at - ordered <= _MIDST_S:
            return True
    return False


def _is_hers(evidence: Evidence, key: str, since: float) -> bool:
    """Whether she asked for the effect herself, and not before."""
    intent = evidence.intents.get(key)
    if intent is None:
        return False
    decided = evidence.decisions.get(intent.effect["decision"])
    return (
        decided is not None
        and decided.plain["event"] == "operator"
        and decided.line.at >= since - WINDOW_S
    )


# ── nothing lost ──────────────────────────────────────────────────────────────────────────────


def on_time(evidence: Evidence) -> Iterator[Violation]:
    """I3, I4: what the policy decided to go on with goes on at its time: not late, not early."""
    prompted = {
        (intent.effect.get("session"), intent.effect["decision"]): intent
        for intent in evidence.intents.values()
        if intent.kind in PROMPTS or intent.kind == "Snapshot"
    }
    unsure = _unsure_clock(evidence)
    for session, made in evidence.of_session.items():
        for place, decided in enumerate(made):
            if decided.plain["kind"] != "decided":
                continue
            expected = expected_of(decided)
            if expected is None:
                continue
            intent = prompted.get((session, decided.plain["id"]))
            start = evidence.true_of(decided.line)
            if intent is not None and intent.kind in PROMPTS:
                took = evidence.true_of(intent.line) - start
                if took < expected.earliest - EARLY_S and not unsure(decided):
                    text = f"{intent.id} came {expected.earliest - took:.1f} s early"
                    yield Violation("I4", intent.line.at, text)
            if unsure(decided):
                continue
            done = min(intent.line.at if intent is not None else evidence.until, evidence.until)
            due = _missed(evidence, made, place, expected, done)
            if due is not None:
                text = f"decision {decided.plain['id']} ({decided.plain['rule']}) for {session}"
                yield Violation("I3", due, f"{text} was due by {due:.1f}")


def resumed(evidence: Evidence) -> tuple[int, int]:
    """How often going on was possible, and how often it came about.

    Possible: the policy decided to go on, and until it was due nobody else decided, spoke, died or
    moved on; and when it was tried, the session still stood where it had stopped.
    """
    possible = came = 0
    runs = {mark.key for mark in evidence.all("run", "joined")}
    sent = {i.effect["decision"]: i for i in evidence.intents.values() if i.kind in PROMPTS}
    for made in evidence.of_session.values():
        for place, decided in enumerate(made):
            expected = expected_of(decided) if decided.plain["kind"] == "decided" else None
            if expected is None:
                continue
            intent = sent.get(decided.plain["id"])
            if intent is None:
                missed = _missed(evidence, made, place, expected, evidence.until)
                possible += missed is not None
                continue
            ends = evidence.outcomes.get(intent.id, [])
            is_off = intent.id not in runs and ends and ends[0].event["result"] != "ok"
            possible += not is_off
            came += intent.id in runs
    return possible, came


def _unsure_clock(evidence: Evidence) -> Callable[[Decided], bool]:
    """Whether nobody can know how long a wait is: the machine's clock was set, and the time is a
    date that nothing was held against, or the machine was started anew besides."""
    stepped, rebooted = evidence.all("step"), evidence.all("reboot")
    dated = {
        line.event["session"]
        for line in evidence.lines
        if line.kind == "SessionStopped" and line.event["stop"]["evidence"]
    }

    def unsure(decided: Decided) -> bool:
        return bool(stepped) and (bool(rebooted) or decided.plain["session"] in dated)

    return unsure


def _missed(
    evidence: Evidence, made: list[Decided], place: int, expected: Expected, done: float
) -> float | None:
    """When a decision had to come about by, if it did so later than that and nothing excuses it."""
    decided = made[place]
    begun = evidence.by_latest(evidence.true_of(decided.line) + expected.lead, 0.0)
    ready = begun + expected.latest - expected.lead
    due = evidence.by_latest(ready, LATE_S)
    if due < done:  # what may have put it off is looked for only now
        ready = max(ready, _held_until(evidence, decided)) + drift_of(evidence, decided)
        due = evidence.by_latest(ready, LATE_S)
    is_late = due < done and not _let_off(evidence, decided, made, place, due)
    return due if is_late else None


def _held_until(evidence: Evidence, decided: Decided) -> float:
    """When the person released what she held as it was decided; before that nothing is due."""
    held, meant = False, evidence.meant(decided.plain["session"])
    for line in evidence.lines:
        command = line.event["command"] if line.kind == "CommandGiven" else {}
        name = command.get("is")
        if name not in {"Hold", "Release"}:
            continue
        if command["session"] not in meant:
            continue
        if line.seq < decided.line.seq:
            held = name == "Hold"
        elif held and name == "Release":
            return line.at
    return evidence.until if held else 0.0


def _let_off(
    evidence: Evidence, decided: Decided, made: list[Decided], place: int, due: float
) -> bool:
    """Whether something came between: another decision, a person, an end, an action that failed."""
    session = decided.plain["session"]
    if place + 1 < len(made) and made[place + 1].line.at <= due:
        return True
    prefix, meant = decided.plain["id"], evidence.meant(session)
    for line in evidence.lines[decided.line.seq :]:
        if line.at > due:
            break
        event = line.event
        if line.kind == "CommandGiven" and _forbids(event["command"], meant):
            return True
        about = line.kind in {"AgentDown", "PolicyAdopted"} or event.get("session") == session
        if about and line.kind not in {"FactsObserved", "SessionSeen"}:
            return True
        if line.kind == "EffectEnded" and event["result"] != "ok":
            intent = evidence.intents.get(event["effect"])
            if intent is not None and intent.effect["decision"] == prefix:
                return True
    return False


def _forbids(command: Plain, meant: set[str | None]) -> bool:
    """Whether it may keep a session from going on: a release alone does not."""
    return command["is"] != "Release" and command.get("session") in meant


_CLAIMS_WORK: Final = frozenset({"working", "acting", "verifying", "deciding", "stalled"})


_SILENCE_S: Final = 700.0
"""After a start or a sleep somebody who gives no sign is noticed only after ten minutes."""


def nobody_forgotten(evidence: Evidence, statuses: dict[str, str]) -> Iterator[Violation]:
    """I3: at the end of the night nobody is long believed at work who rests."""
    for id_, status in statuses.items():
        talk = evidence.house.talks.get(id_)
        if talk is None or talk.doing != "rest" or status not in _CLAIMS_WORK:
            continue
        ended = [m.at for m in evidence.all("stop", "quiet-stop") if m.session == id_]
        since = max([*ended[-1:], *evidence.orders(id_)], default=evidence.until)
        watched = max((end for _, end in evidence.standing()), default=0.0)
        noticed = max(evidence.by_latest(since + 1800.0, LATE_S), watched + _SILENCE_S)
        is_long = noticed < evidence.until
        if ended and is_long and not _told_of_silence(evidence, id_, ended[-1]):
            text = f"{id_} is believed {status}, and rests since {ended[-1]:.1f}"
            yield Violation("I3", evidence.until, text)


def _told_of_silence(evidence: Evidence, session: str, since: float) -> bool:
    """Whether a person was told that it gives no sign of life."""
    return any(
        decided.plain["event"] == "stalled" and decided.line.at > since
        for decided in evidence.of_session.get(session, ())
        if any(effect["is"] == "Notify" for effect in decided.line.effects)
    )


def _was_clock_set(evidence: Evidence, session: str, last: Decided | None) -> bool:
    """Whether the clock was set between an abort of ours and what was decided of it.

    An abort of a former run is known by its time only, and then nobody knows the time.
    """
    return last is not None and any(
        mark.session == session and mark.at <= step.at <= last.line.at
        for mark in evidence.all("abort")
        for step in evidence.all("step")
    )


def left_for_a_reason(evidence: Evidence, statuses: dict[str, str]) -> Iterator[Violation]:
    """I3: nobody is left alone for a stop of the person's that she never said."""
    hers = {word[2] for word in _her_words(evidence) if word[1]}
    for id_, status in statuses.items():
        decided = evidence.of_session.get(id_, [])
        last = next((d for d in reversed(decided) if d.plain["kind"] == "decided"), None)
        reason = last.plain["facts"].get("stop.reason") if last is not None else None
        met = any(
            mark.session == id_ and mark.at - WINDOW_S < spoke.at <= mark.at
            for mark in evidence.all("abort")
            for spoke in evidence.all("person-prompt")
        )
        told = (
            met
            or _was_clock_set(evidence, id_, last)
            or any("the person's stop" in one.plain["why"] for one in decided)
        )
        if status == "stood_down" and reason == "user_abort" and not (told or hers & {id_, ""}):
            text = f"{id_} is left alone for an abort that was not the person's"
            yield Violation("I3", evidence.until, text)


# ── written down first, and to the end ────────────────────────────────────────────────────────


def written_first(evidence: Evidence) -> Iterator[Violation]:
    """I5: everything that was done had been written down before."""
    for mark in evidence.all("run", "joined", "abort", "create", "notice", "hook"):
        intent = evidence.intents.get(mark.key)
        if intent is None:
            yield Violation("I5", mark.at, f"{mark.what} {mark.key} was never written down")
        elif intent.line.at > mark.at:
            yield Violation("I5", mark.at, f"{mark.key} was written down after it was done")


def every_end_known(evidence: Evidence) -> Iterator[Violation]:
    """I6: every intent has an outcome, and one."""
    for intent in evidence.intents.values():
        ends = evidence.outcomes.get(intent.id, [])
        if len(ends) > 1:
            yield Violation("I6", ends[1].at, f"{intent.id} ended twice")
        patience = 4 * 3600.0 if intent.kind == "Notify" else 1800.0
        due = evidence.by_latest(intent.line.at + patience, LATE_S)
        if not ends and due < evidence.until:
            yield Violation("I6", due, f"{intent.kind} {intent.id} has no outcome")


def _none(evidence: Evidence) -> str:
    """What decides before the first policy is adopted: nothing is done then, but said."""
    first = next((line for line in evidence.lines if line.decisions), None)
    before = first is not None and not any(
        line.kind == "PolicyAdopted" for line in evidence.lines[: first.seq]
    )
    return str(first.decisions[0]["policy"]) if first is not None and before else ""


def explainable(evidence: Evidence) -> Iterator[Violation]:
    """I11: every effect names a decision that was written down no later, with rule and policy."""
    policies = {line.event["digest"] for line in evidence.lines if line.kind == "PolicyAdopted"}
    for intent in evidence.intents.values():
        decided = evidence.decisions.get(intent.effect["decision"])
        if decided is None or decided.line.seq > intent.line.seq:
            yield Violation("I11", intent.line.at, f"{intent.id} follows from no decision")
        elif not decided.plain["rule"]:
            yield Violation("I11", intent.line.at, f"{intent.id} names no rule")
        elif policies and decided.plain["policy"] not in {*policies, _none(evidence)}:
            yield Violation("I11", intent.line.at, f"{intent.id} names an unknown policy")


RULES: Final[tuple[Rule, ...]] = (
    one_run_for_one_stop,
    nothing_stale,
    nothing_after_her_stop,
    what_she_ended_has_ended,
    on_time,
    written_first,
    every_end_known,
    explainable,
    *BOUNDS,
)
