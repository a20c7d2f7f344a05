"""What nights were worth: the words for it, the figures, and what each of them means.

A *save* is a stop that became verified work again without a person. A stop is *handed over* when
the policy gave it to a person, and *taken over* when she went on herself before it was a save. A
stop that asked for nothing (finished work, a person's own stop) is none of these, and so does not
touch the success rate. How the figures are counted is in core.counting.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from palingenesis.core.effects import Effect
from palingenesis.core.values import SessionId

DAY: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """A stop that is being answered."""

    since: datetime
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Savings:
    """The count so far: figures that only grow, and below them what counting has to remember."""

    since: datetime | None = None
    """When counting began; None: it has not."""
    stops: Mapping[str, int] = field(default_factory=dict)
    """Stops that were decided about, by reason."""
    saves_by: Mapping[str, int] = field(default_factory=dict)
    """Saves, by the reason of the stop that began the trouble."""
    handed_over: int = 0
    taken_over: int = 0
    waited: timedelta = timedelta(0)
    """From a stop until verified work, over all saves."""
    won: timedelta = timedelta(0)
    """The time saved: work that was seen after a save, until the next stop."""
    blocks: Mapping[str, int] = field(default_factory=dict)
    """Permissions and questions that a person had to answer, by kind."""
    interventions: int = 0
    intervened_at: datetime | None = None
    """When a person was needed, or stepped in, last."""
    sessions: int = 0
    """Sessions that stopped at least once; one that continues another is the same."""
    interrupted: int = 0
    """Of these, the ones in which a person was needed or stepped in."""
    prompts: int = 0
    """Prompts that were sent, or may have been; counted when their outcome is known."""
    reruns: int = 0
    """Unanswered turns that were run again without a word; these are no prompts."""
    restarts: int = 0
    notices: int = 0
    refusals: int = 0
    """Times that a rail or a limit of the policy said "no" or "not yet"."""
    unknown: int = 0
    """Effects of which nobody knows whether they happened."""
    policies: int = 0
    """Policies that took effect."""
    policies_refused: int = 0
    backups: tuple[str, ...] = ()
    """Paths of the conversations that were backed up; the newest 50."""
    greeted: bool = False
    """The person has been told of the first save."""

    troubled: Mapping[SessionId, Trouble] = field(default_factory=dict)
    """Sessions whose stop is being answered."""
    winning: Mapping[SessionId, datetime] = field(default_factory=dict)
    """Sessions that work after a save, and until when that was seen."""
    asked: Mapping[SessionId, str] = field(default_factory=dict)
    """The newest permission or question of each session; of the newest 200."""
    met: Mapping[SessionId, bool] = field(default_factory=dict)
    """Sessions that were counted, and whether as interrupted; the newest 500."""
    under_way: Mapping[str, Effect] = field(default_factory=dict)
    """Prompts and backups without an outcome; the newest 200."""

    @property
    def stopped(self) -> int:
        """How many stops there were."""
        return sum(self.stops.values())

    @property
    def saves(self) -> int:
        """How many of them became verified work again without a person."""
        return sum(self.saves_by.values())

    @property
    def success_rate(self) -> float | None:
        """Saves among the stops that were answered to their end, 0 to 1; None without any."""
        answered = self.saves + self.handed_over + self.taken_over
        return self.saves / answered if answered else None

    @property
    def uninterrupted(self) -> float | None:
        """The share of sessions in which nobody was needed, 0 to 1; None without any."""
        return 1 - self.interrupted / self.sessions if self.sessions else None

    def days_without(self, at: datetime) -> int | None:
        """Whole days since a person was needed or stepped in; None when nothing was counted."""
        begun = self.intervened_at or self.since
        return max((at - begun) // DAY, 0) if begun is not None else None


DEFINITIONS: Final[Mapping[str, str]] = {
    "stop": (
        "A session ceased to work and the policy decided about it; a finished turn is one too."
    ),
    "save": "A stop that became verified work again without a person.",
    "handed over": "A stop that the policy gave to a person.",
    "taken over": "A stop that a person ended herself before it was a save.",
    "time waited": "From a stop until verified work, over all saves.",
    "time saved": (
        "Work after a save: from verified work until the last sign of life before the session "
        "stops, finishes, asks, or a person speaks to it. Sleep of the machine and time in which "
        "nobody watched are left out."
    ),
    "success rate": "Saves among saves, stops handed over and stops taken over.",
    "intervention": (
        "A stop handed over or taken over, a permission or question of an agent that a person had "
        "to answer, or a question of a rule that she answered."
    ),
    "uninterrupted sessions": (
        "The share of sessions without an intervention, among those that stopped at least once."
    ),
    "days without intervention": (
        "Whole days of 24 hours since the last intervention, or since counting began."
    ),
    "prompt": "A message of ours to a session that was sent, or may have been.",
    "silent re-run": "An unanswered turn that was run again without a word.",
    "refusal": "A rail or a limit of the policy said no, or not yet.",
    "unknown outcome": "Something was ordered and nobody knows whether it happened.",
}
"""What each figure means, for people."""
