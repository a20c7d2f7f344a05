"""One session as a sensor remembers it, and what a server can be asked about it."""

from dataclasses import dataclass, field
from datetime import datetime

from palingenesis.assistants.opencode.life import Activity, Life
from palingenesis.assistants.opencode.signals import (
    Retry,
    SessionSummary,
)
from palingenesis.assistants.opencode.transcript import RETRIES, SPINS
from palingenesis.core.values import SessionId


@dataclass(slots=True)
class Watched:
    """One session at the top of its family."""

    life: Life
    info: SessionSummary
    signals: int = 0
    """Grows with every signal: what was asked before the latest one is out of date."""
    moves: int = 0
    """Grows with every signal about whether it works: words do not say that."""
    asks: int = 0
    """Grows with every permission or question that is asked or settled."""
    alive_at: datetime | None = None
    """When a sign of life was last told; None: the next one is told at once."""
    answered: bool = False
    """Text or a tool was told since it began, or was refused: the model answers.

    That a step began is told before the model is asked, so the first answer is told at once, too.
    """
    told: str = ""
    """Key of the stop that was last told; "" while it works."""
    person: str = ""
    """Id of the person's latest message, as far as it is known."""
    messages: set[str] = field(default_factory=set)
    written: dict[str, None] = field(default_factory=dict)
    """Paths that its tools wrote, oldest first."""
    unheard_since: datetime | None = None
    """What was said from then on may have been heard by nobody, for its process died.

    None again as soon as it was told what became of it.
    """
    history_read: bool = False
    history_too_large: bool = False
    """It cannot be read, so it is not asked for again while it works."""
    work: tuple[object, ...] = ()
    """What its work looked like when it was last read."""

    @property
    def id(self) -> SessionId:
        """Its id, as the house writes it."""
        return SessionId(self.info.id)

    @property
    def is_at_work(self) -> bool:
        """Whether OpenCode works on it, or waits by itself."""
        return self.life.activity in {Activity.BUSY, Activity.RETRY}

    @property
    def is_untold(self) -> bool:
        """Whether it has come to rest, and nobody could be told yet why."""
        rests = not self.is_at_work and self.moves > 0 and self.unheard_since is None
        return rests and (not self.told or RETRIES in self.told or self.told.endswith(SPINS))


@dataclass(frozen=True, slots=True)
class Began:
    """Errand: it began to work; learn its history."""

    watched: Watched


@dataclass(frozen=True, slots=True)
class Settle:
    """Errand: it is idle, or spins: read why."""

    watched: Watched


@dataclass(frozen=True, slots=True)
class TellRetry:
    """Errand: OpenCode waits by itself; read for which turn."""

    watched: Watched
    retry: Retry


@dataclass(frozen=True, slots=True)
class Identify:
    """Errand: a session that was never listed; ask who it is.

    Until that is known, nothing is told about it: it may be a subagent of another one.
    """

    session: str


Errand = Began | Settle | TellRetry | Identify
