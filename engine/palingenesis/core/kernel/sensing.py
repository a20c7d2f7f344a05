"""What becomes of a part of the world that cannot be watched for a while."""

from palingenesis.core import events
from palingenesis.core.copies import replace
from palingenesis.core.kernel.draft import Draft
from palingenesis.core.kernel.walking import again
from palingenesis.core.safety import cannot_see
from palingenesis.core.values import Severity, Status

HOST = "host"
"""The sensor of the machine's own facts."""


def sensor_broke(draft: Draft, event: events.SensorBroke) -> None:
    """Nothing is done where nobody watches; it is said once."""
    known = event.sensor in draft.world.unseen
    unseen = {**draft.world.unseen, event.sensor: event.detail}
    draft.world = replace(draft.world, unseen=unseen)
    if event.sensor == HOST:
        draft.world = replace(draft.world, host={})  # what it told last may be true no more
    if not known:
        draft.tell(
            None,
            Severity.WARNING,
            f"{event.sensor} cannot be watched",
            f"The sensor of {event.sensor} broke, a mistake of palingenesis: {event.detail}. "
            "It is begun anew again and again; until it watches, nothing is done there.",
            "a sensor that breaks is told about",
        )


def sensor_mended(draft: Draft, event: events.SensorMended) -> None:
    """It watches again: whoever waited for that goes on."""
    unseen = {name: why for name, why in draft.world.unseen.items() if name != event.sensor}
    draft.world = replace(draft.world, unseen=unseen)
    for session in list(draft.sessions.values()):
        plan = session.plan
        if session.agent != event.sensor or session.status is not Status.WAITING or plan is None:
            continue
        if plan.because == cannot_see(event.sensor):
            again(draft, session)
