"""Pages that look at the past are played on the journal of a demo's night."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.shown import missing, typed

pytestmark = pytest.mark.e2e

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "how-to" / "compare-two-policies.md"
TITLED = re.compile(r'^```yaml title="([^"]+)"\n(.*?)^```$', re.MULTILINE | re.DOTALL)


class Desk:
    """A home with a night in its journal, and somebody who types there."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        kept = {name: os.environ[name] for name in ("PYTHONPATH",) if name in os.environ}
        self._environment = kept | {
            "HOME": str(folder),
            "TMPDIR": str(folder),
            "PALINGENESIS_STATE_DIR": str(folder / "state"),
            "PATH": "/usr/bin:/bin",
            "NO_COLOR": "1",
            "TZ": "UTC",
            "LANG": "C.UTF-8",
            "COLUMNS": "100",
        }

    def type(self, words: Sequence[str]) -> list[str]:
        said = subprocess.run(
            [sys.executable, "-m", "palingenesis", *words],
            env=self._environment,
            cwd=self._folder,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert said.returncode in {0, 1}, said.stderr  # 1: there is a difference
        return said.stdout.splitlines()


@pytest.fixture(name="desk", scope="module")
def _desk(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    folder = tmp_path_factory.mktemp("past")
    desk = Desk(folder)
    desk.type(["demo", "--keep"])
    (kept,) = folder.glob("palingenesis-demo-*/state")
    shutil.copytree(kept, folder / "state", copy_function=shutil.copy)
    (folder / "state").chmod(0o700)
    (folder / "policies").symlink_to(ROOT / "policies")
    shipped = (ROOT / "policies" / "default.yaml").read_text(encoding="utf-8")
    assert shipped.count("first: 2s") == 1
    (folder / "policy.next.yaml").write_text(shipped.replace("first: 2s", "first: 30s"))
    for name, text in TITLED.findall(PAGE.read_text(encoding="utf-8")):
        (folder / name).write_text(text)
    return desk


@pytest.mark.parametrize(("words", "shown"), typed(PAGE), ids=lambda one: str(one)[:60])
def test_a_comparison_with_the_past_comes_out_as_it_is_shown(
    desk: Desk, words: str, shown: list[str]
):
    seen = desk.type(words.removeprefix("palingenesis ").split())
    seen = [line.removeprefix(f"{ROOT}/") for line in seen]

    assert missing(shown, seen) == []
