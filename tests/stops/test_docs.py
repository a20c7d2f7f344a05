"""The reference page names every reason and explains every key of evidence."""

import re
from pathlib import Path

from palingenesis.core.values import StopReason
from tests.opencode.reading.recordings import scenarios
from tests.opencode.reading.test_recordings import Night

PAGE = (Path(__file__).parents[2] / "docs/reference/stop-reasons.md").read_text()


def rows(heading: str) -> list[str]:
    section = re.split(r"^## |^# ", PAGE, flags=re.MULTILINE)
    (text,) = [part for part in section if part.startswith(heading)]
    return re.findall(r"^\| `([^`]+)` \|", text, flags=re.MULTILINE)


def test_the_page_names_every_reason_in_order() -> None:
    assert rows("Stop reasons") == [reason.value for reason in StopReason]


def test_the_page_explains_every_key_of_evidence_that_a_recording_brings() -> None:
    keys: set[str] = set()
    for scenario in scenarios():
        night = Night().play(scenario)
        night.die()
        keys |= {key for stop in night.stops.values() for key in stop.evidence}

    assert {"signature", "scope", "reset_source", "died_in"} <= keys
    assert keys <= set(rows("Evidence"))
