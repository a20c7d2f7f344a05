"""A session's life as one table; the only door to `transitions`.

The table says which moves are legal and nothing else: no callbacks, no effects, no timers. Why a
session moves is decided in core.step; when it moves is in its plan.
"""

from functools import cache
from typing import Final

from transitions import Machine, MachineError

from palingenesis.core.errors import IllegalMoveError
from palingenesis.core.values import Status

_D, _W, _B, _S = Status.DISCOVERING, Status.WORKING, Status.BLOCKED, Status.STALLED
_PLANNED = (Status.DECIDING, Status.HOLDING, Status.WAITING, Status.ASKING)
_ACTIVE = (_W, _B, _S, *_PLANNED, Status.ACTING, Status.VERIFYING)
_ENDED = (Status.ATTENTION, Status.STOOD_DOWN, Status.COMPLETED)

_Row = tuple[str, tuple[Status, ...], Status]

TRANSITIONS: Final[tuple[_Row, ...]] = (
    # trigger, from, to
    ("seen_working", (_D,), Status.WORKING),
    ("person_prompted", (_D, *_ACTIVE, *_ENDED), Status.WORKING),
    ("went_on", (*_ACTIVE,), Status.WORKING),
    ("stopped", (_D, *_ACTIVE), Status.DECIDING),
    ("blocked", (_D, *_ACTIVE), Status.BLOCKED),
    ("unblocked", (Status.BLOCKED,), Status.WORKING),
    ("stalled", (_W,), Status.STALLED),
    ("decide", (*_ACTIVE,), Status.DECIDING),
    ("hold", (Status.DECIDING,), Status.HOLDING),
    ("wait", (Status.DECIDING, Status.ACTING), Status.WAITING),
    ("ask", (Status.DECIDING,), Status.ASKING),
    ("act", (Status.DECIDING, Status.WAITING, Status.ASKING), Status.ACTING),
    ("acted", (Status.ACTING,), Status.VERIFYING),
    ("due", (Status.HOLDING, Status.WAITING, Status.ASKING, Status.ACTING), Status.DECIDING),
    ("verified", (Status.ACTING, Status.VERIFYING), Status.WORKING),
    ("failed", (Status.ACTING, Status.VERIFYING), Status.DECIDING),
    ("superseded", (Status.ACTING,), Status.WORKING),
    ("need_attention", (_D, *_ACTIVE), Status.ATTENTION),
    ("stand_down", (_D, *_ACTIVE, Status.PAUSED, *_ENDED), Status.STOOD_DOWN),
    ("finish", (_D, *_ACTIVE), Status.COMPLETED),
    ("reopen", (Status.ATTENTION,), Status.DECIDING),
    ("let_in", (Status.ATTENTION, Status.STOOD_DOWN), Status.DECIDING),
    ("pause", (_D, *_ACTIVE, *_ENDED), Status.PAUSED),
    ("unpause", (Status.PAUSED,), Status.DECIDING),
    ("unpause_to_discovering", (Status.PAUSED,), Status.DISCOVERING),
    ("unpause_to_working", (Status.PAUSED,), Status.WORKING),
    ("unpause_to_blocked", (Status.PAUSED,), Status.BLOCKED),
    ("unpause_to_attention", (Status.PAUSED,), Status.ATTENTION),
    ("unpause_to_stood_down", (Status.PAUSED,), Status.STOOD_DOWN),
    ("unpause_to_completed", (Status.PAUSED,), Status.COMPLETED),
    ("commanded", (_D, *_ACTIVE, *_ENDED, Status.DETACHED), Status.DECIDING),
    ("detach", tuple(s for s in Status if s is not Status.DETACHED), Status.DETACHED),
    ("enrol", (Status.DETACHED, _D, *_ENDED), Status.DISCOVERING),
)
"""Every legal move. Nothing is acted upon in paused, attention, stood_down, completed, detached."""

ACTIVE: Final = frozenset(_ACTIVE)
"""Statuses in which a stop is decided about."""

PLANNED: Final = frozenset(_PLANNED)
"""Statuses in which a plan of ours is pending and nothing has been sent yet."""


class _Model:
    """What a Machine moves: a bare status."""

    __slots__ = ("state",)
    state: str


def _machine() -> Machine:
    machine = Machine(
        model=None,
        states=[str(status) for status in Status],
        initial=None,
        auto_transitions=False,
        model_override=True,
    )
    for trigger, sources, dest in TRANSITIONS:
        machine.add_transition(trigger, [str(source) for source in sources], str(dest))
    return machine


_MACHINE: Final = _machine()


def move(status: Status, trigger: str) -> Status:
    """The status that `trigger` leads to.

    Raises:
        IllegalMoveError: the table has no such move; a mistake in the kernel.
    """
    return _moved(status, trigger)


@cache
def _moved(status: Status, trigger: str) -> Status:
    """Asks the machine once for each move: where it leads does not change."""
    model = _Model()
    _MACHINE.set_state(str(status), model)
    event = _MACHINE.events.get(trigger)
    if event is None:
        raise IllegalMoveError(f"no trigger '{trigger}' in the table of a session's life")
    try:
        event.trigger(model)
    except MachineError as error:
        raise IllegalMoveError(f"a session that is {status} cannot move by '{trigger}'") from error
    return Status(model.state)


def may(status: Status, trigger: str) -> bool:
    """Whether the table allows `trigger` in `status`."""
    return any(name == trigger and status in sources for name, sources, _ in TRANSITIONS)


def table() -> str:
    """The table as Markdown rows."""
    rows = (
        f"| `{trigger}` | {' '.join(f'`{source}`' for source in sources)} | `{dest}` |"
        for trigger, sources, dest in TRANSITIONS
    )
    return "\n".join(("| trigger | from | to |", "|---|---|---|", *rows)) + "\n"


def mermaid() -> str:
    """The table as a Mermaid state diagram, one line for each pair of statuses."""
    arrows: dict[tuple[Status, Status], list[str]] = {}
    for trigger, sources, dest in TRANSITIONS:
        for source in sources:
            arrows.setdefault((source, dest), []).append(trigger)
    lines = ["stateDiagram-v2", "    [*] --> discovering"]
    lines += [
        f"    {source} --> {dest}: {', '.join(triggers)}"
        for (source, dest), triggers in sorted(arrows.items())
    ]
    return "\n".join(lines) + "\n"
