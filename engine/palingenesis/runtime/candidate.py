"""A **candidate** is a policy that is not in force: what the door says about one. Plain data.

It is looked at before a reload (`Preview`), or runs beside the policy in force without ever acting
(`Shadow`). Instants are RFC 3339 in UTC; what is not known is null.
"""

from collections.abc import Awaitable, Mapping, Sequence
from typing import Literal, Protocol, TypedDict

ShadowOrder = Literal["start", "report", "promote", "stop"]
ORDERS: tuple[ShadowOrder, ...] = ("start", "report", "promote", "stop")


class Pending(TypedDict):
    """What a session waits for; `rule` is null when nothing is pending."""

    status: str
    rule: str | None
    what: str
    until: str | None
    then: Sequence[str]


class PreviewRow(TypedDict):
    """What a reload would do to one session in which something is pending."""

    session: str
    title: str
    change: str
    """`kept` · `moved` · `re-decided` · `acts now` · `cancelled`."""
    before: Pending
    after: Pending
    why: str
    told: Sequence[str]
    """What people would be told about it, at once."""


class Preview(TypedDict):
    """What a reload would do, without doing it."""

    path: str
    name: str
    digest: str
    in_force: bool
    """It is the very policy that decides now."""
    rows: Sequence[PreviewRow]
    idle: int
    """Sessions with nothing pending, which would not notice."""


class Said(TypedDict):
    """What a policy says: its rule, and the plan in words."""

    rule: str
    plan: str


class First(TypedDict):
    """The first decision of its kind."""

    decision: int
    at: str
    session: str


class ShadowGroup(TypedDict):
    """Decisions that differ in one way."""

    reason: str
    times: int
    before: Said
    after: Said
    first: First


class Shadow(TypedDict):
    """How a candidate does beside the policy in force."""

    message: str
    """What was done now, in one line for people."""
    running: bool
    name: str
    digest: str
    path: str
    since: str
    at: str
    decisions: int
    same: int
    different: int
    unknown: int
    """After the first different decision of an episode nobody knows what would have happened."""
    groups: Sequence[ShadowGroup]
    net: Mapping[str, float]
    errors: Sequence[str]


class CandidateDoor(Protocol):
    """The part of the door that is about policies which are not in force."""

    def preview(self, path: str | None) -> Awaitable[Preview]:
        """What adopting a file (None: the policy's own) would do to what is pending."""
        ...

    def shadow(self, order: ShadowOrder, path: str | None, by: str) -> Awaitable[Shadow]:
        """Start a file as candidate, report on it, promote it into the policy's place, stop it."""
        ...
