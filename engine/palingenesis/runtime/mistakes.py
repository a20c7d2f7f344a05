"""A mistake of palingenesis itself, told in two short lines: what broke, and where."""

import traceback
from pathlib import PurePath

from palingenesis.core.errors import PalingenesisError
from palingenesis.core.events import Event
from palingenesis.runtime.foreign_text import plain

_WHAT_CHARS = 300


def told(error: Exception, over: Event | None = None) -> tuple[str, str]:
    """What broke, and at which place of the program, while it took which event."""
    error = _innermost(error)
    ours = isinstance(error, PalingenesisError)
    what = str(error) if ours else f"{type(error).__name__}: {error}"
    frames = traceback.extract_tb(error.__traceback__)
    place = f"{_short(frames[-1])}" if frames else "an unknown place"
    over_what = f", over {type(over).__name__}" if over is not None else ""
    return plain(what, _WHAT_CHARS), f"{place}{over_what}"


def _innermost(error: Exception) -> Exception:
    """What a group of tasks broke with: the group itself says nothing about it."""
    while isinstance(error, ExceptionGroup):
        error = error.exceptions[0]
    return error


def _short(frame: traceback.FrameSummary) -> str:
    return f"{PurePath(frame.filename).name}:{frame.lineno} in {frame.name}"
