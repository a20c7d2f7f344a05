"""The journal as `events` shows it: one entry in one line.

The outcome of an effect names nothing but its id. Whoever reads entries in their order has seen
before what was ordered under it, and can say which effect ended, and whose it was; whoever reads
some of them looks it up.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from typing import Final, NamedTuple

from palingenesis.core import events
from palingenesis.core.effects import Effect, name_of
from palingenesis.core.events import Event
from palingenesis.core.facts import say_duration, show
from palingenesis.core.values import DownCause, StopReason
from palingenesis.core.world import World
from palingenesis.runtime import door
from palingenesis.runtime.command_words import typed
from palingenesis.runtime.kinds import kind_of
from palingenesis.runtime.refusals import briefly
from palingenesis.runtime.views import Written, instant

_ROOM: Final = 5000
"""How many orders are remembered."""


def _not_known(_effect: str) -> Effect | None:
    return None


class Order(NamedTuple):
    """An effect that was ordered: the action's word, and the session that it is about."""

    word: str
    session: str | None


class Ordered:
    """What was ordered under which id: what went by, of which the oldest are forgotten, or more."""

    def __init__(
        self,
        effects: Iterable[Effect] = (),
        look_up: Callable[[str], Effect | None] = _not_known,
    ) -> None:
        """Begin with what is known to be under way; `look_up` finds what did not go by."""
        self._orders: dict[str, Order] = {}
        self._look_up = look_up
        self.take(effects)

    def take(self, effects: Iterable[Effect]) -> None:
        """Remember these, too."""
        for effect in effects:
            session = getattr(effect, "session", None)
            self._orders[effect.id] = Order(name_of(effect), session)
        while len(self._orders) > _ROOM:
            del self._orders[next(iter(self._orders))]

    def get(self, effect: str) -> Order | None:
        """What was ordered under this id; None: nobody knows."""
        if effect not in self._orders and (found := self._look_up(effect)) is not None:
            self.take((found,))
        return self._orders.get(effect)


def event_row(
    entry: Written, data: Mapping[str, object], ordered: Ordered | None = None
) -> door.EventRow:
    """One entry of the journal, in one line and in full.

    `ordered` is what was ordered before; what this entry orders is added to it.
    """
    from palingenesis.simulation.timeline import of_turn

    event = entry.event
    lines = [line.text for line in of_turn(event, (), (), World())]
    lines = lines if not _is_old_news(entry) else ["interrupted: nothing new to decide"]
    order = None
    if ordered is not None:
        ordered.take(entry.effects)
        order = ordered.get(event.effect) if isinstance(event, events.EffectEnded) else None
    if isinstance(event, events.EffectEnded):
        lines = [_outcome(event, order)]
    own = next((d for d in entry.decisions if d.kind in {"decided", "revised"}), None)
    own = own or next(iter(entry.decisions), None)
    session = getattr(event, "session", None) or (own.session if own else None)
    session = session or (order.session if order is not None else None)
    return {
        "seq": entry.seq,
        "at": instant(event.at),
        "kind": kind_of(event),
        "session": session,
        "agent": getattr(event, "agent", None),
        "summary": (lines[0] if lines else _summary(event)) + _more(event),
        "rule": own.rule if own else None,
        "effects": [name_of(effect) for effect in entry.effects],
        "data": data,
    }


def _outcome(event: events.EffectEnded, order: Order | None) -> str:
    """What ended and how; its id where nobody saw it being ordered."""
    how = f"{event.result}, {event.detail}" if event.detail else f"{event.result}"
    return f"{order.word if order is not None else event.effect}: {how}"


def _is_old_news(entry: Written) -> bool:
    """Whether an abort is told that nothing is decided on: ours, or one that was told before."""
    event = entry.event
    aborted = (
        isinstance(event, events.SessionStopped) and event.stop.reason is StopReason.USER_ABORT
    )
    return aborted and not entry.decisions


def _summary(event: Event) -> str:
    match event:
        case events.SessionSeen():
            return f"seen: {event.title or event.session}"
        case events.SessionWorking():
            return "working"
        case events.SessionAlive() | events.SessionProgressed():
            return event.what
        case events.FactsObserved():
            known = (f"{k}={show(k, v)}" for k, v in event.facts.items() if v is not None)
            return ", ".join(known) or "facts no longer known"
        case events.PolicyAdopted() | events.ShadowStarted():
            return f"{event.name} {event.digest[:8]}"
        case events.ShadowStopped():
            return event.why
        case events.PolicyRefused():
            return f"{event.name}: {briefly(event.problems)}; the last good policy stays"
        case events.CommandGiven():
            return f"{typed(event.command)} by {event.by}"
        case _:
            return _summary_of_ours(event)


def _summary_of_ours(event: Event) -> str:
    match event:
        case events.ConfigurationChanged():
            later = "; after the next start: " if event.later else ""
            return f"{', '.join(event.changed)}{later}{', '.join(event.later)}".removeprefix("; ")
        case events.ConfigurationRefused():
            return f"{briefly(event.problems)}; what held before holds on"
        case events.DaemonStarted():
            return f"palingenesis {event.version}, pid {event.pid}"
        case events.DaemonStopped():
            return event.why
        case events.ClockStepped():
            way = "forward" if event.by > timedelta(0) else "back"
            return f"the clock was set {way} by {say_duration(abs(event.by))}"
        case events.MachineSlept():
            return f"the machine slept for {say_duration(event.span)}"
        case _:
            return ""


_NO_EXIT = frozenset({DownCause.UNREACHABLE, DownCause.REFUSED})


def _more(event: Event) -> str:
    """Why nothing can be reached, which no other event says."""
    if isinstance(event, events.AgentDown) and event.cause in _NO_EXIT and event.detail:
        return f": {event.detail}"
    return ""
