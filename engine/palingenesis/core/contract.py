"""The contract of effects: what each promises, given what its assistant offers.

Theory of operation. An assistant declares what it offers, once, as plain data (`Offers`). What an
effect promises follows from that and from its kind, by one function, and so does what is done when
nobody saw how it ended: because we died, or because the answer never came. Dispatch asks here, and
the table in docs/reference/effects.md is printed from here, so that neither can say anything else.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from palingenesis.core.effects import (
    Compact,
    Effect,
    Interrupt,
    Log,
    NewSession,
    Notify,
    Restart,
    Resume,
    Retry,
    Run,
    Snapshot,
    Stop,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Offers:
    """What one assistant offers, in one way of reaching it. Nothing unless it says so."""

    acts: bool = False
    """It can be acted on: prompted, interrupted, read out."""
    prompt_key: bool = False
    """A prompt carries a key of ours, and the same key sent again is the same prompt."""
    key_query: bool = False
    """It can be asked whether a key has reached it."""
    session_metadata: bool = False
    """A new session carries a mark of ours by which it is found again."""
    own_retry: bool = False
    """After a refusal it waits and tries again by itself; we do not double that."""
    owns_process: bool = False
    """Its process is ours: we may end it and start it again, and know it by more than its pid."""


class Promise(StrEnum):
    """What an effect promises about how often it happens."""

    EFFECTIVELY_ONCE = "effectively once"  # never twice, and never lost
    AT_MOST_ONCE = "at most once"  # never twice; lost if nobody saw how it ended
    AT_LEAST_ONCE = "at least once"  # never lost; twice if nobody saw how it ended
    IDEMPOTENT = "idempotent"  # twice is the same as once
    NOT_OFFERED = "not offered"


class WhenUnknown(StrEnum):
    """What is done about an effect when nobody saw how it ended."""

    SAME_KEY = "ask by its key; if it did not arrive, send the same key again"
    AGAIN = "do it again"
    ASK = "ask; if it certainly did not happen, do it, else leave it and tell the person"
    LEAVE = "leave it, and say that it may have happened"
    NOTHING = "nothing is ever begun"


Kind = type[Effect]

KINDS: Final[tuple[Kind, ...]] = (
    Resume,
    Retry,
    NewSession,
    Compact,
    Interrupt,
    Snapshot,
    Restart,
    Stop,
    Run,
    Notify,
    Log,
)
"""Every kind of effect, in the order in which people are told of them."""

_PROMPTS: Final = frozenset[Kind]({Resume, Retry})
_PROCESS: Final = frozenset[Kind]({Restart, Stop})
_TELLING: Final = frozenset[Kind]({Notify, Log})


def promise_of(kind: Kind, offers: Offers) -> Promise:
    """What an effect of that kind promises with that assistant."""
    if kind in _TELLING:
        return Promise.AT_LEAST_ONCE
    if kind is Run:
        return Promise.AT_MOST_ONCE
    if kind in _PROCESS:
        return Promise.IDEMPOTENT if offers.owns_process else Promise.NOT_OFFERED
    if not offers.acts:
        return Promise.NOT_OFFERED
    if kind in _PROMPTS:
        return Promise.EFFECTIVELY_ONCE if offers.prompt_key else Promise.AT_MOST_ONCE
    if kind is NewSession:
        keyed = offers.prompt_key and offers.session_metadata
        return Promise.EFFECTIVELY_ONCE if keyed else Promise.AT_MOST_ONCE
    if kind is Compact:
        return Promise.AT_LEAST_ONCE if offers.key_query else Promise.AT_MOST_ONCE
    return Promise.IDEMPOTENT


def when_unknown(kind: Kind, offers: Offers) -> WhenUnknown:
    """What is done about an effect of that kind when nobody saw how it ended."""
    match promise_of(kind, offers):
        case Promise.EFFECTIVELY_ONCE:
            return WhenUnknown.SAME_KEY
        case Promise.AT_LEAST_ONCE | Promise.IDEMPOTENT:
            return WhenUnknown.AGAIN
        case Promise.NOT_OFFERED:
            return WhenUnknown.NOTHING
        case Promise.AT_MOST_ONCE:
            can_ask = offers.key_query and kind is not Run
            return WhenUnknown.ASK if can_ask else WhenUnknown.LEAVE
