"""The pages about a candidate are followed, while a session waits for a limit."""

import re
from pathlib import Path

import pytest

from palingenesis.demo.replies import rate_limited
from tests.live.night import Night
from tests.shown import missing, typed
from tests.torture.standing_in import stand_in

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]

DOCS = Path(__file__).parents[1] / "docs"
SHADOW = DOCS / "how-to" / "try-a-policy-in-shadow.md"
RELOAD = DOCS / "reference" / "reload.md"
(POLICY,) = re.findall(
    r'^```yaml title="policy.yaml"\n(.*?)^```$', SHADOW.read_text("utf-8"), re.MULTILINE | re.DOTALL
)


def claim_shown(night: Night, words: str, shown: list[str]) -> None:
    said = night.palin(*words.removeprefix("palingenesis ").split())

    assert missing(shown, said.stdout.splitlines()) == [], said.stderr


def test_a_candidate_is_tried_looked_at_and_promoted_as_the_pages_show_it():
    start, report, promote = typed(SHADOW)
    (preview,) = typed(RELOAD)
    with stand_in() as opencode, Night(opencode, policy=POLICY) as night:
        candidate = POLICY.replace("for: 10m", "for: 15m")
        (night.project / "policy.next.yaml").write_text(candidate)

        claim_shown(night, *start)
        night.provider.script(rate_limited())
        session = night.begin("Write a poem of forty stanzas about the night shift.")
        night.wait_for(session, "waiting")
        claim_shown(night, *report)
        claim_shown(night, *preview)
        claim_shown(night, *promote)

        assert night.policy_file.read_text() == candidate
