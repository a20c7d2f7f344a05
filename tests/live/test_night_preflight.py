"""`preflight` and `doctor` beside the real OpenCode and a real daemon."""

import json
from pathlib import Path
from typing import Any

from palingenesis.demo.replies import Text
from tests.live.night import Night


def findings(night: Night, *words: str) -> dict[str, list[dict[str, Any]]]:
    told: dict[str, list[dict[str, Any]]] = {}
    for one in json.loads(night.palin(*words, "--json").stdout)["findings"]:
        told.setdefault(one["check"], []).append(one)
    return told


def test_a_good_evening_is_a_go_and_what_would_be_asked_for_is_told(opencode: Path):
    with Night(opencode) as night:
        night.provider.default(Text(text="done"))
        session = night.begin("do it")
        night.wait_for(session, "completed")
        told_before = len(night.told.texts())

        said = night.palin("preflight")

        assert said.returncode == 0, said.stdout
        assert said.stdout.splitlines()[-1].startswith("go")
        assert len(night.told.texts()) == told_before + 1
        assert "A test before the night" in night.told.texts()[-1]

        (night.project / "opencode.json").write_text('{"permission": {"bash": "ask"}}')
        asked = findings(night, "doctor")["permissions"]
        assert [one["level"] for one in asked] == ["warning"]
        assert asked[0]["said"].endswith("before: bash")

        night.palin("pause")
        assert night.palin("preflight", "--skip", "notice").stdout.splitlines()[-1] == (
            "no-go: 1 problem in the way"
        )
