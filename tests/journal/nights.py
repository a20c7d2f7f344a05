"""What journals in these tests hold: the turns of one made-up night."""

from datetime import UTC, datetime, timedelta

from palingenesis.core.effects import Effect, Resume
from palingenesis.core.events import EffectEnded, Event, PolicyAdopted, SessionStopped
from palingenesis.core.values import AgentId, Result, SessionId, Stop, StopReason
from palingenesis.runtime.ports import Entry

BEGAN = datetime(2026, 3, 29, 1, 30, tzinfo=UTC)
AGENT = AgentId("opencode")


def at(seconds: float) -> datetime:
    return BEGAN + timedelta(seconds=seconds)


def session(number: int) -> SessionId:
    return SessionId(f"ses_{number}")


def stopped(number: int, *, of: int = 0, message: str = "") -> SessionStopped:
    stop = Stop(key=f"msg_{number}", reason=StopReason.RATE_LIMIT, message=message)
    return SessionStopped(at=at(number), session=session(of), agent=AGENT, stop=stop)


def resume(number: int, *, of: int = 0) -> Resume:
    return Resume(
        id=f"{number}.1",
        decision=number,
        session=session(of),
        agent=AGENT,
        stop=f"msg_{number}",
        words=False,
        text="",
    )


def ended(number: int, result: Result = Result.OK) -> EffectEnded:
    return EffectEnded(at=at(number + 0.5), effect=f"{number}.1", result=result)


def adopted(digest: str, **resolved: object) -> PolicyAdopted:
    return PolicyAdopted(at=BEGAN, name="default", digest=digest, resolved=resolved)


def turn(event: Event, *ordered: Effect, **decision: object) -> Entry:
    return Entry(event=event, decisions=(decision,) if decision else (), effects=ordered)


def night(length: int) -> list[Entry]:
    """Stops, each answered by a resume, of three sessions."""
    return [
        turn(stopped(number, of=number % 3), resume(number, of=number % 3), rule="limit")
        for number in range(1, length + 1)
    ]
