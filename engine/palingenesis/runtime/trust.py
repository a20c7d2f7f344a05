"""Whether a file that steers us is the person's own: nobody else may be able to write to it.

Theory of operation. A path is walked as the kernel walks it: from `/` down, through every link, to
what is really there. Whoever may write to any place on that way can put another file there, so
every place must belong to the user or to the system (root, or whoever owns `/`, as in a container),
and only its owner may write to it. A sticky folder such as /tmp may be on the way: there only the
owner of an entry can exchange it, and each entry is judged by its own owner.
"""

import os
import shlex
import stat
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

Distrust = Callable[[Path], str]
"""Says why a file must not steer us, "" when it may: `why_untrusted`, or another judge."""

_LINKS_MAX = 40
_OTHERS = stat.S_IWGRP | stat.S_IWOTH


@dataclass(frozen=True, slots=True, kw_only=True)
class _Fault:
    """One place on the way to a file that somebody else could change."""

    place: Path
    why: str
    cure: str
    """The command before the place that ends it; "" when only its owner can."""


def why_untrusted(path: Path) -> str:
    """Why the file must not steer us, or "" when it may.

    Raises:
        OSError: the file cannot be looked at.
    """
    fault = next(_faults(path), None)
    return fault.why if fault is not None else ""


def way_out(path: Path) -> str:
    """The commands that make the file one that may steer us; "" when it does already."""
    try:
        faults = list(_faults(path))
    except OSError:
        return ""
    told = []
    for cure in dict.fromkeys(fault.cure for fault in faults):
        places = shlex.join(str(fault.place) for fault in faults if fault.cure == cure)
        told.append(f"{cure} {places}" if cure else f"move it out of {places}")
    return " && ".join(told)


def owners_only(path: Path) -> str:
    """What must hold for a policy's file, and the way there."""
    way = way_out(path)
    return "only its owner may be able to write to a policy" + (f" ({way})" if way else "")


def is_readable_by_others(path: Path) -> bool:
    """Whether other users of this machine can read the file itself.

    Raises:
        OSError: the file cannot be looked at.
    """
    return bool(path.stat().st_mode & 0o044)


def _faults(path: Path) -> Iterator[_Fault]:
    seen: set[str] = set()
    for place in _way_to(path):
        if str(place) in seen:
            continue
        seen.add(str(place))
        status = place.lstat()
        if status.st_uid not in _ourselves_and_the_system():
            yield _Fault(place=place, why=f"{place} belongs to another user", cure=_take(place))
        elif not _is_kept(status):
            yield _Fault(place=place, why=_who_can_write(place, status), cure=_shut(status))


def _way_to(path: Path) -> Iterator[Path]:
    """Every folder, link and file that the kernel passes on its way to the file.

    Raises:
        OSError: there is no such file, or its links go round in circles.
    """
    todo, place, links = _parts(path.absolute()), Path("/"), 0
    yield place
    while todo:
        name, *todo = todo
        if name == "..":
            place = place.parent
            continue
        step = place / name
        yield step
        if step.is_symlink():
            links += 1
            if links > _LINKS_MAX:
                os.stat(path)  # noqa: PTH116  the kernel's own word for it
            target = step.readlink()
            todo = [*_parts(target), *todo]
            place = Path("/") if target.is_absolute() else place
        else:
            place = step


def _parts(path: Path) -> Sequence[str]:
    return [part for part in path.parts if part != "/"]


def _ourselves_and_the_system() -> frozenset[int]:
    return frozenset({os.getuid(), 0, Path("/").stat().st_uid})


def _is_kept(status: os.stat_result) -> bool:
    """Whether nobody but its owner can change it; the mode of a link says nothing."""
    if stat.S_ISLNK(status.st_mode) or not status.st_mode & _OTHERS:
        return True
    return stat.S_ISDIR(status.st_mode) and bool(status.st_mode & stat.S_ISVTX)


def _who_can_write(place: Path, status: os.stat_result) -> str:
    if status.st_mode & stat.S_IWOTH:
        return f"{place} can be written by other users"
    import grp

    try:
        name = grp.getgrgid(status.st_gid).gr_name
    except KeyError:
        name = str(status.st_gid)
    return f"{place} can be written by other users: those in the group {name} (a umask of 002?)"


def _shut(status: os.stat_result) -> str:
    ours = status.st_uid == os.getuid() or os.getuid() == 0
    return "chmod go-w" if ours else "sudo chmod go-w"


def _take(place: Path) -> str:
    """Only a file can be taken over: a stranger's folder is to be left."""
    if place.is_dir():
        return ""
    return f"sudo chown {'-h ' if place.is_symlink() else ''}{os.getuid()}"
