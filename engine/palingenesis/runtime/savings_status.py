"""The savings as plain data, for whoever asks; see docs/reference/savings.md."""

from collections.abc import Mapping
from typing import TypedDict


class SavingsStatus(TypedDict):
    """What all nights were worth since counting began; spans are seconds, shares 0 to 1."""

    since: str | None
    """When counting began."""
    stops: Mapping[str, int]
    """By reason."""
    saves: int
    saves_by: Mapping[str, int]
    """By the reason of the stop that began the trouble."""
    handed_over: int
    taken_over: int
    success_rate: float | None
    waited_s: float
    saved_s: float
    """The time saved."""
    sessions: int
    interrupted: int
    uninterrupted: float | None
    """The share of sessions without an intervention."""
    blocks: Mapping[str, int]
    """Permissions and questions, by kind."""
    interventions: int
    intervened: str | None
    """When the last intervention was."""
    days_without: int | None
    prompts: int
    reruns: int
    restarts: int
    notices: int
    refusals: int
    unknown: int
    policies: int
    policies_refused: int
    greeted: bool
    """The person has been told of the first save."""
