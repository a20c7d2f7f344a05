"""A **candidate** is a policy that is not in force: what the door says about one. Plain data.

It is looked at before a reload (`Preview`), or runs beside the policy in force without ever acting
(`Shadow`). Instants are RFC 3339 in UTC; what is not known is null.
"""

from collections.abc import Sequence
from typing import Literal, TypedDict

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
