"""The ledger of limits that sessions share: what is remembered of one of them."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from palingenesis.core.values import AgentId, SessionId


@dataclass(frozen=True, slots=True, kw_only=True)
class Quota:
    """What refusals and answers tell of one limit: of a provider, an account, a model, a window.

    Where provider or model is not known, `agent` takes their place.
    """

    provider: str = ""
    account: str = ""
    """A short digest of the account's name, where the provider tells it."""
    model: str = ""
    agent: AgentId | None = None
    window: str
    """The scope of the limit (`minute`, `five_hours`, …), or `quota`, `rate`, `load`."""
    closed: bool = True
    """Somebody was refused since the last answer."""
    closed_at: datetime
    """When the first of these refusals came."""
    refused_at: datetime
    """When the newest one came."""
    refusals: int = 1
    shown: datetime | None = None
    """The reset that the provider displays."""
    shown_at: datetime | None = None
    """When it was displayed first; None: when the limit was closed, in an older journal."""
    dated: bool = False
    """That is a date by the provider's clock, which nothing could be held against."""
    again_at: datetime | None = None
    """Not before this is it asked again: a probe was refused, or no reset is displayed."""
    probes: int = 0
    """Probes of ours that were refused since it was closed: rungs of the back-off."""
    late: int = 0
    """Of these, the ones after the displayed reset."""
    probe: SessionId | None = None
    """Whose probe was refused last."""
    probed_at: datetime | None = None
    """When that one was sent; its assistant may try it again and again by itself."""
    answered_at: datetime | None = None
    """When somebody was answered last."""
    next_at: datetime | None = None
    """Not before this does the next of the line go."""
    turns: int = 0
    """How many went; feeds the dice of the next gap."""
    drift: timedelta = timedelta(0)
    """How much later than displayed it came; added to the resets that are displayed next."""
    on_time: int = 0
    """Resets in a row that came no later than expected."""
