"""What server and client of the control door agree on: version, limits, paths, errors."""

from collections.abc import Mapping
from typing import Final

from palingenesis.core.errors import (
    BusyError,
    DeadlineError,
    DeniedError,
    ExitCode,
    InvalidConfigError,
    NotRunningError,
    PalingenesisError,
)
from palingenesis.runtime.door import SCHEMA_VERSION

BODY_BYTES_MAX: Final = 64 * 1024
HEAD_BYTES_MAX: Final = 64 * 1024
CLIENTS_MAX: Final = 32
STREAMS_MAX: Final = 16
"""Streams stay open, so they may take only half of the places: a command always gets in."""
READERS_MAX: Final = 8
"""Clients that wait for a piece of the journal: the daemon does not only read aloud."""
ORDERS_AT_ONCE: Final = 60
ORDERS_PER_S: Final = 10.0
"""Each order is written to the journal: one that asks in a loop must not fill it."""
LINKS_MAX: Final = 64
"""So many programs may stay connected."""
AGENT_PROTOCOL: Final = "palingenesis-agent/1"
"""What a connection speaks that stays."""
HEAD_S_MAX: Final = 5.0
ANSWER_S_MAX: Final = 5.0
CHANGE_S_MAX: Final = 30.0
"""Commands and reloads may have to wait for a compiler or for the assistant."""
HEARTBEAT_S: Final = 15.0
EVENTS_MAX: Final = 1000

_HTTP_STATUS: Final[Mapping[ExitCode, int]] = {
    ExitCode.FAILURE: 409,
    ExitCode.USAGE: 400,
    ExitCode.NOT_RUNNING: 503,
    ExitCode.AUTH: 403,
    ExitCode.INVALID: 422,
    ExitCode.TIMEOUT: 504,
    ExitCode.TRY_AGAIN: 503,
}


class UsageError(PalingenesisError):
    """A request that makes no sense, or names something that does not exist."""

    exit_code = ExitCode.USAGE


_ERRORS: Final[Mapping[int, type[PalingenesisError]]] = {
    error.exit_code: error
    for error in (
        PalingenesisError,
        UsageError,
        NotRunningError,
        DeniedError,
        InvalidConfigError,
        DeadlineError,
        BusyError,
    )
}


def http_status(error: PalingenesisError) -> int:
    """The HTTP status that an error travels with."""
    return _HTTP_STATUS.get(error.exit_code, 409)


def encode_error(error: PalingenesisError) -> dict[str, object]:
    """An error as the JSON that travels."""
    return {
        "schema_version": SCHEMA_VERSION,
        "error": {
            "code": int(error.exit_code),
            "message": error.message,
            "hint": error.hint,
            "problems": list(getattr(error, "problems", ())),
        },
    }


def decode_error(document: object) -> PalingenesisError:
    """The error that `encode_error` sent, as it was; a plain one when it makes no sense."""
    told = document.get("error") if isinstance(document, dict) else None
    if not isinstance(told, dict):
        return PalingenesisError("the daemon answered with an error that it did not explain")
    code = told.get("code")
    kind = _ERRORS.get(code, PalingenesisError) if isinstance(code, int) else PalingenesisError
    error = kind(str(told.get("message", "")), str(told.get("hint", "")))
    problems = told.get("problems")
    if isinstance(problems, list) and problems:
        error.problems = tuple(str(problem) for problem in problems)  # type: ignore[attr-defined]
    return error
