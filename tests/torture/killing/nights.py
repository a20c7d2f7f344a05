"""All nights, by name."""

from collections.abc import Mapping

from tests.torture.killing.night import Night
from tests.torture.killing.nights_alone import (
    AGAIN,
    COMPACT,
    CRASH,
    CRASH_OF_TWO,
    CUT_OFF,
    DELEGATED,
    HOOK,
    NEW_SESSION,
    QUOTA,
    RATE_LIMIT,
    SERVER_ERROR,
    STOP,
    SWITCH_MODEL,
    UNFINISHED,
)
from tests.torture.killing.nights_with_people import (
    ASK_NO,
    ASK_YES,
    BLOCKED,
    EXIT_IN_WAIT,
    FIRST_START,
    HELD,
    NOTIFIED,
    PROMPT_IN_WAIT,
    PROMPT_WHILE_AWAY,
    RELOAD,
    SHADOW,
    USER_ABORT,
)

NIGHTS: Mapping[str, Night] = {
    night.name: night
    for night in (
        RATE_LIMIT, QUOTA, DELEGATED, SERVER_ERROR, CRASH, CRASH_OF_TWO, STOP, CUT_OFF, AGAIN,
        UNFINISHED, NEW_SESSION, COMPACT, SWITCH_MODEL, HOOK, ASK_YES, ASK_NO, EXIT_IN_WAIT,
        PROMPT_IN_WAIT, PROMPT_WHILE_AWAY, HELD, USER_ABORT, BLOCKED, NOTIFIED,
        RELOAD, SHADOW, FIRST_START,
    )
}  # fmt: skip
