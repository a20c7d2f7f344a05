"""The small nouns that events, effects and facts are made of."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final, NewType

AgentId = NewType("AgentId", str)
SessionId = NewType("SessionId", str)

FactValue = bool | int | float | str | timedelta
"""A fact is plain, frozen data: bool, int, ratio or money as float, text, or a duration."""


class StopReason(StrEnum):
    """Why a session ceased to work; the closed set of the policy language."""

    RATE_LIMIT = "rate_limit"  # seconds to minutes
    QUOTA = "quota"  # a long window: hours, days; also a spend cap with a date
    OVERLOADED = "overloaded"
    SERVER_ERROR = "server_error"
    CONTEXT_EXHAUSTED = "context_exhausted"
    OUTPUT_LIMIT = "output_limit"
    REQUEST_TOO_LARGE = "request_too_large"
    AUTH = "auth"
    BILLING = "billing"
    MODEL_NOT_FOUND = "model_not_found"
    REFUSED = "refused"
    NETWORK = "network"
    TIMEOUT = "timeout"
    CRASH = "crash"
    USER_EXIT = "user_exit"
    USER_ABORT = "user_abort"
    COMPLETED = "completed"
    UNKNOWN = "unknown"


NOT_NOW: Final = frozenset({StopReason.RATE_LIMIT, StopReason.QUOTA, StopReason.OVERLOADED})
"""Stops that say "not now": trying again cures them, so no number of tries exhausts a policy."""

HER_STOPS: Final = frozenset({StopReason.USER_ABORT, StopReason.USER_EXIT})
"""Stops that the person has made herself."""

NOBODY_ANSWERED: Final = frozenset(
    {StopReason.NETWORK, StopReason.SERVER_ERROR, StopReason.TIMEOUT}
)
"""Stops that say nothing about the prompt: an outage."""


class Status(StrEnum):
    """Where a session is in its life; the table is in core.lifecycle."""

    DISCOVERING = "discovering"  # known, not yet seen working: listed, never touched
    WORKING = "working"
    BLOCKED = "blocked"  # a permission or question waits for a person
    STALLED = "stalled"  # should be working, gives no sign of life
    DECIDING = "deciding"
    HOLDING = "holding"  # a rule's `for:` has to stay true a while
    WAITING = "waiting"  # until a deadline
    ASKING = "asking"  # a person's yes or no is needed
    ACTING = "acting"  # an effect is under way
    VERIFYING = "verifying"  # acted; a sign of life has to follow
    PAUSED = "paused"  # the operator holds it
    ATTENTION = "attention"  # a person has to look
    STOOD_DOWN = "stood_down"  # left alone until the person starts it again
    COMPLETED = "completed"
    DETACHED = "detached"  # not ours (any more)


class Way(StrEnum):
    """How we came to an agent, and so what we may do to it."""

    MANAGED = "managed"  # our own child, or one that we left running
    ATTACHED = "attached"  # somebody's server; never restarted by us
    INTEGRATED = "integrated"  # a program of the person's own that lets us in; hers to end
    OBSERVED = "observed"  # seen from outside, told about, not touched

    @property
    def is_hers(self) -> bool:
        """A program of the person's own, which lives in her terminal and ends with it."""
        return self in {Way.INTEGRATED, Way.OBSERVED}


class BlockKind(StrEnum):
    """What a session waits for a person to answer."""

    PERMISSION = "permission"
    QUESTION = "question"


class Severity(StrEnum):
    """How loud a notification is."""

    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"


class Source(StrEnum):
    """Where the end of a wait comes from, and so what becomes of it when the clock is set.

    A date and a calendar are about the wall clock itself and stay; all others count elapsed time.
    """

    SERVER = "server"  # a span that the server named, or a date whose clock was held against ours
    DATE = "date"  # a date by the server's own clock, which nothing could be held against
    ASSISTANT = "assistant"  # the assistant waits by itself
    POLICY = "policy"  # a span, a ladder or a limit that the policy wrote
    CALENDAR = "calendar"  # the end of a window of the policy's calendars
    RAIL = "rail"  # a rail asked to wait, or ended the wait


class WorkState(StrEnum):
    """Whether the work's document can be trusted."""

    VALID = "valid"
    ABSENT = "absent"
    TORN = "torn"


class Result(StrEnum):
    """How an effect ended."""

    OK = "ok"
    FAILED = "failed"
    UNKNOWN = "unknown"  # it may or may not have happened
    SUPERSEDED = "superseded"  # reality had moved on; nothing was done


class DownCause(StrEnum):
    """Why an agent is no longer there."""

    EXITED = "exited"
    UNREACHABLE = "unreachable"  # of a program of hers: it lives, and lets us in no more
    REFUSED = "refused"  # it does not accept our password
    STOPPED = "stopped"  # we stopped it ourselves, and wrote that down first
    ENDED = "ended"  # the person ended it: a clean exit of her own program
    DONE = "done"  # her own program had one prompt to run, and has ended with that


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """One stop of one session, with the evidence it was read from."""

    key: str
    """Identity: the same stop, seen twice, has the same key (for OpenCode: of the last message)."""
    reason: StopReason
    confidence: float = 1.0
    """0 to 1: how sure the classifier is."""
    message: str = ""
    """What the provider or the assistant said, for people; at most 500 characters, redacted."""
    provider: str | None = None
    model: str | None = None
    http_status: int | None = None
    retry_at: datetime | None = None
    """The instant before which the server says that trying is useless."""
    retrying: bool = False
    """The assistant waits by itself until `retry_at` and has not given up."""
    attempt: int | None = None
    exit_code: int | None = None
    signal: str | None = None
    words: bool = False
    """Whether going on needs words; if not, a silent re-run of the unanswered turn is enough."""
    evidence: Mapping[str, str | int | float | bool] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A permission or a question that a session waits for."""

    id: str
    kind: BlockKind
    text: str = ""
    tool: str = ""
    since: datetime
