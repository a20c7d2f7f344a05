"""What an effect on a session came to when nothing was done, in the words of whoever found out."""

from palingenesis.core.values import Result
from palingenesis.runtime.ports import Outcome


def failed(detail: str) -> Outcome:
    """It could not be done, or is not to be."""
    return Outcome(result=Result.FAILED, detail=detail)


def superseded(detail: str) -> Outcome:
    """The session has moved on since it was decided about."""
    return Outcome(result=Result.SUPERSEDED, detail=detail)
