"""What a life leaves in a journal, entry by entry."""

from palingenesis.core.policy.model import Policy
from palingenesis.core.record import to_plain
from palingenesis.core.step import Turn
from palingenesis.runtime.ports import Recorded
from palingenesis.runtime.views import Written, decoded
from tests.core.life import Act, Event, Life


class RecordedLife(Life):
    """A life that is written down."""

    def __init__(self, policy: Policy) -> None:
        self.entries: list[Recorded] = []
        super().__init__(policy)

    def take(self, event: Event) -> Turn:
        turn = super().take(event)
        decisions = tuple(to_plain(decision) for decision in turn.decisions)
        self.entries.append(
            Recorded(
                seq=len(self.entries) + 1, event=event, decisions=decisions, effects=turn.effects
            )
        )
        return turn

    def play(self, *acts: Act) -> "RecordedLife":
        for act in acts:
            self >> act
        return self

    @property
    def written(self) -> list[Written]:
        return [decoded(one) for one in self.entries]

    def read(self, after: int, limit: int) -> list[Recorded]:
        """As the exporter reads the journal."""
        return [one for one in self.entries if one.seq > after][:limit]
