"""Directories are watched for files that are saved in any way: the one door to watchfiles."""

import asyncio
import contextlib
import os
import threading
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

LINKS_MAX = 16
_STEP_MS = 800
"""How often the watch looks for what the system has noted: each look wakes a sleeping machine."""
_LOOK_BYTES_MAX = 1024 * 1024

Place = tuple[str, int, int]
"""A directory by its path, its device and its inode."""


def places_of(path: Path) -> frozenset[Place]:
    """The directories to watch, with their identity: one that was replaced is another one."""
    steps = [str(path)]
    for _ in range(LINKS_MAX):
        link = _next_link(steps[-1])
        if link is None:
            break
        steps.append(link)
    with contextlib.suppress(OSError, ValueError):
        steps.append(os.path.realpath(path))
    found = set()
    for step in steps:
        with contextlib.suppress(OSError, ValueError):
            parent = Path(step).parent
            status = parent.stat()
            found.add((str(parent), status.st_dev, status.st_ino))
    return frozenset(found)


async def watch_in_thread(
    places: Iterable[str], changed: Callable[[], object], ended: threading.Event
) -> None:
    """Call `changed` once the watch has begun, and after every change, until `ended` is set.

    A thread of its own, because the watcher's own way to wait would load a second event loop.

    Raises:
        OSError, RuntimeError: the places cannot be watched, or not any more.
    """
    from watchfiles import watch

    loop = asyncio.get_running_loop()

    def look() -> None:
        # What changed before the watch began is found by the first check.
        for _ in watch(
            *places,
            watch_filter=None,
            recursive=False,
            step=_STEP_MS,
            rust_timeout=60_000,
            stop_event=ended,
            raise_interrupt=False,
        ):
            loop.call_soon_threadsafe(changed)

    looking = asyncio.ensure_future(asyncio.to_thread(look))
    try:
        changed()
        await asyncio.shield(looking)
    finally:
        ended_by_us = not looking.done()
        ended.set()
        if ended_by_us:
            with contextlib.suppress(OSError, RuntimeError):
                await looking


def wait_for_change(
    known: Mapping[Path, bytes], find: Callable[[], Iterable[Path]], *, every_ms: int = 200
) -> None:
    """Return once the files that `find` names, or what is in them, are others than `known`.

    Two looks, one after the other, have to agree: an editor may be in the middle of saving.

    Raises:
        KeyboardInterrupt: the person has had enough.
    """
    from watchfiles import watch

    places = sorted({place for path in known for place, _, _ in places_of(path)})
    known = {path: _unmarked(content) for path, content in known.items()}
    before: Mapping[Path, bytes] = known
    for _ in watch(
        *places, watch_filter=None, recursive=False, rust_timeout=every_ms, yield_on_timeout=True
    ):
        now = _contents(find())
        if now not in (known, {}) and now == before:
            return
        before = now


def _contents(paths: Iterable[Path]) -> dict[Path, bytes]:
    found = {}
    for path in paths:
        with contextlib.suppress(OSError):
            found[path] = _unmarked(path.read_bytes()[:_LOOK_BYTES_MAX])
    return found


def _unmarked(content: bytes) -> bytes:
    """Without a byte order mark, which a text that was read has lost."""
    return content.removeprefix(b"\xef\xbb\xbf")


def _next_link(path: str) -> str | None:
    """The path after its last symbolic link was followed once; None when it has none."""
    place = Path(path)
    for candidate in (place, *place.parents):
        with contextlib.suppress(OSError):
            if candidate.is_symlink():
                target = candidate.parent / candidate.readlink()
                return os.path.normpath(target / place.relative_to(candidate))
    return None
