"""The journal could not be written, or was damaged: whoever is concerned is told, once."""

from typing import Final

from palingenesis.core import events
from palingenesis.core.copies import replace
from palingenesis.core.facts import show_duration
from palingenesis.core.kernel.draft import Draft
from palingenesis.core.values import Severity

_MENDED_MAX: Final = 20
TITLE: Final = "nothing can be written down"


def trouble_told(why: str) -> str:
    """What people are told of it; the shell uses the same words where nothing can be recorded."""
    return (
        f"{why}. Until this is over nothing is done, and everything is still watched; "
        "it goes on by itself."
    )


def tell_of_journal(
    draft: Draft, event: events.WritingFailed | events.WritingResumed | events.JournalMended
) -> None:
    """Say that the disk is full, or what was the matter; not to people who know."""
    if isinstance(event, events.JournalMended):
        mended = (*draft.world.mended, *event.kept_as)[-_MENDED_MAX:]
        draft.world = replace(draft.world, mended=mended)
        draft.tell(None, Severity.WARNING, "the journal was damaged", event.what, "once")
        return
    if isinstance(event, events.WritingResumed):
        draft.world = replace(draft.world, caught_up=event.at)
    if event.told:
        return
    if isinstance(event, events.WritingFailed):
        told = trouble_told(event.why)
        draft.tell(None, Severity.CRITICAL, TITLE, told, "nothing is done that is not written down")
        return
    lasted = show_duration(event.at - event.since)
    draft.tell(
        None,
        Severity.WARNING,
        "it can be written down again",
        f"for {lasted} nothing could be written down ({event.why}), so nothing was done; "
        "it was watched, and goes on now.",
        f"nothing was done for {lasted}",
    )
