"""What a conversation needs around it, and what it carries along through the night."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from palingenesis.core.events import Event
from palingenesis.core.values import AgentId, SessionId
from palingenesis.simulation.dice import Dice
from palingenesis.simulation.provider import Refusal


class Asking(Protocol):
    """Who asks for a turn."""

    id: SessionId
    agent: AgentId

    @property
    def asks_for(self) -> str:
        """The model, as `provider/model`."""
        ...


class House(Protocol):
    """What a conversation needs of the world around it."""

    dice: Dice

    @property
    def now(self) -> datetime:
        """What the machine's clock shows."""
        ...

    @property
    def clock(self) -> datetime:
        """The true time."""
        ...

    def later(self, span: timedelta, do: Callable[[], None]) -> None:
        """Have something happen on the machine when a span has passed."""
        ...

    def tell(self, event: Event) -> None:
        """Tell what a sensor sees."""
        ...

    def refusal(self, asking: Asking) -> Refusal | None:
        """Ask for a turn; None: it is granted."""
        ...

    def spend(self, model: str, tokens: float) -> None:
        """Count tokens against the provider's limits."""
        ...


@dataclass(slots=True)
class Progress:
    """How far the work is; a new session goes on where its predecessor was."""

    steps: int = 0
    turns: int = 0
    since_step: int = 0


@dataclass(slots=True)
class Bill:
    """Tokens: all · of turns that we began · of turns that came to nothing."""

    tokens: float = 0.0
    ours: float = 0.0
    lost: float = 0.0
