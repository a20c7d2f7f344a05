"""How often the rules of a policy decided lately, counted in the journal."""

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from palingenesis.surfaces.cli.journal_reading import open_journal
from palingenesis.surfaces.cli.rule_text import Fired

if TYPE_CHECKING:
    from palingenesis.runtime.paths import Paths

LATELY: Final = timedelta(days=30)


def fired_since(paths: "Paths", now: datetime) -> dict[str, Fired]:
    """Times and last time of every rule that decided within `LATELY`.

    Raises:
        NotRunningError: there is no journal yet.
        JournalError: it cannot be read.
    """
    found: dict[str, Fired] = {}
    with open_journal(paths, since=now - LATELY) as journal:
        for entry in journal.entries(since=now - LATELY):
            for decision in entry.decisions:
                if decision["kind"] == "decided":
                    rule = str(decision["rule"])
                    times = found[rule].times if rule in found else 0
                    at = datetime.fromisoformat(str(decision["at"])).astimezone(UTC)
                    found[rule] = Fired(times=times + 1, last=at)
    return found
