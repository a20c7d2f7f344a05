"""What a person may ask for: a closed union. `session` None means: every session."""

from dataclasses import dataclass

from palingenesis.core.values import SessionId


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """Stop acting, keep watching (`palingenesis pause`)."""

    session: SessionId | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """Act again (`palingenesis resume`); a session in attention is decided anew."""

    session: SessionId | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Abort:
    """End a session's turn and leave the session alone from now on."""

    session: SessionId


@dataclass(frozen=True, slots=True, kw_only=True)
class Skip:
    """Leave the current step of the work and go on with the next one."""

    session: SessionId


@dataclass(frozen=True, slots=True, kw_only=True)
class Renew:
    """Continue in a new session from Next-step.md (`palingenesis new-session`)."""

    session: SessionId


@dataclass(frozen=True, slots=True, kw_only=True)
class Enrol:
    """Supervise a session that we have not seen working."""

    session: SessionId


@dataclass(frozen=True, slots=True, kw_only=True)
class Detach:
    """Leave a session alone; it is found again only by enrolling it."""

    session: SessionId


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """Answer a pending question by its short name; one that is not pending changes nothing."""

    question: str
    yes: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ActAgain:
    """End the safe hold: a person has looked (`palingenesis daemon act-again`)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Greeted:
    """The person was told of the first save, which is done once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What a person had the daemon itself do, such as `reload`; its line says who asked.

    Nothing changes by it: what changes by what follows has an event of its own.
    """

    what: str


SessionCommand = Hold | Release | Abort | Skip | Renew | Enrol | Detach
Command = SessionCommand | Answer | ActAgain | Greeted | Order
