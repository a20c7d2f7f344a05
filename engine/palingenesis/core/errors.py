"""Every error that palingenesis raises on purpose, with the exit code a surface gives it."""

from collections.abc import Mapping
from enum import IntEnum
from types import MappingProxyType


class ExitCode(IntEnum):
    """What the command line answers; documented in docs/reference/exit-codes.md."""

    OK = 0
    FAILURE = 1
    USAGE = 2
    NOT_RUNNING = 3
    AUTH = 4
    INVALID = 5
    TIMEOUT = 6
    TRY_AGAIN = 75
    INTERRUPTED = 130


class PalingenesisError(Exception):
    """Something went wrong that a person can do something about.

    Args:
        message: what is wrong and where, one line, lower case.
        hint: the way out, one line; empty when there is none.
    """

    exit_code = ExitCode.FAILURE

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class InvalidConfigError(PalingenesisError):
    """The configuration or a policy cannot be used."""

    exit_code = ExitCode.INVALID


class NotRunningError(PalingenesisError):
    """The daemon does not answer."""

    exit_code = ExitCode.NOT_RUNNING


class DeadlineError(PalingenesisError):
    """Something did not happen in the time it was given."""

    exit_code = ExitCode.TIMEOUT


class DeniedError(PalingenesisError):
    """A password or a permission was refused."""

    exit_code = ExitCode.AUTH


class BusyError(PalingenesisError):
    """Somebody else holds what is needed; trying again later may work."""

    exit_code = ExitCode.TRY_AGAIN


class PassingError(PalingenesisError):
    """The machine is in a trouble that passes: trying again later may work."""

    exit_code = ExitCode.TRY_AGAIN


class UnreadableError(PalingenesisError):
    """A file is there, or may be, and cannot be read: it is not taken for a missing one."""


class JournalError(PalingenesisError):
    """The journal cannot be read or written."""


class ForeignJournalError(JournalError):
    """What lies in the journal's place is no journal, another program's, or a newer one."""

    exit_code = ExitCode.INVALID


class DamagedJournalError(JournalError):
    """The journal cannot be read as it is; a daemon sets it aside and uses what it can."""


class EntryRefusedError(JournalError):
    """The journal will never take this entry: a mistake in palingenesis; no next try cures it."""


class WireError(PalingenesisError):
    """A request over the network was not answered, or its answer could not be taken in."""


class WireDeadlineError(WireError):
    """No complete answer came in the time it was given: whether it was acted on is unknown."""

    exit_code = ExitCode.TIMEOUT


class WireTooLargeError(WireError):
    """The other side answered more than we take in; `headers` came before it."""

    headers: Mapping[str, str] = MappingProxyType({})


class AssistantError(PalingenesisError):
    """The assistant answered with something that we cannot use, or not at all."""


class AssistantUnreachableError(AssistantError):
    """Nothing listens there, or it went away before it answered."""


class AssistantSilentError(AssistantUnreachableError):
    """It took the request and did not answer in time: whether it acted on it is unknown."""

    exit_code = ExitCode.TIMEOUT


class AssistantTooLargeError(AssistantUnreachableError):
    """Its answer is more than we take in; a smaller part of it can be asked for.

    `older` is the name under which it would go on behind that answer; "": it would not.
    """

    older: str = ""


class AssistantDeniedError(AssistantError):
    """It does not accept our password."""

    exit_code = ExitCode.AUTH


class AssistantGarbageError(AssistantError):
    """It answered with something that is not its protocol: HTML, cut JSON, a wrong shape."""


class AssistantRefusedError(AssistantError):
    """It understood the request and said no; `status` is the HTTP status."""

    def __init__(self, message: str, hint: str = "", *, status: int = 0) -> None:
        super().__init__(message, hint)
        self.status = status


class BrokenRailError(PalingenesisError):
    """A turn was about to do what a rail forbids; a mistake in the kernel."""


class IllegalMoveError(PalingenesisError):
    """A session cannot go from its status by that trigger; a mistake in the kernel."""
