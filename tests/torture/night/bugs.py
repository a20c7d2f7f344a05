"""Bugs that a careless hour could make: one line each, in the kernel, the loop or the recovery."""

from typing import Final, NamedTuple


class Bug(NamedTuple):
    """One line of the source, and what it becomes."""

    file: str
    old: str
    new: str
    why: str


BUGS: Final = (
    Bug(
        "runtime/loop.py",
        "                await self._still.last(error)  # and then decide anew",
        "                return self._adopt(turn, _entry(event, turn), self.seq) or turn  #",
        "acts on what could not be written down",
    ),
    Bug(
        "runtime/loop.py",
        "                self._performer.start(effect)\n",
        "                self._performer.start(effect) if effect.decision % 5 else None\n",
        "forgets to start every fifth effect",
    ),
    Bug(
        "runtime/dispatch.py",
        '        if reconcile:\n            return Outcome(result=Result.UNKNOWN, detail=f"hook',
        '        if False:\n            return Outcome(result=Result.UNKNOWN, detail=f"hook',
        "runs a hook again that may have run",
    ),
    Bug(
        "runtime/dispatch.py",
        "            if outcome.result in {Result.OK, Result.SUPERSEDED}:\n",
        "            if outcome.result is not Result.UNKNOWN:\n",
        "tells a person once, and gives up",
    ),
    Bug(
        "runtime/dispatch.py",
        "                if seen is not None and seen.result is not Result.UNKNOWN:\n",
        "                if seen is None or seen.result is not Result.UNKNOWN:\n",
        "takes what did not happen for done",
    ),
    Bug(
        "runtime/recovery.py",
        "    for entry in memory.entries(seq):\n",
        "    for entry in memory.entries(seq + 1):\n",
        "forgets one entry after a snapshot",
    ),
    Bug(
        "runtime/recovery.py",
        "    unordered = frozenset(world.open) - ordered\n",
        "    unordered = frozenset(world.open)\n",
        "drops what is under way",
    ),
    Bug(
        "runtime/recovery.py",
        "        ordered |= {effect.id for effect in entry.effects}\n",
        "        ordered |= {effect.id for effect in entry.effects[1:]}\n",
        "drops the first effect of the last turns",
    ),
    Bug(
        "core/kernel/draft.py",
        'return f"{self.world.seed[:8]}-{decision}.{step}"',
        'return f"{decision}.{step}"[:3]',
        "uses keys twice",
    ),
    Bug(
        "core/kernel/draft.py",
        "        self.open[effect.id] = effect\n",
        "        self.open.setdefault(effect.id[:9], effect)\n",
        "loses effects that are under way",
    ),
    Bug(
        "core/kernel/ordering.py",
        "        case plans.NewSession() if not plan.snapshot:\n",
        "        case plans.NewSession() if plan.snapshot is None:\n",
        "begins a new session without a backup",
    ),
    Bug(
        "core/kernel/ordering.py",
        "        session = replace(session, aborting=True)\n",
        "        session = replace(session, aborting=False)\n",
        "takes our own abort for the person's",
    ),
    Bug(
        "core/kernel/outcomes.py",
        "    effect = draft.open.pop(event.effect, None)\n",
        "    effect = draft.open.get(event.effect, None)\n",
        "never closes an effect",
    ),
    Bug(
        "core/kernel/outcomes.py",
        "        case Result.FAILED | Result.UNKNOWN:\n            alone",
        "        case Result.FAILED:\n            alone",
        "leaves what nobody knows as it is",
    ),
    Bug(
        "core/kernel/sessions.py",
        "            latched=session.latched or is_her_stop(stop),\n",
        "            latched=session.latched,\n",
        "forgets that the person said stop",
    ),
    Bug(
        "core/kernel/sessions.py",
        "            return  # the same stop, seen again\n",
        "            pass  # the same stop, seen again\n",
        "decides twice about one stop",
    ),
    Bug(
        "core/kernel/agents.py",
        "for session in _of(draft, agent) if _was_at_work(session)]",
        "for session in _of(draft, agent) if session.latched]",
        "does not notice whom a dead server leaves behind",
    ),
    Bug(
        "core/kernel/waits.py",
        '    base += wait.jitter * fraction(seed, "jitter")\n',
        '    base -= wait.jitter * fraction(seed, "jitter")\n',
        "comes before its time",
    ),
    Bug(
        "core/kernel/waits.py",
        "    return max(stop.retry_at + drift, start)\n",
        "    return min(stop.retry_at + drift, start)\n",
        "does not wait for the time that the server named",
    ),
    Bug(
        "core/kernel/ticking.py",
        "        case Status.WAITING if _due(_waits_until(session), draft.at) and",
        "        case Status.WAITING if _due(session.reopen_at, draft.at) and",
        "waits for ever",
    ),
    Bug(
        "core/kernel/operating.py",
        '    draft.move(draft.put(session), "pause", "paused")\n',
        "    draft.put(session)\n",
        "goes on in a pause",
    ),
    Bug(
        "core/kernel/stepping.py",
        "    draft.world = moved(draft.world, by)\n",
        "    draft.world = moved(draft.world, -by)\n",
        "moves its waits the wrong way when the clock is set",
    ),
    Bug(
        "core/safety.py",
        "    if session.latched and not by_person:\n",
        "    if session.latched and by_person:\n",
        "touches what the person has stopped",
    ),
    Bug(
        "core/safety.py",
        "PROMPTS_PER_HOUR: Final = 12\n",
        "PROMPTS_PER_HOUR: Final = 1200\n",
        "prompts without an end",
    ),
    Bug(
        "core/safety.py",
        "UNPRODUCTIVE_MAX: Final = 3\n",
        "UNPRODUCTIVE_MAX: Final = 300\n",
        "prompts on and on where nothing is achieved",
    ),
    Bug(
        "core/safety.py",
        "RESTARTS_MAX: Final = 5\n",
        "RESTARTS_MAX: Final = 500\n",
        "restarts a server for ever",
    ),
)
