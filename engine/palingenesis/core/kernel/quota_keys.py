"""Which limit a refusal is about, and which limits a prompt will meet.

A limit belongs to a provider, an account, a model and a window. An account that is not known may
be any of its provider; where provider or model is not known, the agent takes their place.
"""

from typing import Final, NamedTuple

from palingenesis.core.ledger import Quota
from palingenesis.core.values import AgentId, Stop, StopReason
from palingenesis.core.world import Session

_LENGTH: Final = 80
_WINDOWS: Final = {
    StopReason.QUOTA: "quota",
    StopReason.RATE_LIMIT: "rate",
    StopReason.OVERLOADED: "load",
}
"""What a window is called when a refusal names no scope."""
_SHORT: Final = frozenset({"second", "minute", "rate", "load"})
_WORDS: Final = {
    "five_hours": "five hours",
    "rate": "rate limit",
    "load": "its load",
    "quota": "quota",
}


class Place(NamedTuple):
    """Where a prompt goes: a model of a provider under an account, or just an agent."""

    provider: str
    account: str
    model: str
    agent: AgentId | None


def place_of(session: Session, model: str | None = None) -> Place:
    """Where the session's next prompt goes; `model`: the one that a step chooses."""
    wanted, stop = model or session.model or "", session.stop
    if not wanted:
        return place_of_stop(session, stop)
    provider, slash, name = wanted.partition("/")
    if not slash:
        provider, name = (stop.provider or "" if stop else ""), wanted
    account = _account(stop) if stop is not None and stop.provider == provider else ""
    return _checked(provider, account, name, session.agent)


def place_of_stop(session: Session, stop: Stop | None) -> Place:
    """Where the session's turn went that ended so; else what is known of it."""
    if stop is not None and stop.provider and stop.model:
        return _checked(stop.provider, _account(stop), stop.model, session.agent)
    known = session.went_to or str(session.facts.get("session.model", ""))
    provider, _, model = known.partition("/")
    return _checked(provider, "", model, session.agent)


def heading_of(stop: Stop) -> str:
    """Where its turn went, `provider/model`; "" when it does not tell."""
    return f"{stop.provider}/{stop.model}" if stop.provider and stop.model else ""


def concerns(quota: Quota, place: Place) -> bool:
    """Whether a prompt that goes there meets this limit."""
    if quota.agent is not None or place.agent is not None:
        return quota.agent == place.agent
    same = quota.provider == place.provider and quota.model == place.model
    return same and (quota.account == place.account or not (quota.account and place.account))


def window_of(stop: Stop) -> str:
    """The window whose limit refused."""
    scope = stop.evidence.get("scope")
    return str(scope)[:_LENGTH] if scope else _WINDOWS.get(stop.reason, "quota")


def is_short(window: str) -> bool:
    """Whether a limit of this window passes within minutes."""
    return window in _SHORT


def key_of(place: Place, window: str) -> str:
    """The key of a limit in the ledger."""
    account = f"#{place.account}" if place.account else ""
    who = place.agent or f"{place.provider}{account}/{place.model}"
    return f"{who} {window}"


def name_of(quota: Quota) -> str:
    """The limit in words."""
    who = quota.agent or f"{quota.provider}/{quota.model}"
    return f"{who} ({_WORDS.get(quota.window, quota.window)})"


def _checked(provider: str, account: str, model: str, agent: AgentId) -> Place:
    if not (provider and model):
        return Place("", "", "", agent)
    return Place(provider[:_LENGTH], account, model[:_LENGTH], None)


def _account(stop: Stop) -> str:
    return str(stop.evidence.get("account", ""))[:_LENGTH]
