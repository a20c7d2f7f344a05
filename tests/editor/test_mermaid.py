"""Every diagram that we draw is one for the real Mermaid."""

import pytest

from palingenesis.core.facts import EVENTS
from palingenesis.core.lifecycle import mermaid
from palingenesis.core.policy.model import Policy
from palingenesis.simulation.decision_flow import Flow, as_mermaid
from tests.editor.mermaid import read_by_mermaid
from tests.policy.texts import ROOT, compiled, policy, rules

pytestmark = pytest.mark.npm

NASTY = """\
  - id: end
    why: "]] --> x"
    when: stop.message == 'a"b`c]}|<script>alert(1)</script>#quot; -->' or work.done
    do: [{attention: {reason: "]) --> \\"y\\" %% {{ }} classDef; `md` & 漢字\\nsecond"}}]
  - id: subgraph
    event: [stopped, blocked]
    for: 5m
    do: [resume]
    limit: {max: 3, per: 1h}
"""


def shipped() -> list[Policy]:
    found = [compiled(path.read_bytes()).policy for path in (ROOT / "policies").rglob("*.yaml")]
    return [one for one in found if one is not None]


def test_mermaid_reads_the_flow_of_every_shipped_policy_for_every_event() -> None:
    flows = [Flow(policy=one, event=event) for one in shipped() for event in (None, *EVENTS)]

    answers = read_by_mermaid(*(as_mermaid(flow) for flow in flows))

    assert set(answers) == {"flowchart-v2"}


def test_no_text_of_a_policy_can_break_out_of_its_label() -> None:
    nasty = policy(rules(NASTY))

    drawn = as_mermaid(Flow(policy=nasty, now=frozenset({"end"})))

    assert read_by_mermaid(drawn) == ["flowchart-v2"]
    assert "<script>" not in drawn
    assert "    class r0 now\n" in drawn


def test_mermaid_reads_a_sessions_life_with_what_is_marked_in_it() -> None:
    marked = f"{mermaid()}    classDef now fill:#fd7\n    class waiting,working now\n"

    assert read_by_mermaid(mermaid(), marked) == ["stateDiagram", "stateDiagram"]


def test_mermaid_would_tell_of_a_mistake() -> None:
    (answer,) = read_by_mermaid("flowchart TD\n    a[ --> b\n")

    assert "Parse error" in answer
