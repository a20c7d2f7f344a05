"""Whether a session still stands where it stood when something was decided about it.

Asked immediately before acting, against the real assistant: minutes or days may lie between the
decision and the act, and a person may have come back in between.
"""

import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from palingenesis.assistants.opencode.client import OpenCode
from palingenesis.assistants.opencode.ids import prompt_ids
from palingenesis.assistants.opencode.messages import Large, Message, read_message
from palingenesis.assistants.opencode.signals import (
    Asked,
    Busy,
    Retry,
    SessionSummary,
    read_summary,
)
from palingenesis.assistants.opencode.transcript import SPINS, is_hollow, transcript_of
from palingenesis.core import effects
from palingenesis.core.errors import AssistantGarbageError

NEWEST = 50
AHEAD = timedelta(seconds=1)
"""So far may a message be ahead of the clock: what is written now is a little later read."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_TAIL = len("msg_") + 12
_MESSAGE = re.compile(r"msg_([0-9a-f]{12})\w*")
_ATTEMPT = re.compile(r":retry-(\d+)$")
_ABORTED = "MessageAbortedError"
_PROMPTED = "somebody has prompted it since"
_SET_BACK = "the clock was set back since, so that nobody can tell whose turn it is"
_HAD_ENDED = "its turn had come to an end before the server died"
_WAS_ABORTED = "its turn was aborted before the server died"
_AT_ONCE = timedelta(seconds=1)
"""So long before its server ended may a turn be aborted by that very end, if it is a clean one."""
_DOWN = re.compile(r"down:(\d{8}T\d{6}\.\d{6})Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Where a session stands right now."""

    info: SessionSummary
    status: Busy | Retry | None
    """None: idle."""
    asked: tuple[Asked, ...]
    """What waits for a person, in this session or in one of its children."""
    said: tuple[Message, ...]
    """Its newest messages, oldest first."""

    @property
    def answer(self) -> Message | None:
        """The last message, if it is the assistant's."""
        last = self.said[-1] if self.said else None
        return last if last is not None and last.role == "assistant" else None


async def read_standing(client: OpenCode, session: str) -> Standing | None:
    """Ask for everything that matters; None: the session was deleted.

    Raises:
        AssistantError: something could not be asked, or was answered in no known shape; then
            nothing may be done, because nobody knows where the session stands.
    """
    described = await client.raw_session(session)
    if described is None:
        return None
    info = read_summary(described)
    if info is None or info.id != session or not info.directory:
        raise AssistantGarbageError("the session is described in no known shape")
    statuses = await client.statuses(info.directory)
    asked = await client.asked(info.directory)
    family = {session}
    if any(one.session != session for one in asked):
        family |= {child.id for child in await client.children(session)}
    raw = await client.messages(session, limit=NEWEST, large=Large.ENDS)
    said = tuple(message for message in map(read_message, raw) if message is not None)
    if not said or len(said) < len(raw):
        raise AssistantGarbageError("its messages cannot be read")
    return Standing(
        info=info,
        status=statuses.get(session),
        asked=tuple(one for one in asked if one.session in family),
        said=said,
    )


def why_superseded(standing: Standing, stop_key: str, alive_at: datetime | None = None) -> str:
    """Why the decision about that stop is void; "" while it stands.

    A retry of the assistant's own is no reason: whoever acts ends it first.

    Args:
        standing: where the session stands now.
        stop_key: of the stop that was decided about.
        alive_at: of a stop that the end of its server made: when that was last known to run. A
            server that dies marks no abort; one from before then is the person's.
    """
    if isinstance(standing.status, Busy):
        return "the session works again"
    if standing.asked:
        return f"a {standing.asked[0].kind} waits for a person"
    return _moved_on(standing.said, stop_key, alive_at)


def why_not_to_end(
    standing: Standing, effect: effects.Interrupt, now: datetime, *, shares_our_clock: bool
) -> str:
    """Why what runs is not to be ended any more; "" while it is.

    Args:
        standing: where the session stands now.
        effect: the order: what a person has begun since is hers.
        now: what was said after this was said before the clock was set back. If it was set back
            since the order, no turn that runs is ended: it may be hers.
        shares_our_clock: whether the server goes by that clock. Of a turn that runs there nothing
            can be told by another.
    """
    if effect.stop and (why := _why_own_retry_is_over(standing, effect.stop)):
        return why
    person = transcript_of(standing.said).person
    if effect.ordered is None or person is None or person.created is None:
        return ""
    if standing.status is not None and shares_our_clock and effect.ordered > now:
        return _SET_BACK
    said_before = person.created > now and (standing.status is None or shares_our_clock)
    return _PROMPTED if person.created > effect.ordered and not said_before else ""


def _why_own_retry_is_over(standing: Standing, stop_key: str) -> str:
    """Why the retry of its own that was decided about is not to be ended; "" while it goes on.

    It may have come good while we were dead or slow: what works now, or has ended by itself, is
    left alone. One that was refused once more waits for another instant than the one decided about.
    """
    spins = stop_key.endswith(SPINS) and isinstance(standing.status, Busy)
    if spins and not _spins_still(standing):
        return "it is answered again"
    asked = replace(standing, status=None) if spins else standing
    if why := why_superseded(asked, stop_key):
        return why
    if isinstance(standing.status, Retry) and (attempt := _ATTEMPT.search(stop_key)):
        waits_anew = standing.status.attempt != int(attempt[1])
        return "it was refused once more, and waits anew" if waits_anew else ""
    if standing.status is None and ended_by_itself(standing):
        return "its own retry has come to an end by itself"
    return ""


def ended_by_itself(standing: Standing) -> bool:
    """Whether its last answer came to an end that no abort makes."""
    last = standing.answer
    if last is None or last.completed is None:
        return False
    return bool(last.finish) if last.failure is None else last.failure.name != _ABORTED


def rests_since(standing: Standing) -> datetime | None:
    """When what was said last came to its end; None: that cannot be told."""
    last = standing.said[-1] if standing.said else None
    return (last.completed or last.created) if last is not None else None


def how_it_rests(standing: Standing) -> dict[str, str]:
    """Since when there is nothing to abort ("": that cannot be told), and what has ended it."""
    ended = rests_since(standing)
    told = {"idle_since": ended.isoformat() if ended is not None else ""}
    if ended_by_itself(standing):
        told["by_itself"] = "yes"
    elif standing.answer is not None and standing.answer.completed is None:
        told["cut_off"] = "yes"  # it ended with its server: an abort would have given it an end
    return told


def unsettled_s(standing: Standing, now: datetime, settle_s: float) -> float:
    """Seconds to wait until a prompt is not swallowed by the end of the last turn; 0: none.

    After an error OpenCode is idle twice; a prompt in between is stored and never answered.
    """
    if standing.answer is None or standing.answer.completed is None:
        return 0.0
    return max(0.0, min(settle_s, settle_s - (now - standing.answer.completed).total_seconds()))


def ahead_of(standing: Standing, now: datetime) -> datetime | None:
    """When the clock will have passed the newest message; None: it has, as it should.

    OpenCode orders messages by its wall clock, which is ours. After that was set back, a new prompt
    comes before what it should answer: it is never answered, or, after an error, answered again and
    again without end (measured on 1.18.33: a request every two seconds).
    """
    instants = (at for m in standing.said for at in (m.created, m.completed) if at is not None)
    newest = max(instants, default=None)
    return newest + AHEAD if newest is not None and newest > now + AHEAD else None


def seen_prompt(said: tuple[Message, ...], message_id: str) -> Message | None:
    """Our prompt, if it reached the session; the part of the id that names the effect decides."""
    for message in said:
        if message.id[_TAIL:] == message_id[_TAIL:] and message.id.startswith("msg_"):
            return message
    return None


def has_answer(said: tuple[Message, ...], message_id: str) -> bool:
    """Whether the assistant has begun to answer that message."""
    return any(m.role == "assistant" and m.parent == message_id for m in said)


def keys_of(effect_id: str, stop_key: str) -> tuple[str, str]:
    """The message and part id for an effect: the same whenever it is sent, after any restart."""
    return prompt_ids(effect_id, _instant_of(stop_key))


def _instant_of(stop_key: str) -> datetime:
    """Where our prompt belongs in time: right after what it answers."""
    if found := _MESSAGE.match(stop_key):
        return _EPOCH + ((int(found[1], 16) >> 12) + 1) * _MILLISECOND
    return _down_instant(stop_key) or _EPOCH


def _down_instant(stop_key: str) -> datetime | None:
    found = _DOWN.match(stop_key)
    if found is None:
        return None
    try:
        return datetime.strptime(found[1], "%Y%m%dT%H%M%S.%f").replace(tzinfo=UTC)
    except ValueError:
        return None


def _spins_still(standing: Standing) -> bool:
    """Whether its latest answer that ended came to nothing, as those before it."""
    ended = (m for m in reversed(standing.said) if m.role == "assistant" and m.completed)
    latest = next(ended, None)
    return latest is not None and is_hollow(latest)


def _moved_on(said: tuple[Message, ...], stop_key: str, alive_at: datetime | None) -> str:
    anchor = _MESSAGE.match(stop_key)
    if anchor is None:
        went_down = _down_instant(stop_key)
        if went_down is None:
            return ""  # no message to compare with: a retry before the first answer
        later = [m for m in said if m.created is not None and m.created > went_down]
        return _what_came(later, "") or _had_ended(said, alive_at)
    place = next((i for i, message in enumerate(said) if message.id == anchor[0]), None)
    if place is None:
        return "what it was decided about is no longer among the newest messages"
    return _what_came(list(said[place + 1 :]), anchor[0])


def _had_ended(said: tuple[Message, ...], alive_at: datetime | None) -> str:
    """Why nothing was cut off when the server died: the turn had come to its end, untold yet."""
    last = said[-1] if said else None
    if last is None or last.role != "assistant" or last.summary:
        return ""
    if alive_at is not None and _was_aborted(last, alive_at - _AT_ONCE):
        return _WAS_ABORTED
    failed = last.failure is not None and last.failure.name != _ABORTED
    return _HAD_ENDED if (failed and last.completed is not None) or last.is_final else ""


def _was_aborted(answer: Message, before: datetime) -> bool:
    """Whether an abort has ended it before then; one that ends a retry leaves no error behind."""
    if answer.completed is None or answer.completed >= before:
        return False
    return not answer.finish if answer.failure is None else answer.failure.name == _ABORTED


def _what_came(later: list[Message], anchor: str) -> str:
    """What a session did after its stop, unless it is nothing, our own doing, or a summary."""
    for message in later:
        if message.role == "user" and not (message.ours or message.compaction):
            return _PROMPTED
        if message.role == "assistant" and not message.summary and message.parent != anchor:
            return "it has answered since"
    return ""
