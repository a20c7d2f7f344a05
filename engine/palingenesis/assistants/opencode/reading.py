"""Why an OpenCode session stopped: from its messages, its status and its latest error to a `Stop`.

Neighbours: signals.py reads the stream, life.py folds it, transcript.py sums messages up,
listings.py reads the lists, ids.py names our own prompts, backup.py writes a conversation down.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from palingenesis.assistants.opencode.messages import Failure, Message
from palingenesis.assistants.opencode.signals import Busy, Idle, Retry
from palingenesis.assistants.opencode.transcript import RETRIES, Transcript
from palingenesis.core.stops.classify import classify
from palingenesis.core.stops.evidence import Evidence, Verdict
from palingenesis.core.stops.times import Zones, is_implausible, is_long
from palingenesis.core.values import Stop, StopReason
from palingenesis.wire.redaction import redact_to

ANSWER_GRACE = timedelta(seconds=10)
"""A prompt that has no answer for so long will get none."""

_RETRY_CONFIDENCE = 0.9  # a retry tells no status and no body, only a message
_OPENCODES_WORD = 0.4
_MESSAGE_LIMIT = 500
_NEVER_BEGUN = ("step-start", "step-finish")

Told = Mapping[str, str | int | float | bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """What is known of the process that works on a session."""

    dead: bool = False
    """The process that worked on it is gone."""
    server_started: datetime | None = None
    """When the server that answers now began; what was unfinished then has no owner any more."""
    exit_code: int | None = None
    signal: str | None = None
    """Name of the signal that ended it, if known."""


ALIVE = Owner()


def stop_of(
    transcript: Transcript,
    *,
    at: datetime,
    status: Busy | Idle | Retry | None = None,
    failure: Failure | None = None,
    owner: Owner = ALIVE,
    begun: str = "",
    zones: Zones | None = None,
) -> Stop | None:
    """The stop of a session, or None while it works, or while its end is not final yet.

    Args:
        transcript: of its newest messages.
        at: now; times of day in a provider's text are read relative to the message they end.
        status: what `GET /session/status` says; None: absent there, which means idle.
        failure: the latest `session.error` of this turn (`Life.failure`).
        owner: the process behind it.
        begun: the prompt that OpenCode was seen to work on, once it is long enough idle
            (`Life.begun`); idle without an answer and without an error, it was aborted.
        zones: time-zone data, see `core.stops.times`.
    """
    if isinstance(status, Retry) and not owner.dead:
        return retrying_stop(status, transcript, at, zones=zones)
    if isinstance(status, Busy) and not owner.dead:
        return None
    answer = transcript.answer
    if transcript.user is None and answer is None:
        return None
    if answer is None:
        assert transcript.user is not None
        if failure is None and not owner.dead and transcript.user.id == begun:
            told: Told = {"unanswered": True, "aborted_early": True}
            abort = StopReason.USER_ABORT
            return _told(transcript.user, abort, told, kind="end", words=False)
        return _unanswered(transcript, failure, owner, at, zones)
    if answer.completed is None:
        if not _is_orphan(answer, owner):
            return None
        if not answer.is_final:  # or its server died between its end and its completion
            return _crashed(answer, owner)
    return _ended(answer, failure, at, zones)


def retrying_stop(
    retry: Retry,
    transcript: Transcript | None,
    at: datetime,
    *,
    zones: Zones | None = None,
) -> Stop:
    """The stop of a session whose OpenCode waits by itself until `retry.next`."""
    turn = _turn(transcript)
    verdict = classify(
        Evidence(
            at=at,
            message=retry.message,
            limit=retry.action,
            provider=turn.provider if turn else None,
            model=turn.model if turn else None,
        ),
        zones=zones,
    )
    # OpenCode resolved the server's headers into `next`; its own ladder looks the same from here.
    retry_at = retry.next if retry.next is not None else verdict.retry_at
    told: dict[str, str | int | float | bool] = {
        name: value
        for name, value in verdict.evidence.items()
        if not name.startswith("reset_") and name not in {"implausible", "zone_assumed"}
    }
    reason, confidence = verdict.reason, verdict.confidence * _RETRY_CONFIDENCE
    if reason is StopReason.UNKNOWN:
        # OpenCode retries only what it holds to be passing: a 5xx, a limit or the network.
        reason, confidence = StopReason.SERVER_ERROR, _OPENCODES_WORD
        told["inferred"] = "opencode retries it"
    if retry_at is not None:
        told["reset_source"] = "opencode" if retry.next is not None else "text"
        if retry.next is None and verdict.evidence.get("reset_unchecked"):
            told["reset_unchecked"] = True
        if reason is StopReason.RATE_LIMIT and is_long(retry_at, at):
            reason = StopReason.QUOTA
        if is_implausible(retry_at, str(told.get("scope", "")), at):
            told["implausible"] = True
    anchor = transcript.last_id if transcript is not None else ""
    return Stop(
        key=f"{anchor or retry.session}{RETRIES}{retry.attempt}",
        reason=reason,
        confidence=round(confidence, 2),
        message=redact_to(verdict.message, _MESSAGE_LIMIT),
        provider=turn.provider if turn else None,
        model=turn.model if turn else None,
        retry_at=retry_at,
        retrying=True,
        attempt=retry.attempt,
        words=False,
        evidence=told,
    )


def _turn(transcript: Transcript | None) -> Message | None:
    """The message that tells which model the turn is for."""
    return None if transcript is None else transcript.answer or transcript.user


def _unanswered(
    transcript: Transcript,
    failure: Failure | None,
    owner: Owner,
    at: datetime,
    zones: Zones | None,
) -> Stop | None:
    user = transcript.user
    assert user is not None
    if failure is not None:
        verdict = classify(_of_failure(failure, user, at), zones=zones)
        return _stop(user, verdict, kind="end", words=False)
    if _is_orphan(user, owner):
        told: Told = {"unanswered": True, **_death(owner)}
        return _told(user, StopReason.CRASH, told, kind="crash", words=False, owner=owner)
    # A prompt of the future was sent before the clock was set back: it is old enough, too.
    if user.created is None or abs(at - user.created) < ANSWER_GRACE:
        return None
    told = {"unanswered": True}
    return _told(user, StopReason.UNKNOWN, told, kind="unanswered", words=False)


def _is_orphan(message: Message, owner: Owner) -> bool:
    """Whether nobody works on an unfinished turn any more."""
    if owner.dead:
        return True
    started, created = owner.server_started, message.created
    return started is not None and created is not None and created < started


def _crashed(answer: Message, owner: Owner) -> Stop:
    told = {"died_in": _place(answer), **_death(owner)}
    return _told(
        answer,
        StopReason.CRASH,
        told,
        kind="crash",
        words=told["died_in"] == "text",
        owner=owner,
    )


def _place(answer: Message) -> str:
    """In what the turn was when its process died: `text`, `tool`, or `request`.

    OpenCode stores text when it is complete: a text part that was begun is empty on disk. A model
    would be shown that as its own empty answer, so there words are needed to go on.
    """
    said = [part for part in answer.parts if part.kind not in _NEVER_BEGUN]
    if not said:
        return "request"
    return "tool" if said[-1].tool is not None else "text"


def _death(owner: Owner) -> Told:
    if owner.signal is not None:
        return {"exit.signal": owner.signal}
    return {"exit.signal": "unknown"} if owner.exit_code is None else {}


def _ended(
    answer: Message, failure: Failure | None, at: datetime, zones: Zones | None
) -> Stop | None:
    """A completed answer. Its own error outweighs the one that the stream told."""
    when = answer.completed or at
    blame = answer.failure or (failure if not answer.finish else None)
    if blame is not None:
        verdict = classify(_of_failure(blame, answer, when), zones=zones)
        aborted = verdict.reason is StopReason.USER_ABORT
        return _stop(answer, verdict, kind="end", words=aborted)
    match answer.finish:
        case "":
            return _without_end(answer)
        case "stop" | "end_turn":
            return _completed(answer)
        case "tool-calls":
            # A rejected permission or question, a doom loop, or too many steps.
            told: Told = {"finish": answer.finish, "stopped_after": "tool-calls"}
            return _told(answer, StopReason.UNKNOWN, told, kind="end", words=True)
        case _:
            verdict = classify(_of_finish(answer, when))
            return _stop(answer, verdict, kind="end", words=True)


def _without_end(answer: Message) -> Stop:
    """Completed without a finish and without an error.

    OpenCode leaves this behind when its own retry is aborted; the turn is still unanswered.
    """
    if not answer.parts:
        return _told(
            answer, StopReason.USER_ABORT, {"aborted_retry": True}, kind="end", words=False
        )
    return _told(answer, StopReason.UNKNOWN, {"finish": "none"}, kind="end", words=True)


def _completed(answer: Message) -> Stop:
    empty = not answer.text.strip() and not answer.tools
    told: Told = {
        "finish": answer.finish,
        **({"empty_answer": True} if empty else {}),
        **({"summary": True} if answer.summary else {}),
    }
    stop = _told(answer, StopReason.COMPLETED, told, kind="end", words=True)
    return replace(stop, confidence=0.5) if empty else stop


def _of_failure(failure: Failure, message: Message, at: datetime) -> Evidence:
    return Evidence(
        at=at,
        error_name=failure.name,
        message=failure.message,
        status=failure.status,
        response_body=failure.body,
        response_headers=failure.headers,
        provider=failure.provider or message.provider,
        model=message.model,
    )


def _of_finish(answer: Message, at: datetime) -> Evidence:
    return Evidence(at=at, finish=answer.finish, provider=answer.provider, model=answer.model)


def _stop(message: Message, verdict: Verdict, *, kind: str, words: bool) -> Stop:
    status = verdict.evidence.get("status")
    return Stop(
        key=f"{message.id}:{kind}",
        reason=verdict.reason,
        confidence=verdict.confidence,
        message=redact_to(verdict.message, _MESSAGE_LIMIT),
        provider=message.provider,
        model=message.model,
        http_status=status if isinstance(status, int) else None,
        retry_at=verdict.retry_at,
        words=words,
        evidence={**verdict.evidence, **_tokens(message)},
    )


def unread_stop(newest: str) -> Stop:
    """The stop of a session whose newest message cannot be read, so that nobody knows why."""
    return Stop(
        key=f"{newest}:unread",
        reason=StopReason.UNKNOWN,
        message="its newest message is too large to be read",
    )


def _told(
    message: Message,
    reason: StopReason,
    evidence: Told,
    *,
    kind: str,
    words: bool,
    owner: Owner = ALIVE,
) -> Stop:
    """A stop that the messages alone tell."""
    return Stop(
        key=f"{message.id}:{kind}",
        reason=reason,
        provider=message.provider,
        model=message.model,
        exit_code=owner.exit_code,
        signal=owner.signal,
        words=words,
        evidence={**evidence, **_tokens(message)},
    )


def _tokens(message: Message) -> Told:
    """What its turn took and gave, in tokens; what came from a cache is taken too."""
    usage = message.usage
    if not usage.total:
        return {}
    taken = usage.input + usage.cache_read + usage.cache_write
    return {"input_tokens": taken, "output_tokens": usage.output + usage.reasoning}
