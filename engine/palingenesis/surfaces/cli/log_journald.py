"""Reading the daemon's log where systemd keeps it: lines as they would be in a file of our own."""

import json
import re
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from typing import Any, Final

from palingenesis.core.errors import PalingenesisError
from palingenesis.runtime.log_form import MARK, Record, as_text
from palingenesis.surfaces.cli.desk import Desk
from palingenesis.surfaces.cli.service_texts import UNIT
from palingenesis.surfaces.cli.systemd import Systemd, is_here, keeps

_OURS: Final = re.compile(r"(palingenesis[\w.]*|[a-z]+(?:\.\w+)*): (.*)", re.DOTALL)
_LEVELS: Final = {"7": "debug", "6": "info", "5": "info", "4": "warning", "3": "error"}


def is_in_journald(desk: Desk) -> bool:
    """Whether the daemon's log is in systemd's journal: it is a service, or was the last time."""
    try:
        return keeps(desk.client().status()["pid"], UNIT)
    except PalingenesisError:
        pass
    if desk.paths.log.exists() or not is_here(desk.environ):
        return False
    with suppress(PalingenesisError):
        return Systemd(desk.environ).shown(UNIT).get("LoadState") == "loaded"
    return False


@contextmanager
def journald_lines(
    environ: Mapping[str, str], *, tail: int | None, since: datetime | None, follow: bool
) -> Iterator[Iterator[str]]:
    """The lines, as journalctl tells them.

    Raises:
        PalingenesisError: there is no journalctl.
    """
    words = ["journalctl", "--user", f"--unit={UNIT}", "--output=json", "--no-pager", "--quiet"]
    words += [f"--lines={'all' if tail is None else tail}"]
    words += [f"--since=@{int(since.timestamp())}"] if since is not None else []
    words += ["--follow"] if follow else []
    try:
        teller = subprocess.Popen(
            words, env=dict(environ), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE
        )
    except OSError as error:
        raise PalingenesisError(
            "the log is in systemd's journal, and there is no journalctl here",
            hint="install it, or run the daemon with: palingenesis daemon start",
        ) from error
    with teller:
        assert teller.stdout is not None
        try:
            yield (line for raw in teller.stdout for line in read_entry(raw))
        finally:
            teller.terminate()


def read_entry(raw: bytes) -> Iterator[str]:
    """The line of one entry of systemd's journal."""
    try:
        held = json.loads(raw)
        message = _text(held["MESSAGE"])
        at = datetime.fromtimestamp(int(held["__REALTIME_TIMESTAMP"]) / 1e6, UTC)
    except (ValueError, KeyError, TypeError, OverflowError):
        return
    level = _LEVELS.get(str(held.get("PRIORITY", "6")), "critical")
    found = _OURS.fullmatch(message)
    if message.startswith(MARK) or found is None or held.get("SYSLOG_IDENTIFIER") == "systemd":
        yield message
        return
    yield as_text(Record(at=at, level=level, logger=found[1], message=found[2]))


def _text(message: Any) -> str:
    """What was said; systemd tells what is no UTF-8 as a list of numbers."""
    text = bytes(message).decode("utf-8", "replace") if isinstance(message, list) else str(message)
    return " ".join(text.split("\n"))
