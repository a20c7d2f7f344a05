"""Looking around: which processes there are, what they descend from, what they carry."""

import os
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime

from palingenesis.processes.identity import Identity, identify
from palingenesis.processes.seeing import (
    Found,
    all_pids,
    look_at,
    name_of,
    newest_pid,
    when_started,
)

__all__ = [
    "Found",
    "Lookout",
    "carrying",
    "descendants",
    "listening_ports",
    "of_this_user",
    "started_at",
]

_LOOKS = 2
_ROUND = 20
_FEW = 1_000


def of_this_user(names: Iterable[str]) -> list[Found]:
    """The processes of this user whose name is one of `names`; what vanishes meanwhile is left out.

    The name is the kernel's: what was executed, without its directory, cut to 15 characters.
    """
    names = tuple(names)
    return _closely(_named(all_pids(), names), names)


class Lookout:
    """Finds the same processes again and again, and looks closely at newcomers only.

    A newcomer is looked at twice, because a process is first its parent's copy and only then the
    program that it will be. Everybody is looked at again at every 20th time.

    Args:
        names: as for `of_this_user`.
        pids: which processes there are.
        newest: which id the system gave last.
    """

    def __init__(
        self,
        names: Iterable[str],
        *,
        pids: Callable[[], list[int]] = all_pids,
        newest: Callable[[], int | None] = newest_pid,
    ) -> None:
        self._names = tuple(names)
        self._pids = pids
        self._newest = newest
        self._newest_now: int | None = None
        self._newest_then: int | None = None
        self._looks: dict[int, int] = {}
        self._times = 0

    def is_due(self) -> bool:
        """Whether a look may show anything; asked each time before one, and cheap."""
        self._newest_now = self._newest()  # whoever begins from here on is seen the next time
        if self._times % _ROUND == 0 or self._newest_then is None:
            return True
        if self._newest_now != self._newest_then or min(self._looks.values(), default=0) < _LOOKS:
            return True
        self._times += 1
        return False

    def is_quick(self) -> bool:
        """Whether the next glance takes a moment only: few processes, and hardly one unknown."""
        return self._times % _ROUND != 0 and 0 < len(self._looks) <= _FEW

    def look(self) -> list[Found]:
        """The processes of these names that are new, or that were found before and are due."""
        return self.closely(self.glance())

    def glance(self) -> list[int]:
        """Their ids, by their names alone: this waits for no process, whatever state it is in."""
        self._newest_then = self._newest_now
        pids = self._pids()
        if self._times % _ROUND == 0:
            self._looks.clear()
        self._times += 1
        looked = {pid: self._looks[pid] for pid in pids if pid in self._looks}
        self._looks = {pid: looked.get(pid, 0) + 1 for pid in pids}
        return _named([pid for pid in pids if looked.get(pid, 0) < _LOOKS], self._names)

    def closely(self, pids: Iterable[int]) -> list[Found]:
        """Those of a glance that are of this user, looked at closely."""
        return _closely(pids, self._names)


def _named(pids: Iterable[int], names: Iterable[str]) -> list[int]:
    wanted = {name[:15] for name in names}
    return [pid for pid in pids if name_of(pid) in wanted]


def _closely(pids: Iterable[int], names: Iterable[str]) -> list[Found]:
    seen = [one for pid in pids if (one := look_at(pid)) is not None]
    # Asked again: a child that becomes another program meanwhile was looked at half and half.
    still = set(_named([one.identity.pid for one in seen], names))
    return [one for one in seen if one.identity.pid in still]


def started_at(identity: Identity) -> datetime | None:
    """When exactly this process was started; None: it is gone."""
    began = when_started(identity)
    return began if identify(identity.pid) == identity else None


def descendants(identity: Identity) -> list[Identity]:
    """Every live process that descends from this one, the oldest first."""
    import psutil

    if identify(identity.pid) != identity:
        return []
    try:
        children = psutil.Process(identity.pid).children(recursive=True)
    except psutil.Error:
        return []
    return [who for child in children if (who := identify(child.pid)) is not None]


def carrying(marks: Mapping[str, str]) -> list[Identity]:
    """The processes of this user whose first environment has all of these; never ourselves.

    This finds a dead server's tools, which nothing else connects to it any more.
    """
    import psutil

    out: list[Identity] = []
    for pid in psutil.pids():
        if pid == os.getpid():
            continue
        try:
            environment = psutil.Process(pid).environ()
        except (psutil.Error, OSError):
            continue
        if all(environment.get(name) == value for name, value in marks.items()):
            identity = identify(pid)
            if identity is not None:
                out.append(identity)
    return out


def listening_ports(identity: Identity) -> list[int]:
    """The TCP ports that this process listens on."""
    import psutil

    try:
        connections = psutil.Process(identity.pid).net_connections("tcp")
    except psutil.Error:
        return []
    return sorted({c.laddr.port for c in connections if c.status == psutil.CONN_LISTEN})
